//! An engine that fails on command, as a real process: what its callers, its operator and its platform see of it.

mod configuration;
mod faults;
mod load;
mod overload;
mod shutdown;

use e2e::{Answer, Process};
use serde_json::{Value, json};

/// The engine under test.
const FAULTY: &str = env!("CARGO_BIN_EXE_faulty");

/// Longer than any test runs: what takes so long is held until the test lets go of it.
const FOREVER_MS: u64 = 600_000;

/// A request whose one input commands this.
fn command(parameters: Value) -> Value {
    json!({"inputs": [{"name": "text", "data": ["a"], "parameters": parameters}]})
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
