//! Items that wait for a worker, first come, first served, and the batches that are made of them. Admission bounds how
//! many requests there are.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use smallvec::SmallVec;
use tokio::{sync::Notify, time::Instant};

use super::{hosted::DynItem, job::Job};
use crate::{inflight::RequestToken, model::BatchCost};

/// How batches are made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Policy {
    /// Calls of `infer` at once.
    pub(super) max_running: usize,
    /// Whether an arrival wakes every worker that waits: one alone may have no thread to take the items with, if a call
    /// that it has under way meanwhile blocks.
    pub(super) wakes_all: bool,
    /// The most that one call is given. An item that costs more goes alone.
    pub(super) max_cost: usize,
    /// Whether items of several requests share a call, and then how long the first of them may wait for others that are
    /// on their way.
    pub(super) across: Option<Duration>,
}

/// The queue between those who decode requests and the workers.
pub(super) struct Queue {
    state: Mutex<Waiting>,
    arrivals: Arc<Arrivals>,
    policy: Policy,
}

#[derive(Default)]
struct Waiting {
    entries: VecDeque<Entry>,
    running: usize,
    closed: bool,
    /// When the workers are woken because the first entry has waited long enough.
    alarm: Option<Instant>,
    /// Since when the next batch is held back.
    held: Option<Instant>,
}

/// What waits of a request: its items, those of one group together.
struct Entry {
    job: Arc<Job>,
    items: VecDeque<DynItem>,
    since: Instant,
    /// Whether a worker has taken some of it already.
    begun: bool,
}

impl Entry {
    fn share(&mut self, count: usize, now: Instant) -> Share {
        let first = !std::mem::replace(&mut self.begun, true);
        let waited = first.then(|| now.saturating_duration_since(self.since));
        Share { job: self.job.clone(), count, waited }
    }
}

/// Who is on the way to the queue, and who waits at its end.
#[derive(Default)]
struct Arrivals {
    arrived: Notify,
    coming: AtomicUsize,
}

/// A request that has been admitted and is being read or decoded: a batch may wait for it.
pub(super) struct Coming {
    arrivals: Arc<Arrivals>,
    /// Whether anybody waits for it.
    awaited: bool,
}

impl Drop for Coming {
    fn drop(&mut self) {
        if self.arrivals.coming.fetch_sub(1, Ordering::AcqRel) == 1 && self.awaited {
            self.arrivals.arrived.notify_waiters();
        }
    }
}

/// Items for one call of `infer`: of one group, and of no more cost than a call takes.
pub(super) struct Taken {
    pub(super) items: Vec<DynItem>,
    /// Whose they are, in their order.
    pub(super) shares: Each<Share>,
    /// How long it was held back for requests on their way.
    pub(super) held: Duration,
    /// When it was taken.
    pub(super) at: Instant,
}

/// Something of each request of a batch, which has one mostly.
pub(super) type Each<T> = SmallVec<[T; 1]>;

/// How many of a batch's items are of one request.
pub(super) struct Share {
    pub(super) job: Arc<Job>,
    pub(super) count: usize,
    /// How long the request waited for its first batch; `None` if this is a later one.
    pub(super) waited: Option<Duration>,
}

/// A batch's leave to run; another has it when it is dropped.
pub(super) struct Run<'a>(&'a Queue);

impl Drop for Run<'_> {
    fn drop(&mut self) {
        let mut waiting = self.0.lock();
        waiting.running -= 1;
        let more = !waiting.entries.is_empty();
        drop(waiting);
        if more {
            self.0.wake();
        }
    }
}

/// What a worker finds in the queue.
enum Found {
    Batch(Taken),
    Nothing,
    End,
}

impl Queue {
    pub(super) fn new(policy: Policy) -> Self {
        Queue { state: Mutex::default(), arrivals: Arc::default(), policy }
    }

    /// A request is on its way, until what is returned is dropped.
    pub(super) fn coming(&self) -> Coming {
        self.arrivals.coming.fetch_add(1, Ordering::AcqRel);
        let awaited = self.policy.across.is_some_and(|delay| !delay.is_zero());
        Coming { arrivals: self.arrivals.clone(), awaited }
    }

    /// Adds the items of a request, which waits since then; false if the queue is closed.
    pub(super) fn push(&self, job: Arc<Job>, mut items: Vec<DynItem>, since: Instant) -> bool {
        // Stable: within a group the order stays.
        items.sort_by_key(|item| item.load.group);
        let entry = Entry { job, items: items.into(), since, begun: false };
        let mut waiting = self.lock();
        if waiting.closed {
            return false;
        }
        waiting.entries.push_back(entry);
        drop(waiting);
        self.wake();
        true
    }

    fn wake(&self) {
        if self.policy.wakes_all {
            self.arrivals.arrived.notify_waiters();
        } else {
            self.arrivals.arrived.notify_one();
        }
    }

    /// The next batch, when one more may run; `None` when the queue is closed and empty.
    ///
    /// # Cancel safety
    /// Items are taken out only by a future that is ready with them.
    pub(super) async fn pop(&self) -> Option<(Taken, Run<'_>)> {
        loop {
            // What is there already is taken without waiting to be told of it.
            let mut found = self.look();
            if matches!(found, Found::Nothing) {
                let mut arrived = std::pin::pin!(self.arrivals.arrived.notified());
                arrived.as_mut().enable();
                // Of what has come meanwhile nobody was told.
                found = self.look();
                if matches!(found, Found::Nothing) {
                    arrived.await;
                }
            }
            match found {
                Found::Batch(taken) => return Some((taken, Run(self))),
                Found::End => return None,
                Found::Nothing => {}
            }
        }
    }

