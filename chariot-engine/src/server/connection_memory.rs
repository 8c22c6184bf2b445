//! [`ConnectionMemory`], the memory that all connections of a listener together hold beside that of the models: unfinished
//! heads, the buffers that hyper reads into, and the requests of HTTP/2, of which a connection has many. The streams and the
//! services of the connections charge it, and the listener closes connections when it is crowded.

use std::sync::Arc;

use tokio::sync::Notify;

use super::connection::ConnectionState;
use crate::inflight::{Budget, Charge};

/// The bytes that all connections hold together. 64 MiB.
const LIMIT: u64 = 64 << 20;

/// The part of it that buffers for bodies take. A connection reads in small pieces when there is no more.
const BODIES: u64 = LIMIT / 2;

/// The bytes from which connections are closed, and down to which.
const CROWDED: u64 = LIMIT / 4 * 3;
const ROOMY: u64 = LIMIT / 2;

/// The memory of a request in HTTP/2 beside its head: the tasks and the buffers of hyper, h2 and the engine.
const REQUEST: u64 = 8 << 10;

/// The memory of all connections.
#[derive(Debug)]
pub(super) struct ConnectionMemory {
    budget: Arc<Budget>,
    crowded: Notify,
}

impl ConnectionMemory {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(ConnectionMemory { budget: Budget::new(LIMIT, LIMIT), crowded: Notify::new() })
    }

    /// Returns an empty charge of a connection.
    pub(super) fn charge(&self) -> Charge {
        Charge::new(&self.budget)
    }

    /// Adds bytes of a head or of a request to a charge. Returns `false` if there is no room.
    pub(super) fn add(&self, charge: &Charge, bytes: u64) -> bool {
        let is_added = charge.add(bytes).is_ok();
        if self.budget.used() > CROWDED {
            self.crowded.notify_one();
        }
        is_added
    }

    /// Adds a request of HTTP/2 with a head of so many bytes, until what is returned is dropped. Returns `None` if there is no
    /// room.
    pub(super) fn add_request(&self, state: &Arc<ConnectionState>, head: u64) -> Option<RequestMemory> {
        let bytes = REQUEST.saturating_add(head);
        self.add(state.request_charge(), bytes).then(|| RequestMemory { state: state.clone(), bytes })
    }

    /// Adds bytes of a buffer for a body to a charge. Returns `false` if there is no room.
    pub(super) fn add_body(&self, charge: &Charge, bytes: u64) -> bool {
        self.budget.used().saturating_add(bytes) <= BODIES && charge.add(bytes).is_ok()
    }

    /// Waits until connections have to be closed.
    pub(super) async fn crowded(&self) {
        self.crowded.notified().await;
    }

    /// Returns the bytes that have to be released.
    pub(super) fn excess(&self) -> u64 {
        let used = self.budget.used();
        if used > CROWDED { used - ROOMY } else { 0 }
    }
}

/// The memory of a request of HTTP/2, released when dropped.
#[derive(Debug)]
pub(super) struct RequestMemory {
    state: Arc<ConnectionState>,
    bytes: u64,
}

impl Drop for RequestMemory {
    fn drop(&mut self) {
        self.state.request_charge().sub(self.bytes);
    }
}
