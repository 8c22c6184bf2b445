//! [`Meter`]: memory that decoders reserve before they take it. The host makes one for each request; the decoders of bodies
//! and of inputs reserve with it.

use std::{
    fmt,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use crate::error::{Error, Rejection};

/// The bytes that a meter holds before it reserves any: most requests need fewer, and are charged once.
const FREE: usize = 16 << 10;

/// The bytes that a meter keeps reserved between the items of a request.
const SURPLUS: usize = 1 << 20;

/// A budget that memory is reserved from.
pub(crate) trait Reserve: fmt::Debug + Send + Sync {
    /// Reserves bytes.
    ///
    /// # Errors
    /// Returns an error if the request or the budget has no room for them.
    fn reserve(&self, bytes: usize) -> Result<(), Error>;

    /// Returns bytes that were reserved before.
    fn release(&self, bytes: usize);
}

/// The memory that decoding a request holds. The default reserves nothing and never refuses.
#[derive(Debug, Default)]
pub(crate) struct Meter<'a> {
    budget: Option<&'a dyn Reserve>,
    /// The bytes that decoders hold.
    held: AtomicUsize,
    /// The bytes reserved from the budget: those held, but for at most [`FREE`].
    reserved: AtomicUsize,
    /// The bytes of those held that stay with the item that is being decoded, beside its own.
    kept: AtomicUsize,
    /// The error of the budget, if it refused while text was read, whose faults are the caller's.
    refusal: Mutex<Option<Error>>,
}

impl<'a> Meter<'a> {
    /// Creates a meter that reserves from a budget.
    pub(crate) fn new(budget: &'a dyn Reserve) -> Self {
        Meter { budget: Some(budget), ..Meter::default() }
    }

    /// Reserves bytes.
    ///
    /// # Errors
    /// Returns the error of the budget.
    pub(crate) fn reserve(&self, bytes: usize) -> Result<(), Error> {
        let Some(budget) = self.budget else { return Ok(()) };
        let held = self.held.load(Relaxed).saturating_add(bytes);
        if held > self.reserved.load(Relaxed).saturating_add(FREE) {
            self.top_up(budget, held)?;
        }
        self.held.fetch_add(bytes, Relaxed);
        Ok(())
    }

    /// Reserves bytes for a decoder whose faults are rejections. The rejection only ends the decoder:
    /// [`refused`](Self::refused) has the error.
    pub(crate) fn read(&self, bytes: usize) -> Result<(), Rejection> {
        self.reserve(bytes).map_err(|error| {
            let rejection = Rejection::new(error.to_string());
            self.refusal.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            rejection
        })
    }

    /// Returns the error of a decoder: that of the budget, if it refused.
    pub(crate) fn refused(&self, error: impl Into<Error>) -> Error {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_else(|| error.into())
    }

    /// Returns `true` if a decoder was refused memory: a value that could be read in two ways must not be read in the other.
    pub(crate) fn has_refused(&self) -> bool {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Returns the bytes that are held now.
    pub(crate) fn held(&self) -> usize {
        self.held.load(Relaxed)
    }

    /// Returns bytes that are no longer held.
    pub(crate) fn release(&self, bytes: usize) {
        // Nothing is held without a budget.
        let _ = self.held.fetch_update(Relaxed, Relaxed, |held| Some(held.saturating_sub(bytes)));
    }

    /// Keeps bytes that are held for the item that is being decoded: [`settle`](Self::settle) does not return them.
    pub(crate) fn keep(&self, bytes: usize) {
        self.kept.fetch_add(bytes, Relaxed);
    }

    /// Replaces the bytes held beyond `before` with `bytes`, and those kept.
    ///
    /// # Errors
    /// Returns the error of the budget, if they are more.
    pub(crate) fn settle(&self, before: usize, bytes: usize) -> Result<(), Error> {
        let Some(budget) = self.budget else { return Ok(()) };
        // Most items keep nothing, and a look costs less than an exchange.
        let kept = if self.kept.load(Relaxed) == 0 { 0 } else { self.kept.swap(0, Relaxed) };
        let held = before.saturating_add(bytes).saturating_add(kept);
        if held > self.reserved.load(Relaxed).saturating_add(FREE) {
            self.top_up(budget, held)?;
        }
        self.held.store(held, Relaxed);
        self.return_surplus(budget, held);
        Ok(())
    }

    /// Returns the bytes held beyond `before`, of an item that was rejected. Those that are kept stay.
    pub(crate) fn forget(&self, before: usize) {
        let Some(budget) = self.budget else { return };
        self.held.store(before, Relaxed);
        self.return_surplus(budget, before);
    }

    /// Returns bytes to the budget if many more are reserved than held: the next items may need less.
    fn return_surplus(&self, budget: &dyn Reserve, held: usize) {
        let reserved = self.reserved.load(Relaxed);
        if reserved > held.saturating_add(SURPLUS) {
            self.reserved.store(held, Relaxed);
            budget.release(reserved - held);
        }
    }

    /// Returns bytes that are no longer held, and reserves from the budget exactly those that are.
    ///
    /// # Errors
    /// Returns the error of the budget, if it has no room for the bytes that were free so far, or has refused before.
    pub(crate) fn finish(&self, released: usize) -> Result<(), Error> {
        let Some(budget) = self.budget else { return Ok(()) };
        if let Some(refusal) = self.refusal.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(refusal);
        }
        let held = self.held.load(Relaxed).saturating_sub(released);
        self.held.store(held, Relaxed);
        let reserved = self.reserved.swap(held, Relaxed);
        if held > reserved {
            return budget.reserve(held - reserved);
        }
        if reserved > held {
            budget.release(reserved - held);
        }
        Ok(())
    }

