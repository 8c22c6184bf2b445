//! The bounded channel for the parts of a streamed response. Items emit parts from any thread and block while the caller is
//! slow; the body of the server's response receives them.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use tokio::time::Instant;

use super::{
    budget::Charge,
    pace::{Pace, PaceLimit},
    pause::paused,
};
use crate::error::{Error, Result};

/// The bytes of parts that can wait for the caller, so that the worker need not: a further part waits once there are more.
const CAPACITY: usize = 1 << 20;

/// The memory that a part takes beside its bytes, counted so that tiny parts are limited too.
const PART: usize = 128;

/// The sending side. Sending fails once the caller has gone.
#[derive(Debug)]
pub(crate) struct PartSender {
    shared: Arc<Shared>,
    has_sent: AtomicBool,
}

/// The receiving side, read by the caller.
#[derive(Debug)]
pub(crate) struct PartReceiver(Arc<Shared>);

/// A part with the charge of its bytes.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) bytes: Bytes,
    pub(crate) charge: Charge,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Notified when a part is taken and when the caller goes.
    taken: Condvar,
    reader: AtomicWaker,
    limit: PaceLimit,
    /// Empty; the charges of parts are on its budget.
    charge: Charge,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Part>,
    /// The size of what waits.
    size: usize,
    /// The size of what the caller has taken.
    taken: u64,
    /// The time of the caller, from when the channel was full until it is empty: a caller that takes a part now and then
    /// blocks a worker as well as one that takes none.
    pace: Option<Pace>,
    gone: bool,
}

impl State {
    fn is_full(&self) -> bool {
        self.size >= CAPACITY
    }
}

