//! The spans of requests as a collector receives them.

use std::collections::HashMap;

use e2e::{Process, Signal, until};
use serde_json::{Value, json};

use crate::{
    SPAN, TRACE, ask,
    collector::{Behavior, Collector, Exported},
    command, context, exporting, line_of, parent,
};

/// The `traceparent` that names a span.
fn names(span: &Exported) -> String {
    format!("00-{}-{}-01", span.trace, span.id)
}

fn stages(collector: &Collector, request: &Exported) -> HashMap<String, Exported> {
    collector.below(request).into_iter().map(|span| (span.name.clone(), span)).collect()
}

#[test]
fn one_trace_joins_a_caller_the_queue_the_inference_and_a_further_call() {
    let collector = Collector::start(Behavior::Take);
    let headers = [("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20key")];
    let process = exporting(&collector.url(), &headers);
    let sent = [("traceparent", &*parent("01")), ("tracestate", "vendor=state"), ("User-Agent", "caller/1")];
    let further = context(&process, "one", &sent);
    let span = collector.request("one");
    assert_eq!((span.trace.as_str(), span.parent.as_str()), (TRACE, SPAN));
    assert_eq!(further, json!({"traceparent": names(&span), "tracestate": "vendor=state"}));
    assert_eq!((span.name.as_str(), span.state.as_str(), span.is_error), ("POST /infer", "vendor=state", false));
    for (name, expected) in [
        ("http.request.method", "POST"),
        ("http.route", "/infer"),
        ("http.response.status_code", "200"),
        ("url.path", "/infer"),
        ("url.scheme", "http"),
        ("server.address", "engine.test"),
        ("server.port", "8080"),
        ("network.protocol.version", "1.1"),
        ("network.peer.address", "127.0.0.1"),
        ("client.address", "127.0.0.1"),
        ("user_agent.original", "caller/1"),
        ("chariot.model", "traces"),
        ("chariot.request.items", "1"),
    ] {
        assert_eq!(span.attributes.get(name).map(String::as_str), Some(expected), "{name}");
    }
    assert_eq!(span.attributes.get("error.type"), None);
    let stages = stages(&collector, &span);
    for name in ["read", "decode", "queue", "infer", "encode"] {
        let stage = stages.get(name).unwrap_or_else(|| panic!("no {name} in {stages:?}"));
        assert!(span.start <= stage.start && stage.start <= stage.end && stage.end <= span.end, "{stage:?} {span:?}");
        assert_eq!(stage.trace, TRACE);
    }
    assert!(stages["queue"].end <= stages["infer"].end && stages["infer"].end <= stages["encode"].end);
    assert_eq!(stages["infer"].attributes["chariot.batch.items"], "1");
    assert_eq!(line_of(&process, "one")["trace_id"], TRACE);
    assert_eq!(collector.resource("service.name").as_deref(), Some("traces"));
    assert_eq!(collector.header("api-key").as_deref(), Some("a key"));
    assert_eq!(collector.header("content-type").as_deref(), Some("application/x-protobuf"));
}

#[test]
fn a_request_without_a_valid_context_begins_a_trace() {
    let collector = Collector::start(Behavior::Take);
    let process = exporting(&collector.url(), &[]);
    let malformed = parent("0x");
    for (id, headers) in [("none", &[][..]), ("malformed", &[("traceparent", &*malformed), ("tracestate", "a=1")])] {
        let further = context(&process, id, headers);
        let span = collector.request(id);
        assert_eq!((span.parent.as_str(), span.state.as_str()), ("", ""));
        assert_ne!(span.trace, TRACE);
        let traceparent = further["traceparent"].as_str().unwrap();
        // The ID is random, which is a flag of level 2.
        assert_eq!(traceparent, format!("00-{}-{}-03", span.trace, span.id));
        assert_eq!(line_of(&process, id)["trace_id"], span.trace);
    }
}

