//! The context of a request: read from its headers, passed to the author's code, and named by the log.

use e2e::Process;
use serde_json::{Value, json};

use crate::{SPAN, TRACE, TRACED, ask, command, context, line_of, parent};

/// An engine that exports nothing.
fn silent() -> Process {
    Process::ready(TRACED, &[("CHARIOT_ENGINE_REQUEST_LOG", "all"), ("CHARIOT_ENGINE_LOG_FORMAT", "json")])
}

#[test]
fn without_an_export_an_item_has_the_context_of_its_caller() {
    let process = silent();
    let sent = parent("01");
    let both = context(&process, "both", &[("traceparent", &sent), ("tracestate", "a=1"), ("tracestate", "b=2")]);
    assert_eq!(both, json!({"traceparent": sent, "tracestate": "a=1,b=2"}));
    assert_eq!(line_of(&process, "both")["trace_id"], TRACE);
    let none = json!({"traceparent": null, "tracestate": null});
    assert_eq!(context(&process, "none", &[]), none);
    assert_eq!(line_of(&process, "none").get("trace_id"), None);
    let malformed = parent("0x");
    assert_eq!(context(&process, "malformed", &[("traceparent", &malformed), ("tracestate", "a=1")]), none);
    assert_eq!(context(&process, "orphan", &[("tracestate", "a=1")]), none);
}

#[test]
fn a_huge_state_is_cut_or_dropped_and_its_request_is_served() {
    let process = silent();
    let sent = parent("01");
    let members = |count: usize| (0..count).map(|index| format!("k{index}={}", "v".repeat(200))).collect::<Vec<_>>();
    for (state, expected) in [
        (members(32).join(","), json!(members(2).join(","))),
        (members(64).join(","), Value::Null),
        ("é".repeat(2000), Value::Null),
    ] {
        let got = context(&process, "huge", &[("traceparent", &sent), ("tracestate", &state)]);
        assert_eq!(got, json!({"traceparent": sent, "tracestate": expected}));
    }
}

#[test]
fn lines_of_a_model_name_the_trace_of_their_request() {
    let process = silent();
    let headers = [("X-Request-ID", "logs"), ("traceparent", &*parent("00"))];
    ask(&process, "/infer", &headers, &command(json!({"log": "from infer"}))).ok();
    let span = json!({"name": "inference", "model": "traces", "request_id": "logs", "trace_id": TRACE});
    assert_eq!(process.wait_for_log("from infer")["span"], span);
    let headers = [("X-Request-ID", "fails"), ("traceparent", &*parent("00"))];
    ask(&process, "/infer", &headers, &command(json!({"error": "on command"}))).error(500);
    assert_eq!(process.wait_for_log("on command")["trace_id"], TRACE);
    let line = line_of(&process, "fails");
    assert_eq!((&line["status"], &line["trace_id"]), (&json!(500), &json!(TRACE)));
    assert!(!line.to_string().contains(SPAN), "{line}");
}
