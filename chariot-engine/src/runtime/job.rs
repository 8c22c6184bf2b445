//! [`Job`], a request in the queue or on workers, which collects its outputs. The host makes it; workers fill it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{
    erased::ItemOutput,
    replies::{self, Outcome},
};
use crate::{
    error::Error,
    inflight::RequestToken,
    protocol::{Protocol, ResponseForm, WantedOutput},
};

/// The properties of a request that its response depends on.
#[derive(Debug)]
pub(super) struct ResponseContext {
    /// The ID of the request and the response.
    pub(super) id: Arc<str>,
    /// The protocol of the request and the response.
    pub(super) protocol: Protocol,
    /// The requested outputs, in order; empty for all.
    pub(super) requested: Vec<WantedOutput>,
    /// The default for outputs that do not state whether they are binary.
    pub(super) binary: bool,
    /// The form of the response, if the request is of another protocol.
    pub(super) form: Option<Arc<dyn ResponseForm>>,
}

/// A decoded request. Its items may be served by several calls of `infer`, on several workers.
pub(super) struct Job {
    pub(super) response: ResponseContext,
    pub(super) token: Arc<RequestToken>,
    state: Mutex<Assembly>,
}

/// The progress of a request's items.
struct Assembly {
    /// The outputs by index; empty until the first one arrives.
    outputs: Vec<Option<ItemOutput>>,
    items: usize,
    /// The number of items without an output.
    open: usize,
    /// The number of running calls of `infer` that hold items of this request.
    running: usize,
    /// Set once a call has taken some of the items.
    begun: bool,
    /// `None` once the response has been sent.
    reply: Option<oneshot::Sender<Outcome>>,
    /// The admission permit, released when the work is done.
    permit: Option<OwnedSemaphorePermit>,
}

impl Job {
    /// Creates a request with this number of items, all without an output.
    pub(super) fn new(
        items: usize,
        response: ResponseContext,
        token: Arc<RequestToken>,
        reply: oneshot::Sender<Outcome>,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        let (reply, permit) = (Some(reply), Some(permit));
        let state = Assembly { outputs: Vec::new(), items, open: items, running: 0, begun: false, reply, permit };
        Job { response, token, state: Mutex::new(state) }
    }

    /// Records that a call of `infer` has taken some of the items. Returns `true` if it is the first call.
    pub(super) fn begin(&self) -> bool {
        let mut state = self.lock();
        state.running += 1;
        !std::mem::replace(&mut state.begun, true)
    }

    /// Adds the outputs of a call. Returns all outputs, in order, once the last one has arrived.
    pub(super) fn fill(&self, outputs: Vec<ItemOutput>) -> Option<Vec<ItemOutput>> {
        let mut state = self.lock();
        // The common case: one call has served the whole request.
        if outputs.len() == state.items && outputs.is_sorted_by_key(|output| output.info.index) {
            state.open = 0;
            return state.reply.is_some().then_some(outputs);
        }
        if state.outputs.is_empty() {
            let items = state.items;
            state.outputs.resize_with(items, || None);
        }
        for output in outputs {
            let index = output.info.index;
            if let Some(slot @ None) = state.outputs.get_mut(index) {
                *slot = Some(output);
                state.open -= 1;
            }
        }
        let complete = state.open == 0 && state.reply.is_some();
        complete.then(|| std::mem::take(&mut state.outputs).into_iter().flatten().collect())
    }

    /// Records that a call with items of this request has finished. `result` is the response if it is complete, or the
    /// error of the call, which fails the request whatever becomes of its other items.
    ///
    /// The permit and the memory of a served request are released before the caller gets the response, so that the caller's
    /// next request finds them free; unless another call is still running.
    pub(super) fn end(&self, result: Option<Outcome>) {
        let mut state = self.lock();
        state.running -= 1;
        let reply = match &result {
            Some(_) => state.reply.take(),
            None => None,
        };
        let is_served = matches!(result, Some(Ok(_)));
        let finished = reply.is_some() || state.reply.is_none() || self.token.is_gone();
        let permit = if finished && state.running == 0 { state.permit.take() } else { None };
        drop(state);
        // Items of a request that is not served may still be dropped elsewhere.
        if permit.is_some() && is_served {
            self.token.release();
        }
        drop(permit);
        if let (Some(reply), Some(result)) = (reply, result) {
            replies::send(reply, result);
        }
    }

    /// Fails a request that is not served any further: its deadline has passed, or the engine ends. Its permit is released,
    /// unless a call is still running.
    pub(super) fn abandon(&self, error: Error) {
        let mut state = self.lock();
        let reply = state.reply.take();
        let permit = if state.running == 0 { state.permit.take() } else { None };
        drop(state);
        drop(permit);
        if let Some(reply) = reply {
            replies::send(reply, Err(error));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Assembly> {
        // Nothing panics while the lock is held, so the state is consistent even if a holder's thread died.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
