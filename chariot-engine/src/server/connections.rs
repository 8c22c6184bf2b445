//! [`Connections`], all connections of a listener: their time limits, which of them makes room for another, and their end.
//! The listener calls it.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::sync::watch;

use super::{
    connection::{Clock, ConnectionState, Order},
    connection_memory::ConnectionMemory,
};
use crate::inflight::Charge;

/// The number of connections that one search for idle ones yields, so that a flood of new connections does not search all
/// the others for each.
const SEARCHED: usize = 64;

/// The age up to which another connection is closed first: the time after which TCP sends a first packet again that was lost.
/// A client that has just connected has not had the time for its first byte yet, and one that has just begun a head has had
/// none for the rest.
const YOUNG: Duration = Duration::from_secs(1);

/// The bounds of a tick, in which the time limits are counted.
const SHORTEST_TICK: Duration = Duration::from_millis(1);
const LONGEST_TICK: Duration = Duration::from_secs(1);

/// The open connections of a listener.
pub(crate) struct Connections {
    clock: Arc<Clock>,
    tick: Duration,
    /// The limits in ticks.
    header_limit: u64,
    idle_limit: u64,
    young_limit: u64,
    list: Vec<Weak<ConnectionState>>,
    /// Connections that were idle at a search in this tick, the longest idle at the end, with the time since when. All of
    /// them have this turn, and no other connection had an earlier one.
    idle: Vec<(u64, Weak<ConnectionState>)>,
    idle_turn: IdleTurn,
    memory: Arc<ConnectionMemory>,
    /// Every task of a connection holds a receiver.
    tasks: watch::Sender<()>,
}

/// The turn in which an idle connection is closed for another. Age comes first: whoever fills all places with parts of heads
/// would otherwise take the places of clients that have just connected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct IdleTurn {
    is_young: bool,
    is_in_head: bool,
}

/// An idle connection, which can be closed for another one.
pub(super) struct Idle {
    state: Arc<ConnectionState>,
    turn: IdleTurn,
}

impl Idle {
    /// Returns `true` if the client may not have had the time for its first byte, or for the rest of a head.
    pub(super) fn is_young(&self) -> bool {
        self.turn.is_young
    }

    /// Closes the connection unless a request has arrived.
    pub(super) fn close(self) {
        self.state.command(Order::MakeRoom);
    }
}

/// Held by the task of a connection until it ends.
pub(super) struct TaskGuard {
    _task: watch::Receiver<()>,
}

impl Connections {
    /// Creates an empty list. A head may take `header_timeout`, and a connection may be without a request for
    /// `idle_timeout`.
    pub(super) fn new(header_timeout: Duration, idle_timeout: Duration) -> Self {
        let tick = (header_timeout.min(idle_timeout) / 10).clamp(SHORTEST_TICK, LONGEST_TICK);
        let ticks = |limit: Duration| u64::try_from(limit.as_nanos().div_ceil(tick.as_nanos())).unwrap_or(u64::MAX);
        Connections {
            clock: Arc::new(Clock::new()),
            tick,
            header_limit: ticks(header_timeout),
            idle_limit: ticks(idle_timeout),
            young_limit: ticks(YOUNG),
            list: Vec::new(),
            idle: Vec::new(),
            idle_turn: IdleTurn::default(),
            memory: ConnectionMemory::new(),
            tasks: watch::Sender::new(()),
        }
    }

    /// Returns the time between two calls of [`tick`](Self::tick).
    pub(super) fn tick_length(&self) -> Duration {
        self.tick
    }

    /// Returns the memory that the connections hold for what they receive.
    pub(super) fn memory(&self) -> &Arc<ConnectionMemory> {
        &self.memory
    }

    /// Adds a connection.
    pub(super) fn add(&mut self) -> (Arc<ConnectionState>, TaskGuard) {
        let state =
            Arc::new(ConnectionState::new(self.clock.clone(), self.memory.read_charge(), self.memory.request_charge()));
        self.list.push(Arc::downgrade(&state));
        (state, TaskGuard { _task: self.tasks.subscribe() })
    }

