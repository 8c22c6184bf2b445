//! Connections beyond their limit, when every other one has a request: health checks, metadata and metrics are answered, and
//! requests with a body are not. On raw sockets, and in both versions of HTTP.

use bytes::Bytes;
use chariot_engine::prelude::*;
use e2e::{Answer, Connection, DEADLINE, until};
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::{
    scripted::{Scripted, echo},
    support::{Server, head, text},
};

/// The limit of connections.
const LIMIT: usize = 4;

/// More connections than there are beyond the limit.
const MANY: usize = 50;

/// The routes that are answered beyond the limit.
const ROUTES: [&str; 5] = ["/v2/health/live", "/v2/health/ready", "/ready", "/v2", "/metrics"];

/// A server, and as many connections as its limit, each of which sends the body of its request very slowly.
fn full() -> (Server, Vec<Connection>) {
    let server = Server::start(
        Engine::builder()
            .instance("echo", Scripted::blocking(echo))
            .configure(|settings| settings.max_connections = LIMIT),
    );
    let slow = (0..LIMIT)
        .map(|_| {
            let mut slow = server.connect();
            assert_eq!(slow.post_head("/infer", &[], text("a").len()).unwrap(), None, "the request is admitted");
            slow
        })
        .collect();
    (server, slow)
}

/// Asserts that every route is answered on a connection of its own, which ends with the response.
#[track_caller]
fn assert_answers(server: &Server) {
    for route in ROUTES {
        let mut connection = server.connect();
        connection.write(head("GET", route, &[], 0)).unwrap();
        let answer = connection.answer().unwrap_or_else(|error| panic!("{route}: {error}"));
        assert_eq!((answer.status, answer.header("connection")), (200, Some("close")), "{route}");
        connection.closed().unwrap();
    }
}

#[track_caller]
fn assert_refused(answer: &Answer) {
    let headers = ["connection", "retry-after"].map(|name| answer.header(name));
    assert_eq!((answer.status, headers), (503, [Some("close"), Some("1")]));
}

#[test]
fn requests_without_a_body_are_answered_while_every_connection_has_a_request() {
    let (server, slow) = full();
    assert_answers(&server);
    let refused = server.infer(text("b"));
    assert_refused(&refused);
    insta::assert_snapshot!("beyond_the_limit", refused.text);
    for mut connection in slow {
        connection.write(text("a")).unwrap();
        assert_eq!(connection.answer().unwrap().values(), ["a"]);
    }
    assert_eq!(server.infer(text("b")).values(), ["b"]);
}

#[test]
fn a_connection_beyond_the_limit_serves_inference_once_there_is_room() {
    let (server, mut slow) = full();
    let mut early: Vec<_> = (0..12).map(|_| server.connect()).collect();
    // A request on a later connection: the server has accepted the others.
    assert_answers(&server);
    slow.pop();
    until("there is room within the limit", || {
        let mut connection = server.connect();
        connection.write(head("GET", "/ready", &[], 0)).unwrap();
        (connection.answer().unwrap().header("connection") != Some("close")).then_some(())
    });
    // The connection that has found the room takes it until the server sees its end.
    let mut served = until("one is served", || {
        let mut connection = early.pop().expect("one of the connections is served");
        (connection.post("/infer", &text("b")).unwrap().status == 200).then_some(connection)
    });
    assert_eq!(served.post("/infer", &text("c")).unwrap().values(), ["c"]);
}

#[test]
fn connections_beyond_the_limit_make_room_for_each_other() {
    let (server, slow) = full();
    let body = text("c");
    let sent = [
        String::new(),
        "GET /ready HT".into(),
        head("POST", "/infer", &[], body.len()),
        head("GET", "/metrics", &[], 1 << 30),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".into(),
    ];
    for sent in sent {
        let mut flood: Vec<_> = (0..MANY).map(|_| server.connect()).collect();
        // Those that were closed for others cannot be written to.
        flood.iter_mut().for_each(|connection| drop(connection.write(&sent)));
        assert_answers(&server);
    }
    drop(slow);
}

#[test]
fn a_connection_of_http_2_beyond_the_limit_is_served_like_one_of_http_1() {
    let (server, slow) = full();
    for (method, path, expected) in [("GET", "/v2/health/live", 200), ("POST", "/infer", 503)] {
        let (status, retry_after, end) = server.block_on(async {
            let stream = TokioIo::new(TcpStream::connect(server.address).await.unwrap());
            let (mut client, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
            let connection = tokio::spawn(connection);
            let request = Request::builder().method(method).uri(format!("http://{}{path}", server.address));
            let response = client.send_request(request.body(Full::<Bytes>::default()).unwrap()).await.unwrap();
            let (status, retry_after) = (response.status().as_u16(), response.headers().contains_key("retry-after"));
            response.into_body().collect().await.unwrap();
            (status, retry_after, tokio::time::timeout(DEADLINE, connection).await)
        });
        assert_eq!((status, retry_after), (expected, expected == 503));
        end.expect("the connection ends").unwrap().expect("without an error");
    }
    drop(slow);
}
