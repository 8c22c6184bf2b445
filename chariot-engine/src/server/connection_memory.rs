//! [`ConnectionMemory`], the memory that all connections of a listener together hold beside that of the models: unfinished
//! heads, the buffers that hyper reads into, and the requests of HTTP/2, of which a connection has many. The streams and the
//! services of the connections charge it, and the listener closes connections when it is crowded.

use std::sync::Arc;

use tokio::sync::Notify;

use super::connection::ConnectionState;
use crate::inflight::{Budget, Charge};

/// The bytes that all connections hold together for what is not a request yet. 64 MiB.
const LIMIT: u64 = 64 << 20;

/// The part of it that buffers for bodies take. A connection reads in small pieces when there is no more.
const BODIES: u64 = LIMIT / 2;

/// The bytes that the requests of HTTP/2 hold together. Heads cannot take it from them. 32 MiB.
const REQUESTS: u64 = 32 << 20;

/// The memory of a request in HTTP/2 beside its head: the tasks and the buffers of hyper, h2 and the engine.
const REQUEST: u64 = 8 << 10;

/// The memory of all connections.
#[derive(Debug)]
pub(super) struct ConnectionMemory {
    read: Arc<Budget>,
    requests: Arc<Budget>,
    crowded: Notify,
}

impl ConnectionMemory {
    pub(super) fn new() -> Arc<Self> {
        let (read, requests) = (Budget::new(LIMIT, LIMIT), Budget::new(REQUESTS, REQUESTS));
        Arc::new(ConnectionMemory { read, requests, crowded: Notify::new() })
    }

    /// Returns an empty charge of a connection for what is not a request yet.
    pub(super) fn read_charge(&self) -> Charge {
        Charge::new(&self.read)
    }

    /// Returns an empty charge of a connection for its requests of HTTP/2.
    pub(super) fn request_charge(&self) -> Charge {
        Charge::new(&self.requests)
    }

    /// Adds bytes of a head to a charge. Returns `false` if there is no room.
    pub(super) fn add_head(&self, charge: &Charge, bytes: u64) -> bool {
        let is_added = charge.add(bytes).is_ok();
        self.look(&self.read, LIMIT);
        is_added
    }

    fn look(&self, budget: &Budget, limit: u64) {
        if excess(budget, limit) > 0 {
            self.crowded.notify_one();
        }
    }

    /// Adds a request of HTTP/2 with a head of so many bytes, until what is returned is dropped. Returns `None` if there is no
    /// room.
    pub(super) fn add_request(&self, state: &Arc<ConnectionState>, head: u64) -> Option<RequestMemory> {
        let bytes = REQUEST.saturating_add(head);
        let is_added = state.request_charge().add(bytes).is_ok();
        self.look(&self.requests, REQUESTS);
        is_added.then(|| RequestMemory { state: state.clone(), bytes })
    }

    /// Adds bytes of a buffer for a body to a charge. Returns `false` if there is no room.
    pub(super) fn add_body(&self, charge: &Charge, bytes: u64) -> bool {
        self.read.used().saturating_add(bytes) <= BODIES && charge.add(bytes).is_ok()
    }

    /// Waits until connections have to be closed.
    pub(super) async fn crowded(&self) {
        self.crowded.notified().await;
    }

    /// Returns the bytes to release of what is not a request yet.
    pub(super) fn excess(&self) -> u64 {
        excess(&self.read, LIMIT)
    }

    /// Returns the bytes to release of the requests of HTTP/2.
    pub(super) fn request_excess(&self) -> u64 {
        excess(&self.requests, REQUESTS)
    }
}

/// Returns the bytes to release: from three quarters of the limit on, those beyond half of it.
fn excess(budget: &Budget, limit: u64) -> u64 {
    let used = budget.used();
    if used > limit / 4 * 3 { used - limit / 2 } else { 0 }
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
