//! [`Decoders`], the slots for work on the pool: decoding, decompression, compression. Who waits for one is served in turns
//! by connection, and within a connection short bodies are first. The host asks for slots; decoding passes them on.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{runtime::Handle, sync::oneshot};

use super::{heartbeat::Heartbeat, turns::Turns};
use crate::{inflight::Source, protocol::TraceId};

/// The size in bytes from which a body is long: long ones never take the last slot.
const LONG: usize = 256 * 1024;

/// The size in bytes for which a body waits as long as for another one of its connection that arrives later.
const BYTES_PER_PLACE: usize = 16 * 1024;

/// The shortest turn: to pass one on takes a switch of threads.
const SHORTEST_TURN: Duration = Duration::from_millis(2);

/// The number of requests that wait between two of their items. Each holds a thread of the pool, which has 512.
const MAX_PAUSED: usize = 128;

/// The time after which a request that waits between two of its items looks whether anybody works.
const NOBODY_WORKS: Duration = Duration::from_secs(1);

/// The time for one item, or for one body, after which a slot counts as stalled: far more than any picture within the limits
/// takes.
const STALLED: Duration = Duration::from_secs(30);

/// The slots.
pub(super) struct Decoders {
    state: Mutex<State>,
    /// The number of those who wait, for a look without the lock.
    waiting: AtomicUsize,
    /// The number of threads that work.
    running: AtomicUsize,
    /// A heartbeat for each slot.
    heartbeats: Box<[Heartbeat]>,
}

struct State {
    free: Vec<usize>,
    /// The number of slots that work on long bodies.
    long: usize,
    max_long: usize,
    waiting: Turns<Source, BTreeMap<Place, Waiting>>,
    arrivals: u64,
    /// The number of requests that wait between two of their items.
    paused: usize,
}

/// The place of one who waits among those of the same connection: lower ones are first. A long body has that of a short one
/// that arrives later, so it waits for a limited number of others.
type Place = (u64, u64);

struct Waiting {
    work: Work,
    slot: oneshot::Sender<Slot>,
}

impl State {
    fn admits(&self, is_long: bool) -> bool {
        !is_long || self.long < self.max_long
    }

    /// Takes a free slot for a body.
    fn take(&mut self, is_long: bool) -> Option<usize> {
        if !self.admits(is_long) {
            return None;
        }
        let index = self.free.pop()?;
        self.long += usize::from(is_long);
        Some(index)
    }

    fn wait(&mut self, work: Work) -> (Place, oneshot::Receiver<Slot>) {
        let (slot, granted) = oneshot::channel();
        self.arrivals += 1;
        let later = (work.bytes / BYTES_PER_PLACE) as u64;
        let place = (self.arrivals.saturating_add(later), self.arrivals);
        self.waiting.add(work.source, BTreeMap::new);
        if let Some(flow) = self.waiting.get_mut(work.source) {
            flow.insert(place, Waiting { work, slot });
        }
        (place, granted)
    }

    /// Removes one who waits.
    fn remove(&mut self, source: Source, place: Place) -> Option<Waiting> {
        let flow = self.waiting.get_mut(source)?;
        let removed = flow.remove(&place);
        if flow.is_empty() {
            self.waiting.remove(source);
        }
        removed
    }

    /// Takes a free slot for the next one who waits and may have it.
    fn next(&mut self) -> Option<(Waiting, usize)> {
        if self.free.is_empty() {
            return None;
        }
        let admits_long = self.admits(true);
        let next = self.waiting.iter().find_map(|(source, flow)| {
            let (place, _) = flow.iter().find(|(_, waiting)| admits_long || !waiting.work.is_long())?;
            Some((source, *place))
        });
        let (source, place) = next?;
        self.waiting.spend(source, 1);
        let waiting = self.remove(source, place)?;
        let index = self.take(waiting.work.is_long())?;
        Some((waiting, index))
    }
}

/// The work that a slot is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    pub(crate) source: Source,
    /// The size of the body.
    pub(crate) bytes: usize,
    /// The trace of the request, which a line about a failure names.
    pub(crate) trace: Option<TraceId>,
}

