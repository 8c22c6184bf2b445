//! The queue: items that wait for a worker. Connections take turns, and so do the requests of a connection. Admission
//! limits the number of requests. The host fills it, and workers take batches out of it.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use super::{
    batches::{self, BatchPolicy, NextBatch, PerRequest, QueuedRequest, Requests},
    erased::Items,
    job::Job,
    turns::Turns,
};
use crate::{
    error::Error,
    inflight::{RequestToken, Source},
};

/// The queue between request decoding and the workers.
pub(super) struct Queue {
    state: Mutex<QueueState>,
    arrivals: Arc<Arrivals>,
    policy: BatchPolicy,
}

struct QueueState {
    waiting: Turns<Source, Requests>,
    /// The number of entries in `waiting`. A request whose items have keys can have several.
    count: usize,
    /// An empty list of requests, kept for its memory.
    spare: Requests,
    running: Running,
    closed: bool,
    /// The time of the scheduled wake-up of workers, when the first request has waited long enough.
    alarm: Option<Instant>,
    /// The time since which the next batch has been held back.
    hold_since: Option<Instant>,
}

/// The requests of the running calls.
#[derive(Default)]
struct Running {
    calls: Vec<Option<PerRequest<Arc<Job>>>>,
    free: Vec<usize>,
}

impl Running {
    fn count(&self) -> usize {
        self.calls.len() - self.free.len()
    }

    /// Adds a call, and returns its index.
    fn add(&mut self, jobs: PerRequest<Arc<Job>>) -> usize {
        match self.free.pop() {
            Some(index) => {
                self.calls[index] = Some(jobs);
                index
            }
            None => {
                self.calls.push(Some(jobs));
                self.calls.len() - 1
            }
        }
    }

    fn remove(&mut self, index: usize) {
        self.calls[index] = None;
        self.free.push(index);
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

/// The permission to run a batch. When dropped, another batch may run.
pub(super) struct RunPermit<'a> {
    queue: &'a Queue,
    index: usize,
    /// Set if the next batch is for a worker that waits for it, and not for whoever has the permit.
    wakes: bool,
}

impl Drop for RunPermit<'_> {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        state.running.remove(self.index);
        let more = self.wakes && !state.waiting.is_empty();
        drop(state);
        if more {
            self.queue.wake();
        }
    }
}

/// The items of a request that its first call on a thread has left for further calls there. When dropped, workers take what
/// is still left.
pub(super) struct Rest<'a> {
    queue: &'a Queue,
    job: Arc<Job>,
}

impl<'a> Rest<'a> {
    /// Takes the next call of the request. Returns `None` if nothing is left, if others are first, and if nobody waits for the
    /// response any more.
    pub(super) fn next(&self) -> Option<(NextBatch, RunPermit<'a>)> {
        let mut expired = Vec::new();
        let mut state = self.queue.lock();
        let first = state.waiting.first().and_then(|(_, requests)| requests.front());
        if !first.is_some_and(|first| Arc::ptr_eq(&first.job, &self.job) && !first.is_over()) {
            return None;
        }
        let found = self.queue.find(&mut state, &mut expired);
        drop(state);
        abandon(expired);
        match found {
            Found::Batch(batch, index) => Some((batch, RunPermit { queue: self.queue, index, wakes: false })),
            Found::Nothing | Found::End => None,
        }
    }
}

impl Drop for Rest<'_> {
    fn drop(&mut self) {
        if !self.queue.lock().waiting.is_empty() {
            self.queue.wake();
        }
    }
}

/// The outcome of adding a request whose call may run on this thread.
pub(super) enum Pushed<'a> {
    /// The call that runs next, with permission to run it, and what it leaves of the request.
    Taken(NextBatch, RunPermit<'a>, Option<Rest<'a>>),
    /// The request waits for a worker.
    Queued,
    /// The queue is closed.
    Closed,
}

/// The outcome of a look into the queue.
enum Found {
    /// A batch, and the index of its call.
    Batch(NextBatch, usize),
    Nothing,
    End,
}

