//! [`ReadMemory`], the memory that all connections of a listener together hold for what they have received and is not a
//! request yet: unfinished heads, and the buffers that hyper reads into. The streams of the connections charge it, and the
//! listener closes connections when it is crowded.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::inflight::{Budget, Charge};

/// The bytes that all connections hold together. 64 MiB.
const LIMIT: u64 = 64 << 20;

/// The part of it that buffers for bodies take. A connection reads in small pieces when there is no more.
const BODIES: u64 = LIMIT / 2;

/// The bytes from which connections are closed, and down to which.
const CROWDED: u64 = LIMIT / 4 * 3;
const ROOMY: u64 = LIMIT / 2;

/// The memory for reading of all connections.
#[derive(Debug)]
pub(super) struct ReadMemory {
    budget: Arc<Budget>,
    crowded: Notify,
}

impl ReadMemory {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(ReadMemory { budget: Budget::new(LIMIT, LIMIT), crowded: Notify::new() })
    }

    /// Returns the charge of another connection.
    pub(super) fn charge(&self) -> Charge {
        Charge::new(&self.budget)
    }

    /// Adds bytes of an unfinished head to a charge. Returns `false` if there is no room.
    pub(super) fn add_head(&self, charge: &Charge, bytes: u64) -> bool {
        let is_added = charge.add(bytes).is_ok();
        if self.budget.used() > CROWDED {
            self.crowded.notify_one();
        }
        is_added
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
