//! Deadlines: of the operator, of the request's head and of its parameters. The smallest counts.

use std::{sync::Arc, time::Duration};

use chariot_engine::prelude::*;
use serde_json::json;

use crate::{
    scripted::{Scripted, echo},
    support::{Gate, Server, text},
};

/// A request of one text with the parameter `timeout`.
fn timed(word: &str, timeout: serde_json::Value) -> String {
    json!({"parameters": {"timeout": timeout}, "inputs": [{"name": "text", "data": [word]}]}).to_string()
}

/// An engine whose only worker is held at a gate.
fn held(timeout: Option<Duration>) -> (Server, Arc<Gate>) {
    let gate = Arc::new(Gate::default());
    let at = gate.clone();
    let model = Scripted::blocking(move |batch| {
        at.pass(&batch.iter().next().map_or(String::new(), |text| text.to_string()));
        echo(batch)
    });
    let server = Server::start(Engine::builder().instance("held", model).configure(move |settings| {
        settings.workers = Some(1);
        settings.timeout = timeout;
    }));
    (server, gate)
}

#[test]
fn a_request_may_say_itself_how_long_it_waits() {
    let (server, gate) = held(None);
    let mut first = server.admitted(&text("first"));
    gate.wait_for(1);
    let by_parameter = server.infer(timed("parameter", json!(20_000)));
    assert_eq!(by_parameter.error(504), "the deadline has passed");
    let by_head = server.ask("POST", "/infer", &["X-Request-Timeout: 20ms"], text("head"));
    assert_eq!(by_head.error(504), "the deadline has passed");
    gate.open();
    assert_eq!(first.answer().unwrap().values(), ["first"]);
    assert_eq!(server.infer(timed("next", json!(3_600_000_000u64))).values(), ["next"]);
    assert_eq!(gate.came(), ["first", "next"], "what has expired never reaches the model");
}

#[test]
fn the_smallest_of_the_limits_counts() {
    let short = ("X-Request-Timeout: 20ms", json!(20_000));
    let long = ("X-Request-Timeout: 1h", json!(3_600_000_000u64));
    for (operator, head, parameter) in [
        (Duration::from_millis(20), long.0, &long.1),
        (Duration::from_secs(3600), short.0, &long.1),
        (Duration::from_secs(3600), long.0, &short.1),
    ] {
        let (server, _gate) = held(Some(operator));
        let answer = server.ask("POST", "/infer", &[head], timed("a", parameter.clone()));
        assert_eq!(answer.error(504), "the deadline has passed", "{operator:?} {head} {parameter}");
    }
}

#[test]
fn nothing_and_zero_are_no_limit() {
    let (server, gate) = held(None);
    gate.open();
    for timeout in [json!(0), json!(null)] {
        assert_eq!(server.infer(timed("a", timeout)).values(), ["a"]);
    }
    assert_eq!(server.ask("POST", "/infer", &["X-Request-Timeout: 0"], text("a")).values(), ["a"]);
}

#[test]
fn a_limit_that_is_none_is_the_callers_fault() {
    let (server, _gate) = held(None);
    let answer = server.infer(timed("a", json!("soon")));
    assert!(answer.error(400).starts_with("parameters.timeout: "));
    let answer = server.ask("POST", "/infer", &["X-Request-Timeout: soon"], text("a"));
    assert!(answer.error(400).starts_with("X-Request-Timeout: "));
}