    fn look(&self) -> Found {
        let mut over = Vec::new();
        let mut waiting = self.lock();
        let found = self.find(&mut waiting, &mut over);
        let empty = waiting.entries.is_empty();
        let more = !empty && waiting.running < self.policy.max_running && matches!(found, Found::Batch(_));
        let done = waiting.closed && empty;
        drop(waiting);
        // What an author keeps in an item is dropped outside the lock.
        over.into_iter().filter(|entry: &Entry| !entry.job.token.is_gone()).for_each(|entry| entry.job.expire());
        // One notice may stand for several arrivals: whoever takes a batch passes it on.
        if done {
            self.arrivals.arrived.notify_waiters();
        } else if more && !self.policy.wakes_all {
            self.arrivals.arrived.notify_one();
        }
        found
    }

    fn find(&self, waiting: &mut Waiting, over: &mut Vec<Entry>) -> Found {
        while waiting.entries.front().is_some_and(|first| first.job.token.is_gone() || first.job.token.is_expired()) {
            over.extend(waiting.entries.pop_front());
        }
        if waiting.entries.is_empty() {
            return if waiting.closed { Found::End } else { Found::Nothing };
        }
        if waiting.running >= self.policy.max_running || self.holds(waiting) {
            return Found::Nothing;
        }
        let now = Instant::now();
        let Some(mut taken) = take(&mut waiting.entries, &self.policy, now) else {
            return Found::Nothing;
        };
        taken.held = waiting.held.take().map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        waiting.running += 1;
        Found::Batch(taken)
    }

    /// Whether the next batch waits for requests that are on their way: if it could hold more, some are, and its first
    /// item has not waited long enough. Nobody waits for what may never come.
    fn holds(&self, waiting: &mut Waiting) -> bool {
        let Some(delay) = self.policy.across.filter(|delay| !delay.is_zero()) else {
            return false;
        };
        let (Some(first), false) = (waiting.entries.front(), waiting.closed) else {
            return false;
        };
        let until = first.since + delay;
        if self.arrivals.coming.load(Ordering::Acquire) == 0 || until <= Instant::now() {
            return false;
        }
        let Some(group) = first.items.front().map(|item| item.load.group) else {
            return false;
        };
        let mut cost = 0usize;
        for item in waiting.entries.iter().flat_map(|entry| &entry.items).filter(|item| item.load.group == group) {
            cost = cost.saturating_add(item.load.cost);
            if cost >= self.policy.max_cost {
                return false;
            }
        }
        waiting.held.get_or_insert_with(Instant::now);
        if waiting.alarm.is_none_or(|alarm| alarm != until) {
            waiting.alarm = Some(until);
            let arrivals = self.arrivals.clone();
            // A task of the runtime's and no timer of the worker's: an embedder's runtime may end before the worker does,
            // and a timer panics then. What is on its way ends with the runtime, too.
            tokio::spawn(async move {
                tokio::time::sleep_until(until).await;
                arrivals.arrived.notify_waiters();
            });
        }
        true
    }

    /// Takes a request out that nobody waits for any more, if any of it still waits.
    pub(super) fn remove(&self, token: &Arc<RequestToken>) {
        let mut waiting = self.lock();
        let at = waiting.entries.iter().position(|entry| Arc::ptr_eq(&entry.job.token, token));
        let entry = at.and_then(|at| waiting.entries.remove(at));
        drop(waiting);
        drop(entry);
    }

    /// How many requests wait, and how many calls run.
    pub(super) fn figures(&self) -> (usize, usize) {
        let waiting = self.lock();
        (waiting.entries.len(), waiting.running)
    }

    /// No more requests: workers end when those that wait are done.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.arrivals.arrived.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing panics while the lock is held, so the queue is whole even if a holder's thread died.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What may still go into a batch.
struct Room {
    group: u64,
    /// Nothing yet: whatever comes first is taken, at any cost.
    cost: Option<usize>,
    most: usize,
}

impl Room {
    fn takes(&mut self, load: BatchCost) -> bool {
        let whole = self.cost.map_or(load.cost, |cost| cost.saturating_add(load.cost));
        let takes = load.group == self.group && (self.cost.is_none() || whole <= self.most);
        if takes {
            self.cost = Some(whole);
        }
        takes
    }

    fn is_full(&self) -> bool {
        self.cost.is_some_and(|cost| cost >= self.most)
    }
}

/// Takes a batch: the first item that waits, and whatever may go with it.
fn take(entries: &mut VecDeque<Entry>, policy: &Policy, now: Instant) -> Option<Taken> {
    let first = entries.front_mut()?;
    let group = first.items.front()?.load.group;
    let mut room = Room { group, cost: None, most: policy.max_cost };
    let count = first.items.iter().take_while(|item| room.takes(item.load)).count();
    let mut shares = Each::new();
    shares.push(first.share(count, now));
    let whole = count == first.items.len();
    let mut items: Vec<DynItem> =
        if whole { std::mem::take(&mut first.items).into() } else { first.items.drain(..count).collect() };
    if whole {
        entries.pop_front();
    }
    if policy.across.is_some() && !room.is_full() {
        for entry in entries.iter_mut().skip(usize::from(!whole)) {
            if entry.job.token.is_gone() || entry.job.token.is_expired() {
                continue;
            }
            // Items of one group stand together.
            let begin = entry.items.partition_point(|item| item.load.group < group);
            let count = entry.items.range(begin..).take_while(|item| room.takes(item.load)).count();
            if count > 0 {
                items.extend(entry.items.drain(begin..begin + count));
                shares.push(entry.share(count, now));
            }
            if room.is_full() {
                break;
            }
        }
        entries.retain(|entry| !entry.items.is_empty());
    }
    for share in &shares {
        share.job.begin();
    }
    Some(Taken { items, shares, held: Duration::ZERO, at: now })
}
