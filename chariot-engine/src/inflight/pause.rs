//! Pauses in the heartbeat of a worker: while an item waits for the caller that reads its stream, the worker does not count
//! as stalled. Workers name their heartbeat; the channel of a stream calls [`paused`] around every wait.

use std::{
    cell::RefCell,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

thread_local! {
    /// The heartbeat of the worker that runs on this thread: odd while it runs a model.
    static BEATS: RefCell<Option<Arc<AtomicU64>>> = const { RefCell::new(None) };
}

/// Sets the heartbeat of the worker that runs on this thread.
pub(crate) fn set_heartbeat(beats: Arc<AtomicU64>) {
    BEATS.set(Some(beats));
}

/// Waits, on a worker's thread without being seen in the model.
pub(crate) fn paused<T>(wait: impl FnOnce() -> T) -> T {
    let beat = || {
        BEATS.with_borrow(|beats| {
            if let Some(beats) = beats {
                beats.fetch_add(1, Ordering::Relaxed);
            }
        });
    };
    beat();
    let result = wait();
    beat();
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_waits_is_not_in_the_model() {
        assert_eq!(paused(|| 7), 7, "another thread has no heartbeat");
        let beats = Arc::new(AtomicU64::new(1));
        set_heartbeat(beats.clone());
        assert_eq!(paused(|| beats.load(Ordering::Relaxed)), 2);
        assert_eq!(beats.load(Ordering::Relaxed), 3);
    }
}