    /// Advances the clock by a tick, and closes the connections that are over a limit: that of a head once one has begun, and
    /// otherwise that of an idle connection.
    pub(super) fn tick(&mut self) {
        let now = self.clock.tick();
        self.idle.clear();
        let (header_limit, idle_limit) = (self.header_limit, self.idle_limit);
        self.list.retain(|connection| {
            let Some(state) = connection.upgrade() else { return false };
            let (since, limit) = match state.head_since() {
                0 => (state.idle_since(), idle_limit),
                head_since => (head_since, header_limit),
            };
            state.look_at_unsent();
            // More than the limit: a tick that has begun is not a whole one.
            if state.is_idle() && now.saturating_sub(since) > limit {
                state.command(Order::Close);
            }
            true
        });
    }

    /// Returns the connection to close for another one: the one that has been without a request for longest, one with a part
    /// of a head only if there is no other, and a young one only if all are young. Returns `None` if every one has a request.
    pub(super) fn longest_idle(&mut self) -> Option<Idle> {
        for searched in [false, true] {
            if searched {
                self.search_idle();
            }
            while let Some((since, connection)) = self.idle.last() {
                if let Some(state) = connection.upgrade()
                    && state.idle_since() == *since
                    && self.idle_turn(&state) == Some(self.idle_turn)
                {
                    return Some(Idle { state, turn: self.idle_turn });
                }
                self.idle.pop();
            }
        }
        None
    }

    /// Returns the turn of a connection, or `None` if it is not idle, about to close, or beyond the limit.
    fn idle_turn(&self, state: &ConnectionState) -> Option<IdleTurn> {
        if !state.is_idle() || !state.is_kept() || state.is_reserved() {
            return None;
        }
        let head_since = state.head_since();
        let is_in_head = head_since != 0;
        let since = if is_in_head { head_since } else { state.idle_since() };
        Some(IdleTurn { is_young: self.clock.now().saturating_sub(since) <= self.young_limit, is_in_head })
    }

    fn search_idle(&mut self) {
        let mut idle = Vec::new();
        for connection in &self.list {
            let Some(state) = connection.upgrade() else { continue };
            let Some(turn) = self.idle_turn(&state) else { continue };
            if idle.is_empty() || turn < self.idle_turn {
                idle.clear();
                self.idle_turn = turn;
            }
            if turn == self.idle_turn {
                idle.push((state.idle_since(), connection.clone()));
            }
        }
        self.idle = idle;
        if self.idle.len() > SEARCHED {
            self.idle.select_nth_unstable_by_key(SEARCHED, |(since, _)| *since);
            self.idle.truncate(SEARCHED);
        }
        self.idle.sort_by_key(|(since, _)| std::cmp::Reverse(*since));
    }

    /// Closes connections that hold much of the memory of connections, if it is crowded.
    ///
    /// For what is not a request yet: those with the oldest heads, then those that have been idle for longest, then those
    /// that only discard what they receive, then those of HTTP/2 whose heads do not end behind other requests. For requests
    /// of HTTP/2: those with most of them, and among similar ones those that have been without progress for longest.
    pub(super) fn make_memory(&self) {
        let now = self.clock.now();
        self.close_until(self.memory.excess(), |state| read_turn(state, now), ConnectionState::read_charge);
        self.close_until(self.memory.request_excess(), request_turn, ConnectionState::request_charge);
    }

    /// Closes connections in their turns until so many bytes are released.
    fn close_until(
        &self,
        excess: u64,
        turn: impl Fn(&ConnectionState) -> Option<((u32, u64), Order)>,
        charge: impl Fn(&ConnectionState) -> &Charge,
    ) {
        if excess == 0 {
            return;
        }
        let open = self.list.iter().filter_map(Weak::upgrade);
        let mut holding: Vec<_> = open.filter_map(|state| Some((turn(&state)?, state))).collect();
        holding.sort_unstable_by_key(|((turn, _), _)| *turn);
        let mut released = 0;
        for ((_, order), state) in holding {
            if released >= excess {
                break;
            }
            released += charge(&state).bytes();
            state.command(order);
        }
    }

    /// Tells every connection to close after its current request, and waits up to `limit` for all of them. Returns `false`
    /// if some are still open then; they stay until their client closes them or the process exits.
    pub(crate) async fn close(&self, limit: Duration) -> bool {
        for connection in &self.list {
            if let Some(state) = connection.upgrade() {
                state.command(Order::Drain);
            }
        }
        tokio::time::timeout(limit, self.tasks.closed()).await.is_ok()
    }
}

