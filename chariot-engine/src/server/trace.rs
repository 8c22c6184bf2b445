//! [`RequestTrace`], the trace of a request: the context in its headers, and the engine's own span if spans are exported. The
//! handlers of inference begin it, and `request_end` ends it.

use std::sync::Arc;

use http::{Method, Version, header, request::Parts};

use super::{body_format::names_model, caller::Caller, this_machine};
use crate::{
    inflight::RequestToken,
    protocol::{TraceContext, TraceId, routes::ModelEndpoint},
    telemetry::{RequestSpan, SpanEnd, SpanFacts, Traces},
};

/// The length from which texts of a caller are cut, in bytes.
const MAX_TEXT: usize = 256;

/// The trace of a request. A span that is not ended before it is dropped is that of a request whose caller has gone.
#[derive(Debug, Default)]
pub(super) struct RequestTrace {
    context: Option<TraceContext>,
    /// The span of the request, if it is recorded.
    span: Option<Arc<RequestSpan>>,
}

impl RequestTrace {
    /// Begins the trace of a request to a route.
    pub(super) fn begin(
        traces: Option<&Traces>,
        head: &Parts,
        route: impl FnOnce() -> &'static str,
        caller: Caller,
    ) -> Self {
        let context = TraceContext::from_headers(&head.headers);
        let Some(traces) = traces else { return RequestTrace { context, span: None } };
        let (context, span) = traces.begin(context.as_ref(), || facts(head, route(), caller));
        RequestTrace { context: Some(context), span }
    }

    /// Returns the ID of the trace, for the log.
    pub(super) fn id(&self) -> Option<TraceId> {
        self.context.as_ref().map(TraceContext::trace)
    }

    /// Returns `true` if the request has a span.
    pub(super) fn is_recorded(&self) -> bool {
        self.span.is_some()
    }

    /// Makes a request that is admitted part of the trace.
    pub(super) fn join(&self, token: &RequestToken) {
        if let Some(context) = &self.context {
            token.set_trace_context(context.clone());
        }
        if let Some(span) = &self.span {
            token.progress().set_span(span.clone());
        }
    }

    /// Ends the span.
    pub(super) fn end(&mut self, end: &SpanEnd<'_>) {
        if let Some(span) = self.span.take() {
            span.end(end);
        }
    }
}

impl Drop for RequestTrace {
    fn drop(&mut self) {
        if let Some(span) = self.span.take() {
            span.end(&SpanEnd { model: None, request: None, status: None, failed: None, is_gone: true, items: None });
        }
    }
}

/// Returns the route of a path to a model, with placeholders for names.
pub(super) fn route_of(path: &str, endpoint: ModelEndpoint) -> &'static str {
    let is_infer = endpoint == ModelEndpoint::Infer;
    let has_version = || path.rsplit('/').filter(|segment| !segment.is_empty()).nth(2) == Some("versions");
    match (names_model(path), is_infer) {
        (false, true) => "/infer",
        (false, false) => "/generate_stream",
        (true, true) if has_version() => "/v2/models/{model}/versions/{version}/infer",
        (true, false) if has_version() => "/v2/models/{model}/versions/{version}/generate_stream",
        (true, true) => "/v2/models/{model}/infer",
        (true, false) => "/v2/models/{model}/generate_stream",
    }
}

fn facts(head: &Parts, route: &'static str, caller: Caller) -> SpanFacts {
    let text = |name| head.headers.get(name).and_then(|value| value.to_str().ok()).map(|text| cut(text).to_string());
    SpanFacts {
        // Only a POST reaches inference.
        method: if head.method == Method::POST { "POST" } else { "_OTHER" },
        route,
        path: cut(head.uri.path()).to_string(),
        host: host(head),
        version: match head.version {
            Version::HTTP_10 => "1.0",
            Version::HTTP_2 => "2",
            _ => "1.1",
        },
        user_agent: text(header::USER_AGENT),
        peer: caller.peer,
    }
}

/// Returns the host and the port that the caller has asked for.
fn host(head: &Parts) -> Option<(String, Option<u16>)> {
    let authority = this_machine::authority(&head.uri, &head.headers)?;
    Some((cut(authority.host()).to_string(), authority.port_u16()))
}

/// Returns the beginning of a text.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_have_placeholders_for_names() {
        for (path, expected) in [
            ("/infer", "/infer"),
            ("/base/infer/", "/infer"),
            ("/v2/models/m/infer", "/v2/models/{model}/infer"),
            ("/base/v2/models/versions/infer", "/v2/models/{model}/infer"),
            ("/v2/models/m/versions/1/infer", "/v2/models/{model}/versions/{version}/infer"),
        ] {
            assert_eq!(route_of(path, ModelEndpoint::Infer), expected, "{path}");
            let stream = route_of(&path.replace("infer", "generate_stream"), ModelEndpoint::GenerateStream);
            assert_eq!(stream, expected.replace("infer", "generate_stream"), "{path}");
        }
    }
}
