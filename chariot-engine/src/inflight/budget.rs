//! How many bytes requests in flight may hold, and how many each does. The host makes the budget; a request's token
//! carries its charge.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// The bytes that all requests in flight may hold together.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: u64,
    used: AtomicU64,
}

impl Budget {
    pub(crate) fn new(limit: u64) -> Arc<Self> {
        Arc::new(Budget { limit, used: AtomicU64::new(0) })
    }

    /// How many bytes requests in flight hold.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Acquire)
    }

    /// Whether so many bytes would find room now. Nothing is set aside for them.
    pub(crate) fn has_room_for(&self, bytes: u64) -> bool {
        self.used().checked_add(bytes).is_some_and(|whole| whole <= self.limit)
    }
}

/// The bytes that a request holds. They are free when it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Charge {
    budget: Option<Arc<Budget>>,
    bytes: AtomicU64,
}

impl Charge {
    /// Nothing yet, of this budget.
    pub(crate) fn new(budget: &Arc<Budget>) -> Self {
        Charge { budget: Some(budget.clone()), bytes: AtomicU64::new(0) }
    }

    /// Adds bytes, unless the budget is full then.
    #[must_use]
    pub(crate) fn add(&self, bytes: u64) -> bool {
        let Some(budget) = &self.budget else {
            return true;
        };
        let taken = budget.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, |used| {
            used.checked_add(bytes).filter(|whole| *whole <= budget.limit)
        });
        if taken.is_ok() {
            self.bytes.fetch_add(bytes, Ordering::AcqRel);
        }
        taken.is_ok()
    }
}

impl Charge {
    /// Gives all of it back.
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
    fn what_is_charged_is_free_again_when_the_request_has_gone() {
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
