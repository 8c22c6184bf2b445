//! Responses streamed as server-sent events: who gets them, each event byte for byte, errors before and after the first
//! event, and callers that disconnect.

use std::{
    io::{BufRead, BufReader, Read},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use chariot_engine::{EngineBuilder, State, prelude::*};
use e2e::{DEADLINE, Messages, until};
use reqwest::blocking::Response;

use crate::{
    scripted::{Scripted, echo, speaks},
    support::{Gate, Server, text},
};

/// A model that emits each word and returns the number of words.
fn words() -> EngineBuilder {
    speaks(|text| {
        let words: Vec<&str> = text.as_str().split_whitespace().collect();
        words.iter().try_for_each(|word| text.emit(word))?;
        Ok(words.len().to_string())
    })
}

const EVENTS: (&str, &str) = ("accept", "text/event-stream");

fn ask(server: &Server, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
    let client = reqwest::blocking::Client::builder().timeout(DEADLINE).no_proxy().build().unwrap();
    let request = client.post(format!("http://{}{path}", server.address)).body(body.to_string());
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send().unwrap()
}

/// Requests events.
fn stream(server: &Server, body: &str) -> Response {
    ask(server, "/infer", &[EVENTS], body)
}

/// Returns the body of a response that must consist of events.
#[track_caller]
fn events(response: Response) -> String {
    assert_eq!(response.status(), 200);
    let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap());
    assert_eq!((header("content-type"), header("cache-control")), (Some("text/event-stream"), Some("no-cache")));
    assert_eq!(header("x-accel-buffering"), Some("no"));
    assert_eq!(header("content-length"), None);
    response.text().unwrap()
}

#[track_caller]
fn error(response: Response) -> (u16, String) {
    assert_eq!(response.headers()["content-type"], "application/json");
    let status = response.status().as_u16();
    let body: serde_json::Value = serde_json::from_str(&response.text().unwrap()).unwrap();
    (status, body["error"].as_str().unwrap().to_string())
}

