//! [`Heartbeat`], the sign of life of a thread that runs an author's code: the thread counts, and whoever asks for readiness
//! measures the time. Workers and decoders have one each.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// A sign of life.
#[derive(Debug, Default)]
pub(super) struct Heartbeat {
    /// Odd while the thread runs code of the author's.
    beats: Arc<AtomicU64>,
    /// The last observed count, and when it was first observed.
    seen: Mutex<Option<(u64, Instant)>>,
}

impl Heartbeat {
    /// Records that the thread enters code of the author's, and leaves it when the returned value is dropped.
    pub(super) fn enter(&self) -> impl Drop {
        struct Entered<'a>(&'a Heartbeat);
        impl Drop for Entered<'_> {
            fn drop(&mut self) {
                self.0.beat();
            }
        }
        self.beat();
        Entered(self)
    }

    /// Records that the thread enters or leaves code of the author's.
    pub(super) fn beat(&self) {
        self.beats.fetch_add(1, Ordering::Relaxed);
    }

    /// Records that the thread has left such code and entered it again.
    pub(super) fn beat_twice(&self) {
        self.beats.fetch_add(2, Ordering::Relaxed);
    }

    /// Returns the count, which the pauses of a stream change too (`inflight::pause`).
    pub(super) fn beats(&self) -> Arc<AtomicU64> {
        self.beats.clone()
    }

    /// Returns `true` if the thread has been seen in the same code for longer than the limit.
    pub(super) fn is_late(&self, limit: Duration) -> bool {
        let now = self.beats.load(Ordering::Relaxed);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match *seen {
            Some((beats, since)) if beats == now => now % 2 == 1 && since.elapsed() > limit,
            _ => {
                *seen = Some((now, Instant::now()));
                false
            }
        }
    }
}
