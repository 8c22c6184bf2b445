//! [`RequestToken`]: what ties the items of a request to the caller that waits for their answer.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};

use tokio::{sync::Notify, time::Instant};

use super::{
    budget::{Budget, Charge},
    stream::PartSender,
};
use crate::error::Error;

/// What a caller is told whose request would hold more than there is room for.
pub(crate) const OVER_BUDGET: &str = "the requests in flight hold all the memory that they may";

/// Shared by a request's items, its place in the queue and the caller's side, which marks it when the caller leaves.
#[derive(Debug, Default)]
pub(crate) struct RequestToken {
    gone: AtomicBool,
    left: Notify,
    /// What is known before the request is decoded.
    deadline: Option<Instant>,
    /// Where parts of the answer go; nowhere if the caller did not ask for them.
    parts: OnceLock<PartSender>,
    /// What the request itself says.
    own_deadline: OnceLock<Instant>,
    /// The bytes that the request holds, for as long as anything of it is there.
    charge: Charge,
}

impl RequestToken {
    pub(crate) fn new(deadline: Option<Instant>, budget: &Arc<Budget>) -> Self {
        RequestToken { deadline, charge: Charge::new(budget), ..Default::default() }
    }

    /// The request holds more bytes.
    ///
    /// # Errors
    /// The budget of all requests is full.
    pub(crate) fn charge(&self, bytes: usize) -> Result<(), Error> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        if self.charge.add(bytes) { Ok(()) } else { Err(Error::unavailable(OVER_BUDGET)) }
    }

    /// Nothing of the request is held any more.
    pub(crate) fn release(&self) {
        self.charge.release();
    }

    /// The request itself has a deadline, which counts if it is the earlier one.
    pub(crate) fn set_own_deadline(&self, deadline: Instant) {
        let _ = self.own_deadline.set(deadline);
    }

    /// The deadline that the request itself has.
    pub(crate) fn own_deadline(&self) -> Option<Instant> {
        self.own_deadline.get().copied()
    }

    /// The caller reads parts as they come.
    pub(crate) fn stream(&self, parts: PartSender) {
        let _ = self.parts.set(parts);
    }

    /// Where parts of the answer go; nowhere if the caller did not ask for them.
    pub(crate) fn parts(&self) -> Option<&PartSender> {
        self.parts.get()
    }

    /// The caller has gone: nobody reads an answer.
    pub(crate) fn leave(&self) {
        self.gone.store(true, Ordering::Release);
        self.left.notify_waiters();
    }

    /// The caller has its answer: nothing that waits for it to leave is left.
    pub(crate) fn answered(&self) {
        self.gone.store(true, Ordering::Release);
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        match (self.deadline, self.own_deadline.get().copied()) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    pub(crate) fn is_expired(&self) -> bool {
        self.deadline().is_some_and(|deadline| deadline <= Instant::now())
    }

    /// Ends when the caller has gone.
    pub(crate) async fn left(&self) {
        let mut left = std::pin::pin!(self.left.notified());
        left.as_mut().enable();
        if !self.is_gone() {
            left.await;
        }
    }
}
