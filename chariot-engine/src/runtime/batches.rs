//! The batches made of waiting requests. The queue calls [`take`].

use std::{collections::VecDeque, sync::Arc, time::Duration};

use smallvec::SmallVec;
use tokio::time::Instant;

use super::{
    erased::{ErasedItem, Items},
    job::Job,
    turns::Turns,
};
use crate::{inflight::Source, model::BatchCost};

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

impl BatchPolicy {
    /// Returns `true` if a batch may wait for requests on their way.
    pub(super) fn delays(&self) -> bool {
        self.across.is_some_and(|delay| !delay.is_zero())
    }
}

/// Waiting items of a request, sorted by group: all of them, unless they have keys.
pub(super) struct QueuedRequest {
    pub(super) job: Arc<Job>,
    pub(super) items: Items,
    pub(super) since: Instant,
}

impl QueuedRequest {
    pub(super) fn new(job: Arc<Job>, mut items: Items, since: Instant) -> Self {
        // A stable sort, so that items of one group keep their order.
        items.make_contiguous().sort_by_key(|item| item.cost.group);
        QueuedRequest { job, items, since }
    }

    /// Returns `true` if nobody waits for its response any more.
    pub(super) fn is_over(&self) -> bool {
        self.job.token.is_gone() || self.job.token.is_expired()
    }

    /// Returns the place of the first item of a group, or of the first one after it.
    fn begin_of(&self, group: u64) -> usize {
        self.items.partition_point(|item| item.cost.group < group)
    }

    /// Returns the costs of the items of a group.
    pub(super) fn costs(&self, group: u64) -> impl Iterator<Item = usize> {
        let items = self.items.range(self.begin_of(group)..);
        items.map(|item| item.cost).take_while(move |cost| cost.group == group).map(|cost| cost.cost)
    }

    fn slice(&self, count: usize, now: Instant) -> BatchSlice {
        let waited = self.job.begin().then(|| now.saturating_duration_since(self.since));
        BatchSlice { job: self.job.clone(), count, waited }
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

/// The requests of a connection, in the order of their turns. After a batch, a request with more items is the last one.
pub(super) type Requests = VecDeque<QueuedRequest>;

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

    fn cost(&self) -> usize {
        self.cost.unwrap_or_default()
    }

    fn is_full(&self) -> bool {
        self.cost.is_some_and(|cost| cost >= self.max_cost)
    }
}

/// The share of a connection in a round of turns: what one batch costs.
pub(super) fn share(policy: &BatchPolicy) -> u64 {
    policy.max_cost as u64
}

/// Makes a batch of a request that no other waits beside, or returns it if it takes several batches.
pub(super) fn of_one(
    mut request: QueuedRequest,
    policy: &BatchPolicy,
    now: Instant,
) -> Result<NextBatch, QueuedRequest> {
    let Some(group) = request.items.front().map(|item| item.cost.group) else { return Err(request) };
    let mut room = Room { group, cost: None, max_cost: policy.max_cost };
    if !request.items.iter().all(|item| room.add(item.cost)) {
        return Err(request);
    }
    let slice = request.slice(request.items.len(), now);
    let items = request.items.take();
    Ok(NextBatch { items, slices: PerRequest::from_buf([slice]), held_for: Duration::ZERO, at: now })
}

/// Takes the next batch: the first item of the connection whose turn it is, and all items that may share a call with it.
/// Returns the number of requests that have no more items, too. `emptied` gets the list of a connection without requests.
pub(super) fn take(
    waiting: &mut Turns<Source, Requests>,
    policy: &BatchPolicy,
    now: Instant,
    emptied: &mut Requests,
) -> Option<(NextBatch, usize)> {
    let (source, requests) = waiting.first()?;
    let first = requests.front_mut()?;
    let group = first.items.front()?.cost.group;
    let mut room = Room { group, cost: None, max_cost: policy.max_cost };
    let count = first.items.iter().take_while(|item| room.add(item.cost)).count();
    let mut slices = PerRequest::new();
    slices.push(first.slice(count, now));
    let all = count == first.items.len();
    let mut items: Vec<ErasedItem> = if all { first.items.take() } else { first.items.drain(..count).collect() };
    let mut done = usize::from(all);
    if all {
        requests.pop_front();
    } else {
        requests.rotate_left(1);
    }
    // A call takes its time however little it costs: a turn is two calls at most.
    let cost = room.cost().max(policy.max_cost.div_ceil(2));
    end_turn(waiting, source, cost, emptied);
    if policy.across.is_none() || room.is_full() {
        return Some((NextBatch { items, slices, held_for: Duration::ZERO, at: now }, done));
    }
    let mut joined = PerRequest::new();
    for (source, requests) in waiting.iter_mut() {
        let before = room.cost();
        for request in requests.iter_mut().filter(|request| !request.is_over()) {
            let begin = request.begin_of(group);
            let count = request.items.range(begin..).take_while(|item| room.add(item.cost)).count();
            if count > 0 {
                items.extend(request.items.drain(begin..begin + count));
                slices.push(request.slice(count, now));
                done += usize::from(request.items.is_empty());
            }
            if room.is_full() {
                break;
            }
        }
        requests.retain(|request| !request.items.is_empty());
        if room.cost() > before || requests.is_empty() {
            joined.push((source, room.cost() - before));
        }
        if room.is_full() {
            break;
        }
    }
    for (source, cost) in joined {
        end_turn(waiting, source, cost, emptied);
    }
    Some((NextBatch { items, slices, held_for: Duration::ZERO, at: now }, done))
}

/// Charges a connection for items that were taken, and removes it if it has no more.
fn end_turn(waiting: &mut Turns<Source, Requests>, source: Source, cost: usize, emptied: &mut Requests) {
    if waiting.get_mut(source).is_some_and(|requests| requests.is_empty()) {
        *emptied = waiting.remove(source).unwrap_or_default();
    } else {
        waiting.spend(source, cost as u64);
    }
}