/// The bytes from which a connection of HTTP/2 holds an unfinished head: more than its buffers take, and no more than a head
/// of the smallest limit counts as.
const HELD_BY_HEAD: u64 = 64 << 10;

/// Returns the turn in which a connection is closed for what it holds beside requests, and the order to do so; `None` if it
/// is not.
fn read_turn(state: &ConnectionState, now: u64) -> Option<((u32, u64), Order)> {
    let bytes = state.read_charge().bytes();
    if bytes == 0 {
        return None;
    }
    if state.is_discarding() {
        return Some(((2, state.idle_since()), Order::Cut));
    }
    match (state.is_idle(), state.head_since()) {
        (false, _) => (state.is_http2() && bytes >= HELD_BY_HEAD).then_some(((3, u64::MAX - bytes), Order::Cut)),
        (true, 0) => Some(((1, state.idle_since()), Order::MakeRoom)),
        // In HTTP/1, one of this tick gets a response if the memory is exhausted, and the client has time to read it.
        (true, since) => (since < now || state.is_http2()).then_some(((0, since), Order::MakeRoom)),
    }
}

/// Returns the turn in which a connection is closed for its requests of HTTP/2, and the order to do so.
fn request_turn(state: &ConnectionState) -> Option<((u32, u64), Order)> {
    let bytes = state.request_charge().bytes();
    (bytes > 0).then_some(((bytes.leading_zeros(), state.idle_since()), Order::Cut))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    fn advance(connections: &mut Connections, ticks: usize) {
        (0..ticks).for_each(|_| connections.tick());
    }

    /// Closes a connection for another. Returns `false` if there is none.
    fn close_longest_idle(connections: &mut Connections) -> bool {
        connections.longest_idle().map(Idle::close).is_some()
    }

    #[test]
    fn a_head_and_an_idle_connection_have_limits_of_their_own() {
        let mut connections = Connections::new(LIMIT, 4 * LIMIT);
        let (idle, _idle) = connections.add();
        let (slow, _slow) = connections.add();
        let (busy, _busy) = connections.add();
        let request = busy.begin();
        slow.begin_head();
        advance(&mut connections, 10);
        assert!(slow.is_kept());
        advance(&mut connections, 1);
        assert!(!slow.is_kept() && idle.is_kept());
        advance(&mut connections, 30);
        assert!(!idle.is_kept() && busy.is_kept());
        // Its time begins with the end of the request.
        drop(request);
        advance(&mut connections, 40);
        assert!(busy.is_kept());
        advance(&mut connections, 1);
        assert!(!busy.is_kept());
    }

    #[test]
    fn a_head_that_began_late_has_all_of_its_time() {
        let mut connections = Connections::new(LIMIT, LIMIT);
        let (slow, _slow) = connections.add();
        advance(&mut connections, 9);
        slow.begin_head();
        advance(&mut connections, 10);
        assert!(slow.is_kept());
        advance(&mut connections, 1);
        assert!(!slow.is_kept());
    }

    #[test]
    fn a_connection_with_a_part_of_a_head_is_closed_after_those_without() {
        let mut connections = Connections::new(LIMIT, LIMIT);
        let open: Vec<_> = (0..4)
            .map(|_| {
                connections.clock.tick();
                connections.add().0
            })
            .collect();
        open[0].begin_head();
        assert!(close_longest_idle(&mut connections) && !open[1].is_kept());
        // It begins after the search.
        open[2].begin_head();
        for expected in [3, 0, 2] {
            assert!(open[expected].is_kept(), "{expected}");
            assert!(close_longest_idle(&mut connections));
            assert!(!open[expected].is_kept(), "{expected}");
        }
        assert!(!close_longest_idle(&mut connections));
    }

    #[test]
    fn a_young_connection_is_closed_only_if_all_are_young() {
        let mut connections = Connections::new(LIMIT, LIMIT);
        let [served, slow, idle] = [(); 3].map(|()| connections.add().0);
        slow.begin_head();
        advance(&mut connections, 2);
        // Its head has just begun.
        served.begin_head();
        let young = connections.add().0;
        for expected in [&idle, &slow] {
            let found = connections.longest_idle().unwrap();
            assert!(!found.is_young() && Arc::ptr_eq(&found.state, expected));
            found.close();
        }
        for expected in [&young, &served] {
            let found = connections.longest_idle().unwrap();
            assert!(found.is_young() && Arc::ptr_eq(&found.state, expected));
            found.close();
        }
        assert!(connections.longest_idle().is_none());
        // A connection is young for a second at least, and for a tick more at most.
        let silent = connections.add().0;
        advance(&mut connections, 1);
        assert!(connections.longest_idle().is_some_and(|found| found.is_young()));
        advance(&mut connections, 1);
        assert!(connections.longest_idle().is_some_and(|found| !found.is_young()));
        assert!(silent.is_kept());
    }

    #[test]
    fn the_longest_idle_connection_is_closed_first() {
        let mut connections = Connections::new(LIMIT, LIMIT);
        let open: Vec<_> = (0..3 * SEARCHED)
            .map(|_| {
                connections.clock.tick();
                connections.add()
            })
            .collect();
        let busy = open[1].0.begin();
        // A request makes the first connection the youngest.
        connections.clock.tick();
        drop(open[0].0.begin());
        let mut expected: Vec<usize> = (2..open.len()).collect();
        expected.push(0);
        for index in expected {
            assert!(open[index].0.is_kept(), "{index}");
            assert!(close_longest_idle(&mut connections));
            assert!(!open[index].0.is_kept(), "{index}");
        }
        assert!(!close_longest_idle(&mut connections));
        drop(busy);
        assert!(close_longest_idle(&mut connections));
    }

    #[test]
    fn connections_with_old_heads_and_idle_ones_give_memory_back() {
        let mut connections = Connections::new(LIMIT, LIMIT);
        let memory = connections.memory().clone();
        let [old, idle, busy, young] = [(); 4].map(|()| connections.add().0);
        old.begin_head();
        let request = busy.begin();
        connections.clock.tick();
        young.begin_head();
        for state in [&old, &idle, &busy, &young] {
            assert!(memory.add_head(state.read_charge(), 11 << 20));
        }
        connections.make_memory();
        assert!(old.is_kept(), "there is room");
        assert!(memory.add_head(busy.read_charge(), 8 << 20));
        connections.make_memory();
        assert!(!old.is_kept() && !idle.is_kept() && busy.is_kept() && young.is_kept());
        drop(request);
    }

    #[test]
    fn the_connection_with_most_requests_gives_memory_back() {
        let mut connections = Connections::new(LIMIT, LIMIT);
        let memory = connections.memory().clone();
        let [heads, few, stalled, many] = [(); 4].map(|()| connections.add().0);
        heads.set_http2();
        heads.begin_head();
        assert!(memory.add_head(heads.read_charge(), 40 << 20));
        // Heads of another size do not make similar ones different.
        let held =
            [(&few, 3), (&stalled, 9), (&many, 9)].map(|(state, size)| memory.add_request(state, size << 20).unwrap());
        connections.clock.tick();
        drop(many.begin());
        connections.make_memory();
        assert!(stalled.is_kept() && heads.is_kept(), "there is room");
        let more = memory.add_request(&few, 3 << 20).unwrap();
        connections.make_memory();
        assert!(stalled.is_cut() && few.is_kept() && many.is_kept() && heads.is_kept());
        drop((held, more));
        assert_eq!((few.request_charge().bytes(), many.request_charge().bytes()), (0, 0));
    }

    #[test]
    fn an_unfinished_head_of_http_2_gives_memory_back_behind_other_requests() {
        let mut connections = Connections::new(LIMIT, LIMIT);
        let memory = connections.memory().clone();
        let [small, large, one] = [(); 3].map(|()| connections.add().0);
        let requests = [&small, &large, &one].map(ConnectionState::begin);
        [&small, &large].iter().for_each(|state| state.set_http2());
        for (state, bytes) in [(&small, 32 << 10), (&large, 20 << 20), (&one, 30 << 20)] {
            assert!(memory.add_head(state.read_charge(), bytes));
        }
        connections.make_memory();
        assert!(small.is_kept() && large.is_cut() && one.is_kept());
        drop(requests);
    }
}
