//! [`Lanes`], which let the items of a key run one at a time: an item waits here, and no worker for it, until the one before it
//! is done. The host adds requests; the end of an item's call brings the next one into the queue.

use std::{
    any::Any,
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use tokio::time::Instant;

use super::{
    discard::Discards,
    erased::{ErasedItem, Items},
    job::Job,
    queue::Queue,
    state::SHUTTING_DOWN,
};
use crate::{error::Error, inflight::RequestToken};

/// The items that wait for others of their keys.
pub(super) struct Lanes {
    state: Mutex<State>,
    queue: Arc<Queue>,
    discards: Arc<Discards<ErasedItem>>,
}

#[derive(Default)]
struct State {
    /// One list for each key of which an item is in the queue or in a call.
    lanes: HashMap<Arc<str>, VecDeque<Waiting>>,
    closed: bool,
}

struct Waiting {
    job: Arc<Job>,
    item: ErasedItem,
    arrived: Instant,
    since: Instant,
}

impl Waiting {
    fn is_over(&self) -> bool {
        self.job.token.is_gone() || self.job.token.is_expired()
    }
}

/// The turn of an item in the lane of its key. Dropped after its call, or with the item.
struct Turn {
    lanes: Weak<Lanes>,
    key: Arc<str>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(lanes) = self.lanes.upgrade() {
            lanes.end(&self.key);
        }
    }
}

impl Lanes {
    pub(super) fn new(queue: Arc<Queue>, discards: Arc<Discards<ErasedItem>>) -> Arc<Self> {
        Arc::new(Lanes { state: Mutex::default(), queue, discards })
    }

    /// Adds a request with keys that arrived and was decoded at these times: the items whose turn it is to the queue, and the others when
    /// the items before them are done. Returns `false` if the queue is closed.
    pub(super) fn push(self: &Arc<Self>, job: Arc<Job>, mut items: Items, arrived: Instant, since: Instant) -> bool {
        let all = items.take();
        let mut state = self.lock();
        if state.closed {
            drop(state);
            // Dropped where an author's values do no harm.
            items.extend(all);
            return false;
        }
        let lanes = &mut state.lanes;
        for mut item in all {
            let Some(key) = item.key().cloned() else {
                items.push_back(item);
                continue;
            };
            match lanes.get_mut(&key) {
                None => {
                    lanes.insert(key.clone(), VecDeque::new());
                    item.turn = Some(self.turn(key));
                    items.push_back(item);
                }
                Some(lane) => {
                    // Requests of one caller can be decoded in another order than they arrive in.
                    let at = lane.partition_point(|other| other.arrived <= arrived);
                    lane.insert(at, Waiting { job: job.clone(), item, arrived, since });
                }
            }
        }
        drop(state);
        if items.is_empty() {
            return true;
        }
        self.queue.push(job, items, since)
    }

    fn turn(self: &Arc<Self>, key: Arc<str>) -> Arc<dyn Any + Send + Sync> {
        Arc::new(Turn { lanes: Arc::downgrade(self), key })
    }

    /// Brings the next item of a key into the queue.
    fn end(self: &Arc<Self>, key: &Arc<str>) {
        let mut over = Vec::new();
        let mut state = self.lock();
        let lanes = &mut state.lanes;
        let next = loop {
            match lanes.get_mut(key).and_then(VecDeque::pop_front) {
                Some(waiting) if waiting.is_over() => over.push(waiting),
                Some(next) => break Some(next),
                None => {
                    lanes.remove(key);
                    break None;
                }
            }
        };
        drop(state);
        self.discard(over, Error::timed_out);
        if let Some(Waiting { job, mut item, since, .. }) = next {
            item.turn = Some(self.turn(key.clone()));
            let mut items = Items::new(&self.discards);
            items.push_back(item);
            if !self.queue.push(job.clone(), items, since) {
                job.abandon(Error::unavailable(SHUTTING_DOWN));
            }
        }
    }

    /// Removes the items of a request that nobody waits for.
    pub(super) fn remove(&self, token: &Arc<RequestToken>) {
        let of_token = |waiting: &Waiting| Arc::ptr_eq(&waiting.job.token, token);
        self.discard(self.extract(of_token), Error::timed_out);
    }

    /// Fails all requests with items that wait here, and takes no more.
    pub(super) fn abandon(&self, error: impl Fn() -> Error) {
        self.lock().closed = true;
        self.discard(self.extract(|_| true), error);
    }

    /// Returns the number of requests with items that wait here or in the queue.
    pub(super) fn count(&self) -> usize {
        let state = self.lock();
        // A key has its lane as long as one of its items waits or runs. Without any, each request is in the queue once.
        if state.lanes.is_empty() {
            drop(state);
            return self.queue.counts().0;
        }
        let mut jobs: HashSet<_> = state.lanes.values().flatten().map(|waiting| Arc::as_ptr(&waiting.job)).collect();
        drop(state);
        self.queue.add_jobs(&mut jobs);
        jobs.len()
    }

    fn extract(&self, is_removed: impl Fn(&Waiting) -> bool) -> Vec<Waiting> {
        let mut removed = Vec::new();
        for lane in self.lock().lanes.values_mut() {
            if lane.iter().any(&is_removed) {
                let (out, kept) = std::mem::take(lane).into_iter().partition::<VecDeque<_>, _>(&is_removed);
                removed.extend(out);
                *lane = kept;
            }
        }
        removed
    }

    /// Drops items outside of the lock, by another thread, and answers callers that still wait.
    fn discard(&self, waiting: Vec<Waiting>, error: impl Fn() -> Error) {
        for Waiting { job, item, .. } in waiting {
            let mut items = Items::new(&self.discards);
            items.push_back(item);
            drop(items);
            if !job.token.is_gone() {
                job.abandon(error());
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while the lock is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
