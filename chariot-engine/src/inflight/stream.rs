//! The bounded channel for the parts of a streamed response. Items emit parts from any thread and block, or await, while the
//! caller is slow; the body of the server's response receives them.

use std::{
    collections::VecDeque,
    pin::pin,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

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
    /// Notified with `taken`, for those that await.
    room: Notify,
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
    let (state, taken, room, reader) = (Mutex::default(), Condvar::new(), Notify::new(), AtomicWaker::new());
    let shared = Shared { state, taken, room, reader, limit, charge };
    let shared = Arc::new(shared);
    (PartSender { shared: shared.clone(), has_sent: AtomicBool::new(false) }, PartReceiver(shared))
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while the lock is held, so the state is consistent even if a holder's thread died.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the time until which a part waits for room, at most; `None` if there is room.
    ///
    /// # Errors
    /// Fails if the caller has gone or reads too slowly, or if the deadline has passed.
    fn full_until(&self, state: &mut State, deadline: Option<Instant>) -> Result<Option<Instant>> {
        if state.gone {
            return Err(Error::cancelled());
        }
        if !state.is_full() {
            return Ok(None);
        }
        let now = Instant::now();
        if deadline.is_some_and(|deadline| deadline <= now) {
            return Err(Error::timed_out());
        }
        let (taken, refusals) = (state.taken, self.charge.refusals());
        let pace = state.pace.get_or_insert_with(|| Pace::begin(self.limit, now, taken, refusals));
        if pace.is_over(now, taken, refusals) {
            state.gone = true;
            return Err(Error::cancelled());
        }
        Ok(Some(deadline.into_iter().chain([pace.next()]).min().unwrap_or(now)))
    }

    /// Tells those that wait that a part was taken, or that the caller has gone. Items of one request may wait on several
    /// threads.
    fn notify(&self) {
        self.taken.notify_all();
        self.room.notify_waiters();
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
        let part = self.charged(part)?;
        let mut state = self.shared.lock();
        while let Some(until) = self.shared.full_until(&mut state, deadline)? {
            // A caller that reads slowly is no fault of the worker.
            let left = until.saturating_duration_since(Instant::now());
            let waited = paused(|| self.shared.taken.wait_timeout(state, left));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        self.put(state, part);
        Ok(())
    }

    /// Sends a part as [`send`](Self::send) does, and awaits while the channel is full.
    ///
    /// # Errors
    /// Returns the errors of [`send`](Self::send), and fails if the engine's runtime ends.
    pub(crate) async fn send_async(&self, part: Bytes, deadline: Option<Instant>) -> Result<()> {
        let part = self.charged(part)?;
        loop {
            let mut room = pin!(self.shared.room.notified());
            // A part that is taken after the look below is not missed.
            room.as_mut().enable();
            let Some(until) = self.look(deadline)? else { break };
            // A task of the runtime instead of a timer of this thread, which panics when the runtime has ended.
            let mut timer = tokio::spawn(sleep_until(until));
            let is_over = tokio::select! {
                () = room => false,
                ended = &mut timer => ended.is_err(),
            };
            timer.abort();
            if is_over {
                return Err(Error::cancelled());
            }
        }
        // Nothing is awaited in between, and a part of another item that comes first makes the channel a little fuller.
        self.put(self.shared.lock(), part);
        Ok(())
    }

    fn look(&self, deadline: Option<Instant>) -> Result<Option<Instant>> {
        self.shared.full_until(&mut self.shared.lock(), deadline)
    }

    /// Charges the bytes of a part.
    fn charged(&self, part: Bytes) -> Result<Part> {
        let charge = self.shared.charge.another((part.len() + PART) as u64)?;
        Ok(Part { bytes: part, charge })
    }

    fn put(&self, mut state: MutexGuard<'_, State>, part: Part) {
        state.size += part.bytes.len() + PART;
        state.waiting.push_back(part);
        drop(state);
        self.has_sent.store(true, Ordering::Release);
        self.shared.reader.wake();
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
        self.0.notify();
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
        self.0.notify();
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
    fn a_part_that_awaits_room_blocks_no_thread() {
        let (parts, reader) = part_channel(PaceLimit::awaited(HOUR, 1), Charge::default());
        let count = 4 * FULL;
        let send = async {
            for index in 0..count {
                parts.send_async(part(index), None).await.unwrap();
            }
        };
        let read = async {
            for index in 0..count {
                assert_eq!(poll_fn(|cx| reader.poll(cx)).await.bytes, part(index));
            }
        };
        // On one thread, which none of them may block.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async { tokio::join!(send, read) });
    }

    #[test]
    fn a_part_that_awaits_room_fails_like_one_that_blocks() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let fails = |limit: PaceLimit, deadline: Option<Instant>| {
            let (parts, _reader) = part_channel(limit, Charge::default());
            fill(&parts);
            runtime.block_on(parts.send_async(part(0), deadline)).unwrap_err().kind()
        };
        assert_eq!(fails(PaceLimit::awaited(Duration::from_millis(1), 1 << 30), None), ErrorKind::Cancelled);
        let soon = Instant::now() + Duration::from_millis(1);
        assert_eq!(fails(PaceLimit::awaited(HOUR, 1), Some(soon)), ErrorKind::TimedOut);
        let (parts, reader) = part_channel(PaceLimit::awaited(HOUR, 1), Charge::default());
        fill(&parts);
        let leaves = async {
            tokio::task::yield_now().await;
            drop(reader);
        };
        let (sent, ()) = runtime.block_on(async { tokio::join!(parts.send_async(part(0), None), leaves) });
        assert_eq!(sent.unwrap_err().kind(), ErrorKind::Cancelled);
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
