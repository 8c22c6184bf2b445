//! The data that a host shares with its workers: options, state, queue and permits.

use std::{
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::{Semaphore, watch},
};

use super::{
    decoders::Decoders,
    discard::Discards,
    erased::{ErasedItem, ErasedModel},
    gate::InlineGate,
    heartbeat::Heartbeat,
    ids::Ids,
    options::HostOptions,
    queue::Queue,
    state::{Lifecycle, Stall},
};
use crate::{inflight::Budget, model::Spec, protocol::Accepts, telemetry::metrics::ModelMetrics};

/// The longest time for which a health check may block its thread.
const HEALTH_LIMIT: Duration = Duration::from_secs(5);

/// The message for requests that a shutdown leaves without a response.
pub(crate) const SHUTTING_DOWN: &str = "the engine is shutting down";

/// The data that a host shares with its workers.
pub(super) struct Shared {
    /// The runtime that the model was started in, whose blocking pool decodes: a connection may be in another one.
    pub(super) handle: Handle,
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
    /// One slot for each request that can be decoded on the pool at the same time.
    pub(super) decoders: Arc<Decoders>,
    /// The thread that drops items without a worker.
    pub(super) discards: Arc<Discards<ErasedItem>>,
    /// Set once `admit` is known to be the default. Small requests are then decoded on the thread that read them.
    pub(super) default_admit: AtomicBool,
    /// Set once the log has the warning about `emit` without `Spec::streaming`.
    pub(super) has_warned_of_emit: AtomicBool,
    /// One heartbeat for each worker.
    pub(super) heartbeats: Vec<Heartbeat>,
    /// One heartbeat for each core thread.
    pub(super) core_heartbeats: Vec<Heartbeat>,
    /// Decides whether calls run on core threads.
    pub(super) gate: InlineGate,
    /// One heartbeat for the health check of each device.
    pub(super) health: Vec<Heartbeat>,
    /// The number of devices on which the model is not loaded yet.
    pub(super) loading: AtomicUsize,
    pub(super) closing: AtomicBool,
    /// `true` once the grace period is over: whoever still waits gets an error.
    pub(super) ended: watch::Sender<bool>,
    /// The mean duration of a call of `infer` per request, in nanoseconds. 0 before the first call.
    pub(super) service_nanos: AtomicU64,
    pub(super) ids: Ids,
}

impl Shared {
    /// Returns the code of the author's that does not return, if there is any.
    pub(super) fn stall(&self) -> Option<Stall> {
        let is_late = |heartbeats: &[Heartbeat], limit| heartbeats.iter().any(|heartbeat| heartbeat.is_late(limit));
        let limit = self.options.stall_timeout;
        if is_late(&self.heartbeats, limit) || is_late(&self.core_heartbeats, limit) {
            Some(Stall::Worker)
        } else if is_late(&self.health, HEALTH_LIMIT) {
            Some(Stall::Health)
        } else {
            self.decoders.is_stalled().then_some(Stall::Decoders)
        }
    }

    /// Adds the duration of a call of `infer` to the moving mean.
    pub(super) fn record(&self, took: Duration) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX).max(1);
        let _ = self.service_nanos.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |mean| {
            Some(if mean == 0 { took } else { mean - mean / 8 + took / 8 })
        });
    }
}
