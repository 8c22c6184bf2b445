//! [`RequestToken`], which connects the items of a request with the caller that waits for the response.

use std::{
    any::Any,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

use tokio::{sync::Notify, time::Instant};

use super::{
    budget::{Budget, Charge, OverLimit},
    progress::Progress,
    stream::PartSender,
};
use crate::{
    error::Error,
    protocol::{Reserve, TraceContext, TraceId},
};

/// The message sent when the memory budget of the requests in flight is exhausted.
pub(crate) const OVER_BUDGET: &str = "the memory budget for requests in flight is exhausted";

impl From<OverLimit> for Error {
    fn from(limit: OverLimit) -> Error {
        match limit {
            OverLimit::Budget => Error::unavailable(OVER_BUDGET),
            OverLimit::Request(bytes) => Error::too_large(bytes),
        }
    }
}

fn as_u64(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// The state of a request, shared by its items, its job and the waiting caller, which marks it when it leaves.
#[derive(Debug, Default)]
pub(crate) struct RequestToken {
    gone: AtomicBool,
    left: Notify,
    /// The deadline known before the request is decoded.
    deadline: Option<Instant>,
    source: Source,
    /// Set once an item has emitted a part without a channel to send it to.
    dropped_part: AtomicBool,
    /// The channel for streamed parts, if the caller asked for them.
    parts: OnceLock<PartSender>,
    /// The deadline set by the body of the request.
    body_deadline: OnceLock<Instant>,
    /// The place for the output of a request of this process.
    output: OnceLock<Arc<dyn Any + Send + Sync>>,
    progress: Progress,
    /// The place in a distributed trace, if there is one.
    trace: OnceLock<TraceContext>,
    /// The tokens of the texts that outputs stand for, as far as the model counts them.
    tokens: AtomicUsize,
    /// The memory that the request holds, without its response; released with the last reference to the token.
    charge: Charge,
}

impl Reserve for RequestToken {
    fn reserve(&self, bytes: usize) -> Result<(), Error> {
        self.charge(bytes)
    }

    fn release(&self, bytes: usize) {
        self.discharge(bytes);
    }
}

/// The origin of requests that take turns with those of other origins: a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Source(u64);

impl Default for Source {
    /// Returns a source that no other request has.
    fn default() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Source(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl RequestToken {
    pub(crate) fn new(deadline: Option<Instant>, budget: &Arc<Budget>, source: Source) -> Self {
        RequestToken { deadline, source, charge: Charge::new(budget), ..Default::default() }
    }

    /// Sets the place for the output of a request of this process.
    pub(crate) fn keep_output(&self, place: Arc<dyn Any + Send + Sync>) {
        let _ = self.output.set(place);
    }

    /// Returns the place for the output, for a request of this process.
    pub(crate) fn output_place(&self) -> Option<&(dyn Any + Send + Sync)> {
        self.output.get().map(|place| &**place)
    }

    /// Returns what the request has gone through so far.
    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Sets the place in a distributed trace.
    pub(crate) fn set_trace_context(&self, context: TraceContext) {
        let _ = self.trace.set(context);
    }

    /// Returns the place in a distributed trace, if there is one.
    pub(crate) fn trace_context(&self) -> Option<&TraceContext> {
        self.trace.get()
    }

    /// Returns the ID of the trace, for the log.
    pub(crate) fn trace_id(&self) -> Option<TraceId> {
        self.trace.get().map(TraceContext::trace)
    }

    /// Returns the connection of the request.
    pub(crate) fn source(&self) -> Source {
        self.source
    }

    /// Charges bytes to the memory budget.
    ///
    /// # Errors
    /// Returns an error if the request would hold more than one request can, or if the budget is exhausted.
    pub(crate) fn charge(&self, bytes: usize) -> Result<(), Error> {
        self.reserve(bytes).map_err(Error::from)
    }

    /// Charges bytes to the memory budget.
    ///
    /// # Errors
    /// Returns the limit that they exceed.
    pub(crate) fn reserve(&self, bytes: usize) -> Result<(), OverLimit> {
        self.charge.add(as_u64(bytes))
    }

    /// Returns bytes to the memory budget that were charged before.
    pub(crate) fn discharge(&self, bytes: usize) {
        self.charge.sub(as_u64(bytes));
    }

    /// Charges the bytes of a response, which outlive the request.
    ///
    /// # Errors
    /// The same as those of [`charge`](Self::charge).
    pub(crate) fn charge_response(&self, bytes: usize) -> Result<Charge, Error> {
        self.charge.another(as_u64(bytes)).map_err(Error::from)
    }

    /// Returns an empty charge on the same budget.
    pub(crate) fn empty_charge(&self) -> Charge {
        self.charge.empty()
    }

    /// Releases the memory of the request, except that of its response.
    pub(crate) fn release(&self) {
        self.charge.release();
    }

    /// Sets the deadline of the body, which applies if it is the earlier one.
    pub(crate) fn set_body_deadline(&self, deadline: Instant) {
        let _ = self.body_deadline.set(deadline);
    }

    /// Returns the deadline set by the body of the request.
    pub(crate) fn body_deadline(&self) -> Option<Instant> {
        self.body_deadline.get().copied()
    }

    /// Adds to the number of tokens.
    pub(crate) fn count_tokens(&self, tokens: usize) {
        self.tokens.fetch_add(tokens, Ordering::Relaxed);
    }

    /// Returns the number of tokens that the outputs so far have counted.
    pub(crate) fn tokens(&self) -> usize {
        self.tokens.load(Ordering::Relaxed)
    }

    /// Sets the channel for streamed parts.
    pub(crate) fn stream(&self, parts: PartSender) {
        let _ = self.parts.set(parts);
    }

    /// Returns the channel for streamed parts, if the caller asked for them.
    pub(crate) fn parts(&self) -> Option<&PartSender> {
        self.parts.get()
    }

    /// Records that an item has emitted a part without a channel to send it to.
    pub(crate) fn drop_part(&self) {
        self.dropped_part.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_dropped_part(&self) -> bool {
        self.dropped_part.load(Ordering::Relaxed)
    }

    /// Records that the caller has gone and needs no response.
    pub(crate) fn leave(&self) {
        self.gone.store(true, Ordering::Release);
        self.left.notify_waiters();
    }

    /// Records that the caller has its response. Unlike [`leave`](Self::leave), notifies nobody: no work is left to cancel.
    pub(crate) fn finish(&self) {
        self.gone.store(true, Ordering::Release);
    }

    /// Returns `true` if the caller has gone or has its response.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// Returns the earlier of the two deadlines.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match (self.deadline, self.body_deadline.get().copied()) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    pub(crate) fn is_expired(&self) -> bool {
        self.deadline().is_some_and(|deadline| deadline <= Instant::now())
    }

    /// Waits until the caller has gone.
    pub(crate) async fn left(&self) {
        let mut left = std::pin::pin!(self.left.notified());
        left.as_mut().enable();
        if !self.is_gone() {
            left.await;
        }
    }
}
