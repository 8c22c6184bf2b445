//! Spans as the exporter takes them: that of a request, with the attributes of OpenTelemetry's semantic conventions for HTTP, and
//! those of its stages. `export` sends them.

use std::{
    borrow::Cow,
    time::{Duration, SystemTime},
};

use opentelemetry::{
    InstrumentationScope, KeyValue,
    trace::{Link, SpanContext, SpanId, SpanKind, Status},
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use crate::telemetry::{
    metrics::Stage,
    span_facts::{SpanEnd, SpanFacts},
};

/// The `error.type` of a request whose caller disconnected before the end of its response.
const DISCONNECTED: &str = "disconnected";

/// A stage of a request.
#[derive(Debug)]
pub(super) struct StageSpan {
    stage: Stage,
    end: SystemTime,
    took: Duration,
    /// The number of items of a call.
    items: Option<usize>,
    /// The spans of the requests that shared a call.
    links: Vec<SpanContext>,
}

impl StageSpan {
    /// Creates the span of a stage that has just ended.
    pub(super) fn new(stage: Stage, took: Duration) -> Self {
        StageSpan { stage, end: SystemTime::now(), took, items: None, links: Vec::new() }
    }

    /// Adds the number of items of a call, and the spans of the other requests that had some of them.
    pub(super) fn of_call(self, items: usize, links: Vec<SpanContext>) -> Self {
        StageSpan { items: Some(items), links, ..self }
    }

    /// Returns the span below that of its request, which began at `begin`.
    pub(super) fn into_data(
        self,
        context: SpanContext,
        request: SpanId,
        begin: SystemTime,
        scope: &InstrumentationScope,
    ) -> SpanData {
        let StageSpan { stage, end, took, items, links } = self;
        // The clock of the system can have been set back in the meantime.
        let start = end.checked_sub(took).unwrap_or(begin).max(begin);
        let mut list = SpanLinks::default();
        list.links = links.into_iter().map(Link::with_context).collect();
        SpanData {
            span_context: context,
            parent_span_id: request,
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: stage.name().into(),
            start_time: start,
            end_time: end.max(start),
            attributes: items.map(|items| number("chariot.batch.items", items)).into_iter().collect(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: list,
            status: Status::Unset,
            instrumentation_scope: scope.clone(),
        }
    }
}

/// Returns the span of a request that ends now.
pub(super) fn of_request(
    facts: &SpanFacts,
    end: &SpanEnd<'_>,
    context: SpanContext,
    parent: Option<SpanId>,
    begin: SystemTime,
    scope: &InstrumentationScope,
) -> SpanData {
    let error = match end {
        SpanEnd { is_gone: true, .. } => Some(Cow::from(DISCONNECTED)),
        SpanEnd { failed: Some(status), .. } => Some(status.to_string().into()),
        // An error of the caller is none of the server.
        SpanEnd { status: Some(status), .. } if *status >= 500 => Some(status.to_string().into()),
        _ => None,
    };
    SpanData {
        span_context: context,
        parent_span_id: parent.unwrap_or(SpanId::INVALID),
        parent_span_is_remote: parent.is_some(),
        span_kind: SpanKind::Server,
        name: format!("{} {}", facts.method, facts.route).into(),
        start_time: begin,
        end_time: SystemTime::now().max(begin),
        attributes: attributes(facts, end, error.as_deref()),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: if error.is_some() { Status::error("") } else { Status::Unset },
        instrumentation_scope: scope.clone(),
    }
}

fn attributes(facts: &SpanFacts, end: &SpanEnd<'_>, error: Option<&str>) -> Vec<KeyValue> {
    let mut attributes = vec![
        KeyValue::new("http.request.method", facts.method),
        KeyValue::new("http.route", facts.route),
        KeyValue::new("url.path", facts.path.clone()),
        KeyValue::new("url.scheme", "http"),
        KeyValue::new("network.protocol.version", facts.version),
    ];
    if let Some((host, port)) = &facts.host {
        attributes.push(KeyValue::new("server.address", host.clone()));
        attributes.extend(port.map(|port| KeyValue::new("server.port", i64::from(port))));
    }
    if let Some(peer) = facts.peer {
        let address = peer.ip().to_string();
        attributes.push(KeyValue::new("client.address", address.clone()));
        attributes.push(KeyValue::new("network.peer.address", address));
        attributes.push(KeyValue::new("network.peer.port", i64::from(peer.port())));
    }
    let text = |name: &'static str, value: Option<&str>| value.map(|value| KeyValue::new(name, value.to_string()));
    attributes.extend(text("user_agent.original", facts.user_agent.as_deref()));
    attributes.extend(end.status.map(|status| KeyValue::new("http.response.status_code", i64::from(status))));
    attributes.extend(text("error.type", error));
    attributes.extend(text("chariot.model", end.model));
    attributes.extend(text("chariot.request.id", end.request));
    attributes.extend(end.items.map(|items| number("chariot.request.items", items)));
    attributes
}

fn number(name: &'static str, value: usize) -> KeyValue {
    KeyValue::new(name, i64::try_from(value).unwrap_or(i64::MAX))
}
