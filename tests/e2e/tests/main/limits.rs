//! What a client may send and how long it may take: bodies too large and too slow, clients that vanish, connections that
//! idle. All of it on raw sockets.

use std::time::Duration;

use chariot_engine::{
    prelude::*,
    settings::{ByteSize, EngineSettings},
};
use e2e::{Connection, DEADLINE, until};
use http::Request;

use crate::{
    scripted::{Scripted, echo},
    support::{Server, head, http2, text},
};

/// The largest body of [`small`].
const LIMIT: usize = 1024;

/// An engine of one worker that takes small bodies.
fn small(configure: impl Fn(&mut EngineSettings) + Send + 'static) -> Server {
    let builder = Engine::builder().instance("echo", Scripted::blocking(echo)).configure(move |settings| {
        settings.workers = Some(1);
        settings.max_body = ByteSize::b(LIMIT as u64);
        configure(settings);
    });
    Server::start(builder)
}

/// A good body of this length.
fn padded(length: usize) -> String {
    let body = text("a");
    let blanks = " ".repeat(length - body.len());
    body + &blanks
}

/// The head of a request whose body comes in chunks.
const CHUNKED: &str = "POST /infer HTTP/1.1\r\nHost: engine\r\nTransfer-Encoding: chunked\r\n\r\n";

/// A chunk of a body.
fn chunk(bytes: &str) -> String {
    format!("{:x}\r\n{bytes}\r\n", bytes.len())
}

#[track_caller]
fn error(connection: &mut Connection, status: u16) -> String {
    connection.answer().expect("the server answers").error(status)
}

const TOO_LARGE: &str = "request body exceeds the limit of 1 KiB";

#[test]
fn a_body_over_the_limit_is_refused_before_it_is_read() {
    let server = small(|_| ());
    assert_eq!(server.infer(padded(LIMIT)).values(), ["a"], "the limit itself is allowed");
    assert_eq!(server.infer(padded(LIMIT + 1)).error(413), TOO_LARGE);
    for length in [LIMIT + 1, usize::MAX / 2] {
        let mut connection = server.connect();
        connection.write(head("POST", "/infer", &[], length)).unwrap();
        assert_eq!(error(&mut connection, 413), TOO_LARGE, "not a byte of the body was sent");
    }
    let mut expecting = server.connect();
    let refused = expecting.post_admitted("/infer", &padded(LIMIT + 1)).unwrap().expect("a refusal and no `continue`");
    assert_eq!(refused.error(413), TOO_LARGE);
}

#[test]
fn a_client_that_is_still_sending_reads_why_it_is_refused() {
    let server = small(|_| ());
    // More than the buffers of both sides hold.
    let body = padded(3 << 20);
    for (path, status) in [("/infer", 413), ("/nowhere", 404), ("/ready", 405)] {
        assert_eq!(server.ask("POST", path, &[], &body).status, status, "{path}");
    }
    let answer = server.ask("POST", "/infer", &["Content-Encoding: br"], padded(LIMIT));
    assert_eq!(answer.status, 415);
    let mut connection = server.connect();
    connection.write([CHUNKED, &chunk(&body), "0\r\n\r\n"].concat()).unwrap();
    assert_eq!(error(&mut connection, 413), TOO_LARGE);
}

#[test]
fn a_stream_of_http_2_is_held_to_the_limit_and_its_connection_lives() {
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
    // It goes over the limit, and its end never comes.
    connection.write([CHUNKED, &chunk(first), &chunk(second), &chunk(" ")].concat()).unwrap();
    assert_eq!(error(&mut connection, 413), TOO_LARGE);
}

#[test]
fn a_body_whose_framing_is_broken_is_a_400() {
    let server = small(|_| ());
    let mut connection = server.connect();
    connection.write([CHUNKED, &chunk("{"), "no length\r\n"].concat()).unwrap();
    assert!(error(&mut connection, 400).contains("body"));
    assert_eq!(server.infer(text("a")).values(), ["a"]);
}

#[test]
fn a_body_that_does_not_come_in_time_is_a_408() {
    let server = small(|settings| settings.body_timeout = Duration::from_millis(100));
    let mut connection = server.connect();
    connection.write(head("POST", "/infer", &[], 100) + "{").unwrap();
    assert!(error(&mut connection, 408).contains("100ms"));
    let mut connection = server.connect();
    connection.write(CHUNKED).unwrap();
    assert!(error(&mut connection, 408).contains("100ms"));
}

#[test]
fn the_time_of_a_whole_request_holds_for_its_body_too() {
    let server = small(|settings| {
        settings.timeout = Some(Duration::from_millis(100));
        settings.body_timeout = 10 * DEADLINE;
    });
    let mut connection = server.connect();
    connection.write(head("POST", "/infer", &[], 100) + "{").unwrap();
    assert!(error(&mut connection, 408).contains("100ms"));
}

