//! [`ConnectionMemory`], the memory that all connections of a listener together hold beside that of the models: unfinished
//! heads, the buffers that hyper reads into, and connections of HTTP/2 with their requests. The streams and the services of
//! the connections charge it, and the listener closes connections when it is crowded.

use std::sync::Arc;

use tokio::sync::Notify;

use super::connection::ConnectionState;
use crate::inflight::{Budget, Charge};

/// The most and the least that all connections hold together: 96 and 12 MiB. Between them, it is a quarter of what the
/// requests in flight may hold.
const MOST: u64 = 96 << 20;
const LEAST: u64 = 12 << 20;

/// The memory of a connection of HTTP/2 without a request: the buffers and the tables of h2.
const CONNECTION: u64 = 24 << 10;

/// The memory of a request in HTTP/2 beside its head: the tasks and the buffers of hyper, h2 and the engine.
const REQUEST: u64 = 8 << 10;

/// The memory of all connections.
#[derive(Debug)]
pub(super) struct ConnectionMemory {
    /// What is not a request yet, which has two thirds.
    read: Arc<Budget>,
    /// Connections of HTTP/2 and their requests, which have a third. Heads cannot take it from them.
    http2: Arc<Budget>,
    crowded: Notify,
}

impl ConnectionMemory {
    /// Creates the memory of connections to models whose requests in flight may hold so many bytes.
    pub(super) fn new(requests: u64) -> Arc<Self> {
        let http2 = (requests / 4).clamp(LEAST, MOST) / 3;
        let budget = |limit| Budget::new(limit, limit);
        Arc::new(ConnectionMemory { read: budget(2 * http2), http2: budget(http2), crowded: Notify::new() })
    }

    /// Returns an empty charge of a connection for what is not a request yet.
    pub(super) fn read_charge(&self) -> Charge {
        Charge::new(&self.read)
    }

    /// Returns an empty charge of a connection for HTTP/2.
    pub(super) fn http2_charge(&self) -> Charge {
        Charge::new(&self.http2)
    }

    /// Adds bytes of a head to a charge. Returns `false` if there is no room.
    pub(super) fn add_head(&self, charge: &Charge, bytes: u64) -> bool {
        let is_added = charge.add(bytes).is_ok();
        self.look(&self.read);
        is_added
    }

    fn look(&self, budget: &Budget) {
        if excess(budget) > 0 {
            self.crowded.notify_one();
        }
    }

    /// Adds a connection of HTTP/2, until what is returned is dropped. Returns `None` if there is no room.
    pub(super) fn add_connection(&self, state: &Arc<ConnectionState>) -> Option<Http2Memory> {
        self.add_http2(state, CONNECTION)
    }

    /// Adds a request of HTTP/2 with a head of so many bytes, until what is returned is dropped. Returns `None` if there is no
    /// room.
    pub(super) fn add_request(&self, state: &Arc<ConnectionState>, head: u64) -> Option<Http2Memory> {
        self.add_http2(state, REQUEST.saturating_add(head))
    }

    fn add_http2(&self, state: &Arc<ConnectionState>, bytes: u64) -> Option<Http2Memory> {
        let is_added = state.http2_charge().add(bytes).is_ok();
        self.look(&self.http2);
        is_added.then(|| Http2Memory { state: state.clone(), bytes })
    }

    /// Adds bytes of a buffer for a body to a charge. Returns `false` if there is no room. Bodies take half of it at most: a
    /// connection reads in small pieces when there is no more.
    pub(super) fn add_body(&self, charge: &Charge, bytes: u64) -> bool {
        self.read.used().saturating_add(bytes) <= self.read.limit() / 2 && charge.add(bytes).is_ok()
    }

    /// Waits until connections have to be closed.
    pub(super) async fn crowded(&self) {
        self.crowded.notified().await;
    }

    /// Returns the bytes to release of what is not a request yet.
    pub(super) fn excess(&self) -> u64 {
        excess(&self.read)
    }

    /// Returns the bytes to release of HTTP/2.
    pub(super) fn http2_excess(&self) -> u64 {
        excess(&self.http2)
    }
}

/// Returns the bytes to release: from three quarters of the limit on, those beyond half of it.
fn excess(budget: &Budget) -> u64 {
    let (used, limit) = (budget.used(), budget.limit());
    if used > limit / 4 * 3 { used - limit / 2 } else { 0 }
}

/// The memory of a connection of HTTP/2 or of a request on it, released when dropped.
#[derive(Debug)]
pub(super) struct Http2Memory {
    state: Arc<ConnectionState>,
    bytes: u64,
}

#[cfg(test)]
impl Http2Memory {
    pub(super) fn state(&self) -> &ConnectionState {
        &self.state
    }
}

impl Drop for Http2Memory {
    fn drop(&mut self) {
        self.state.http2_charge().sub(self.bytes);
    }
}

/// Returns the bytes that a connection of HTTP/2 holds for its requests.
pub(super) fn held_by_requests(state: &ConnectionState) -> u64 {
    state.http2_charge().bytes().saturating_sub(CONNECTION)
}
