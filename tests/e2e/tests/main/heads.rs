//! The heads of requests: their limits, the same in both versions of HTTP, and what proxies and servers could understand
//! differently, which is refused. All of it on raw sockets.

use bytes::Bytes;
use chariot_engine::{
    prelude::*,
    settings::{ByteSize, EngineSettings},
};
use e2e::Messages;
use http::Request;
use http_body_util::{BodyExt, Full};

use crate::{
    scripted::{Scripted, echo},
    support::{Server, http2, text},
};

fn server(configure: impl Fn(&mut EngineSettings) + Send + 'static) -> Server {
    Server::start(Engine::builder().instance("echo", Scripted::blocking(echo)).configure(configure))
}

/// Fields of a header with so many bytes in total, in so many fields.
fn fields(count: usize, bytes: usize) -> Vec<(String, String)> {
    let each = bytes / count;
    (0..count).map(|index| (format!("x-{index:05}"), "x".repeat(each.saturating_sub(11)))).collect()
}

fn http1_status(server: &Server, fields: &[(String, String)]) -> (u16, String) {
    let lines: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let mut connection = server.connect();
    connection.write(format!("GET /v2/health/live HTTP/1.1\r\nHost: engine\r\n{lines}\r\n")).expect("it is read");
    let answer = connection.answer().expect("a response");
    (answer.status, answer.text)
}

/// Sends the fields, and another request on the same connection.
fn http2_status(server: &Server, fields: &[(String, String)]) -> (u16, String) {
    server.block_on(async {
        let mut client = http2(server.address).await;
        let mut ask = async |fields: &[(String, String)]| {
            let mut request = Request::get(format!("http://{}/v2/health/live", server.address));
            for (name, value) in fields {
                request = request.header(name, value);
            }
            let response =
                client.send_request(request.body(Full::<Bytes>::default()).unwrap()).await.expect("a response");
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            (status, String::from_utf8(body.to_vec()).unwrap())
        };
        let answer = ask(fields).await;
        assert_eq!(ask(&[]).await.0, 200, "the connection survives");
        answer
    })
}

#[test]
fn both_versions_of_http_have_the_same_limit_of_a_head() {
    let server = server(|_| ());
    for (count, bytes, expected) in [(5, 60 << 10, 200), (95, 60 << 10, 200), (5, 70 << 10, 431), (20, 180 << 10, 431)]
    {
        let fields = fields(count, bytes);
        for (status, text) in [http1_status(&server, &fields), http2_status(&server, &fields)] {
            assert_eq!(status, expected, "{count} fields of {bytes} bytes: {text}");
            if expected == 431 {
                let error: serde_json::Value = serde_json::from_str(&text).expect("the envelope");
                insta::assert_snapshot!("head_too_large", error["error"].as_str().unwrap());
            }
        }
    }
    // Only HTTP/1 has a limit of the number of fields.
    let many = fields(500, 20_000);
    assert_eq!((http1_status(&server, &many).0, http2_status(&server, &many).0), (431, 200));
    // In HTTP/2 a field can be sent in a byte or two, and counts as the memory that it takes.
    let short = vec![("via".to_string(), String::new()); 2_000];
    assert_eq!(http2_status(&server, &short).0, 431);
    // Far more than the limit, of which most is not read.
    assert_eq!(http1_status(&server, &fields(100, 4 << 20)).0, 431);
}

#[test]
fn the_limit_of_a_head_is_a_setting() {
    let server = server(|settings| settings.max_head = ByteSize::kib(16));
    for (bytes, expected) in [(15 << 10, 200), (17 << 10, 431)] {
        let fields = fields(3, bytes);
        assert_eq!(http1_status(&server, &fields).0, expected);
        assert_eq!(http2_status(&server, &fields).0, expected);
    }
}

/// A request after these header lines, with another one behind it that is answered only if the server finds it.
fn ask(server: &Server, version: &str, lines: &[&str], body: &str) -> Vec<(u16, String)> {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    let mut connection = server.connect();
    connection.write(format!("POST /infer HTTP/{version}\r\n{lines}\r\n{body}")).unwrap();
    connection.finish_sending().unwrap();
    let mut answers = Vec::new();
    while let Ok(answer) = connection.answer() {
        answers.push((answer.status, answer.text));
    }
    answers
}

