//! An engine that exports spans, as a real process: what a collector and the log see of its requests.

mod collector;
mod contexts;
mod faults;
mod spans;
mod streams;

use e2e::{Answer, Process};
use serde_json::{Value, json};

/// The engine under test.
const TRACED: &str = env!("CARGO_BIN_EXE_traces");

/// The IDs of a caller.
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

/// A `traceparent` of the caller with these flags.
fn parent(flags: &str) -> String {
    format!("00-{TRACE}-{SPAN}-{flags}")
}

/// Starts an engine that exports to this URL, without delay, with these variables in addition.
fn exporting(url: &str, env: &[(&str, &str)]) -> Process {
    let own = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", url),
        ("OTEL_BSP_SCHEDULE_DELAY", "20"),
        ("CHARIOT_ENGINE_REQUEST_LOG", "all"),
        ("CHARIOT_ENGINE_LOG_FORMAT", "json"),
    ];
    Process::ready(TRACED, &[&own[..], env].concat())
}

/// A request with these parameters.
fn command(parameters: Value) -> Value {
    json!({"inputs": [{"name": "text", "data": ["a"], "parameters": parameters}]})
}

/// Sends a request with headers.
fn ask(process: &Process, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let body = body.to_string();
    let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let mut connection = process.connect();
    let length = body.len();
    let head = format!("POST {path} HTTP/1.1\r\nHost: engine.test:8080\r\nContent-Length: {length}\r\n{lines}\r\n");
    connection.write(head + &body).expect("a connection");
    connection.answer().expect("a response")
}

/// Sends a request with an ID and these headers in addition, and returns the headers that its item has.
fn context(process: &Process, id: &str, headers: &[(&str, &str)]) -> Value {
    let headers = [&[("X-Request-ID", id)], headers].concat();
    ask(process, "/infer", &headers, &command(json!({}))).values().remove(0)
}

/// Returns a figure of the engine as a whole.
fn figure(process: &Process, name: &str) -> u64 {
    let page = process.get("/metrics").text;
    let line = page.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name}"))
}

/// Waits for the line of a request in the log.
fn line_of(process: &Process, id: &str) -> Value {
    process.wait_for_line(&format!("request '{id}'"), |line| line["message"] == "request" && line["request"] == id)
}