impl Work {
    fn is_long(self) -> bool {
        self.bytes > LONG
    }
}

impl Decoders {
    pub(super) fn new(slots: usize) -> Arc<Self> {
        let slots = slots.max(1);
        let state = State {
            free: (0..slots).collect(),
            long: 0,
            max_long: if slots > 1 { slots - 1 } else { 1 },
            waiting: Turns::new(1),
            arrivals: 0,
            paused: 0,
        };
        Arc::new(Decoders {
            state: Mutex::new(state),
            waiting: AtomicUsize::new(0),
            running: AtomicUsize::new(0),
            heartbeats: (0..slots).map(|_| Heartbeat::default()).collect(),
        })
    }

    /// Waits for a slot.
    ///
    /// # Cancel safety
    /// When the future is dropped, nobody waits any more, and a slot that it was given is free.
    pub(super) async fn slot(self: &Arc<Self>, work: Work) -> Option<Slot> {
        let (place, granted) = {
            let mut state = self.lock();
            // While one who waits may have a slot, no slot is free.
            if let Some(index) = state.take(work.is_long()) {
                drop(state);
                return Some(self.grant(work, index));
            }
            self.waiting.fetch_add(1, Ordering::Relaxed);
            state.wait(work)
        };
        let _waits = Waits { decoders: self, source: work.source, place };
        granted.await.ok()
    }

    /// Returns `true` if every slot has worked on the same item for too long.
    pub(super) fn is_stalled(&self) -> bool {
        // Each heartbeat is looked at, which begins the measure of its time.
        self.heartbeats.iter().filter(|heartbeat| heartbeat.is_late(STALLED)).count() == self.heartbeats.len()
    }

    fn grant(self: &Arc<Self>, work: Work, index: usize) -> Slot {
        self.heartbeats[index].beat();
        Slot { decoders: self.clone(), index, work }
    }

