//! Streamed responses: their line in the log and their span are those of the whole stream.

use e2e::{Connection, Process, Signal, until};
use serde_json::{Value, json};

use crate::{
    TRACED,
    collector::{Behavior, Collector},
    command, exporting, line_of,
};

/// Sends a request for a stream with an ID.
fn ask(process: &Process, id: &str, parameters: Value) -> Connection {
    let body = command(parameters).to_string();
    let mut connection = process.connect();
    let length = body.len();
    let head = "POST /v2/models/traces/generate_stream HTTP/1.1\r\nHost: a\r\nConnection: close";
    connection.write(format!("{head}\r\nX-Request-ID: {id}\r\nContent-Length: {length}\r\n\r\n{body}")).expect("sent");
    connection
}

/// Reads a stream to its end, and returns its body without the chunks' lengths.
fn read(mut connection: Connection) -> String {
    let text = String::from_utf8(connection.rest().expect("a response")).expect("text");
    let (head, mut chunks) = text.split_once("\r\n\r\n").expect("a body");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let mut body = String::new();
    while let Some((length, rest)) = chunks.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).expect("the length of a chunk");
        body.push_str(&rest[..length]);
        chunks = &rest[length + 2..];
    }
    body
}

#[test]
fn the_line_of_a_stream_has_its_bytes_and_its_end() {
    let process =
        Process::ready(TRACED, &[("CHARIOT_ENGINE_REQUEST_LOG", "all"), ("CHARIOT_ENGINE_LOG_FORMAT", "json")]);
    let whole = read(ask(&process, "whole", json!({"parts": 1000})));
    let line = line_of(&process, "whole");
    assert_eq!(
        (&line["ended"], &line["status"], &line["bytes_out"]),
        (&json!("complete"), &json!(200), &json!(whole.len()))
    );
    assert_eq!((&line["route"], line.get("reason")), (&json!("generate_stream"), None));
    assert!(line["infer_ms"].as_f64() > Some(0.0) && line["items"] == 1, "{line}");

    let failed = read(ask(&process, "failed", json!({"parts": 1, "error": "on command"})));
    let line = line_of(&process, "failed");
    assert_eq!(
        (&line["ended"], &line["status"], &line["bytes_out"]),
        (&json!("failed"), &json!(200), &json!(failed.len()))
    );
    assert_eq!(line["reason"], "the model failed (request failed)");

    // No line before the end.
    let leaves = ask(&process, "leaves", json!({"parts": 1, "log": "begun", "endless": true}));
    until("the first part", || leaves.has_received().then_some(()));
    process.wait_for_log("begun");
    drop(leaves);
    let line = line_of(&process, "leaves");
    assert_eq!((&line["ended"], line.get("reason")), (&json!("disconnected"), None));
    assert!(line["bytes_out"].as_u64() > Some(0), "{line}");
    process.signal(Signal::Interrupt);
    assert_eq!(process.wait(), Some(0));
    let lines = process.whole_log();
    assert_eq!(lines.iter().filter(|line| line["message"] == "request").count(), 3);
}

#[test]
fn a_stream_that_fails_is_an_error_in_the_log_of_errors() {
    let process = Process::ready(TRACED, &[("CHARIOT_ENGINE_LOG_FORMAT", "json")]);
    read(ask(&process, "whole", json!({"parts": 1})));
    read(ask(&process, "failed", json!({"parts": 1, "error": "on command"})));
    line_of(&process, "failed");
    process.signal(Signal::Interrupt);
    assert_eq!(process.wait(), Some(0));
    let lines = process.whole_log();
    assert_eq!(lines.iter().filter(|line| line["message"] == "request").count(), 1);
}

#[test]
fn the_span_of_a_stream_ends_with_the_stream() {
    let collector = Collector::start(Behavior::Take);
    let process = exporting(&collector.url(), &[]);
    for (id, parameters, error) in
        [("whole", json!({"parts": 10}), None), ("failed", json!({"parts": 1, "error": "on command"}), Some("500"))]
    {
        read(ask(&process, id, parameters));
        let span = collector.request(id);
        assert_eq!(span.name, "POST /v2/models/{model}/generate_stream");
        assert_eq!(span.attributes["http.response.status_code"], "200");
        assert_eq!((span.is_error, span.attributes.get("error.type").map(String::as_str)), (error.is_some(), error));
        let infer = collector.below(&span).into_iter().find(|stage| stage.name == "infer").expect("the call");
        assert!(infer.end <= span.end);
    }
    let leaves = ask(&process, "leaves", json!({"parts": 1, "endless": true}));
    until("the first part", || leaves.has_received().then_some(()));
    drop(leaves);
    assert_eq!(collector.request("leaves").attributes["error.type"], "disconnected");
}
