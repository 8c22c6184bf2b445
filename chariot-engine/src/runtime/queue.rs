//! The queue: items that wait for a worker, in order of arrival, and the batches made of them. Admission limits the number
//! of requests.

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

use super::{erased::ErasedItem, job::Job};
use crate::{inflight::RequestToken, model::BatchCost};

/// The rules for making batches.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchPolicy {
    /// The number of concurrent calls of `infer`.
    pub(super) max_running: usize,
    /// Wakes every waiting worker on an arrival. A single worker may be unable to take the items because another of its
    /// calls blocks its thread.
    pub(super) wakes_all: bool,
    /// The highest total cost of a batch. An item that costs more runs alone.
    pub(super) max_cost: usize,
    /// The longest time that the first request of a batch waits for others that are on their way. `None` if requests do
    /// not share a batch.
    pub(super) across: Option<Duration>,
}

/// The queue between request decoding and the workers.
pub(super) struct Queue {
    state: Mutex<QueueState>,
    arrivals: Arc<Arrivals>,
    policy: BatchPolicy,
}

#[derive(Default)]
struct QueueState {
    requests: VecDeque<QueuedRequest>,
    running: usize,
    closed: bool,
    /// The time of the scheduled wake-up of workers, when the first request has waited long enough.
    alarm: Option<Instant>,
    /// The time since which the next batch has been held back.
    hold_since: Option<Instant>,
}

/// The waiting items of a request, sorted by group.
struct QueuedRequest {
    job: Arc<Job>,
    items: VecDeque<ErasedItem>,
    since: Instant,
    /// Set once a worker has taken some of the items.
    begun: bool,
}

impl QueuedRequest {
    fn slice(&mut self, count: usize, now: Instant) -> BatchSlice {
        let first = !std::mem::replace(&mut self.begun, true);
        let waited = first.then(|| now.saturating_duration_since(self.since));
        BatchSlice { job: self.job.clone(), count, waited }
    }
}

/// The requests on their way to the queue, and the workers that wait for them.
#[derive(Default)]
struct Arrivals {
    arrived: Notify,
    pending: AtomicUsize,
}

/// An admitted request that is being read or decoded; a batch may wait for it.
pub(super) struct PendingArrival {
    arrivals: Arc<Arrivals>,
    /// Set if batches wait for requests.
    awaited: bool,
}

impl Drop for PendingArrival {
    fn drop(&mut self) {
        if self.arrivals.pending.fetch_sub(1, Ordering::AcqRel) == 1 && self.awaited {
            self.arrivals.arrived.notify_waiters();
        }
    }
}

/// The items for one call of `infer`: all of one group, within the cost limit.
pub(super) struct NextBatch {
    pub(super) items: Vec<ErasedItem>,
    /// The requests of the items, in the same order.
    pub(super) slices: PerRequest<BatchSlice>,
    /// The time for which the batch was held back for requests on their way.
    pub(super) held_for: Duration,
    /// The time at which the batch was taken.
    pub(super) at: Instant,
}

/// One value for each request of a batch, which usually has one request.
pub(super) type PerRequest<T> = SmallVec<[T; 1]>;

/// The items of a batch that belong to one request.
pub(super) struct BatchSlice {
    pub(super) job: Arc<Job>,
    pub(super) count: usize,
    /// The time that the request waited for its first batch. `None` if this is a later batch.
    pub(super) waited: Option<Duration>,
}

/// The permission to run a batch. When dropped, another batch may run.
pub(super) struct RunPermit<'a>(&'a Queue);

impl Drop for RunPermit<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.running -= 1;
        let more = !state.requests.is_empty();
        drop(state);
        if more {
            self.0.wake();
        }
    }
}

/// The outcome of a look into the queue.
enum Found {
    Batch(NextBatch),
    Nothing,
    End,
}

