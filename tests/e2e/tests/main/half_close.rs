//! Clients that have finished sending and wait for their response, and clients that are gone. To a server both look alike.

use std::sync::{Arc, mpsc};

use chariot_engine::{ErrorKind, prelude::*};
use e2e::{Connection, DEADLINE, until};

use crate::{
    scripted::{Scripted, echo, speaks},
    support::{Gate, Server, head, text},
};

/// Reports when it is dropped.
struct Drops(mpsc::Sender<&'static str>);

impl Drop for Drops {
    fn drop(&mut self) {
        let _ = self.0.send("dropped");
    }
}

/// A model whose calls complete when the gate opens. It reports when a call begins and when it is dropped.
fn server() -> (Server, Arc<tokio::sync::Notify>, mpsc::Receiver<&'static str>) {
    let (sender, events) = mpsc::channel();
    let gate = Arc::new(tokio::sync::Notify::new());
    let opened = gate.clone();
    let model: Scripted = Scripted::new(move |batch| {
        let (sender, opened) = (sender.clone(), opened.clone());
        Box::pin(async move {
            let _drops = Drops(sender.clone());
            sender.send("began")?;
            opened.notified().await;
            echo(batch)
        })
    });
    (Server::start(Engine::builder().instance("awaits", model)), gate, events)
}

fn request(version: &str) -> String {
    let body = text("a");
    head("POST", "/infer", &[], body.len()).replace("HTTP/1.1", version) + &body
}

fn sent(server: &Server, version: &str) -> Connection {
    let mut connection = server.connect();
    connection.write(request(version)).unwrap();
    connection
}

#[test]
fn a_client_that_has_finished_sending_gets_its_response() {
    let (server, gate, events) = server();
    for version in ["HTTP/1.0", "HTTP/1.1"] {
        let mut connection = sent(&server, version);
        assert_eq!(events.recv_timeout(DEADLINE).unwrap(), "began");
        connection.finish_sending().unwrap();
        // The first byte of the response is sent ahead of time: the server has seen the end.
        until("the server asks for a reset", || connection.has_received().then_some(()));
        gate.notify_one();
        let answer = connection.answer().unwrap();
        assert_eq!((answer.status, answer.values()), (200, vec!["a".into()]), "{version}");
        connection.closed().unwrap();
        assert_eq!(events.recv_timeout(DEADLINE).unwrap(), "dropped");
    }
    // The end arrives together with the request.
    let mut connection = server.connect();
    connection.write(request("HTTP/1.1")).unwrap();
    connection.finish_sending().unwrap();
    gate.notify_one();
    assert_eq!(connection.answer().unwrap().values(), ["a"]);
}

#[test]
fn two_requests_and_an_end_are_both_answered() {
    let (server, gate, _events) = server();
    let mut connection = server.connect();
    connection.write(request("HTTP/1.1").repeat(2)).unwrap();
    connection.finish_sending().unwrap();
    for _ in 0..2 {
        gate.notify_one();
        assert_eq!(connection.answer().unwrap().values(), ["a"]);
    }
    connection.closed().unwrap();
}

#[test]
fn a_client_that_is_gone_cancels_its_request() {
    let (server, _gate, events) = server();
    for version in ["HTTP/1.0", "HTTP/1.1"] {
        let connection = sent(&server, version);
        assert_eq!(events.recv_timeout(DEADLINE).unwrap(), "began");
        drop(connection);
        assert_eq!(events.recv_timeout(DEADLINE).unwrap(), "dropped", "{version}");
        // It goes after it has finished sending.
        let mut connection = sent(&server, version);
        assert_eq!(events.recv_timeout(DEADLINE).unwrap(), "began");
        connection.finish_sending().unwrap();
        until("the server asks for a reset", || connection.has_received().then_some(()));
        drop(connection);
        assert_eq!(events.recv_timeout(DEADLINE).unwrap(), "dropped", "{version}");
    }
}

#[test]
fn an_end_within_a_body_is_a_400() {
    let (server, _gate, _events) = server();
    let chunked = "POST /infer HTTP/1.1\r\nHost: e\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{\r\n";
    for begun in [head("POST", "/infer", &[], 100) + "{", chunked.to_string()] {
        let mut connection = server.connect();
        connection.write(begun).unwrap();
        connection.finish_sending().unwrap();
        connection.answer().unwrap().error(400);
    }
}

/// A server whose model emits a part, waits, and emits another, with the kind of error of the latter.
fn streaming() -> (Server, Arc<Gate>, mpsc::Receiver<ErrorKind>) {
    let gate = Arc::new(Gate::default());
    let (failed, failure) = mpsc::channel();
    let passed = gate.clone();
    let server = Server::start(speaks(move |item| {
        item.emit("first")?;
        passed.pass("model");
        if item.as_str() == "gone" {
            // The server notices before another event is written.
            until("the caller is gone", || item.is_cancelled().then_some(()));
        }
        let emitted = item.emit("second");
        if let Err(error) = &emitted {
            let _ = failed.send(error.kind());
        }
        emitted.map(|()| "done".into())
    }));
    (server, gate, failure)
}

fn streams(server: &Server, word: &str) -> Connection {
    let body = text(word);
    let mut connection = server.connect();
    connection.write(head("POST", "/infer", &["Accept: text/event-stream"], body.len()) + &body).unwrap();
    assert_eq!(connection.answer().unwrap().status, 200);
    connection
}

#[test]
fn a_client_that_has_finished_sending_gets_all_events() {
    let (server, gate, _) = streaming();
    let mut connection = streams(&server, "stays");
    gate.wait_for(1);
    connection.finish_sending().unwrap();
    gate.open();
    let rest = connection.rest().unwrap();
    let events = unchunked(&rest);
    for part in ["first", "second", "done"] {
        assert!(events.contains(part), "'{part}' in {events}");
    }
}

/// Decodes a body of chunks, which must be whole.
fn unchunked(mut bytes: &[u8]) -> String {
    let mut body = Vec::new();
    loop {
        let end = bytes.windows(2).position(|window| window == b"\r\n").expect("the size of a chunk");
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).unwrap(), 16).expect("a size");
        let chunk = &bytes[end + 2..];
        body.extend_from_slice(&chunk[..size]);
        assert_eq!(&chunk[size..size + 2], b"\r\n");
        bytes = &chunk[size + 2..];
        if size == 0 {
            assert!(bytes.is_empty(), "{bytes:?}");
            return String::from_utf8(body).unwrap();
        }
    }
}

#[test]
fn a_client_that_is_gone_ends_its_events() {
    let (server, gate, failure) = streaming();
    let connection = streams(&server, "gone");
    gate.wait_for(1);
    drop(connection);
    gate.open();
    assert_eq!(failure.recv_timeout(DEADLINE).unwrap(), ErrorKind::Cancelled);
}