#[test]
fn a_connection_whose_head_does_not_come_in_time_is_closed() {
    let server = small(|settings| settings.header_timeout = Duration::from_millis(200));
    for sent in ["GET /ready HT", "GET /ready HTTP/1.1\r\nHost: eng", "", "P", "PRI * HTTP/2.0\r\n"] {
        let mut connection = server.connect();
        connection.write(sent).unwrap();
        connection.closed().unwrap_or_else(|error| panic!("after '{sent}': {error}"));
    }
    // One that has been served and idles ends likewise.
    let mut connection = server.connect();
    assert_eq!(connection.post("/infer", &text("a")).unwrap().values(), ["a"]);
    connection.closed().expect("an idle connection ends");
}

#[test]
fn a_client_that_vanishes_in_mid_body_leaves_its_place() {
    // One place in all.
    let server = small(|settings| settings.queue_size = 0);
    for half in [
        head("POST", "/infer", &["Expect: 100-continue"], 100),
        CHUNKED.replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n"),
    ] {
        let mut connection = server.connect();
        connection.write(half).unwrap();
        assert_eq!(connection.answer().unwrap().status, 100, "it has the place");
        assert!(server.infer(text("a")).error(503).starts_with("queue is full"));
        connection.write("{").unwrap();
        drop(connection);
        until("the place is free", || Some(server.infer(text("a"))).filter(|answer| answer.status == 200));
    }
    assert_eq!(server.infer(text("a")).values(), ["a"]);
}

#[test]
fn a_body_that_is_refused_by_its_head_needs_no_place() {
    let server = small(|settings| settings.queue_size = 0);
    let mut holds = server.connect();
    holds.write(head("POST", "/infer", &["Expect: 100-continue"], 100)).unwrap();
    assert_eq!(holds.answer().unwrap().status, 100, "it has the only place");
    assert!(server.infer(text("a")).error(503).starts_with("queue is full"));
    assert_eq!(server.infer(padded(LIMIT + 1)).error(413), TOO_LARGE);
    assert_eq!(server.ask("POST", "/infer", &["Content-Encoding: br"], text("a")).status, 415);
}

#[test]
fn requests_one_behind_the_other_are_answered_in_order() {
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
    assert!(error(&mut connection, 400).contains("not valid JSON"));
    assert_eq!(connection.answer().unwrap().text, r#"{"live":true}"#);
}

#[test]
fn a_client_of_http_1_0_is_served_and_its_connection_closed() {
    let server = small(|_| ());
    let mut connection = server.connect();
    connection.write("GET /v2/health/live HTTP/1.0\r\n\r\n").unwrap();
    assert_eq!(connection.answer().unwrap().text, r#"{"live":true}"#);
    connection.closed().unwrap();
}

#[test]
fn connections_that_idle_take_nothing_from_those_that_ask() {
    let server = small(|settings| settings.queue_size = 0);
    let mut idle: Vec<_> = (0..200).map(|_| server.connect()).collect();
    for (index, connection) in idle.iter_mut().enumerate().skip(100) {
        let begun = if index % 2 == 0 { "POST /infer HTTP/1.1\r\n" } else { "G" };
        connection.write(begun).unwrap();
    }
    assert_eq!(server.infer(text("a")).values(), ["a"]);
    assert_eq!(server.get("/ready").status, 200);
    // Each of them is still good for a request.
    for connection in idle.iter_mut().take(3) {
        assert_eq!(connection.post("/infer", &text("b")).unwrap().values(), ["b"]);
    }
}

#[test]
fn no_head_is_large_enough_to_hurt() {
    let server = small(|_| ());
    let mut connection = server.connect();
    let many: String = (0..200).map(|index| format!("X-{index}: {}\r\n", "x".repeat(4096))).collect();
    // The server may hang up before it has read all.
    let _ = connection.write(format!("GET /ready HTTP/1.1\r\nHost: engine\r\n{many}\r\n"));
    if let Ok(answer) = connection.answer() {
        assert!((400..500).contains(&answer.status), "{answer:?}");
    }
    assert_eq!(server.get("/ready").status, 200);
}

#[test]
fn a_client_that_takes_nothing_of_its_answer_is_cut() {
    let model = Scripted::blocking(|batch| batch.try_map(|_| Ok(Json("x".repeat(64 << 20)))));
    let server = Server::start(Engine::builder().instance("large", model).configure(move |settings| {
        settings.write_timeout = Duration::from_millis(100);
    }));
    let mut connection = server.connect();
    let body = text("a");
    connection.write(head("POST", "/infer", &[], body.len()) + &body).unwrap();
    until("the server cuts the connection", || connection.write(" ").is_err().then_some(()));
    assert_eq!(server.get("/ready").status, 200);
}

#[test]
fn connections_beyond_the_most_wait_until_one_ends() {
    let server = small(|settings| settings.max_connections = 2);
    let mut open = [server.connect(), server.connect()];
    for connection in &mut open {
        assert_eq!(connection.post("/infer", &text("a")).unwrap().values(), ["a"]);
    }
    let mut third = server.connect();
    let body = text("b");
    third.write(head("POST", "/infer", &[], body.len()) + &body).unwrap();
    for connection in &mut open {
        assert_eq!(connection.post("/infer", &text("a")).unwrap().values(), ["a"]);
    }
    assert!(!third.has_come(), "it waits");
    let [first, _second] = open;
    drop(first);
    assert_eq!(third.answer().unwrap().values(), ["b"]);
}
