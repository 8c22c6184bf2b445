//! [`RequestScope`], which tells log lines of an author's code the requests that it works for. Decoding and calls run in one.

use std::sync::Arc;

use tracing::{Instrument, Span, field};

use super::batches::BatchSlice;
use crate::{
    protocol::TraceId,
    telemetry::{LogScope, SPANS},
};

/// The number of requests of a call that a span names.
const NAMED: usize = 8;

/// The scope of requests: for the lines of this process's own log, and for the subscriber of an embedder.
pub(super) struct RequestScope {
    log: Option<LogScope>,
    span: Span,
}

impl RequestScope {
    /// Creates the scope of a request to a model.
    pub(super) fn of_request(model: &Arc<str>, id: &Arc<str>, trace: Option<TraceId>) -> Self {
        let span = tracing::info_span!(
            target: SPANS,
            "inference",
            model = &**model,
            request_id = &**id,
            trace_id = trace.map(field::display)
        );
        RequestScope { log: LogScope::new(model, [(id, trace)].into_iter()), span }
    }

    /// Creates the scope of a call of a model.
    pub(super) fn of_call(model: &Arc<str>, slices: &[BatchSlice]) -> Self {
        if let [only] = slices {
            return Self::of_request(model, &only.job.response.id, only.job.token.trace_id());
        }
        let ids = || slices.iter().map(|slice| &slice.job.response.id);
        let span = tracing::info_span!(
            target: SPANS,
            "inference",
            model = &**model,
            requests = field::debug(ids().take(NAMED).collect::<Vec<_>>()),
            count = slices.len()
        );
        let requests = slices.iter().map(|slice| (&slice.job.response.id, slice.job.token.trace_id()));
        RequestScope { log: LogScope::new(model, requests), span }
    }

    /// Runs a function in this scope.
    pub(super) fn run<T>(self, work: impl FnOnce() -> T) -> T {
        let RequestScope { log, span } = self;
        LogScope::run(log, || span.in_scope(work))
    }

    /// Runs a future in this scope.
    pub(super) async fn around<F: Future + Unpin>(self, future: F) -> F::Output {
        let RequestScope { log, span } = self;
        LogScope::around(log, future.instrument(span)).await
    }
}
