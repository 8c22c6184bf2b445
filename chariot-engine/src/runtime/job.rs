//! A request on its way through the queue and the workers, in which its answers come together. The host makes it; workers
//! fill it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{hosted::Answered, reply::Head};
use crate::{
    error::{Error, Result},
    inflight::RequestToken,
    protocol::EncodedResponse,
};

/// A decoded request. Its items may be served by several calls of `infer`, on several workers.
pub(super) struct Job {
    pub(super) head: Head,
    pub(super) token: Arc<RequestToken>,
    state: Mutex<Assembly>,
}

/// What has become of a request's items.
struct Assembly {
    /// By index; empty while there is none.
    answers: Vec<Option<Answered>>,
    items: usize,
    /// How many items have no answer yet.
    open: usize,
    /// How many calls of `infer` with items of this request are under way.
    running: usize,
    /// `None` once the caller has been answered.
    reply: Option<oneshot::Sender<Result<EncodedResponse>>>,
    /// The request's place among those admitted; it goes where the work goes and is free when the work is done.
    place: Option<OwnedSemaphorePermit>,
}

impl Job {
    /// A request of so many items, none of which is answered.
    pub(super) fn new(
        items: usize,
        head: Head,
        token: Arc<RequestToken>,
        reply: oneshot::Sender<Result<EncodedResponse>>,
        place: OwnedSemaphorePermit,
    ) -> Self {
        let (reply, place) = (Some(reply), Some(place));
        let state = Assembly { answers: Vec::new(), items, open: items, running: 0, reply, place };
        Job { head, token, state: Mutex::new(state) }
    }

    /// A call of `infer` takes some of its items.
    pub(super) fn begin(&self) {
        self.lock().running += 1;
    }

    /// Takes the answers of a call. With the last of them come all, in order, to be written as the response.
    pub(super) fn fill(&self, answered: Vec<Answered>) -> Option<Vec<Answered>> {
        let mut state = self.lock();
        // One call for all of it, most often.
        if answered.len() == state.items && answered.is_sorted_by_key(|answer| answer.info.index) {
            state.open = 0;
            return state.reply.is_some().then_some(answered);
        }
        if state.answers.is_empty() {
            let items = state.items;
            state.answers.resize_with(items, || None);
        }
        for answer in answered {
            let index = answer.info.index;
            if let Some(slot @ None) = state.answers.get_mut(index) {
                *slot = Some(answer);
                state.open -= 1;
            }
        }
        let whole = state.open == 0 && state.reply.is_some();
        whole.then(|| std::mem::take(&mut state.answers).into_iter().flatten().collect())
    }

    /// A call that had items of it has ended, with what the caller is told if that is known now: the response, or the
    /// error of a call, which is the error of the request whatever becomes of its other items.
    ///
    /// The place and the bytes are free before the caller knows, so that its next request finds them; unless another call
    /// still runs.
    pub(super) fn end(&self, result: Option<Result<EncodedResponse>>) {
        let mut state = self.lock();
        state.running -= 1;
        let reply = match &result {
            Some(_) => state.reply.take(),
            None => None,
        };
        let over = reply.is_some() || state.reply.is_none() || self.token.is_gone();
        let place = if over && state.running == 0 { state.place.take() } else { None };
        drop(state);
        if place.is_some() {
            self.token.release();
        }
        drop(place);
        if let (Some(reply), Some(result)) = (reply, result) {
            // A caller that has gone takes no answer.
            let _ = reply.send(result);
        }
    }

    /// It has left the queue because its deadline has passed.
    pub(super) fn expire(&self) {
        let mut state = self.lock();
        let reply = state.reply.take();
        let place = if state.running == 0 { state.place.take() } else { None };
        drop(state);
        drop(place);
        if let Some(reply) = reply {
            let _ = reply.send(Err(Error::timed_out()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Assembly> {
        // Nothing panics while the lock is held, so the state is whole even if a holder's thread died.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
