//! [`ChargedResponse`], and the way of the responses of inline calls to the tasks that wait for them. A call ends outside the
//! runtime of its core thread, from where it takes a system call to wake a task. So the thread holds responses back until it
//! runs its tasks again. Jobs send all responses through [`send`].

use std::{
    cell::RefCell,
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::discard::drop_caught;
use crate::{error::Result, inflight::Charge, protocol::EncodedResponse};

/// A response with the charge of its bytes, which is released when the last of them is written.
#[derive(Debug)]
pub(crate) struct ChargedResponse {
    pub(crate) response: EncodedResponse,
    /// The binary tensors that follow the body and are not copied into it.
    pub(crate) frames: Vec<Bytes>,
    pub(crate) charge: Charge,
}

impl ChargedResponse {
    /// Returns the length of the body in bytes.
    pub(crate) fn len(&self) -> usize {
        self.response.body.len() + self.frames.iter().map(Bytes::len).sum::<usize>()
    }

    /// Copies the frames into the body, if there are any.
    pub(crate) fn flatten(&mut self) {
        self.response.body.reserve_exact(self.frames.iter().map(Bytes::len).sum());
        for frame in std::mem::take(&mut self.frames) {
            self.response.body.extend_from_slice(&frame);
        }
    }
}

/// The response to a request, or its error.
pub(super) type Outcome = Result<ChargedResponse>;

/// The replies that a core thread holds back.
#[derive(Debug, Default)]
pub(super) struct Replies(Mutex<VecDeque<(oneshot::Sender<Outcome>, Outcome)>>);

thread_local! {
    static HELD: RefCell<Option<Arc<Replies>>> = const { RefCell::new(None) };
}

impl Replies {
    /// Holds the replies of this thread back until the returned value is dropped.
    pub(super) fn hold(self: &Arc<Self>) -> impl Drop {
        struct Hold;
        impl Drop for Hold {
            fn drop(&mut self) {
                HELD.set(None);
            }
        }
        HELD.set(Some(self.clone()));
        Hold
    }

    /// Sends all replies that are held back.
    pub(super) fn flush(&self) {
        loop {
            let reply = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some((reply, outcome)) = reply else { return };
            // Fails if the caller has gone, in which case nobody needs the response. An error can be an author's value, which
            // may panic when it is dropped.
            if let Err(outcome) = reply.send(outcome) {
                drop_caught(outcome);
            }
        }
    }
}

/// Sends a reply to the task that waits for it, or holds it back on a core thread.
pub(super) fn send(reply: oneshot::Sender<Outcome>, outcome: Outcome) {
    HELD.with_borrow(|held| match held {
        // The caller has gone. An author's error is dropped here, outside the runtime.
        Some(_) if reply.is_closed() => drop(outcome),
        Some(replies) => replies.0.lock().unwrap_or_else(PoisonError::into_inner).push_back((reply, outcome)),
        None => {
            let _ = reply.send(outcome);
        }
    });
}