impl QueueState {
    /// Removes the requests from the front that nobody waits for.
    fn remove_expired(&mut self, expired: &mut Vec<QueuedRequest>) {
        while let Some((source, requests)) = self.waiting.first() {
            if !requests.front().is_some_and(QueuedRequest::is_over) {
                return;
            }
            expired.extend(requests.pop_front());
            self.count -= 1;
            if requests.is_empty() {
                self.waiting.remove(source);
            }
        }
    }

    fn add(&mut self, request: QueuedRequest) {
        let source = request.job.token.source();
        let QueueState { waiting, count, spare, .. } = self;
        waiting.add(source, || std::mem::take(spare));
        if let Some(requests) = waiting.get_mut(source) {
            requests.push_back(request);
            *count += 1;
        }
    }

    fn remove(&mut self, token: &Arc<RequestToken>) -> Option<QueuedRequest> {
        let requests = self.waiting.get_mut(token.source())?;
        let at = requests.iter().position(|request| Arc::ptr_eq(&request.job.token, token))?;
        let request = requests.remove(at);
        if requests.is_empty() {
            self.waiting.remove(token.source());
        }
        self.count -= 1;
        request
    }
}

impl Queue {
    pub(super) fn new(policy: BatchPolicy) -> Self {
        let state = QueueState {
            waiting: Turns::new(batches::share(&policy)),
            count: 0,
            spare: Requests::new(),
            running: Running::default(),
            closed: false,
            alarm: None,
            hold_since: None,
        };
        Queue { state: Mutex::new(state), arrivals: Arc::default(), policy }
    }

    /// Announces a request, until the returned value is dropped.
    pub(super) fn announce(&self) -> PendingArrival {
        self.arrivals.pending.fetch_add(1, Ordering::AcqRel);
        PendingArrival { arrivals: self.arrivals.clone(), awaited: self.policy.delays() }
    }

