//! [`KeyedStates`]: the states of sessions, of which an engine keeps a bounded number for a bounded time.

use std::{
    collections::{BTreeMap, HashMap},
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{item::Item, scratch::is_discarding};
use crate::error::Result;

/// A bounded store of states, one for each key of items: of a session, of a stream.
///
/// An author gives an item a key in [`Model::admit`](super::Model::admit), with [`Item::set_key`]. Items of one key run one
/// at a time, in the order of their arrival, so a call has the state of its item for itself. The state that was used least
/// recently makes room for a new one. A state that is not used for a while is not used again, and is dropped when the store
/// is used next.
///
/// ```
/// use std::time::Duration;
/// use chariot_engine::{input::WithParams, model::KeyedStates, prelude::*};
///
/// #[derive(serde::Deserialize)]
/// struct Params {
///     session: Option<String>,
/// }
///
/// /// Counts the words of each session.
/// struct Words(KeyedStates<usize>);
///
/// impl Model for Words {
///     type Settings = ();
///     type Input = WithParams<Text, Params>;
///     type Output = Json<usize>;
///
///     async fn load(_: &LoadContext) -> Result<Self> {
///         Ok(Words(KeyedStates::new(10_000, Duration::from_secs(600))))
///     }
///
///     fn admit(&self, item: &mut Item<Self::Input>) -> Result<BatchCost> {
///         if let Some(session) = item.params.session.clone() {
///             item.set_key(session)?;
///         }
///         Ok(BatchCost::new(1))
///     }
///
///     async fn infer(&self, batch: Batch<Self::Input>) -> Result<Vec<Json<usize>>> {
///         batch.try_map(|item| {
///             let mut count = self.0.take(&item, || Ok(0))?;
///             *count += item.input.as_str().split_whitespace().count();
///             Ok(Json(*count))
///         })
///     }
/// }
/// ```
pub struct KeyedStates<T> {
    kept: Mutex<Kept<T>>,
    capacity: usize,
    idle: Duration,
}

/// The states that no call has, in the order of their last use.
struct Kept<T> {
    by_key: HashMap<Arc<str>, (u64, Instant, T)>,
    by_use: BTreeMap<u64, Arc<str>>,
    uses: u64,
}

impl<T> Kept<T> {
    /// Removes the state that was used least recently, if it matches.
    fn remove_oldest(&mut self, matches: impl Fn(Instant) -> bool) -> Option<T> {
        let (&oldest, key) = self.by_use.first_key_value()?;
        self.by_key.get(key).filter(|(_, used, _)| matches(*used))?;
        let key = self.by_use.remove(&oldest)?;
        self.by_key.remove(&key).map(|(_, _, state)| state)
    }
}

impl<T> KeyedStates<T> {
    /// Creates a store of at most `capacity` states (0 counts as 1), which are not used again after they were not for `idle`.
    pub fn new(capacity: usize, idle: Duration) -> Self {
        let kept = Kept { by_key: HashMap::new(), by_use: BTreeMap::new(), uses: 0 };
        KeyedStates { kept: Mutex::new(kept), capacity: capacity.max(1), idle }
    }

    /// Takes the state of an item's key, or creates one with `make`. It is put back when the returned value is dropped, also if
    /// the call then fails; but not if it panics, or is dropped midway because its caller has disconnected. An item without a
    /// key gets a new state, which nobody keeps.
    ///
    /// # Errors
    /// Returns the error of `make`.
    pub fn take<I>(&self, item: &Item<I>, make: impl FnOnce() -> Result<T>) -> Result<KeyedState<'_, T>> {
        let key = item.shared_key().cloned();
        let kept = key.as_ref().and_then(|key| {
            let mut kept = self.lock();
            let (number, used, state) = kept.by_key.remove(key)?;
            kept.by_use.remove(&number);
            drop(kept);
            (used.elapsed() < self.idle).then_some(state)
        });
        let state = kept.map_or_else(make, Ok)?;
        Ok(KeyedState { states: self, key, state: Some(state) })
    }

    /// Returns the number of states that no call has.
    pub fn len(&self) -> usize {
        self.lock().by_key.len()
    }

    /// Returns `true` if there is no state that no call has.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn put_back(&self, key: Arc<str>, state: T) {
        let mut dropped = Vec::new();
        let mut kept = self.lock();
        let now = Instant::now();
        while let Some(state) = kept.remove_oldest(|used| now.saturating_duration_since(used) >= self.idle) {
            dropped.push(state);
        }
        if kept.by_key.len() >= self.capacity {
            dropped.extend(kept.remove_oldest(|_| true));
        }
        kept.uses += 1;
        let number = kept.uses;
        kept.by_use.insert(number, key.clone());
        if let Some((number, _, state)) = kept.by_key.insert(key, (number, now, state)) {
            kept.by_use.remove(&number);
            dropped.push(state);
        }
        // The author's values are dropped without the lock.
        drop(kept);
    }

    fn lock(&self) -> MutexGuard<'_, Kept<T>> {
        // No author's code runs while the lock is held.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> std::fmt::Debug for KeyedStates<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyedStates")
            .field("len", &self.len())
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