fn body(inputs: &str) -> String {
    format!(r#"{{"id":"7","inputs":[{inputs}]}}"#)
}

/// The event of the final response to a request with the id 7.
fn whole(outputs: &str) -> String {
    format!("data: {{\"model_name\":\"speaks\",\"model_version\":\"1\",\"id\":\"7\",\"outputs\":[{outputs}]}}\n\n")
}

fn output(name: &str, data: &str) -> String {
    let count = data.split(',').count();
    format!(r#"{{"name":"{name}","datatype":"BYTES","shape":[{count}],"data":[{data}]}}"#)
}

fn part(name: &str, index: usize, part: &str) -> String {
    format!("data: {{\"name\":\"{name}\",\"index\":{index},\"part\":\"{part}\"}}\n\n")
}

#[test]
fn a_caller_that_accepts_events_gets_every_part_and_then_the_response() {
    let server = Server::start(words().setting("CHARIOT_ENGINE_BASE_URL", "/base"));
    let request = body(r#"{"name":"a","data":["two wörds"]}"#);
    let expected = [part("a", 0, "two"), part("a", 0, "wörds"), whole(&output("a", "\"2\""))].concat();
    for path in ["/infer", "/base/infer", "/v2/models/speaks/infer", "/v2/models/speaks/versions/1/infer"] {
        assert_eq!(events(ask(&server, path, &[EVENTS], &request)), expected);
        let among_others = ("accept", "application/json;q=0.1, Text/Event-Stream");
        assert_eq!(events(ask(&server, path, &[among_others], &request)), expected);
    }
    for path in ["/v2/models/speaks/generate_stream", "/base/v2/models/speaks/versions/1/generate_stream"] {
        assert_eq!(events(ask(&server, path, &[], &request)), expected);
    }
    // Items are numbered across all inputs of a request.
    let several =
        body(r#"{"name":"a","data":["b c","d"]},{"name":"e","data":["f"],"parameters":{"metadata":{"k": 1}}}"#);
    let parts = [part("a", 0, "b"), part("a", 0, "c"), part("a", 1, "d"), part("e", 2, "f")].concat();
    let e = r#"{"name":"e","datatype":"BYTES","shape":[1],"data":["1"],"parameters":{"metadata":{"k": 1}}}"#;
    let expected = parts + &whole(&format!("{},{e}", output("a", "\"2\",\"1\"")));
    assert_eq!(events(stream(&server, &several)), expected);
    // Without parts, the response is the only event.
    let silent = body(r#"{"name":"a","data":[""]}"#);
    assert_eq!(events(stream(&server, &silent)), whole(&output("a", "\"0\"")));
    let id = ask(&server, "/infer", &[EVENTS, ("x-request-id", "mine")], &request);
    assert_eq!(id.headers()["x-request-id"], "mine");
}

#[test]
fn a_caller_that_does_not_accept_events_gets_one_response() {
    let server = Server::start(words());
    let request = body(r#"{"name":"a","data":["two words"]}"#);
    for headers in [&[][..], &[("accept", "*/*")], &[("accept", "application/json, text/event-stream;q=0")]] {
        let response = ask(&server, "/infer", headers, &request);
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(format!("data: {}\n\n", response.text().unwrap()), whole(&output("a", "\"2\"")));
    }
    let get = server.get("/v2/models/speaks/generate_stream");
    assert_eq!((get.status, get.header("allow")), (405, Some("POST, OPTIONS")));
    // An engine without streaming has no such route and ignores the `Accept` header.
    let server = Server::start(Engine::builder().instance("echo", Scripted::<1, 32>::blocking(echo)));
    let response = stream(&server, &request);
    assert_eq!(
        (response.status().as_u16(), &response.headers()["content-type"]),
        (200, &"application/json".parse().unwrap())
    );
    assert_eq!(error(ask(&server, "/v2/models/echo/generate_stream", &[], &request)).0, 404);
}

#[test]
fn parts_arrive_while_the_model_works() {
    let gate = Arc::new(Gate::default());
    let waits = gate.clone();
    let server = Server::start(speaks(move |text| {
        text.emit("first")?;
        waits.pass("the model");
        Ok("done".into())
    }));
    let mut response = BufReader::new(stream(&server, &body(r#"{"name":"a","data":["x"]}"#)));
    let mut first = String::new();
    while !first.ends_with("\n\n") {
        response.read_line(&mut first).unwrap();
    }
    assert_eq!(first, part("a", 0, "first"));
    gate.open();
    let mut rest = String::new();
    response.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, whole(&output("a", "\"done\"")));
}

#[test]
fn an_error_before_the_first_event_is_a_plain_response_and_after_it_an_event() {
    let server = Server::start(speaks(|text| {
        let (parts, end) = text.as_str().split_once(' ').unwrap_or(("", text.as_str()));
        parts.chars().try_for_each(|part| text.emit(&part))?;
        match end {
            "fail" => Err("a secret of the model".into()),
            "reject" => reject!("expected another text"),
            "panic" => panic!("a secret of the model"),
            "infinite" => text.emit(&f32::INFINITY).map(|()| String::new()),
            _ => Ok(String::new()),
        }
    }));
    let ask = |text: &str| stream(&server, &body(&format!(r#"{{"name":"a","data":["{text}"]}}"#)));
    assert_eq!(error(stream(&server, "{")).0, 400);
    let mut messages = Messages::new();
    for (word, expected) in [("reject", 400), ("fail", 500), ("panic", 500), ("infinite", 500)] {
        let (status, text) = error(ask(word));
        assert_eq!(status, expected, "{word}: {text}");
        assert!(!text.contains("secret"), "{word}: {text}");
        let quoted = serde_json::json!({ "error": text });
        let after = format!("{}event: error\ndata: {quoted}\n\n", part("a", 0, "1"));
        assert_eq!(events(ask(&format!("1 {word}"))), after, "{word}");
        messages.add(word, text);
    }
    insta::assert_snapshot!("errors", messages);
}

#[test]
fn work_is_cancelled_when_its_caller_disconnects() {
    for asks in [&[EVENTS][..], &[]] {
        let (ended, end) = mpsc::sync_channel(1);
        let gate = Arc::new(Gate::default());
        let waits = gate.clone();
        let server = Server::start(
            speaks(move |text| {
                if text.0 == "again" {
                    return Ok(String::new());
                }
                waits.pass("the model");
                // More than any buffer holds; without a stream, until the server notices the disconnect.
                let failed = loop {
                    if let Err(error) = text.emit(&"x".repeat(1 << 16)) {
                        break error;
                    }
                };
                ended.send(failed.kind()).unwrap();
                Err(failed)
            })
            .configure(|settings| (settings.workers, settings.queue_size) = (Some(1), 0)),
        );
        let request = body(r#"{"name":"a","data":["x"]}"#);
        let mut connection = server.connect();
        let accept: String = asks.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = request.len();
        connection
            .write(format!("POST /infer HTTP/1.1\r\nHost: e\r\n{accept}Content-Length: {length}\r\n\r\n{request}"))
            .unwrap();
        gate.wait_for(1);
        drop(connection);
        gate.open();
        assert_eq!(end.recv_timeout(DEADLINE).unwrap(), chariot_engine::ErrorKind::Cancelled);
        // Its permit is released.
        let again = body(r#"{"name":"a","data":["again"]}"#);
        until("the permit is released", || (server.infer(&again).status == 200).then_some(()));
    }
}

#[test]
fn a_deadline_that_passes_after_the_first_event_is_an_event() {
    let serves = |emits: bool, timeout: &str| {
        let builder = speaks(move |text| {
            if emits {
                text.emit("first")?;
            }
            while !text.is_cancelled() {
                std::thread::yield_now();
            }
            text.emit("never read").map(|()| String::new())
        });
        Server::start(builder.setting("CHARIOT_ENGINE_TIMEOUT", timeout))
    };
    let request = body(r#"{"name":"a","data":["x"]}"#);
    let server = serves(false, "50ms");
    let (status, expired) = error(stream(&server, &request));
    assert_eq!(status, 504);
    let server = serves(true, "1s");
    let expected = part("a", 0, "first") + &format!("event: error\ndata: {{\"error\":\"{expired}\"}}\n\n");
    assert_eq!(events(stream(&server, &request)), expected);
}

#[test]
fn events_of_chariot_v2_end_with_its_response() {
    let server = Server::start(words());
    let one = stream(&server, "{\"input\":\"two words\",\"parameters\":{\"metadata\":[1,\n2]}}");
    let end = "data: {\"output\":\"2\",\"parameters\":{\"metadata\":[1,\ndata: 2]}}\n\n";
    assert_eq!(events(one), [&part("", 0, "two"), &part("", 0, "words"), end].concat());
    let lines = ask(
        &server,
        "/infer",
        &[EVENTS, ("content-type", "application/jsonl")],
        "{\"input\":\"a\"}\n{\"input\":\"b\"}\n",
    );
    let end = "data: {\"output\":\"1\"}\ndata: {\"output\":\"1\"}\n\n";
    assert_eq!(events(lines), [&part("", 0, "a"), &part("", 1, "b"), end].concat());
}

#[test]
fn a_response_in_events_is_always_json() {
    let server = Server::start(words());
    let request = r#"{"id":"7","parameters":{"binary_data_output":true},"inputs":[{"name":"a","data":["b"]}]}"#;
    assert_eq!(events(stream(&server, request)), part("a", 0, "b") + &whole(&output("a", "\"1\"")));
}

#[test]
fn a_stream_is_finished_when_the_engine_stops() {
    let gate = Arc::new(Gate::default());
    let waits = gate.clone();
    let mut server = Server::start(speaks(move |text| {
        text.emit("first")?;
        waits.pass("the model");
        text.emit("last")?;
        Ok("done".into())
    }));
    let response = stream(&server, &body(r#"{"name":"a","data":["x"]}"#));
    let stopped = server.stop();
    until("the shutdown begins", || (server.engine.state() == State::Draining).then_some(()));
    gate.open();
    let expected = [part("a", 0, "first"), part("a", 0, "last"), whole(&output("a", "\"done\""))].concat();
    assert_eq!(events(response), expected);
    assert_eq!(server.block_on(stopped).unwrap(), 0);
}

/// A server whose model emits a part before and after it waits at the gate.
fn waits(gate: Arc<Gate>) -> Server {
    Server::start(speaks(move |text| {
        text.emit("first")?;
        gate.pass("the model");
        text.emit("last")?;
        Ok("done".into())
    }))
}

/// Asserts that a part arrives before the model has ended, and the rest after it.
#[track_caller]
fn assert_streams(gate: &Gate, response: impl Read) {
    let mut response = BufReader::new(response);
    let mut first = String::new();
    while !first.ends_with("\n\n") {
        assert_ne!(response.read_line(&mut first).unwrap(), 0, "{first}");
    }
    assert!(first.contains("\"part\":\"first\"") && !first.contains("last"), "{first}");
    gate.open();
    let mut rest = String::new();
    response.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("\"part\":\"last\"") && rest.contains("\"done\"") && rest.ends_with("\n\n"), "{rest}");
}

#[test]
fn a_caller_of_http_1_0_gets_parts_without_chunks() {
    let gate = Arc::new(Gate::default());
    let server = waits(gate.clone());
    for keeps in ["", "Connection: keep-alive\r\n"] {
        gate.close();
        let body = text("a");
        let stream = std::net::TcpStream::connect(server.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let length = body.len();
        let request = format!(
            "POST /infer HTTP/1.0\r\nAccept: text/event-stream\r\n{keeps}Content-Length: {length}\r\n\r\n{body}"
        );
        std::io::Write::write_all(&mut &stream, request.as_bytes()).unwrap();
        let mut response = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(response.read_line(&mut head).unwrap(), 0, "{head}");
        }
        assert!(head.starts_with("HTTP/1.0 200 "), "{head}");
        let lower = head.to_ascii_lowercase();
        assert!(!lower.contains("transfer-encoding") && !lower.contains("keep-alive"), "{head}");
        assert!(lower.contains("\r\nconnection: close\r\n"), "{head}");
        // The connection ends with the events.
        assert_streams(&gate, response);
    }
}

#[test]
fn a_stream_that_outlasts_the_grace_period_ends_with_an_error() {
    let gate = Arc::new(Gate::default());
    let at = gate.clone();
    let mut server = Server::start(
        speaks(move |text| {
            text.emit("first")?;
            at.pass("model");
            Ok("never".into())
        })
        .configure(|of| of.grace = Duration::from_millis(50)),
    );
    let response = stream(&server, &body(r#"{"name":"a","data":["a"]}"#));
    gate.wait_for(1);
    let serving = server.stop();
    let events = events(response);
    let (first, last) = events.split_once("\n\n").expect("two events");
    assert_eq!(format!("{first}\n\n"), part("a", 0, "first"));
    assert!(last.starts_with("event: error\n"), "{last}");
    assert_eq!(server.block_on(serving).unwrap(), 1);
    gate.open();
}

#[test]
fn a_caller_that_does_not_read_its_stream_does_not_make_the_engine_unhealthy() {
    const STALL: Duration = Duration::from_millis(50);
    let emitted = Arc::new(AtomicUsize::new(0));
    let count = emitted.clone();
    let server = Server::start(
        speaks(move |text| {
            let part = "a".repeat(64 * 1024);
            for _ in 0..10_000 {
                text.emit(&part)?;
                count.fetch_add(1, Ordering::Relaxed);
            }
            Ok("all".into())
        })
        .configure(|settings| {
            settings.workers = Some(1);
            settings.stall_timeout = STALL;
        }),
    );
    let unread = stream(&server, &body(r#"{"name":"a","data":["a"]}"#));
    // The statuses of readiness for a while, and whether the model emitted a part meanwhile.
    let observe = || {
        let (begin, before) = (Instant::now(), emitted.load(Ordering::Relaxed));
        let mut statuses = Vec::new();
        while begin.elapsed() < 4 * STALL {
            statuses.push(server.get("/ready").status);
        }
        (statuses, before > 0 && before == emitted.load(Ordering::Relaxed))
    };
    until("the worker waits for its caller", || (observe().1 && observe().1).then_some(()));
    let (statuses, waits) = observe();
    assert!(waits && statuses.iter().all(|status| *status == 200), "{waits} {statuses:?}");
    drop(unread);
}
