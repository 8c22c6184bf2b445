//! The memory budget of the requests in flight, and the charge of each request. The host makes the budget; a request's
//! token carries its charge.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// The memory budget of all requests in flight, in bytes.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: u64,
    used: AtomicU64,
}

impl Budget {
    pub(crate) fn new(limit: u64) -> Arc<Self> {
        Arc::new(Budget { limit, used: AtomicU64::new(0) })
    }

    /// Returns the number of bytes that requests in flight hold.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Acquire)
    }

    /// Returns `true` if this number of bytes fits now. Reserves nothing.
    pub(crate) fn has_room_for(&self, bytes: u64) -> bool {
        self.used().checked_add(bytes).is_some_and(|total| total <= self.limit)
    }
}

/// The memory that a request holds, released when dropped.
#[derive(Debug, Default)]
pub(crate) struct Charge {
    budget: Option<Arc<Budget>>,
    bytes: AtomicU64,
}

impl Charge {
    /// Creates an empty charge on a budget.
    pub(crate) fn new(budget: &Arc<Budget>) -> Self {
        Charge { budget: Some(budget.clone()), bytes: AtomicU64::new(0) }
    }

    /// Adds bytes. Returns `false`, and adds nothing, if they exceed the budget.
    #[must_use]
    pub(crate) fn add(&self, bytes: u64) -> bool {
        let Some(budget) = &self.budget else {
            return true;
        };
        let taken = budget.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, |used| {
            used.checked_add(bytes).filter(|total| *total <= budget.limit)
        });
        if taken.is_ok() {
            self.bytes.fetch_add(bytes, Ordering::AcqRel);
        }
        taken.is_ok()
    }

    /// Releases the whole charge.
    pub(crate) fn release(&self) {
        if let Some(budget) = &self.budget {
            budget.used.fetch_sub(self.bytes.swap(0, Ordering::AcqRel), Ordering::AcqRel);
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_charge_is_released_with_its_request() {
        let budget = Budget::new(100);
        let (one, other) = (Charge::new(&budget), Charge::new(&budget));
        assert!(one.add(40) && one.add(20) && other.add(40));
        assert!(!other.add(1) && !other.add(u64::MAX) && !budget.has_room_for(1));
        drop(one);
        assert_eq!(budget.used(), 40);
        other.release();
        assert_eq!(budget.used(), 0);
        assert!(other.add(40));
        assert!(budget.has_room_for(60) && other.add(60) && !budget.has_room_for(1));
        drop(other);
        assert_eq!(budget.used(), 0);
    }
}