    /// Gives free slots to those who wait. Takes the lock, which nobody has released since a slot became free: a newcomer
    /// would take it.
    fn serve<'a>(self: &'a Arc<Self>, mut state: MutexGuard<'a, State>) {
        while let Some((Waiting { work, slot }, index)) = state.next() {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            drop(state);
            // One who has gone in the meantime leaves the slot to the next.
            drop(slot.send(self.grant(work, index)));
            state = self.lock();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while the lock is held, so the state is consistent even if a holder's thread died.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who waits for a slot, until it has one.
struct Waits<'a> {
    decoders: &'a Decoders,
    source: Source,
    place: Place,
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        if self.decoders.lock().remove(self.source, self.place).is_some() {
            self.decoders.waiting.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// A slot, given to the next when dropped.
pub(super) struct Slot {
    decoders: Arc<Decoders>,
    index: usize,
    work: Work,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.decoders.heartbeats[self.index].beat();
        let mut state = self.decoders.lock();
        state.free.push(self.index);
        state.long -= usize::from(self.work.is_long());
        self.decoders.serve(state);
    }
}

thread_local! {
    /// The turn of the work on this thread.
    static TURN: RefCell<Option<Turn>> = const { RefCell::new(None) };
}

struct Turn {
    decoders: Arc<Decoders>,
    /// `None` while the turn is passed on, and if the pool has no thread for whoever has it.
    slot: Option<Slot>,
    since: Instant,
}

impl Slot {
    /// Runs work on this thread, which can call [`pass_turn`].
    pub(super) fn run<T>(self, work: impl FnOnce() -> T) -> T {
        struct End;
        impl Drop for End {
            fn drop(&mut self) {
                drop(TURN.take());
            }
        }
        TURN.set(Some(Turn::begin(self)));
        let _end = End;
        work()
    }
}

/// Shows that work on the pool goes on, and lets others who wait for its slot go first: waits for another turn. Does nothing
/// on any other thread.
pub(crate) fn pass_turn() {
    TURN.with_borrow_mut(|turn| turn.iter_mut().for_each(Turn::pass));
}

impl Turn {
    fn begin(slot: Slot) -> Self {
        slot.decoders.running.fetch_add(1, Ordering::Relaxed);
        Turn { decoders: slot.decoders.clone(), slot: Some(slot), since: Instant::now() }
    }

    fn pass(&mut self) {
        let Some(slot) = &self.slot else { return };
        self.decoders.heartbeats[slot.index].beat_twice();
        if self.decoders.waiting.load(Ordering::Relaxed) == 0 || self.since.elapsed() < SHORTEST_TURN {
            return;
        }
        let work = slot.work;
        let (place, granted) = {
            let mut state = self.decoders.lock();
            if state.paused >= MAX_PAUSED {
                return;
            }
            state.paused += 1;
            self.decoders.waiting.fetch_add(1, Ordering::Relaxed);
            state.wait(work)
        };
        self.decoders.running.fetch_sub(1, Ordering::Relaxed);
        drop(self.slot.take());
        self.slot = self.wait(work.source, place, granted);
        self.decoders.running.fetch_add(1, Ordering::Relaxed);
        self.decoders.lock().paused -= 1;
        self.since = Instant::now();
    }

    /// Waits for the next turn. Goes on without one if nobody works: those who have the slots wait for a thread of the pool,
    /// of which an embedder's runtime may have few.
    fn wait(&self, source: Source, place: Place, mut granted: oneshot::Receiver<Slot>) -> Option<Slot> {
        let _waits = Waits { decoders: &self.decoders, source, place };
        Handle::current().block_on(async {
            loop {
                match tokio::time::timeout(NOBODY_WORKS, &mut granted).await {
                    Ok(slot) => return slot.ok(),
                    Err(_) if self.decoders.running.load(Ordering::Relaxed) == 0 => return granted.try_recv().ok(),
                    Err(_) => {}
                }
            }
        })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.decoders.running.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::task::yield_now;

    use super::*;

    fn work(source: Source, bytes: usize) -> Work {
        Work { source, bytes, trace: None }
    }

    /// Waits for a slot and records when it has one.
    fn waits(
        decoders: &Arc<Decoders>,
        work: Work,
        name: &'static str,
        served: &Arc<Mutex<Vec<&'static str>>>,
    ) -> tokio::task::JoinHandle<()> {
        let (decoders, served) = (decoders.clone(), served.clone());
        tokio::spawn(async move {
            let slot = decoders.slot(work).await;
            served.lock().unwrap().push(name);
            drop(slot);
        })
    }

    #[tokio::test]
    async fn connections_take_turns_and_short_bodies_are_first() {
        let decoders = Decoders::new(1);
        let held = decoders.slot(work(Source::default(), 0)).await;
        let served = Arc::default();
        let (one, other) = (Source::default(), Source::default());
        let mut tasks = Vec::new();
        for (source, bytes, name) in [
            (one, 100_000, "one, long"),
            (one, 100_000, "one, long too"),
            (one, 0, "one, short"),
            (other, 0, "other"),
            (other, 0, "other again"),
        ] {
            tasks.push(waits(&decoders, work(source, bytes), name, &served));
            yield_now().await;
        }
        drop(held);
        for task in tasks {
            task.await.unwrap();
        }
        let expected = ["one, short", "other", "one, long", "other again", "one, long too"];
        assert_eq!(*served.lock().unwrap(), expected);
    }

    #[tokio::test]
    async fn a_long_body_waits_for_a_limited_number_of_short_ones() {
        let decoders = Decoders::new(1);
        let held = decoders.slot(work(Source::default(), 0)).await;
        let (source, served) = (Source::default(), Arc::default());
        let mut tasks = vec![waits(&decoders, work(source, 3 * BYTES_PER_PLACE), "long", &served)];
        for _ in 0..6 {
            yield_now().await;
            tasks.push(waits(&decoders, work(source, 0), "short", &served));
        }
        yield_now().await;
        drop(held);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(served.lock().unwrap().iter().position(|name| *name == "long"), Some(2));
    }

    #[tokio::test]
    async fn a_slot_is_kept_for_short_bodies() {
        let decoders = Decoders::new(2);
        let first = decoders.slot(work(Source::default(), LONG + 1)).await.unwrap();
        let source = Source::default();
        let mut second = Box::pin(decoders.slot(work(source, LONG + 1)));
        assert!(second.as_mut().now_or_never().is_none());
        let short = decoders.slot(work(source, LONG)).now_or_never().flatten().unwrap();
        assert!(decoders.slot(work(source, 0)).now_or_never().is_none());
        drop(short);
        assert!(second.as_mut().now_or_never().is_none());
        drop(first);
        assert!(second.as_mut().now_or_never().flatten().is_some());
    }

    #[tokio::test]
    async fn those_who_leave_hold_no_slot() {
        let decoders = Decoders::new(1);
        let held = decoders.slot(work(Source::default(), 0)).await;
        let source = Source::default();
        let mut leaves = Box::pin(decoders.slot(work(source, 0)));
        let mut granted = Box::pin(decoders.slot(work(source, 0)));
        assert!(leaves.as_mut().now_or_never().is_none() && granted.as_mut().now_or_never().is_none());
        drop(leaves);
        drop(held);
        // It has been given the slot, and leaves before it sees it.
        drop(granted);
        assert!(decoders.slot(work(source, 0)).now_or_never().flatten().is_some());
        assert_eq!(decoders.waiting.load(Ordering::Relaxed), 0);
        assert!(decoders.lock().waiting.is_empty());
    }

    #[tokio::test]
    async fn work_between_two_items_lets_others_go_first() {
        let decoders = Decoders::new(1);
        let slot = decoders.slot(work(Source::default(), 0)).await.unwrap();
        let served = Arc::default();
        let waiting = waits(&decoders, work(Source::default(), 0), "other", &served);
        let own = served.clone();
        let long = tokio::task::spawn_blocking(move || {
            slot.run(|| {
                while own.lock().unwrap().is_empty() {
                    pass_turn();
                }
                own.lock().unwrap().push("own");
            });
        });
        long.await.unwrap();
        waiting.await.unwrap();
        assert_eq!(*served.lock().unwrap(), ["other", "own"]);
        pass_turn();
        assert!(decoders.slot(work(Source::default(), 0)).now_or_never().flatten().is_some());
    }

    #[test]
    fn work_goes_on_if_whoever_has_the_slot_gets_no_thread() {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).max_blocking_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let decoders = Decoders::new(1);
            let slot = decoders.slot(work(Source::default(), 0)).await.unwrap();
            let (started, has_started) = oneshot::channel();
            let long = tokio::task::spawn_blocking(move || {
                slot.run(|| {
                    started.send(()).unwrap();
                    while TURN.with_borrow(|turn| turn.as_ref().is_some_and(|turn| turn.slot.is_some())) {
                        pass_turn();
                    }
                });
            });
            has_started.await.unwrap();
            // It gets the slot, and its work waits for the only thread.
            let next = decoders.slot(work(Source::default(), 0)).await.unwrap();
            tokio::task::spawn_blocking(move || next.run(|| {})).await.unwrap();
            long.await.unwrap();
        });
    }

    #[tokio::test(start_paused = true)]
    async fn they_stall_once_every_slot_is_late() {
        let decoders = Decoders::new(2);
        let first = decoders.slot(work(Source::default(), 0)).await.unwrap();
        let second = decoders.slot(work(Source::default(), 0)).await.unwrap();
        assert!(!decoders.is_stalled());
        tokio::time::advance(STALLED * 2).await;
        assert!(decoders.is_stalled());
        // Another item, as `pass_turn` reports it.
        decoders.heartbeats[second.index].beat_twice();
        assert!(!decoders.is_stalled());
        tokio::time::advance(STALLED * 2).await;
        assert!(decoders.is_stalled());
        drop(first);
        assert!(!decoders.is_stalled());
    }
}