/// Creates a channel, whose caller must read at the pace once a part has to wait. The parts are charged to the budget of a
/// charge.
pub(crate) fn part_channel(limit: PaceLimit, charge: Charge) -> (PartSender, PartReceiver) {
    let shared = Shared { state: Mutex::default(), taken: Condvar::new(), reader: AtomicWaker::new(), limit, charge };
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
    /// Fails if the caller has gone or reads too slowly, if the deadline has passed, or if the part exceeds a memory limit.
    pub(crate) fn send(&self, part: Bytes, deadline: Option<Instant>) -> Result<()> {
        let Shared { limit, charge, .. } = &*self.shared;
        let charge = charge.another((part.len() + PART) as u64)?;
        let mut state = self.shared.lock();
        while !state.gone && state.is_full() {
            let now = Instant::now();
            if deadline.is_some_and(|deadline| deadline <= now) {
                return Err(Error::timed_out());
            }
            let taken = state.taken;
            let pace = state.pace.get_or_insert_with(|| Pace::begin(*limit, now, taken, charge.refusals()));
            if pace.is_over(now, taken, charge.refusals()) {
                state.gone = true;
                break;
            }
            let until = deadline.into_iter().chain([pace.next()]).min().unwrap_or(now);
            // A caller that reads slowly is no fault of the worker.
            let left = until.saturating_duration_since(now);
            let waited = paused(|| self.shared.taken.wait_timeout(state, left));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.gone {
            return Err(Error::cancelled());
        }
        state.size += part.len() + PART;
        state.waiting.push_back(Part { bytes: part, charge });
        drop(state);
        self.has_sent.store(true, Ordering::Release);
        self.shared.reader.wake();
        Ok(())
    }
}

impl PartReceiver {
    /// Returns the next part without waiting.
    pub(crate) fn take(&self) -> Option<Part> {
        let mut state = self.0.lock();
        let part = state.waiting.pop_front()?;
        let size = part.bytes.len() + PART;
        state.size -= size;
        state.taken += size as u64;
        if state.waiting.is_empty() {
            state.pace = None;
        }
        drop(state);
        // Items of one request may be blocked on several threads.
        self.0.taken.notify_all();
        Some(part)
    }

    /// Polls for the next part.
    pub(crate) fn poll(&self, cx: &Context<'_>) -> Poll<Part> {
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
    use std::{future::poll_fn, thread, time::Duration};

    use super::*;
    use crate::{error::ErrorKind, inflight::Budget};

    const HOUR: Duration = Duration::from_secs(3600);

    /// The size of a part of these tests, and the number that fills the channel.
    const SIZE: usize = 64 << 10;
    const FULL: usize = CAPACITY.div_ceil(SIZE + PART);

    fn part(index: usize) -> Bytes {
        vec![u8::try_from(index % 256).unwrap(); SIZE].into()
    }

    fn fill(parts: &PartSender) {
        (0..FULL).for_each(|index| parts.send(part(index), None).unwrap());
    }

    #[test]
    fn parts_keep_their_order_and_a_full_channel_waits_for_its_reader() {
        let (parts, reader) = part_channel(PaceLimit::awaited(HOUR, 1), Charge::default());
        let count = 10 * FULL;
        let sending = thread::spawn(move || (0..count).try_for_each(|index| parts.send(part(index), None)));
        let read = async {
            for index in 0..count {
                assert_eq!(poll_fn(|cx| reader.poll(cx)).await.bytes, part(index));
                assert!(reader.0.lock().waiting.len() <= FULL);
            }
        };
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(read);
        sending.join().unwrap().unwrap();
        assert!(reader.take().is_none());
    }

    #[test]
    fn parts_are_charged_until_they_are_dropped_and_fail_over_a_limit() {
        let budget = Budget::new(4 * SIZE as u64, 3 * SIZE as u64);
        let (parts, reader) = part_channel(PaceLimit::awaited(HOUR, 1), Charge::new(&budget));
        assert_eq!(parts.send(vec![0; 3 * SIZE].into(), None).unwrap_err().kind(), ErrorKind::TooLarge);
        (0..3).for_each(|index| parts.send(part(index), None).unwrap());
        assert_eq!(parts.send(part(3), None).unwrap_err().kind(), ErrorKind::Unavailable);
        let taken = reader.take();
        assert_eq!(budget.used(), 3 * (SIZE + PART) as u64);
        drop(taken);
        assert_eq!(budget.used(), 2 * (SIZE + PART) as u64);
        drop((parts, reader));
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn tiny_parts_are_limited_too() {
        let (parts, reader) = part_channel(PaceLimit::awaited(Duration::ZERO, 1), Charge::default());
        while parts.send("1".into(), None).is_ok() {}
        assert!(reader.0.lock().waiting.len() <= CAPACITY / PART);
    }

    #[test]
    fn a_blocked_send_fails_when_the_caller_goes() {
        let (parts, reader) = part_channel(PaceLimit::awaited(HOUR, 1), Charge::default());
        let sending = thread::spawn(move || (0..=FULL).try_for_each(|index| parts.send(part(index), None)));
        while reader.0.lock().waiting.len() < FULL {
            thread::yield_now();
        }
        drop(reader);
        assert_eq!(sending.join().unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
    }

    #[test]
    fn a_caller_that_reads_too_slowly_counts_as_gone_unless_the_deadline_passes_first() {
        let soon = PaceLimit::awaited(Duration::from_millis(1), 1 << 30);
        let (parts, _reader) = part_channel(soon, Charge::default());
        fill(&parts);
        assert_eq!(parts.send(part(0), None).unwrap_err().kind(), ErrorKind::Cancelled);
        let (parts, _reader) = part_channel(PaceLimit::awaited(HOUR, 1), Charge::default());
        fill(&parts);
        assert_eq!(parts.send(part(0), Some(Instant::now())).unwrap_err().kind(), ErrorKind::TimedOut);
    }

    #[test]
    fn a_caller_that_takes_a_part_now_and_then_counts_as_gone_too() {
        let (parts, reader) = part_channel(PaceLimit::awaited(Duration::from_millis(50), 1 << 30), Charge::default());
        fill(&parts);
        let sending = thread::spawn(move || (0..).find_map(|index| parts.send(part(index), None).err()));
        while !reader.0.lock().gone {
            reader.take();
            thread::sleep(Duration::from_millis(10));
            if reader.0.lock().waiting.len() < 2 {
                panic!("the reader has caught up");
            }
        }
        assert_eq!(sending.join().unwrap().unwrap().kind(), ErrorKind::Cancelled);
    }
}