#[test]
fn sampling_follows_the_caller_and_the_environment() {
    let collector = Collector::start(Behavior::Take);
    let url = collector.url();
    let process = exporting(&url, &[]);
    let unsampled = context(&process, "unsampled", &[("traceparent", &parent("00"))]);
    // The context of the engine's own span is passed on though it is not recorded.
    let traceparent = unsampled["traceparent"].as_str().unwrap();
    assert!(traceparent.starts_with(&format!("00-{TRACE}-")) && traceparent.ends_with("-00"), "{traceparent}");
    assert!(!traceparent.contains(SPAN));
    let off = exporting(&url, &[("OTEL_TRACES_SAMPLER", "always_off")]);
    context(&off, "off", &[("traceparent", &parent("01"))]);
    let ratio = [("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "0")];
    let ratio = exporting(&url, &ratio);
    context(&ratio, "root", &[]);
    context(&ratio, "sampled", &[("traceparent", &parent("01"))]);
    let disabled = exporting(&url, &[("OTEL_SDK_DISABLED", "true")]);
    assert_eq!(context(&disabled, "disabled", &[]), json!({"traceparent": null, "tracestate": null}));
    for process in [process, off, ratio, disabled] {
        process.signal(Signal::Interrupt);
        assert_eq!(process.wait(), Some(0));
    }
    let requests = collector.spans().into_iter().filter_map(|span| span.attributes.get("chariot.request.id").cloned());
    assert_eq!(requests.collect::<Vec<_>>(), ["sampled"]);
}

#[test]
fn requests_that_share_a_call_link_each_other() {
    let collector = Collector::start(Behavior::Take);
    let batching =
        [("CHARIOT_ENGINE_MAX_BATCH", "2"), ("CHARIOT_ENGINE_BATCH_DELAY", "60s"), ("CHARIOT_ENGINE_WORKERS", "1")];
    let process = exporting(&collector.url(), &batching);
    let mut attempts = 0..;
    // A call is held only for requests that have arrived, so on a busy machine the first one can run alone.
    let [first, second] = until("two requests share a call", || {
        let attempt = attempts.next()?;
        let ids = ["first", "second"].map(|name| format!("{name}-{attempt}"));
        std::thread::scope(|scope| {
            for id in &ids {
                let process = &process;
                scope.spawn(move || {
                    context(process, id, &[("traceparent", &parent("01")), ("tracestate", "vendor=state")])
                });
            }
        });
        let both = ids.map(|id| collector.request(&id));
        let items =
            both.each_ref().map(|one| stages(&collector, one)["infer"].attributes["chariot.batch.items"].clone());
        (items == ["2", "2"]).then_some(both)
    });
    for (own, other) in [(&first, &second), (&second, &first)] {
        let call = &stages(&collector, own)["infer"];
        assert_eq!(own.state, "vendor=state");
        // A state is in the spans of its own request alone.
        let links = vec![(other.id.clone(), String::new())];
        assert_eq!((&call.links, call.attributes["chariot.batch.items"].as_str()), (&links, "2"));
    }
}

#[test]
fn errors_of_the_engine_are_errors_of_the_span_and_those_of_a_caller_are_not() {
    let collector = Collector::start(Behavior::Take);
    let process = exporting(&collector.url(), &[]);
    let ask = |id: &str, body: &Value| ask(&process, "/v2/models/traces/infer", &[("X-Request-ID", id)], body);
    ask("failed", &command(json!({"error": "on command"}))).error(500);
    ask("rejected", &json!({"inputs": []})).error(400);
    for (id, status, error) in [("failed", "500", Some("500")), ("rejected", "400", None)] {
        let span = collector.request(id);
        assert_eq!(span.attributes["http.response.status_code"], status);
        assert_eq!(span.attributes.get("error.type").map(String::as_str), error);
        assert_eq!((span.is_error, span.name.as_str()), (error.is_some(), "POST /v2/models/{model}/infer"));
    }
}

#[test]
fn requests_that_are_not_for_inference_have_no_span() {
    let collector = Collector::start(Behavior::Take);
    let process = exporting(&collector.url(), &[]);
    process.get("/ready");
    process.get("/metrics");
    process.get("/nowhere").error(404);
    context(&process, "last", &[]);
    let last = collector.request("last");
    assert!(collector.spans().iter().all(|span| span.trace == last.trace));
}

#[test]
fn the_environment_names_the_service() {
    let collector = Collector::start(Behavior::Take);
    let names = [
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=of attributes,deployment.environment.name=test%2C1"),
        ("OTEL_SERVICE_NAME", "of its own"),
    ];
    let process = exporting(&collector.url(), &names);
    context(&process, "one", &[]);
    collector.request("one");
    assert_eq!(collector.resource("service.name").as_deref(), Some("of its own"));
    assert_eq!(collector.resource("deployment.environment.name").as_deref(), Some("test,1"));
    assert!(collector.resource("service.version").is_some());
}

#[test]
fn the_environment_asks_for_compression() {
    let collector = Collector::start(Behavior::Take);
    let process = exporting(&collector.url(), &[("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")]);
    context(&process, "one", &[]);
    collector.request("one");
    assert_eq!(collector.header("content-encoding").as_deref(), Some("gzip"));
}

#[test]
fn what_waits_is_sent_at_the_end() {
    let collector = Collector::start(Behavior::Take);
    // Nothing is sent by time.
    let process = exporting(&collector.url(), &[("OTEL_BSP_SCHEDULE_DELAY", "3600000")]);
    context(&process, "waits", &[]);
    assert_eq!(collector.requests(), 0);
    process.signal(Signal::Interrupt);
    assert_eq!(process.wait(), Some(0));
    collector.request("waits");
}

#[test]
fn a_caller_that_leaves_ends_its_span() {
    let collector = Collector::start(Behavior::Take);
    let process = exporting(&collector.url(), &[]);
    leave(&process);
    let gone = |span: &Exported| span.attributes.get("error.type").is_some_and(|error| error == "disconnected");
    let span = until("the span of a caller that has gone", || collector.spans().into_iter().find(gone));
    assert!(span.is_error && !span.attributes.contains_key("http.response.status_code"), "{span:?}");
}

/// Disconnects before the response to a request that has none of its own accord.
fn leave(process: &Process) {
    let body = command(json!({"log": "begun", "endless": true})).to_string();
    let mut connection = process.connect();
    let length = body.len();
    connection
        .write(format!("POST /infer HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}"))
        .expect("sent");
    process.wait_for_log("begun");
}