    /// Waits until every announced request is in the queue or has failed.
    pub(super) async fn no_arrivals(&self) {
        const LOOK: Duration = Duration::from_millis(10);
        while self.arrivals.pending.load(Ordering::Acquire) > 0 {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Adds the items of a request that has been waiting since the given time. Returns `false` if the queue is closed.
    pub(super) fn push(&self, job: Arc<Job>, items: Items, since: Instant) -> bool {
        let request = QueuedRequest::new(job, items, since);
        let mut state = self.lock();
        if state.closed {
            return false;
        }
        state.add(request);
        drop(state);
        self.wake();
        true
    }

    /// Adds the items of a request that has been waiting since the given time. If no other waits and a call may run, takes the
    /// next batch at once, and wakes no worker for the rest.
    pub(super) fn push_or_take(&self, job: &Arc<Job>, items: Items, since: Instant) -> Pushed<'_> {
        let request = QueuedRequest::new(job.clone(), items, since);
        let mut state = self.lock();
        if state.closed {
            return Pushed::Closed;
        }
        let is_next = state.waiting.is_empty() && state.running.count() < self.policy.max_running;
        // The common case: the request has no turns to take with others, and becomes one call.
        let request = if is_next && !self.policy.delays() && !request.is_over() {
            match batches::of_one(request, &self.policy, Instant::now()) {
                Ok(batch) => {
                    let index = state.running.add(PerRequest::from_buf([job.clone()]));
                    return Pushed::Taken(batch, RunPermit { queue: self, index, wakes: true }, None);
                }
                Err(request) => request,
            }
        } else {
            request
        };
        state.add(request);
        if !is_next {
            drop(state);
            self.wake();
            return Pushed::Queued;
        }
        let mut expired = Vec::new();
        let found = self.find(&mut state, &mut expired);
        let more = !state.waiting.is_empty();
        drop(state);
        abandon(expired);
        let rest = more.then(|| Rest { queue: self, job: job.clone() });
        match found {
            Found::Batch(batch, index) => {
                Pushed::Taken(batch, RunPermit { queue: self, index, wakes: rest.is_none() }, rest)
            }
            Found::Nothing | Found::End => Pushed::Queued,
        }
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
                Found::Batch(batch, index) => return Some((batch, RunPermit { queue: self, index, wakes: true })),
                Found::End => return None,
                Found::Nothing => {}
            }
        }
    }

    fn look(&self) -> Found {
        let mut expired = Vec::new();
        let mut state = self.lock();
        let found = self.find(&mut state, &mut expired);
        let empty = state.waiting.is_empty();
        let is_batch = matches!(found, Found::Batch(..));
        let more = !empty && state.running.count() < self.policy.max_running && is_batch;
        let done = state.closed && empty;
        drop(state);
        abandon(expired);
        // One notification may stand for several arrivals, so whoever takes a batch passes it on.
        if done {
            self.arrivals.arrived.notify_waiters();
        } else if more && !self.policy.wakes_all {
            self.arrivals.arrived.notify_one();
        }
        found
    }

    fn find(&self, state: &mut QueueState, expired: &mut Vec<QueuedRequest>) -> Found {
        state.remove_expired(expired);
        if state.waiting.is_empty() {
            return if state.closed { Found::End } else { Found::Nothing };
        }
        if state.running.count() >= self.policy.max_running || self.holds(state) {
            return Found::Nothing;
        }
        let now = Instant::now();
        let QueueState { waiting, spare, .. } = state;
        let Some((mut batch, done)) = batches::take(waiting, &self.policy, now, spare) else {
            return Found::Nothing;
        };
        state.count -= done;
        batch.held_for = state.hold_since.take().map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        let index = state.running.add(batch.slices.iter().map(|slice| slice.job.clone()).collect());
        Found::Batch(batch, index)
    }

    /// Returns `true` if the next batch is held back for requests on their way: there are some, the batch has room, and its
    /// first item has not waited for the delay.
    fn holds(&self, state: &mut QueueState) -> bool {
        let Some(delay) = self.policy.across.filter(|_| self.policy.delays()) else {
            return false;
        };
        let first = state.waiting.iter().next().and_then(|(_, requests)| requests.front());
        let (Some(first), false) = (first, state.closed) else {
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
        let requests = state.waiting.iter().flat_map(|(_, requests)| requests);
        for item in requests.flat_map(|request| request.costs(group)) {
            cost = cost.saturating_add(item);
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
        // Several if its items have keys, which come one by one.
        let removed: PerRequest<_> = std::iter::from_fn(|| state.remove(token)).collect();
        drop(state);
        drop(removed);
    }

    /// Returns the number of entries, which is that of waiting requests unless items have keys, and the number of running
    /// calls.
    pub(super) fn counts(&self) -> (usize, usize) {
        let state = self.lock();
        (state.count, state.running.count())
    }

    /// Adds the requests of all entries to a set.
    pub(super) fn add_jobs(&self, jobs: &mut HashSet<*const Job>) {
        let state = self.lock();
        jobs.extend(state.waiting.iter().flat_map(|(_, requests)| requests).map(|request| Arc::as_ptr(&request.job)));
    }

    /// Closes the queue and fails all of its requests, waiting and running.
    pub(super) fn abandon(&self, error: impl Fn() -> Error) {
        let mut state = self.lock();
        state.closed = true;
        state.count = 0;
        let waiting: Vec<QueuedRequest> = state.waiting.clear().flatten().collect();
        let running: Vec<Arc<Job>> = state.running.calls.iter().flatten().flatten().cloned().collect();
        drop(state);
        self.arrivals.arrived.notify_waiters();
        running.iter().chain(waiting.iter().map(|request| &request.job)).for_each(|job| job.abandon(error()));
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

/// Drops requests that nobody waits for, and answers those whose deadline has passed. An author's values in the items are
/// dropped outside the lock, and by another thread.
fn abandon(expired: Vec<QueuedRequest>) {
    expired.into_iter().filter(|request| !request.job.token.is_gone()).for_each(|request| {
        request.job.abandon(Error::timed_out());
    });
}
