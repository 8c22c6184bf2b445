//! Collectors that are gone, slow or failing, and variables with faults: requests are served as if there were none.

use std::net::TcpListener;

use e2e::{Process, Signal, until};
use serde_json::Value;

use crate::{
    collector::{Behavior, Collector},
    context, exporting, figure,
};

/// The number of spans that a collector has not taken.
const LOST: &str = "chariot_lost_spans_total";

/// Ends an engine, and returns the warnings in its log.
fn warnings(process: &Process) -> Vec<Value> {
    process.signal(Signal::Interrupt);
    assert_eq!(process.wait(), Some(0));
    process.whole_log().into_iter().filter(|line| line["level"] != "INFO").collect()
}

#[test]
fn spans_without_a_collector_are_counted() {
    // A port that nobody listens on.
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
    let process = exporting(&format!("http://{free}"), &[]);
    assert_eq!(figure(&process, LOST), 0);
    until("lost spans", || {
        context(&process, "lost", &[]);
        (figure(&process, LOST) > 20).then_some(())
    });
    let warnings = warnings(&process);
    // One line for all of them.
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
    assert_eq!(warnings[0]["level"], "WARN");
}

#[test]
fn a_collector_that_fails_gets_later_spans() {
    let collector = Collector::start(Behavior::Fail);
    let process = exporting(&collector.url(), &[]);
    context(&process, "lost", &[]);
    until("lost spans", || (figure(&process, LOST) > 0).then_some(()));
    collector.behave(Behavior::Take);
    let mut count = 0;
    until("spans again", || {
        count += 1;
        context(&process, &count.to_string(), &[]);
        (!collector.spans().is_empty()).then_some(())
    });
    process.wait_for_line("the end of the failure", |line| {
        line["level"] == "INFO" && line["message"].as_str().is_some_and(|text| text.contains("again"))
    });
    assert_eq!(warnings(&process).len(), 1);
}

#[test]
fn a_collector_that_stalls_holds_up_neither_requests_nor_the_end() {
    let collector = Collector::start(Behavior::Stall);
    let env =
        [("OTEL_BSP_MAX_QUEUE_SIZE", "32"), ("OTEL_EXPORTER_OTLP_TIMEOUT", "600000"), ("CHARIOT_ENGINE_GRACE", "1s")];
    let process = exporting(&collector.url(), &env);
    context(&process, "first", &[]);
    until("a request to the collector", || (collector.requests() > 0).then_some(()));
    until("a full queue", || {
        context(&process, "more", &[]);
        (figure(&process, LOST) > 20).then_some(())
    });
    let warnings = warnings(&process);
    // The queue is full, and what waits is not sent.
    assert_eq!(warnings.len(), 2, "{warnings:#?}");
}

#[test]
fn a_faulty_variable_is_named_and_nothing_is_exported() {
    let collector = Collector::start(Behavior::Take);
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://user:secret@collector:4318"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "secret"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
    ] {
        let process = exporting(&collector.url(), &[(name, value)]);
        assert_eq!(context(&process, "served", &[])["traceparent"], Value::Null);
        let warnings = warnings(&process);
        assert_eq!(warnings.len(), 1, "{warnings:#?}");
        let text = warnings[0]["message"].as_str().expect("a message");
        assert!(text.contains(name) && !text.contains("secret"), "{text}");
    }
    assert_eq!(collector.requests(), 0);
}

#[test]
fn another_faulty_variable_is_named_and_counts_as_not_set() {
    let collector = Collector::start(Behavior::Take);
    let faulty = [("OTEL_TRACES_SAMPLER", "jaeger_remote"), ("OTEL_EXPORTER_OTLP_TIMEOUT", "5s")];
    let process = exporting(&collector.url(), &faulty);
    context(&process, "exported", &[]);
    collector.request("exported");
    let texts: Vec<String> = warnings(&process).iter().map(|line| line["message"].to_string()).collect();
    assert_eq!(texts.len(), 2, "{texts:#?}");
    for (name, value) in faulty {
        assert!(texts.iter().any(|text| text.contains(name) && text.contains(&format!("got '{value}'"))), "{texts:#?}");
    }
}