/// The state of an item's key, for one call. See [`KeyedStates::take`].
#[derive(Debug)]
pub struct KeyedState<'a, T> {
    states: &'a KeyedStates<T>,
    key: Option<Arc<str>>,
    /// `None` only in `drop` and once it was taken out.
    state: Option<T>,
}

impl<T> KeyedState<'_, T> {
    /// Removes the state from the store and returns it: the session is over.
    ///
    /// ```
    /// use std::time::Duration;
    /// use chariot_engine::{input::Text, model::{Item, KeyedStates}};
    ///
    /// fn end(states: &KeyedStates<u32>, item: &Item<Text>) -> chariot_engine::Result<u32> {
    ///     Ok(states.take(item, || Ok(0))?.into_inner())
    /// }
    /// ```
    pub fn into_inner(mut self) -> T {
        self.state.take().expect("a state exists until it is dropped")
    }
}

impl<T> Deref for KeyedState<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.state.as_ref().expect("a state exists until it is dropped")
    }
}

impl<T> DerefMut for KeyedState<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.state.as_mut().expect("a state exists until it is dropped")
    }
}

impl<T> Drop for KeyedState<'_, T> {
    fn drop(&mut self) {
        if let (Some(key), Some(state), false) = (self.key.take(), self.state.take(), is_discarding()) {
            self.states.put_back(key, state);
        }
    }
}

#[cfg(all(test, feature = "test-util"))]
mod tests {
    use super::*;
    use crate::{input::Text, testing::item};

    const HOUR: Duration = Duration::from_secs(3600);

    fn of(key: &str) -> Item<Text> {
        let mut item = item(0, Text::from("a"));
        item.set_key(key).unwrap();
        item
    }

    /// Returns the state of a key before this use, which adds 1.
    fn used(states: &KeyedStates<u32>, key: &str) -> u32 {
        let mut state = states.take(&of(key), || Ok(0)).unwrap();
        *state += 1;
        *state - 1
    }

    #[test]
    fn a_state_is_kept_by_key_and_the_least_recently_used_makes_room() {
        let states = KeyedStates::new(2, HOUR);
        assert_eq!([used(&states, "a"), used(&states, "b"), used(&states, "a")], [0, 0, 1]);
        assert_eq!([used(&states, "c"), used(&states, "a"), used(&states, "b")], [0, 2, 0]);
        assert_eq!(states.len(), 2);
        // Two items of a key cannot run at once, and a state without a key is nobody's.
        let keyless = item(0, Text::from("a"));
        assert_eq!(*states.take(&keyless, || Ok(7)).unwrap(), 7);
        assert_eq!(states.len(), 2);
    }

    #[test]
    fn a_state_that_is_taken_out_is_not_kept() {
        let states = KeyedStates::new(8, HOUR);
        assert_eq!([used(&states, "a"), used(&states, "a")], [0, 1]);
        assert_eq!(states.take(&of("a"), || Ok(7)).unwrap().into_inner(), 2);
        assert!(states.is_empty());
        assert_eq!(used(&states, "a"), 0);
    }

    #[test]
    fn a_state_expires_and_does_not_survive_a_panic() {
        let states = KeyedStates::new(8, Duration::ZERO);
        assert_eq!([used(&states, "a"), used(&states, "a")], [0, 0]);
        used(&states, "b");
        assert_eq!(states.len(), 1, "an expired state makes way for the next one");
        let states = KeyedStates::new(8, HOUR);
        used(&states, "a");
        let panics = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _state = states.take(&of("a"), || Ok(0)).unwrap();
            panic!("in the middle of a change");
        }));
        assert!(panics.is_err());
        assert_eq!(used(&states, "a"), 0);
    }
}
