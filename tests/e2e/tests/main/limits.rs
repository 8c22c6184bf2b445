//! Limits on what a client sends and how long it takes: large and slow bodies, clients that disconnect, idle
//! connections. All of it on raw sockets.

use std::{sync::Arc, time::Duration};

use chariot_engine::{
    prelude::*,
    settings::{ByteSize, EngineSettings},
};
use e2e::{Connection, DEADLINE, until};
use http::Request;

use crate::{
    scripted::{Scripted, echo},
    support::{Gate, Server, head, http2, text},
};

/// The largest body that [`small`] accepts, in bytes.
const LIMIT: usize = 1024;

/// An engine with one worker that accepts small bodies only.
fn small(configure: impl Fn(&mut EngineSettings) + Send + 'static) -> Server {
    let builder = Engine::builder().instance("echo", Scripted::blocking(echo)).configure(move |settings| {
        settings.workers = Some(1);
        settings.max_body = ByteSize::b(LIMIT as u64);
        configure(settings);
    });
    Server::start(builder)
}

/// A valid body of this length.
fn padded(length: usize) -> String {
    let body = text("a");
    let blanks = " ".repeat(length - body.len());
    body + &blanks
}

/// The headers of a request with a chunked body.
const CHUNKED: &str = "POST /infer HTTP/1.1\r\nHost: engine\r\nTransfer-Encoding: chunked\r\n\r\n";

/// One chunk of a body.
fn chunk(bytes: &str) -> String {
    format!("{:x}\r\n{bytes}\r\n", bytes.len())
}

#[track_caller]
fn error(connection: &mut Connection, status: u16) -> String {
    connection.answer().expect("the server answers").error(status)
}

#[test]
fn a_body_over_the_limit_is_rejected_before_it_is_read() {
    let server = small(|_| ());
    assert_eq!(server.infer(padded(LIMIT)).values(), ["a"], "the limit itself is allowed");
    let too_large = server.infer(padded(LIMIT + 1)).error(413);
    insta::assert_snapshot!("too_large", too_large);
    for length in [LIMIT + 1, usize::MAX / 2] {
        let mut connection = server.connect();
        connection.write(head("POST", "/infer", &[], length)).unwrap();
        assert_eq!(error(&mut connection, 413), too_large, "rejected before the body was sent");
    }
    let mut expecting = server.connect();
    let rejected = expecting.post_admitted("/infer", &padded(LIMIT + 1)).unwrap().expect("a rejection, not `100`");
    assert_eq!(rejected.error(413), too_large);
}

#[test]
fn a_client_that_is_still_sending_receives_the_rejection() {
    let server = small(|_| ());
    // More than the socket buffers of both sides hold.
    let body = padded(3 << 20);
    for (path, status) in [("/infer", 413), ("/nowhere", 404), ("/ready", 405)] {
        assert_eq!(server.ask("POST", path, &[], &body).status, status, "{path}");
    }
    let answer = server.ask("POST", "/infer", &["Content-Encoding: br"], padded(LIMIT));
    assert_eq!(answer.status, 415);
    let mut connection = server.connect();
    connection.write([CHUNKED, &chunk(&body), "0\r\n\r\n"].concat()).unwrap();
    error(&mut connection, 413);
}

#[test]
fn the_limit_applies_to_an_http_2_stream_and_its_connection_survives() {
    let server = small(|_| ());
    let mut client = server.block_on(http2(server.address));
    for (body, status) in [(padded(3 << 20), 413), (padded(LIMIT + 1), 413), (padded(LIMIT), 200)] {
        let request = Request::post(format!("http://{}/infer", server.address)).body(body.into()).unwrap();
        assert_eq!(server.block_on(client.send_request(request)).unwrap().status().as_u16(), status);
    }
}

#[test]
fn a_body_in_chunks_is_read_up_to_the_limit() {
    let server = small(|_| ());
    let mut connection = server.connect();
    let body = padded(LIMIT);
    let (first, second) = body.split_at(10);
    for _ in 0..2 {
        connection.write([CHUNKED, &chunk(first), &chunk(second), "0\r\n\r\n"].concat()).unwrap();
        assert_eq!(connection.answer().unwrap().values(), ["a"]);
    }
    // A body over the limit that never ends.
    connection.write([CHUNKED, &chunk(first), &chunk(second), &chunk(" ")].concat()).unwrap();
    error(&mut connection, 413);
}

#[test]
fn a_body_with_broken_framing_is_a_400() {
    let server = small(|_| ());
    let mut connection = server.connect();
    connection.write([CHUNKED, &chunk("{"), "no length\r\n"].concat()).unwrap();
    insta::assert_snapshot!("broken_framing", error(&mut connection, 400));
    assert_eq!(server.infer(text("a")).values(), ["a"]);
}

#[test]
fn a_body_that_does_not_arrive_in_time_is_a_408() {
    let server = small(|settings| settings.body_timeout = Duration::from_millis(100));
    let mut connection = server.connect();
    connection.write(head("POST", "/infer", &[], 100) + "{").unwrap();
    let late = error(&mut connection, 408);
    insta::assert_snapshot!("body_timeout", late);
    let mut connection = server.connect();
    connection.write(CHUNKED).unwrap();
    assert_eq!(error(&mut connection, 408), late);
}

