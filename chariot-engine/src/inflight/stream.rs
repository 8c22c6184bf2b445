//! The bounded channel for the parts of a streamed response. Items emit parts from any thread and block while the caller is
//! slow; the body of the server's response receives them.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::task::AtomicWaker;

use super::pause::paused;
use crate::error::{Error, Result};

/// The number of parts that can wait for the caller.
const CAPACITY: usize = 16;

/// The time after which a caller that receives nothing counts as gone, because it blocks a worker.
const PATIENCE: Duration = Duration::from_secs(30);

/// The sending side. Sending fails once the caller has gone.
#[derive(Debug)]
pub(crate) struct PartSender {
    shared: Arc<Shared>,
    has_sent: AtomicBool,
}

/// The receiving side, read by the caller.
#[derive(Debug)]
pub(crate) struct PartReceiver(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Notified when a part is taken and when the caller goes.
    taken: Condvar,
    reader: AtomicWaker,
    patience: Duration,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Bytes>,
    gone: bool,
}

/// Creates a channel.
pub(crate) fn part_channel() -> (PartSender, PartReceiver) {
    with_patience(PATIENCE)
}

fn with_patience(patience: Duration) -> (PartSender, PartReceiver) {
    let shared = Shared { state: Mutex::default(), taken: Condvar::new(), reader: AtomicWaker::new(), patience };
    let shared = Arc::new(shared);
    (PartSender { shared: shared.clone(), has_sent: AtomicBool::new(false) }, PartReceiver(shared))
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while the lock is held, so the state is consistent even if a holder's thread died.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PartSender {
    /// Returns `true` if the caller may have received a part, so that the request cannot run again.
    pub(crate) fn has_sent(&self) -> bool {
        self.has_sent.load(Ordering::Acquire)
    }

    /// Sends a part, and blocks while the channel is full.
    ///
    /// # Errors
    /// Fails if the caller has gone or receives nothing, or if the deadline has passed.
    pub(crate) fn send(&self, part: Bytes, deadline: Option<Instant>) -> Result<()> {
        let patience = Instant::now().checked_add(self.shared.patience);
        let until = deadline.into_iter().chain(patience).min();
        let mut state = self.shared.lock();
        while !state.gone && state.waiting.len() >= CAPACITY {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            match left {
                Some(Duration::ZERO) if until == deadline => return Err(Error::timed_out()),
                Some(Duration::ZERO) => state.gone = true,
                _ => {
                    let left = left.unwrap_or(self.shared.patience);
                    // A caller that reads slowly is no fault of the worker.
                    let waited = paused(|| self.shared.taken.wait_timeout(state, left));
                    state = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
        if state.gone {
            return Err(Error::cancelled());
        }
        state.waiting.push_back(part);
        drop(state);
        self.has_sent.store(true, Ordering::Release);
        self.shared.reader.wake();
        Ok(())
    }
}

impl PartReceiver {
    /// Returns the next part without waiting.
    pub(crate) fn take(&self) -> Option<Bytes> {
        let part = self.0.lock().waiting.pop_front();
        if part.is_some() {
            // Items of one request may be blocked on several threads.
            self.0.taken.notify_all();
        }
        part
    }

    /// Polls for the next part.
    pub(crate) fn poll(&self, cx: &Context<'_>) -> Poll<Bytes> {
        self.0.reader.register(cx.waker());
        self.take().map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for PartReceiver {
    fn drop(&mut self) {
        self.0.lock().gone = true;
        self.0.taken.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, thread};

    use super::*;
    use crate::error::ErrorKind;

    fn part(index: usize) -> Bytes {
        index.to_string().into()
    }

    #[test]
    fn parts_keep_their_order_and_a_full_channel_waits_for_its_reader() {
        let (parts, reader) = part_channel();
        let count = 10 * CAPACITY;
        let sending = thread::spawn(move || (0..count).try_for_each(|index| parts.send(part(index), None)));
        let read = async {
            for index in 0..count {
                assert_eq!(poll_fn(|cx| reader.poll(cx)).await, part(index));
                assert!(reader.0.lock().waiting.len() <= CAPACITY);
            }
        };
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(read);
        sending.join().unwrap().unwrap();
        assert_eq!(reader.take(), None);
    }

    #[test]
    fn a_blocked_send_fails_when_the_caller_goes() {
        let (parts, reader) = part_channel();
        let sending = thread::spawn(move || (0..=CAPACITY).try_for_each(|index| parts.send(part(index), None)));
        while reader.0.lock().waiting.len() < CAPACITY {
            thread::yield_now();
        }
        drop(reader);
        assert_eq!(sending.join().unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
    }

    #[test]
    fn a_caller_that_receives_nothing_counts_as_gone_unless_the_deadline_passes_first() {
        let fill = |parts: &PartSender| (0..CAPACITY).for_each(|index| parts.send(part(index), None).unwrap());
        let (parts, _reader) = with_patience(Duration::from_millis(1));
        fill(&parts);
        assert_eq!(parts.send(part(0), None).unwrap_err().kind(), ErrorKind::Cancelled);
        let (parts, _reader) = with_patience(Duration::from_secs(3600));
        fill(&parts);
        assert_eq!(parts.send(part(0), Some(Instant::now())).unwrap_err().kind(), ErrorKind::TimedOut);
    }
}
