//! What a host and its workers share: how the model is served, its state, its queue, and the permits.

use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Semaphore, time::Instant};

use super::{hosted::DynModel, ids::Ids, queue::Queue, state::Lifecycle};
use crate::{
    device::Device,
    inflight::Budget,
    model::Spec,
    protocol::{Protocol, Takes},
    settings::{OutputEncoding, OutputLayout},
    telemetry::metrics::ModelMetrics,
};

/// Where a model runs: on which devices, with how many workers on each, and with how many threads each of those.
#[derive(Clone, Debug)]
pub(crate) struct Placement {
    pub(crate) devices: Vec<Device>,
    pub(crate) workers: usize,
    pub(crate) threads: usize,
}

impl Placement {
    /// The workers on all devices.
    pub(crate) fn all_workers(&self) -> usize {
        self.devices.len().saturating_mul(self.workers)
    }
}

/// How a worker tells that it comes back from its model: it counts, and whoever asks for the readiness keeps the time.
#[derive(Debug, Default)]
pub(super) struct Heartbeat {
    /// Odd while the worker is in the hands of its model.
    beats: AtomicU64,
    /// The count that was seen last, and when it was seen first.
    seen: Mutex<Option<(u64, Instant)>>,
}

impl Heartbeat {
    /// The worker is about to run something, or comes back.
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

/// What one call of `infer` is given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batching {
    /// The most, in the unit of [`BatchCost`](crate::model::BatchCost).
    pub(crate) max_cost: usize,
    /// Whether requests share calls, and then how long the first of them may wait for others that are on their way.
    pub(crate) across: Option<Duration>,
}

/// What an engine has in hand at a moment.
///
/// ```
/// fn is_idle(engine: &chariot_engine::Engine) -> bool {
///     engine.in_flight().requests == 0
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InFlight {
    /// Requests that are admitted and not answered.
    pub requests: usize,
    /// Those of them of which items wait for a worker.
    pub queued: usize,
    /// Calls of the model under way.
    pub running: usize,
    /// Bytes that requests hold: bodies, and what is decoded from them.
    pub bytes: u64,
}

impl std::iter::Sum for InFlight {
    /// What several models have in hand together.
    fn sum<I: Iterator<Item = InFlight>>(all: I) -> InFlight {
        let none = InFlight { requests: 0, queued: 0, running: 0, bytes: 0 };
        all.fold(none, |sum, of| InFlight {
            requests: sum.requests + of.requests,
            queued: sum.queued + of.queued,
            running: sum.running + of.running,
            bytes: sum.bytes + of.bytes,
        })
    }
}

/// How a model is served.
#[derive(Clone, Debug)]
pub(crate) struct HostOptions {
    /// The URL to which requests for the model are posted, for the log.
    pub(crate) infer_url: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) placement: Placement,
    /// Calls of `infer` at once.
    pub(crate) max_concurrency: usize,
    pub(crate) batching: Batching,
    /// Requests admitted beyond those that run.
    pub(crate) queue_size: usize,
    pub(crate) score_threshold: f32,
    pub(crate) max_pixels: u64,
    pub(crate) layout: Option<OutputLayout>,
    pub(crate) encoding: OutputEncoding,
    /// The one protocol that is spoken; both if absent.
    pub(crate) protocol: Option<Protocol>,
    pub(crate) timeout: Option<Duration>,
    /// How long a worker may be in one call of the model before readiness says so.
    pub(crate) stall_timeout: Duration,
    /// The bytes that requests in flight may hold together.
    pub(crate) max_inflight_bytes: u64,
}

impl HostOptions {
    /// How many requests may be admitted at once.
    pub(super) fn capacity(&self) -> usize {
        // What a semaphore can hold, and what can be taken of it in one go.
        let most = Semaphore::MAX_PERMITS.min(u32::MAX as usize);
        self.max_concurrency.saturating_add(self.queue_size).min(most)
    }

    /// Whether an arrival wakes every worker: where one may have a call under way while it waits for the next, and so no
    /// thread for it. With many workers of one call each that would be a waste, and with a single one it makes no difference.
    pub(super) fn wakes_all(&self, spec: &Spec) -> bool {
        spec.concurrency > 1 || self.placement.all_workers() == 1
    }
}

/// What the host and its workers share.
pub(super) struct Shared {
    pub(super) options: HostOptions,
    pub(super) metrics: Arc<ModelMetrics>,
    pub(super) spec: Spec,
    pub(super) takes: Takes,
    pub(super) lifecycle: Lifecycle,
    pub(super) queue: Queue,
    /// Workers own the model and drop it: what an author keeps in it (a runtime, say) must not be dropped by an I/O
    /// thread.
    pub(super) model: OnceLock<Weak<dyn DynModel>>,
    /// One permit a request that may be admitted.
    pub(super) places: Arc<Semaphore>,
    /// The bytes that requests in flight may hold.
    pub(super) budget: Arc<Budget>,
    /// One permit a request that may be decoded on the pool at once.
    pub(super) decoders: Arc<Semaphore>,
    /// Set once `admit` has been seen to be the default: then small requests are decoded where they were read.
    pub(super) default_admit: AtomicBool,
    /// One for each worker.
    pub(super) heartbeats: Vec<Heartbeat>,
    /// The devices on which the model is not loaded yet.
    pub(super) loading: AtomicUsize,
    pub(super) closing: AtomicBool,
    /// The mean time that a call of `infer` takes, in nanoseconds; 0 before the first.
    pub(super) service_nanos: AtomicU64,
    pub(super) ids: Ids,
}

impl Shared {
    /// Whether a worker has been in one call of the model for longer than it may.
    pub(super) fn is_stalled(&self) -> bool {
        self.heartbeats.iter().any(|heartbeat| heartbeat.is_late(self.options.stall_timeout))
    }

    /// Takes the time that a call of `infer` took into the mean.
    pub(super) fn record(&self, took: Duration) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX).max(1);
        let _ = self.service_nanos.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |mean| {
            Some(if mean == 0 { took } else { mean - mean / 8 + took / 8 })
        });
    }
}
