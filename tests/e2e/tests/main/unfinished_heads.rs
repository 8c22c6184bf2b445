//! Heads that do not end, in both versions of HTTP: the memory of all of them together is bounded, and others are served
//! beside them. On raw sockets.

use std::time::Duration;

use chariot_engine::{
    prelude::*,
    settings::{ByteSize, EngineSettings},
};
use e2e::{Connection, until};

use crate::{
    frames::{DATA, Http2, POST},
    scripted::{Scripted, echo},
    support::{Server, head, text},
};

/// The first bytes of a client of HTTP/2, with empty settings.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// The beginning of a head in HTTP/2: a whole frame that is not the last of its head.
const FIRST_FRAME: &[u8] = b"\0\0\x02\x01\0\0\0\0\x01\x82\x86";

/// A POST whose body does not follow.
fn post_head(stream: u8) -> Vec<u8> {
    [b"\0\0\x0d\x01\x04\0\0\0", &[stream][..], POST].concat()
}

fn server(configure: impl Fn(&mut EngineSettings) + Send + 'static) -> Server {
    Server::start(Engine::builder().instance("echo", Scripted::blocking(echo)).configure(configure))
}

/// Opens connections that send these bytes, one after the other until the server has closed one of them.
fn until_closed(server: &Server, most: usize, sent: &[u8]) -> Vec<Connection> {
    let mut open: Vec<Connection> = Vec::new();
    while open.len() < most {
        let mut connection = server.connect();
        connection.write(sent).unwrap();
        open.push(connection);
        if open.iter().any(Connection::is_closed) {
            return open;
        }
    }
    until("the server has closed a connection", || open.iter().any(Connection::is_closed).then_some(()));
    open
}

/// Waits until a request with a large head is served.
#[track_caller]
fn wait_until_served(server: &Server) {
    let (body, field) = (text("a"), format!("x-a: {}", "x".repeat(60 << 10)));
    let request = head("POST", "/infer", &[&field], body.len()) + &body;
    until("a large head is served", || {
        let mut connection = server.connect();
        connection.write(&request).unwrap();
        let answer = connection.answer().unwrap();
        assert!(matches!(answer.status, 200 | 503), "{answer:?}");
        (answer.status == 200).then_some(())
    });
}

#[test]
fn the_oldest_of_many_large_heads_makes_room_for_others() {
    let server = server(|settings| {
        settings.max_head = ByteSize::mib(1);
        settings.header_timeout = Duration::from_secs(600);
    });
    let head = format!("GET /ready HTTP/1.1\r\nHost: engine\r\nx-a: {}", "x".repeat(1000 << 10));
    let mut small = server.connect();
    small.write("GET /ready HT").unwrap();
    let open = until_closed(&server, 200, head.as_bytes());
    wait_until_served(&server);
    assert!(open.iter().any(|connection| !connection.is_closed()), "not all are closed");
    small.write("TP/1.1\r\nHost: engine\r\n\r\n").unwrap();
    assert_eq!(small.answer().unwrap().status, 200, "a small head costs no other one");
}

#[test]
fn a_large_head_is_refused_while_requests_hold_the_memory_for_heads() {
    let server = server(|settings| settings.max_head = ByteSize::mib(1));
    let (body, field) = (text("a"), format!("x-a: {}", "x".repeat(1000 << 10)));
    let mut busy = Vec::new();
    let refused = until("a large head is refused", || {
        while busy.len() < 80 {
            let mut connection = server.connect();
            // One that takes long is closed instead.
            let answer = connection.post_head("/infer", &[&field], body.len()).ok()?;
            if answer.is_some() {
                return answer;
            }
            busy.push(connection);
        }
        panic!("expected a refusal, got {} requests in flight", busy.len());
    });
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert!(refused.text.starts_with("{\"error\":"), "{}", refused.text);
    assert_eq!(server.get("/v2/health/live").status, 200, "a small head is read");
    for connection in &mut busy {
        connection.write(&body).unwrap();
        assert_eq!(connection.answer().unwrap().values(), ["a"]);
    }
    drop(busy);
    wait_until_served(&server);
}

#[test]
fn unfinished_heads_of_http_2_count_as_what_they_can_decode_to() {
    let server = server(|settings| settings.max_head = ByteSize::mib(1));
    let _open = until_closed(&server, 100, &[PREFACE, FIRST_FRAME].concat());
    wait_until_served(&server);
}

#[test]
fn an_unfinished_head_of_http_2_makes_room_behind_a_request_whose_body_does_not_arrive() {
    let server = server(|settings| {
        (settings.header_timeout, settings.body_timeout) = (Duration::from_secs(600), Duration::from_secs(600));
    });
    let open = until_closed(&server, 300, &[PREFACE, &post_head(1), b"\0\0\x02\x01\0\0\0\0\x03\x82\x86"].concat());
    wait_until_served(&server);
    assert!(open.iter().any(|connection| !connection.is_closed()), "not all are closed");
}

#[test]
fn the_connection_of_http_2_with_most_requests_makes_room_for_others() {
    let server = server(|_| {});
    let mut honest = Http2::open(&server, 1 << 16);
    honest.post_head(1);
    let heads = (0..100).flat_map(|index| post_head(2 * index + 1));
    let flood: Vec<u8> = PREFACE.iter().copied().chain(heads).collect();
    until_closed(&server, 100, &flood);
    honest.frame(DATA, 1, 1, text("a").as_bytes());
    let answer = honest.body(1).expect("it is served");
    assert!(answer.ends_with(b"\"data\":[\"a\"]}]}"), "{}", String::from_utf8_lossy(&answer));
}

#[test]
fn a_head_of_http_2_that_does_not_arrive_in_time_closes_its_connection() {
    let server = server(|settings| settings.header_timeout = Duration::from_millis(200));
    let mut idle = server.connect();
    idle.write(PREFACE).unwrap();
    for sent in [FIRST_FRAME, &FIRST_FRAME[..9], &FIRST_FRAME[..10]] {
        let mut connection = server.connect();
        connection.write([PREFACE, sent].concat()).unwrap();
        connection.rest().expect("the connection is closed");
    }
    assert!(!idle.is_closed());
}