    #[cold]
    fn top_up(&self, budget: &dyn Reserve, held: usize) -> Result<(), Error> {
        let more = held.saturating_sub(self.reserved.load(Relaxed));
        budget.reserve(more)?;
        self.reserved.fetch_add(more, Relaxed);
        Ok(())
    }
}

/// Returns the memory that the allocator takes for a block of this size: it adds a header and rounds up.
pub(crate) fn block(bytes: usize) -> usize {
    match bytes {
        0 => 0,
        _ => (bytes.saturating_add(8).saturating_add(15) & !15).max(32),
    }
}

/// Adds an element to a vector that a request makes grow; `reserve` is called before memory is taken.
pub(super) fn push<T, E>(vector: &mut Vec<T>, value: T, reserve: impl FnOnce(usize) -> Result<(), E>) -> Result<(), E> {
    if vector.len() == vector.capacity() {
        let more = vector.capacity().max(4);
        reserve(more.saturating_mul(size_of::<T>()))?;
        vector.reserve_exact(more);
    }
    vector.push(value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Debug)]
    struct Limit(AtomicUsize);

    impl Reserve for Limit {
        fn reserve(&self, bytes: usize) -> Result<(), Error> {
            let left = |left: usize| left.checked_sub(bytes);
            match self.0.fetch_update(Relaxed, Relaxed, left) {
                Ok(_) => Ok(()),
                Err(_) => Err(Error::unavailable("full")),
            }
        }

        fn release(&self, bytes: usize) {
            self.0.fetch_add(bytes, Relaxed);
        }
    }

    #[test]
    fn what_is_held_is_reserved_exactly_in_the_end() {
        let limit = Limit(AtomicUsize::new(100_000));
        let meter = Meter::new(&limit);
        meter.reserve(100).unwrap();
        assert_eq!(limit.0.load(Relaxed), 100_000, "few bytes are reserved in the end");
        meter.reserve(50_000).unwrap();
        assert_eq!((limit.0.load(Relaxed), meter.held()), (49_900, 50_100));
        assert!(meter.reserve(usize::MAX).is_err() && meter.reserve(60_000).is_err());
        meter.keep(7);
        meter.settle(100, 1000).unwrap();
        assert_eq!(meter.held(), 1107);
        meter.finish(100).unwrap();
        assert_eq!((limit.0.load(Relaxed), meter.held()), (98_993, 1007));
    }

    #[test]
    fn what_an_item_took_for_a_while_is_returned_before_the_next() {
        let limit = Limit(AtomicUsize::new(100 << 20));
        let meter = Meter::new(&limit);
        meter.reserve(100).unwrap();
        for kept in [None, Some(1000)] {
            meter.reserve(60 << 20).unwrap();
            match kept {
                None => meter.forget(100),
                Some(bytes) => meter.settle(100, bytes).unwrap(),
            }
        }
        assert_eq!((limit.0.load(Relaxed), meter.held()), ((100 << 20) - 1100, 1100));
    }

    #[test]
    fn a_refusal_takes_the_place_of_the_rejection() {
        let limit = Limit(AtomicUsize::new(0));
        let meter = Meter::new(&limit);
        let rejection = meter.read(FREE + 1).unwrap_err();
        assert_eq!(meter.refused(rejection.clone()).kind(), crate::ErrorKind::Unavailable);
        assert_eq!(meter.refused(rejection).kind(), crate::ErrorKind::Rejected);
        assert!(Meter::default().reserve(usize::MAX).is_ok());
    }
}
