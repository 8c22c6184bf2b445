//! Deadlines set by the operator, by a header and by a parameter. The shortest one applies.

use std::{sync::Arc, time::Duration};

use chariot_engine::prelude::*;
use e2e::{Messages, until};
use serde_json::json;

use crate::{
    scripted::{Scripted, echo},
    support::{Gate, Server, head, text},
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
fn a_request_can_set_its_own_deadline() {
    let (server, gate) = held(None);
    let mut first = server.admitted(&text("first"));
    gate.wait_for(1);
    let by_parameter = server.infer(timed("parameter", json!(20_000))).error(504);
    let by_header = server.ask("POST", "/infer", &["X-Request-Timeout: 20ms"], text("header")).error(504);
    assert_eq!(by_parameter, by_header);
    insta::assert_snapshot!("expired", by_header);
    gate.open();
    assert_eq!(first.answer().unwrap().values(), ["first"]);
    assert_eq!(server.infer(timed("next", json!(3_600_000_000u64))).values(), ["next"]);
    assert_eq!(gate.arrivals(), ["first", "next"], "an expired request never reaches the model");
}

#[test]
fn the_shortest_deadline_applies() {
    let short = ("X-Request-Timeout: 20ms", json!(20_000));
    let long = ("X-Request-Timeout: 1h", json!(3_600_000_000u64));
    for (operator, header, parameter) in [
        (Duration::from_millis(20), long.0, &long.1),
        (Duration::from_secs(3600), short.0, &long.1),
        (Duration::from_secs(3600), long.0, &short.1),
    ] {
        let (server, _gate) = held(Some(operator));
        let answer = server.ask("POST", "/infer", &[header], timed("a", parameter.clone()));
        assert_eq!(answer.status, 504, "{operator:?} {header} {parameter}");
    }
}

#[test]
fn null_and_zero_set_no_deadline() {
    let (server, gate) = held(None);
    gate.open();
    for timeout in [json!(0), json!(null)] {
        assert_eq!(server.infer(timed("a", timeout)).values(), ["a"]);
    }
    assert_eq!(server.ask("POST", "/infer", &["X-Request-Timeout: 0"], text("a")).values(), ["a"]);
}

#[test]
fn a_malformed_deadline_is_rejected() {
    let (server, _gate) = held(None);
    let by_parameter = server.infer(timed("a", json!("soon"))).error(400);
    assert!(by_parameter.starts_with("parameters.timeout: "), "{by_parameter}");
    let by_header = server.ask("POST", "/infer", &["X-Request-Timeout: soon"], text("a")).error(400);
    assert!(by_header.starts_with("X-Request-Timeout: "), "{by_header}");
    let mut messages = Messages::new();
    messages.add("parameter 'soon'", by_parameter);
    messages.add("header 'soon'", by_header);
    insta::assert_snapshot!("malformed", messages);
}

#[test]
fn a_deadline_ends_a_body_that_arrives_at_a_fair_pace() {
    let (server, _gate) = held(Some(Duration::from_millis(200)));
    let mut connection = server.connect();
    connection.write(head("POST", "/infer", &[], 32 << 20)).unwrap();
    until("it is answered", || (connection.write([b'x'; 64]).is_err() || connection.has_received()).then_some(()));
    let text = connection.answer().unwrap().error(408);
    assert!(text.contains("200"), "{text}");
}
