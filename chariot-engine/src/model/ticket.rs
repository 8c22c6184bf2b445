//! [`Ticket`]: what ties the items of a request to the caller that waits for their answer.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use futures_util::task::AtomicWaker;

use super::Parts;

/// Shared by a request's items, its place in the queue and the caller's side, which marks it when the caller leaves.
#[derive(Debug, Default)]
pub(crate) struct Ticket {
    gone: AtomicBool,
    waker: AtomicWaker,
    deadline: Option<Instant>,
    /// Where parts of the answer go; nowhere if the caller did not ask for them.
    parts: Option<Parts>,
}

impl Ticket {
    pub(crate) fn new(deadline: Option<Instant>) -> Self {
        Ticket { deadline, ..Default::default() }
    }

    /// For a caller who reads parts as they come, if there is a way for them.
    pub(crate) fn streaming(self, parts: Option<Parts>) -> Self {
        Ticket { parts, ..self }
    }

    /// Where parts of the answer go; nowhere if the caller did not ask for them.
    pub(crate) fn parts(&self) -> Option<&Parts> {
        self.parts.as_ref()
    }

    /// The caller has gone: nobody reads an answer.
    pub(crate) fn leave(&self) {
        self.gone.store(true, Ordering::Release);
        self.waker.wake();
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    pub(crate) fn is_expired(&self) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= Instant::now())
    }

    /// Ends when the caller has gone. One task at a time may wait for it: the worker that serves the request.
    pub(crate) async fn left(&self) {
        std::future::poll_fn(|cx| {
            self.waker.register(cx.waker());
            if self.is_gone() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
    }
}
