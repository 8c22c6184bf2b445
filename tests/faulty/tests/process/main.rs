//! An engine that fails on command, as a real process: what its callers, its operator and its platform observe.

mod batching;
mod commands;
mod configuration;
mod descriptors;
mod escapes;
mod faults;
mod floods;
mod inline;
mod load;
mod logs;
#[cfg(unix)]
mod odd_files;
mod overload;
mod requests;
mod shutdown;

use e2e::{Answer, Connection, Process};
use serde_json::{Value, json};

/// The engine under test.
const FAULTY: &str = env!("CARGO_BIN_EXE_faulty");

/// A time in milliseconds longer than any test runs: a request that takes so long is held until the test releases it.
const FOREVER_MS: u64 = 600_000;

/// A request of one input with these parameters.
fn command(parameters: Value) -> Value {
    json!({"inputs": [{"name": "text", "data": ["a"], "parameters": parameters}]})
}

/// A request that awaits, without blocking its thread, until the test releases it.
fn awaits() -> String {
    command(json!({"await_ms": FOREVER_MS})).to_string()
}

/// Sends a request. Returns its connection if it is admitted, or the response if it is rejected.
fn admit(process: &Process, body: &str) -> Result<Connection, Answer> {
    let mut connection = process.connect();
    match connection.post_admitted("/infer", body).expect("a response") {
        None => Ok(connection),
        Some(rejected) => Err(rejected),
    }
}

fn figure(process: &Process, name: &str) -> f64 {
    let page = process.get("/metrics").text;
    let line = page.lines().find(|line| line.starts_with(&format!("{name}{{")));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_default()
}

/// Returns the message of a line of the log.
fn message(line: &Value) -> &str {
    line["message"].as_str().unwrap_or_default()
}

/// Asserts that a response is that of a request without commands.
#[track_caller]
fn assert_served(answer: &Answer) {
    assert_eq!(answer.values(), ["ok"]);
}

/// Asserts that the engine serves a request without commands.
#[track_caller]
fn assert_serves(process: &Process) {
    assert_served(&process.infer(&command(json!({}))));
}

/// Returns the seconds of `Retry-After`, which must be present.
#[track_caller]
fn retry_after(answer: &Answer) -> u64 {
    let seconds = answer.header("retry-after").expect("Retry-After");
    seconds.parse().expect("a number of seconds")
}
