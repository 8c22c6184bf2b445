//! [`Scratch`]: state of a thread that runs calls (a KV cache, buffers), separate from the shared model so that no call needs a lock.

use std::{
    any::{Any, TypeId},
    cell::{Cell, RefCell},
    collections::HashMap,
    ops::{Deref, DerefMut},
    rc::Rc,
};

use crate::error::Result;

/// The scratch values that a worker, or a thread that runs quick calls, keeps between calls, by type. The pool never leaves its
/// thread.
#[derive(Default)]
pub(crate) struct ScratchPool {
    kept: RefCell<HashMap<TypeId, Vec<Box<dyn Any>>>>,
}

thread_local! {
    /// Set while a call is dropped midway on this thread.
    static DISCARDS: Cell<bool> = const { Cell::new(false) };
}

/// Sets whether states that are dropped on this thread from now on are discarded, like those of a call that is dropped midway:
/// they may be half updated.
pub(crate) fn set_discarding(discards: bool) {
    DISCARDS.set(discards);
}

/// Returns `true` if a state that is dropped now may be half updated.
pub(super) fn is_discarding() -> bool {
    std::thread::panicking() || DISCARDS.get()
}

impl ScratchPool {
    /// Returns `true` if no value is kept.
    pub(crate) fn is_empty(&self) -> bool {
        self.kept.borrow().values().all(Vec::is_empty)
    }

    /// Takes a free value of this type, or creates one.
    pub(crate) fn take<T: 'static>(self: &Rc<Self>, make: impl FnOnce() -> Result<T>) -> Result<Scratch<T>> {
        let kept = self.kept.borrow_mut().get_mut(&TypeId::of::<T>()).and_then(Vec::pop);
        let value = match kept.and_then(|value| value.downcast().ok()) {
            Some(value) => value,
            None => Box::new(make()?),
        };
        Ok(Scratch { value: Some(value), pool: self.clone() })
    }
}

/// A scratch value of the worker that runs this call. When it is dropped, the worker keeps it for the next call.
///
/// Calls never share a value: if a worker runs several calls at once, each has its own. A value is discarded after a panic,
/// or if its call was stopped because the caller disconnected, since it may be in an inconsistent state. See
/// [`Batch::scratch`](super::Batch::scratch).
pub struct Scratch<T: 'static> {
    /// `None` only in `drop`.
    value: Option<Box<T>>,
    pool: Rc<ScratchPool>,
}

impl<T> Deref for Scratch<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect("a scratch value exists until it is dropped")
    }
}

impl<T> DerefMut for Scratch<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_mut().expect("a scratch value exists until it is dropped")
    }
}

impl<T> Drop for Scratch<T> {
    fn drop(&mut self) {
        if is_discarding() {
            return;
        }
        if let Some(value) = self.value.take() {
            self.pool.kept.borrow_mut().entry(TypeId::of::<T>()).or_default().push(value);
        }
    }
}

impl<T: std::fmt::Debug> std::fmt::Debug for Scratch<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Scratch").field(&self.value).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_kept_for_the_next_call_and_is_never_shared() {
        let pool = Rc::new(ScratchPool::default());
        let made = std::cell::Cell::new(0);
        let take = || {
            pool.take(|| {
                made.set(made.get() + 1);
                Ok(vec![0u8; 0])
            })
            .unwrap()
        };
        take().push(1);
        assert_eq!((take().len(), made.get()), (1, 1));
        let (first, second) = (take(), take());
        assert_eq!((first.len() + second.len(), made.get()), (1, 2));
    }

    #[test]
    fn a_value_is_discarded_after_a_panic() {
        let pool = Rc::new(ScratchPool::default());
        let in_panic = pool.clone();
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
            let mut value = in_panic.take(|| Ok(1u32)).unwrap();
            *value = 2;
            panic!("in the middle of a change");
        }));
        assert!(result.is_err());
        assert_eq!(*pool.take(|| Ok(1u32)).unwrap(), 1);
    }
}
