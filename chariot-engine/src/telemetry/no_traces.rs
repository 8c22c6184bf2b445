//! Traces in a build without the feature `otel`: types without values, so that whoever uses them compiles to nothing. `traces`
//! has the same ones with values.

use std::{sync::Arc, time::Duration};

use tokio::runtime::Handle;

use super::metrics::Stage;
use crate::{protocol::TraceContext, settings::Environment};

pub(crate) use super::span_facts::{SpanEnd, SpanFacts};

/// The export of spans, of which this build has none.
#[derive(Clone, Debug)]
pub(crate) enum Traces {}

/// The span of a request, of which this build has none.
#[derive(Debug)]
pub(crate) enum RequestSpan {}

impl Traces {
    pub(crate) fn from_environment(_: &Environment, _: &Handle, _: &str, _: &str) -> Result<Option<Self>, String> {
        Ok(None)
    }

    pub(crate) fn begin(
        &self,
        _parent: Option<&TraceContext>,
        _facts: impl FnOnce() -> SpanFacts,
    ) -> (TraceContext, Option<Arc<RequestSpan>>) {
        match *self {}
    }

    pub(crate) fn shutdown(&self, _limit: Duration) {
        match *self {}
    }
}

impl RequestSpan {
    pub(crate) fn record(&self, _stage: Stage, _took: Duration) {
        match *self {}
    }

    pub(crate) fn record_call<'a>(
        &self,
        _took: Duration,
        _items: usize,
        _others: impl Iterator<Item = &'a TraceContext>,
    ) {
        match *self {}
    }

    pub(crate) fn end(&self, _end: &SpanEnd<'_>) {
        match *self {}
    }
}
