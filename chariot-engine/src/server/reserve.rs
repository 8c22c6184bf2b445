//! The few connections beyond the limit: [`Reserve`], which the listener fills, and [`Place`], which each connection has. As
//! long as every other connection has a request, health checks, metadata and metrics are served here, and nothing else.

use std::{
    collections::VecDeque,
    sync::{Arc, OnceLock, Weak},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use super::connection::{ConnectionState, Order};

/// The number of connections beyond the limit.
pub(crate) const RESERVED: usize = 16;

/// The time after which a connection beyond the limit is cut off for another, also in the middle of a response.
const CUT_AFTER: Duration = Duration::from_secs(1);

/// The place of a connection: one of those within the limit, or one beyond it.
#[derive(Debug)]
pub(super) struct Place {
    /// The places within the limit.
    all: Arc<Semaphore>,
    /// The place within the limit, if the connection has one.
    own: OnceLock<OwnedSemaphorePermit>,
}

impl Place {
    /// Returns a place within the limit, if there is a free one.
    pub(super) fn within(all: &Arc<Semaphore>) -> Option<Place> {
        let permit = all.clone().try_acquire_owned().ok()?;
        Some(Place { all: all.clone(), own: OnceLock::from(permit) })
    }

    /// Returns a place beyond the limit.
    pub(super) fn beyond(all: &Arc<Semaphore>) -> Place {
        Place { all: all.clone(), own: OnceLock::new() }
    }

    /// Returns `true` for a place beyond the limit.
    pub(super) fn is_beyond(&self) -> bool {
        self.own.get().is_none()
    }

    /// Moves a connection to a place within the limit. Returns `false` if there is no free one.
    pub(super) fn move_within(&self, state: &ConnectionState) -> bool {
        let Ok(permit) = self.all.clone().try_acquire_owned() else { return false };
        state.set_reserved(false);
        self.own.set(permit).is_ok()
    }
}

/// The open connections beyond the limit, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Reserve {
    open: VecDeque<(Instant, Weak<ConnectionState>)>,
}

impl Reserve {
    /// Returns `true` if there is room for a connection.
    pub(super) fn has_room(&mut self) -> bool {
        let is_open = |state: &Weak<ConnectionState>| state.upgrade().is_some_and(|state| state.is_reserved());
        self.open.retain(|(_, state)| is_open(state));
        self.open.len() < RESERVED
    }

    /// Asks the oldest connection without a request to close, and cuts off one that only discards or has been open for too
    /// long: each serves requests that are answered at once.
    pub(super) fn make_room(&self) {
        for (since, state) in &self.open {
            let Some(state) = state.upgrade().filter(|state| !state.is_cut()) else { continue };
            if state.is_idle() && state.is_kept() {
                return state.command(Order::MakeRoom);
            }
            if state.is_discarding() || since.elapsed() >= CUT_AFTER {
                return state.command(Order::Cut);
            }
        }
    }

    /// Adds a connection.
    pub(super) fn add(&mut self, state: &Arc<ConnectionState>) {
        state.set_reserved(true);
        self.open.push_back((Instant::now(), Arc::downgrade(state)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{inflight::Charge, server::connection::Clock};

    fn full() -> (Reserve, Vec<Arc<ConnectionState>>) {
        let clock = Arc::new(Clock::new());
        let mut reserve = Reserve::default();
        let mut open = Vec::new();
        while reserve.has_room() {
            let state = Arc::new(ConnectionState::new(clock.clone(), Charge::default(), Charge::default()));
            reserve.add(&state);
            open.push(state);
        }
        (reserve, open)
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_connection_without_a_request_makes_room() {
        let (mut reserve, mut open) = full();
        let busy = open[0].begin();
        reserve.make_room();
        assert!(open[0].is_kept() && !open[1].is_kept() && open[2].is_kept());
        open.remove(1);
        assert!(reserve.has_room());
        drop(busy);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_is_busy_for_long_or_only_discards_is_cut_off() {
        let (reserve, open) = full();
        let busy: Vec<_> = open.iter().map(ConnectionState::begin).collect();
        reserve.make_room();
        assert!(open.iter().all(|state| state.is_kept()));
        open[3].set_receiving(true);
        reserve.make_room();
        assert!(open[3].is_cut());
        tokio::time::advance(CUT_AFTER).await;
        reserve.make_room();
        assert!(open[0].is_cut() && open[1].is_kept());
        drop(busy);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_moves_within_the_limit_when_there_is_room() {
        let (mut reserve, open) = full();
        let all = Arc::new(Semaphore::new(1));
        let within = Place::within(&all).unwrap();
        assert!(Place::within(&all).is_none());
        let place = Place::beyond(&all);
        assert!(!place.move_within(&open[0]) && !reserve.has_room());
        drop(within);
        assert!(place.move_within(&open[0]) && reserve.has_room());
        drop(place);
        assert_eq!(all.available_permits(), 1);
    }
}
