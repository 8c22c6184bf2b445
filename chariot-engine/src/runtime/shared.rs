//! The data that a host shares with its workers: options, state, queue and permits.

use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Semaphore, time::Instant};

use super::{erased::ErasedModel, ids::Ids, options::HostOptions, queue::Queue, state::Lifecycle};
use crate::{inflight::Budget, model::Spec, protocol::Accepts, telemetry::metrics::ModelMetrics};

/// A worker's sign of life: the worker counts, and whoever asks for readiness measures the time.
#[derive(Debug, Default)]
pub(super) struct Heartbeat {
    /// Odd while the worker runs code of the model.
    beats: AtomicU64,
    /// The last observed count, and when it was first observed.
    seen: Mutex<Option<(u64, Instant)>>,
}

impl Heartbeat {
    /// Records that the worker enters or leaves the model.
    pub(super) fn beat(&self) {
        self.beats.fetch_add(1, Ordering::Relaxed);
    }

    fn is_late(&self, limit: Duration) -> bool {
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

/// The data that a host shares with its workers.
pub(super) struct Shared {
    pub(super) options: HostOptions,
    pub(super) metrics: Arc<ModelMetrics>,
    pub(super) spec: Spec,
    pub(super) accepts: Accepts,
    pub(super) lifecycle: Lifecycle,
    pub(super) queue: Queue,
    /// The model, owned and dropped by its workers: dropping an author's fields (a tokio runtime, for example) on an I/O
    /// thread could panic.
    pub(super) model: OnceLock<Weak<dyn ErasedModel>>,
    /// One permit for each request that can be admitted.
    pub(super) permits: Arc<Semaphore>,
    /// The memory budget of the requests in flight.
    pub(super) budget: Arc<Budget>,
    /// One permit for each request that can be decoded on the pool at the same time.
    pub(super) decoders: Arc<Semaphore>,
    /// Set once `admit` is known to be the default. Small requests are then decoded on the thread that read them.
    pub(super) default_admit: AtomicBool,
    /// Set once the log has the warning about `emit` without `Spec::streaming`.
    pub(super) has_warned_of_emit: AtomicBool,
    /// One heartbeat for each worker.
    pub(super) heartbeats: Vec<Heartbeat>,
    /// The number of devices on which the model is not loaded yet.
    pub(super) loading: AtomicUsize,
    pub(super) closing: AtomicBool,
    /// The mean duration of a call of `infer` per request, in nanoseconds. 0 before the first call.
    pub(super) service_nanos: AtomicU64,
    pub(super) ids: Ids,
}

impl Shared {
    /// Returns `true` if a worker has been in one model call for longer than the stall timeout.
    pub(super) fn is_stalled(&self) -> bool {
        self.heartbeats.iter().any(|heartbeat| heartbeat.is_late(self.options.stall_timeout))
    }

    /// Adds the duration of a call of `infer` to the moving mean.
    pub(super) fn record(&self, took: Duration) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX).max(1);
        let _ = self.service_nanos.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |mean| {
            Some(if mean == 0 { took } else { mean - mean / 8 + took / 8 })
        });
    }
}
