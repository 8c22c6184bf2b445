//! The life of connections: how long they may be idle or send a head, which makes room for another, and their end at a
//! shutdown. On raw sockets, and in both versions of HTTP.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chariot_engine::{
    prelude::*,
    settings::{ByteSize, EngineSettings},
};
use e2e::{Connection, DEADLINE, until};
use http_body_util::Full;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::{
    scripted::{Scripted, echo},
    support::{Gate, Server, head, text},
};

const SOON: Duration = Duration::from_millis(200);

/// The first bytes of a client of HTTP/2, with empty settings.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// The time that refused requests have to end at a shutdown, less than the time for which the server would otherwise listen
/// to a client that goes on sending.
const LISTENED: Duration = Duration::from_secs(20);

/// The beginning of a frame with the header fields of a request, of which most is missing.
const HALF_FIELDS: &[u8] = b"\0\0\x64\x01\x04\0\0\0\x01\x82\x86";

fn server(configure: impl Fn(&mut EngineSettings) + Send + 'static) -> Server {
    Server::start(Engine::builder().instance("echo", Scripted::blocking(echo)).configure(configure))
}

/// A server whose model waits for the gate.
fn gated(configure: impl Fn(&mut EngineSettings) + Send + 'static) -> (Server, Arc<Gate>) {
    let gate = Arc::new(Gate::default());
    let at = gate.clone();
    let model = Scripted::blocking(move |batch| {
        at.pass("model");
        echo(batch)
    });
    (Server::start(Engine::builder().instance("gated", model).configure(configure)), gate)
}

/// A connection that is idle after a request.
fn used(server: &Server) -> Connection {
    let mut connection = server.connect();
    assert_eq!(connection.post("/infer", &text("a")).unwrap().values(), ["a"]);
    connection
}

#[test]
fn a_head_that_does_not_arrive_in_time_closes_its_connection_and_an_idle_one_stays() {
    let server = server(|settings| settings.header_timeout = SOON);
    let mut idle = [server.connect(), used(&server), used(&server)];
    // Some clients send an empty line after a body.
    idle[2].write("\r\n").unwrap();
    for sent in ["GET /ready HT", "GET /ready HTTP/1.1\r\nHost: eng", "P", "PRI * HTTP/2.0\r\n"] {
        let mut connection = server.connect();
        connection.write(sent).unwrap();
        connection.closed().unwrap_or_else(|error| panic!("after '{sent}': {error}"));
        let mut connection = used(&server);
        connection.write(sent).unwrap();
        if let Err(error) = connection.closed() {
            // The preface of HTTP/2 is no request of HTTP/1.
            assert!(sent.starts_with('P') && sent.len() > 1, "after a request and '{sent}': {error}");
        }
    }
    for connection in &mut idle {
        assert_eq!(connection.post("/infer", &text("b")).unwrap().values(), ["b"]);
    }
}

#[test]
fn an_idle_connection_is_closed_after_its_time_and_one_with_a_request_is_not() {
    let (server, gate) = gated(|settings| settings.idle_timeout = SOON);
    let mut busy = server.admitted(&text("a"));
    gate.wait_for(1);
    let mut silent = server.connect();
    silent.closed().expect("a connection without a request is closed");
    let mut http2 = server.connect();
    http2.write(PREFACE).unwrap();
    http2.rest().expect("it is closed in HTTP/2 too");
    gate.open();
    assert_eq!(busy.answer().unwrap().values(), ["a"]);
    busy.closed().expect("it is closed once it is idle");
}