impl Queue {
    pub(super) fn new(policy: BatchPolicy) -> Self {
        Queue { state: Mutex::default(), arrivals: Arc::default(), policy }
    }

    /// Announces a request, until the returned value is dropped.
    pub(super) fn announce(&self) -> PendingArrival {
        self.arrivals.pending.fetch_add(1, Ordering::AcqRel);
        let awaited = self.policy.across.is_some_and(|delay| !delay.is_zero());
        PendingArrival { arrivals: self.arrivals.clone(), awaited }
    }

    /// Adds the items of a request that has been waiting since the given time. Returns `false` if the queue is closed.
    pub(super) fn push(&self, job: Arc<Job>, mut items: Vec<ErasedItem>, since: Instant) -> bool {
        // A stable sort, so that items of one group keep their order.
        items.sort_by_key(|item| item.cost.group);
        let request = QueuedRequest { job, items: items.into(), since, begun: false };
        let mut state = self.lock();
        if state.closed {
            return false;
        }
        state.requests.push_back(request);
        drop(state);
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

    /// Waits for the next batch and for permission to run it. Returns `None` once the queue is closed and empty.
    ///
    /// # Cancel safety
    /// Cancel safe: a batch is taken out only when the future returns it.
    pub(super) async fn pop(&self) -> Option<(NextBatch, RunPermit<'_>)> {
        loop {
            // A batch that is already there is taken without registering for a notification.
            let mut found = self.look();
            if matches!(found, Found::Nothing) {
                let mut arrived = std::pin::pin!(self.arrivals.arrived.notified());
                arrived.as_mut().enable();
                // Items that arrived before the registration have notified nobody.
                found = self.look();
                if matches!(found, Found::Nothing) {
                    arrived.await;
                }
            }
            match found {
                Found::Batch(batch) => return Some((batch, RunPermit(self))),
                Found::End => return None,
                Found::Nothing => {}
            }
        }
    }

    fn look(&self) -> Found {
        let mut expired = Vec::new();
        let mut state = self.lock();
        let found = self.find(&mut state, &mut expired);
        let empty = state.requests.is_empty();
        let more = !empty && state.running < self.policy.max_running && matches!(found, Found::Batch(_));
        let done = state.closed && empty;
        drop(state);
        // An author's values in the items are dropped outside the lock.
        expired.into_iter().filter(|request: &QueuedRequest| !request.job.token.is_gone()).for_each(|request| {
            request.job.expire();
        });
        // One notification may stand for several arrivals, so whoever takes a batch passes it on.
        if done {
            self.arrivals.arrived.notify_waiters();
        } else if more && !self.policy.wakes_all {
            self.arrivals.arrived.notify_one();
        }
        found
    }

    fn find(&self, state: &mut QueueState, expired: &mut Vec<QueuedRequest>) -> Found {
        while state.requests.front().is_some_and(|first| first.job.token.is_gone() || first.job.token.is_expired()) {
            expired.extend(state.requests.pop_front());
        }
        if state.requests.is_empty() {
            return if state.closed { Found::End } else { Found::Nothing };
        }
        if state.running >= self.policy.max_running || self.holds(state) {
            return Found::Nothing;
        }
        let now = Instant::now();
        let Some(mut batch) = take(&mut state.requests, &self.policy, now) else {
            return Found::Nothing;
        };
        batch.held_for = state.hold_since.take().map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        state.running += 1;
        Found::Batch(batch)
    }

    /// Returns `true` if the next batch is held back for requests on their way: there are some, the batch has room, and its
    /// first item has not waited for the delay.
    fn holds(&self, state: &mut QueueState) -> bool {
        let Some(delay) = self.policy.across.filter(|delay| !delay.is_zero()) else {
            return false;
        };
        let (Some(first), false) = (state.requests.front(), state.closed) else {
            return false;
        };
        let until = first.since + delay;
        if self.arrivals.pending.load(Ordering::Acquire) == 0 || until <= Instant::now() {
            return false;
        }
        let Some(group) = first.items.front().map(|item| item.cost.group) else {
            return false;
        };
        let mut cost = 0usize;
        for item in state.requests.iter().flat_map(|request| &request.items).filter(|item| item.cost.group == group) {
            cost = cost.saturating_add(item.cost.cost);
            if cost >= self.policy.max_cost {
                return false;
            }
        }
        state.hold_since.get_or_insert_with(Instant::now);
        if state.alarm.is_none_or(|alarm| alarm != until) {
            state.alarm = Some(until);
            let arrivals = self.arrivals.clone();
            // A task of the runtime instead of a timer of the worker: an embedder's runtime may shut down before the worker
            // does, and a timer would panic. Pending requests end with the runtime, too.
            tokio::spawn(async move {
                tokio::time::sleep_until(until).await;
                arrivals.arrived.notify_waiters();
            });
        }
        true
    }

    /// Removes a request that nobody waits for, if any of its items are still in the queue.
    pub(super) fn remove(&self, token: &Arc<RequestToken>) {
        let mut state = self.lock();
        let at = state.requests.iter().position(|request| Arc::ptr_eq(&request.job.token, token));
        let request = at.and_then(|at| state.requests.remove(at));
        drop(state);
        drop(request);
    }

    /// Returns the number of waiting requests and of running calls.
    pub(super) fn counts(&self) -> (usize, usize) {
        let state = self.lock();
        (state.requests.len(), state.running)
    }

    /// Closes the queue. Workers stop once the waiting requests are done.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.arrivals.arrived.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        // Nothing panics while the lock is held, so the queue is consistent even if a holder's thread died.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The remaining room of a batch.
struct Room {
    group: u64,
    /// `None` while the batch is empty: its first item is taken at any cost.
    cost: Option<usize>,
    max_cost: usize,
}

impl Room {
    /// Adds an item to the batch if it fits.
    fn add(&mut self, item: BatchCost) -> bool {
        let total = self.cost.map_or(item.cost, |cost| cost.saturating_add(item.cost));
        let fits = item.group == self.group && (self.cost.is_none() || total <= self.max_cost);
        if fits {
            self.cost = Some(total);
        }
        fits
    }

    fn is_full(&self) -> bool {
        self.cost.is_some_and(|cost| cost >= self.max_cost)
    }
}

/// Takes the next batch: the first waiting item, and all items that may share a call with it.
fn take(requests: &mut VecDeque<QueuedRequest>, policy: &BatchPolicy, now: Instant) -> Option<NextBatch> {
    let first = requests.front_mut()?;
    let group = first.items.front()?.cost.group;
    let mut room = Room { group, cost: None, max_cost: policy.max_cost };
    let count = first.items.iter().take_while(|item| room.add(item.cost)).count();
    let mut slices = PerRequest::new();
    slices.push(first.slice(count, now));
    let all = count == first.items.len();
    let mut items: Vec<ErasedItem> =
        if all { std::mem::take(&mut first.items).into() } else { first.items.drain(..count).collect() };
    if all {
        requests.pop_front();
    }
    if policy.across.is_some() && !room.is_full() {
        for request in requests.iter_mut().skip(usize::from(!all)) {
            if request.job.token.is_gone() || request.job.token.is_expired() {
                continue;
            }
            // Items are sorted by group.
            let begin = request.items.partition_point(|item| item.cost.group < group);
            let count = request.items.range(begin..).take_while(|item| room.add(item.cost)).count();
            if count > 0 {
                items.extend(request.items.drain(begin..begin + count));
                slices.push(request.slice(count, now));
            }
            if room.is_full() {
                break;
            }
        }
        requests.retain(|request| !request.items.is_empty());
    }
    for slice in &slices {
        slice.job.begin();
    }
    Some(NextBatch { items, slices, held_for: Duration::ZERO, at: now })
}
