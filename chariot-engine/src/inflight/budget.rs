//! The memory budget of the requests in flight, and the charge of each request. The host makes the budget; a request's
//! token carries the charge of the request, and the bytes of its response carry theirs until the last one is written.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;

/// The memory budget of all requests in flight, in bytes.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: u64,
    /// The limit of one request with its response.
    request_limit: u64,
    used: AtomicU64,
    /// The number of charges that the budget had no room for.
    refusals: AtomicU64,
}

/// The limit that a charge exceeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OverLimit {
    /// The limit of one request, in bytes.
    Request(u64),
    /// The budget of all requests in flight.
    Budget,
}

impl Budget {
    pub(crate) fn new(limit: u64, request_limit: u64) -> Arc<Self> {
        Arc::new(Budget { limit, request_limit, used: AtomicU64::new(0), refusals: AtomicU64::new(0) })
    }

    /// Returns the number of bytes that requests in flight hold.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Acquire)
    }

    /// Checks that this number of bytes fits now. Reserves nothing.
    ///
    /// # Errors
    /// Returns the limit that the bytes exceed.
    pub(crate) fn check(&self, bytes: u64) -> Result<(), OverLimit> {
        self.check_request(bytes)?;
        if self.used().checked_add(bytes).is_some_and(|total| total <= self.limit) {
            return Ok(());
        }
        self.refusals.fetch_add(1, Ordering::Relaxed);
        Err(OverLimit::Budget)
    }

    /// Returns the number of charges that had no room so far. While it grows, memory is short.
    pub(crate) fn refusals(&self) -> u64 {
        self.refusals.load(Ordering::Relaxed)
    }

    fn check_request(&self, bytes: u64) -> Result<(), OverLimit> {
        let limit = self.request_limit.min(self.limit);
        if bytes <= limit { Ok(()) } else { Err(OverLimit::Request(limit)) }
    }

    fn take(&self, bytes: u64) -> Result<(), OverLimit> {
        let taken = self.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, |used| {
            used.checked_add(bytes).filter(|total| *total <= self.limit)
        });
        match taken {
            Ok(_) => Ok(()),
            Err(_) => {
                self.refusals.fetch_add(1, Ordering::Relaxed);
                Err(OverLimit::Budget)
            }
        }
    }
}

/// Memory that a request or a response holds, released when dropped.
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

    /// Creates an empty charge on the same budget, of something that outlives the request.
    pub(crate) fn empty(&self) -> Charge {
        Charge { budget: self.budget.clone(), bytes: AtomicU64::new(0) }
    }

    /// Creates another charge on the same budget, of a part of the same request.
    ///
    /// # Errors
    /// Returns the limit that both exceed together.
    pub(crate) fn another(&self, bytes: u64) -> Result<Charge, OverLimit> {
        let Some(budget) = &self.budget else { return Ok(Charge::default()) };
        budget.check_request(self.bytes().saturating_add(bytes))?;
        budget.take(bytes)?;
        Ok(Charge { budget: Some(budget.clone()), bytes: AtomicU64::new(bytes) })
    }

    /// Returns the number of charges that its budget had no room for so far.
    pub(crate) fn refusals(&self) -> u64 {
        self.budget.as_ref().map_or(0, |budget| budget.refusals())
    }

    /// Returns the charged bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// Returns the limit that they exceed, and adds nothing.
    pub(crate) fn add(&self, bytes: u64) -> Result<(), OverLimit> {
        let Some(budget) = &self.budget else { return Ok(()) };
        budget.check_request(self.bytes().saturating_add(bytes))?;
        budget.take(bytes)?;
        self.bytes.fetch_add(bytes, Ordering::AcqRel);
        Ok(())
    }

    /// Returns bytes to the budget, at most those that are charged.
    pub(crate) fn sub(&self, bytes: u64) {
        let left = |charged: u64| Some(charged.saturating_sub(bytes));
        if let Ok(charged) = self.bytes.fetch_update(Ordering::AcqRel, Ordering::Acquire, left)
            && let Some(budget) = &self.budget
        {
            budget.used.fetch_sub(charged.min(bytes), Ordering::AcqRel);
        }
    }

    /// Makes the charge exactly this large, which it may exceed its budget for: the memory is held already.
    pub(crate) fn settle(&self, bytes: u64) {
        let charged = self.bytes.swap(bytes, Ordering::AcqRel);
        if let Some(budget) = &self.budget {
            budget.used.fetch_add(bytes.wrapping_sub(charged), Ordering::AcqRel);
        }
    }

    /// Returns bytes that are charged until the last reference to them is dropped.
    pub(crate) fn hold(self, bytes: Vec<u8>) -> Bytes {
        self.settle(bytes.capacity() as u64);
        Bytes::from_owner(ChargedBytes { bytes, _charge: self })
    }

    /// Returns the same bytes, with which the charge is released.
    pub(crate) fn hold_shared(self, bytes: Bytes) -> Bytes {
        Bytes::from_owner(ChargedBytes { bytes, _charge: self })
    }

    /// Releases the whole charge.
    pub(crate) fn release(&self) {
        self.settle(0);
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.release();
    }
}

struct ChargedBytes<T> {
    bytes: T,
    _charge: Charge,
}

impl<T: AsRef<[u8]>> AsRef<[u8]> for ChargedBytes<T> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_charge_is_released_with_its_request() {
        let budget = Budget::new(100, 100);
        let (one, other) = (Charge::new(&budget), Charge::new(&budget));
        assert_eq!((one.add(40), one.add(20), other.add(40)), (Ok(()), Ok(()), Ok(())));
        assert_eq!((other.add(1), budget.check(1)), (Err(OverLimit::Budget), Err(OverLimit::Budget)));
        assert_eq!((other.add(u64::MAX), budget.refusals()), (Err(OverLimit::Request(100)), 2));
        drop(one);
        assert_eq!(budget.used(), 40);
        other.release();
        assert_eq!(budget.used(), 0);
        assert_eq!((other.add(40), budget.check(60), other.add(60)), (Ok(()), Ok(()), Ok(())));
        assert!(budget.check(1).is_err());
        drop(other);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn a_charge_shrinks_and_is_settled() {
        let budget = Budget::new(100, 100);
        let charge = Charge::new(&budget);
        charge.add(50).unwrap();
        charge.sub(20);
        assert_eq!((charge.bytes(), budget.used()), (30, 30));
        charge.sub(40);
        assert_eq!((charge.bytes(), budget.used()), (0, 0));
        charge.add(60).unwrap();
        charge.settle(10);
        assert_eq!(budget.used(), 10);
        charge.settle(120);
        assert_eq!(budget.used(), 120);
        drop(charge);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn one_request_and_its_response_have_a_limit_of_their_own() {
        let budget = Budget::new(100, 60);
        let request = Charge::new(&budget);
        request.add(40).unwrap();
        assert_eq!(request.add(21), Err(OverLimit::Request(60)));
        assert_eq!(request.another(21).unwrap_err(), OverLimit::Request(60));
        let response = request.another(20).unwrap();
        assert_eq!((budget.used(), budget.refusals()), (60, 0));
        drop(request);
        assert_eq!(budget.used(), 20);
        drop(response);
        assert_eq!(budget.used(), 0);
    }
}
