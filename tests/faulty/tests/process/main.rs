//! An engine that fails on command, as a real process: what its callers, its operator and its platform see of it.

mod batching;
mod commands;
mod configuration;
mod faults;
mod load;
mod overload;
mod shutdown;

use e2e::{Answer, Connection, Process};
use serde_json::{Value, json};

/// The engine under test.
const FAULTY: &str = env!("CARGO_BIN_EXE_faulty");

/// Longer than any test runs: what takes so long is held until the test lets go of it.
const FOREVER_MS: u64 = 600_000;

/// A request whose one input commands this.
fn command(parameters: Value) -> Value {
    json!({"inputs": [{"name": "text", "data": ["a"], "parameters": parameters}]})
}

/// A request that waits without blocking its thread until the test lets go of it.
fn awaits() -> String {
    command(json!({"await_ms": FOREVER_MS})).to_string()
}

/// Sends a request that is admitted, or the answer by which it is refused.
fn admit(process: &Process, body: &str) -> Result<Connection, Answer> {
    let mut connection = process.connect();
    match connection.post_admitted("/infer", body).expect("an answer") {
        None => Ok(connection),
        Some(refused) => Err(refused),
    }
}

/// Asserts that a request was answered as one that commands nothing is.
#[track_caller]
fn assert_served(answer: &Answer) {
    assert_eq!(answer.values(), ["ok"]);
}

/// Asserts that the engine serves a request that commands nothing.
#[track_caller]
fn assert_serves(process: &Process) {
    assert_served(&process.infer(&command(json!({}))));
}

/// Seconds after which a refused caller may come again, which must be there.
#[track_caller]
fn retry_after(answer: &Answer) -> u64 {
    let seconds = answer.header("retry-after").expect("Retry-After");
    seconds.parse().expect("a number of seconds")
}
