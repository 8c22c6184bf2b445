//! [`Progress`], what a request has gone through so far. The host and the workers write it; the server reads it for the log
//! line of the request and for `Server-Timing`. If the request has a span, its stages become spans too.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use crate::{
    protocol::TraceContext,
    telemetry::{
        RequestSpan,
        metrics::{STAGE_COUNT, Stage},
    },
};

/// The stages, the items and the ID of a request, as far as it has come.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// The nanoseconds of each stage.
    stages: [AtomicU64; STAGE_COUNT],
    /// The number of its items.
    items: AtomicUsize,
    /// The number of items in the largest call that had some of them.
    batch: AtomicUsize,
    id: OnceLock<Arc<str>>,
    /// The span of the request, if it is recorded.
    span: OnceLock<Arc<RequestSpan>>,
}

impl Progress {
    /// Adds the time that a stage took, which has just ended.
    pub(crate) fn took(&self, stage: Stage, time: Duration) {
        self.add(stage, time);
        if let Some(span) = self.span.get() {
            span.record(stage, time);
        }
    }

    /// Adds the time of a call of the model that has just ended, with a number of items. `others` are the requests that had
    /// items in it too, as far as they have a trace.
    pub(crate) fn took_call<'a>(&self, time: Duration, items: usize, others: impl Iterator<Item = &'a TraceContext>) {
        self.add(Stage::Infer, time);
        if let Some(span) = self.span.get() {
            span.record_call(time, items, others);
        }
    }

    fn add(&self, stage: Stage, time: Duration) {
        self.stages[stage as usize].fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    /// Sets the span of the request, below which each stage has one.
    pub(crate) fn set_span(&self, span: Arc<RequestSpan>) {
        let _ = self.span.set(span);
    }

    /// Returns the time that a stage has taken, in all calls together.
    pub(crate) fn of(&self, stage: Stage) -> Duration {
        Duration::from_nanos(self.stages[stage as usize].load(Relaxed))
    }

    /// Sets the number of items.
    pub(crate) fn set_items(&self, items: usize) {
        self.items.store(items, Relaxed);
    }

    /// Returns the number of items; `None` if the request has not been decoded.
    pub(crate) fn items(&self) -> Option<usize> {
        Some(self.items.load(Relaxed)).filter(|items| *items > 0)
    }

    /// Records that a call of this number of items had some of this request.
    pub(crate) fn joined(&self, batch: usize) {
        self.batch.fetch_max(batch, Relaxed);
    }

    /// Returns the number of items in the largest call; `None` if no call has begun.
    pub(crate) fn batch(&self) -> Option<usize> {
        Some(self.batch.load(Relaxed)).filter(|items| *items > 0)
    }

    /// Sets the ID of the request and its response.
    pub(crate) fn set_id(&self, id: Arc<str>) {
        let _ = self.id.set(id);
    }

    /// Returns the ID of the request and its response, once it is known.
    pub(crate) fn id(&self) -> Option<&str> {
        self.id.get().map(|id| &**id)
    }
}