#[test]
fn a_client_of_http_2_is_told_that_its_idle_connection_closes() {
    let server = server(|settings| settings.idle_timeout = SOON);
    let served = server.block_on(async {
        let stream = TokioIo::new(TcpStream::connect(server.address).await.unwrap());
        let (mut client, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
        let connection = tokio::spawn(connection);
        let request = http::Request::post(format!("http://{}/infer", server.address));
        let answer = client.send_request(request.body(Full::<bytes::Bytes>::from(text("a"))).unwrap()).await.unwrap();
        assert_eq!(answer.status(), 200);
        drop(answer);
        tokio::time::timeout(DEADLINE, connection).await
    });
    served.expect("the connection ends").unwrap().expect("without an error");
}

#[test]
fn a_connection_over_the_limit_takes_the_place_of_the_longest_idle_one() {
    let server =
        server(|settings| (settings.max_connections, settings.header_timeout) = (3, Duration::from_millis(10)));
    let mut first = used(&server);
    // Some ticks of the server's clock pass.
    let mut late = server.connect();
    late.write("G").unwrap();
    late.closed().unwrap();
    let mut others = [used(&server), used(&server), used(&server)];
    first.closed().expect("the longest idle connection is closed");
    for connection in &mut others {
        assert_eq!(connection.post("/infer", &text("b")).unwrap().values(), ["b"]);
    }
}

#[test]
fn silent_connections_of_http_2_make_room_at_once() {
    // If each took a second to go, the clients would not all have their answers by the deadline, before which none is closed
    // for an unanswered ping.
    let count = usize::try_from(2 * DEADLINE.as_secs()).unwrap();
    let server = server(move |settings| {
        (settings.max_connections, settings.header_timeout) = (count + 1, Duration::from_millis(10));
    });
    let mut silent: Vec<_> = (0..count).map(|_| server.connect()).collect();
    for connection in &mut silent {
        connection.write(PREFACE).unwrap();
        until("the server has read the preface", || connection.has_received().then_some(()));
    }
    // Some ticks of the server's clock pass, so that the others are younger.
    let mut late = server.connect();
    late.write("G").unwrap();
    late.closed().unwrap();
    let deadline = Instant::now() + DEADLINE / 2;
    let mut others = Vec::new();
    while others.len() < count {
        others.push(used(&server));
        assert!(Instant::now() < deadline, "{} of {count} clients are served", others.len());
    }
}

#[test]
fn refused_requests_do_not_hold_a_shutdown() {
    let mut server = server(|settings| (settings.grace, settings.max_body) = (100 * DEADLINE, ByteSize::kib(1)));
    let length = 1 << 40;
    let refused = [
        (413, head("POST", "/infer", &[], length)),
        (404, head("POST", "/nowhere", &[], length)),
        (400, format!("POST /infer HTTP/1.1\r\nContent-Length: {length}\r\n\r\n")),
        (400, "malformed\r\n\r\n".into()),
    ];
    let mut connections = Vec::new();
    for (status, request) in refused.iter().chain(&refused) {
        let mut connection = server.connect();
        connection.write(request).unwrap();
        assert_eq!(connection.answer().unwrap().status, *status, "{request}");
        connections.push(connection);
    }
    // Half of the clients go on sending until their connections end.
    let sending: Vec<_> = connections
        .drain(refused.len()..)
        .map(|mut connection| std::thread::spawn(move || while connection.write([b'x'; 64 << 10]).is_ok() {}))
        .collect();
    let stopped = server.stop();
    let abandoned = server.block_on(async { tokio::time::timeout(LISTENED, stopped).await });
    assert_eq!(abandoned.expect("it ends within its grace period").unwrap(), 0);
    sending.into_iter().for_each(|client| client.join().unwrap());
}

#[test]
fn connections_without_a_complete_head_do_not_hold_a_shutdown() {
    let begun: [&[&[u8]]; 6] = [
        &[b""],
        &[b"GET /ready HT"],
        &[b"GET /ready HTTP/1.1\r\nHost: eng"],
        &[b"PRI * HT"],
        &[PREFACE],
        &[PREFACE, HALF_FIELDS],
    ];
    let mut server = server(|settings| settings.grace = 100 * DEADLINE);
    let mut connections: Vec<_> = begun.iter().map(|_| server.connect()).collect();
    for (connection, parts) in connections.iter_mut().zip(begun) {
        connection.write(parts.concat()).unwrap();
    }
    let mut again = used(&server);
    again.write("GET /ready HT").unwrap();
    // A request on a later connection: the server has read the others.
    drop(used(&server));
    let stopped = server.stop();
    let abandoned = server.block_on(async { tokio::time::timeout(DEADLINE, stopped).await });
    assert_eq!(abandoned.expect("it ends within its grace period").unwrap(), 0);
}

#[test]
fn a_response_that_is_being_read_slowly_holds_a_shutdown() {
    const LONG: usize = 32 << 20;
    let model = Scripted::blocking(|batch| {
        batch.try_map(|text| Ok(Json(if text.as_str() == "long" { "x".repeat(LONG) } else { "a".into() })))
    });
    let mut server = Server::start(Engine::builder().instance("long", model).configure(|settings| {
        (settings.grace, settings.max_body) = (100 * DEADLINE, ByteSize::mib(1));
    }));
    let mut connection = server.connect();
    let body = text("long");
    connection.write(head("POST", "/infer", &[], body.len()) + &body).unwrap();
    until("the response begins", || connection.has_received().then_some(()));
    let mut begun = used(&server);
    begun.write("GET /ready HT").unwrap();
    let stopped = server.stop();
    // By then, connections without a request are closed.
    begun.closed().unwrap();
    let answer = connection.answer().unwrap();
    assert!(answer.text.len() > LONG, "{}", answer.text.len());
    assert_eq!(server.block_on(async { tokio::time::timeout(DEADLINE, stopped).await }).unwrap().unwrap(), 0);
}