#[test]
fn the_request_timeout_covers_the_body_too() {
    let server = small(|settings| {
        settings.timeout = Some(Duration::from_millis(100));
        settings.body_timeout = 10 * DEADLINE;
    });
    let mut connection = server.connect();
    connection.write(head("POST", "/infer", &[], 100) + "{").unwrap();
    error(&mut connection, 408);
}

#[test]
fn a_client_that_disconnects_within_its_body_releases_its_memory() {
    let server = small(|_| ());
    for half in [
        head("POST", "/infer", &["Expect: 100-continue"], 100),
        CHUNKED.replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n"),
    ] {
        let mut connection = server.connect();
        connection.write(half).unwrap();
        assert_eq!(connection.answer().unwrap().status, 100);
        assert!(server.engine.in_flight().bytes > 0, "its head is charged");
        connection.write("{").unwrap();
        drop(connection);
        until("the memory is free", || (server.engine.in_flight().bytes == 0).then_some(()));
    }
    assert_eq!(server.infer(text("a")).values(), ["a"]);
}

#[test]
fn a_request_rejected_by_its_headers_needs_no_permit() {
    let gate = Arc::new(Gate::default());
    let at = gate.clone();
    let model = Scripted::blocking(move |batch| {
        at.pass("model");
        echo(batch)
    });
    let server = Server::start(Engine::builder().instance("held", model).configure(|settings| {
        (settings.workers, settings.queue_size) = (Some(1), 0);
        settings.max_body = ByteSize::b(LIMIT as u64);
    }));
    let mut holds = server.admitted(&text("a"));
    gate.wait_for(1);
    assert_eq!(server.infer(text("a")).status, 503, "the only permit is taken");
    assert_eq!(server.infer(padded(LIMIT + 1)).status, 413);
    assert_eq!(server.ask("POST", "/infer", &["Content-Encoding: br"], text("a")).status, 415);
    gate.open();
    assert_eq!(holds.answer().unwrap().status, 200);
}

#[test]
fn a_caller_that_is_refused_before_its_body_learns_that_the_connection_ends() {
    let server = small(|_| {});
    for (path, headers, length, status) in [
        ("/infer", &["Expect: 100-continue"][..], LIMIT + 1, 413),
        ("/infer", &["Expect: 100-continue", "Content-Encoding: br"], 100, 415),
        ("/nothing", &["Expect: 100-continue"], 100, 404),
        ("/ready", &["Expect: 100-continue"], 100, 405),
    ] {
        let mut connection = server.connect();
        connection.write(head("POST", path, headers, length)).unwrap();
        let answer = connection.answer().unwrap();
        answer.error(status);
        assert_eq!(answer.header("connection"), Some("close"), "{answer:?}");
        connection.closed().unwrap();
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = small(|_| ());
    let mut connection = server.connect();
    let bodies = ["a", "b", "c"].map(text);
    let mut bytes = String::new();
    for body in &bodies {
        bytes += &head("POST", "/infer", &[], body.len());
        bytes += body;
    }
    bytes += &head("POST", "/infer", &[], 1);
    bytes += "{";
    bytes += &head("GET", "/v2/health/live", &[], 0);
    connection.write(bytes).unwrap();
    for word in ["a", "b", "c"] {
        assert_eq!(connection.answer().unwrap().values(), [word]);
    }
    assert!(error(&mut connection, 400).contains("line 1, column 2"));
    assert_eq!(connection.answer().unwrap().text, r#"{"live":true}"#);
}

#[test]
fn an_http_1_0_client_is_served_and_its_connection_closed() {
    let server = small(|_| ());
    let mut connection = server.connect();
    connection.write("GET /v2/health/live HTTP/1.0\r\n\r\n").unwrap();
    assert_eq!(connection.answer().unwrap().text, r#"{"live":true}"#);
    connection.closed().unwrap();
}

#[test]
fn idle_connections_do_not_block_active_ones() {
    let server = small(|settings| settings.queue_size = 0);
    let mut idle: Vec<_> = (0..200).map(|_| server.connect()).collect();
    for (index, connection) in idle.iter_mut().enumerate().skip(100) {
        let begun = if index % 2 == 0 { "POST /infer HTTP/1.1\r\n" } else { "G" };
        connection.write(begun).unwrap();
    }
    assert_eq!(server.infer(text("a")).values(), ["a"]);
    assert_eq!(server.get("/ready").status, 200);
    // An idle connection can still send a request.
    for connection in idle.iter_mut().take(3) {
        assert_eq!(connection.post("/infer", &text("b")).unwrap().values(), ["b"]);
    }
}

#[test]
fn a_client_that_does_not_read_its_response_is_disconnected() {
    let model = Scripted::blocking(|batch| batch.try_map(|_| Ok(Json("x".repeat(64 << 20)))));
    let server = Server::start(Engine::builder().instance("large", model).configure(move |settings| {
        settings.write_timeout = Duration::from_millis(100);
    }));
    let mut connection = server.connect();
    let body = text("a");
    connection.write(head("POST", "/infer", &[], body.len()) + &body).unwrap();
    until("the server closes the connection", || connection.write(" ").is_err().then_some(()));
    assert_eq!(server.get("/ready").status, 200);
}