#[test]
fn a_head_that_servers_could_understand_differently_is_refused() {
    let server = server(|_| ());
    let (body, mut messages) = (text("a"), Messages::new());
    let length = format!("Content-Length: {}", body.len());
    let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let hidden = "GET /v2/health/live HTTP/1.1\r\nHost: e\r\n\r\n";
    let sized: [(&str, &[&str], u16); 12] = [
        ("1.1", &["Host: e"], 200),
        ("1.0", &[], 200),
        ("1.0", &["Host: e"], 200),
        ("1.1", &["Host:"], 200),
        ("1.1", &["Host: [::1]:8080"], 200),
        ("1.1", &[], 400),
        ("1.1", &["Host: e", "Host: e"], 400),
        ("1.0", &["Host: e", "Host: f"], 400),
        ("1.1", &["Host: e/f"], 400),
        ("1.1", &["Host: e f"], 400),
        ("1.1", &["Host: e", "X y: z"], 400),
        ("1.1", &["Host: e", "X-Y : z"], 400),
    ];
    for (version, lines, expected) in sized {
        let lines = [lines, &[&length]].concat();
        let answers = ask(&server, version, &lines, &body);
        let [(status, text)] = &answers[..] else { panic!("{lines:?}: {answers:?}") };
        assert_eq!(*status, expected, "{lines:?}: {text}");
        if expected != 200 {
            messages.add(format!("HTTP/{version} {}", lines[..lines.len() - 1].join(", ")), text);
        }
    }
    for (lines, expected) in [
        (&["Transfer-Encoding: chunked"][..], 200),
        (&["Transfer-Encoding: Chunked"], 200),
        (&["Transfer-Encoding: gzip, chunked"], 501),
        (&["Transfer-Encoding: gzip", "Transfer-Encoding: chunked"], 501),
        (&["Transfer-Encoding: chunked, chunked"], 501),
        (&["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], 501),
        (&["Transfer-Encoding: identity, chunked"], 501),
        (&["Transfer-Encoding: gzip"], 400),
        (&["Transfer-Encoding: identity"], 400),
        (&["Transfer-Encoding: chunked, gzip"], 400),
        (&["Transfer-Encoding: xchunked"], 400),
        (&["Transfer-Encoding:\u{b}chunked"], 400),
    ] {
        let lines = [&["Host: e"], lines].concat();
        let answers = ask(&server, "1.1", &lines, &chunked);
        let [(status, text)] = &answers[..] else { panic!("{lines:?}: {answers:?}") };
        assert_eq!(*status, expected, "{lines:?}: {text}");
        if expected != 200 {
            messages.add(lines[1..].join(", "), text);
        }
    }
    // Lengths that are not one number, or stand beside chunks: no second request is found in the body.
    let longer = format!("Content-Length: {}", body.len() + 1);
    for lines in [
        &[&*length, "Transfer-Encoding: chunked"][..],
        &["Transfer-Encoding: chunked", &*length],
        &[&*length, &longer],
        &["Content-Length: +1"],
        &["Content-Length: -1"],
        &["Content-Length: 0x10"],
        &["Content-Length: 1, 1"],
        &["Content-Length: 1 1"],
        &["Content-Length:"],
        &["Content-Length: 99999999999999999999"],
    ] {
        let lines = [&["Host: e"], lines].concat();
        for body in [format!("{chunked}{hidden}"), format!("{body}{hidden}")] {
            let answers = ask(&server, "1.1", &lines, &body);
            assert_eq!(answers.len(), 1, "{lines:?}: {answers:?}");
        }
    }
    // Chunks whose sizes are not numbers.
    for size in ["-1", "0x1", "1 1", "+1", "1_", "", "11111111111111111"] {
        let body = format!("{size}\r\n{{\r\n0\r\n\r\n{hidden}");
        let answers = ask(&server, "1.1", &["Host: e", "Transfer-Encoding: chunked"], &body);
        let [(400, _)] = &answers[..] else { panic!("'{size}': {answers:?}") };
    }
    insta::assert_snapshot!("refused_heads", messages);
}

#[test]
fn a_caller_of_http_1_0_that_is_refused_is_told_that_its_connection_closes() {
    let server = server(|_| ());
    let mut connection = server.connect();
    let twice = "Host: one\r\nHost: two\r\n";
    connection.write(format!("GET /ready HTTP/1.0\r\nConnection: keep-alive\r\n{twice}\r\n")).unwrap();
    let answer = connection.answer().unwrap();
    assert_eq!((answer.status, answer.header("connection")), (400, Some("close")));
    connection.closed().expect("it is closed");
}
