//! What a host and its workers share: how the model is served, its state, its queue, and the permits.

use std::{
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::Semaphore;

use super::{hosted::DynModel, queue::Queue, state::Lifecycle};
use crate::{
    device::Device,
    model::Spec,
    protocol::{Protocol, Takes},
    settings::{OutputEncoding, OutputLayout},
};

/// Where a model runs: how many workers over it, and with how many threads each.
#[derive(Clone, Debug)]
pub(crate) struct Placement {
    pub(crate) device: Device,
    pub(crate) workers: usize,
    pub(crate) threads: usize,
}

/// How a model is served.
#[derive(Clone, Debug)]
pub(crate) struct HostOptions {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) placement: Placement,
    /// Calls of `infer` at once.
    pub(crate) max_concurrency: usize,
    /// Requests admitted beyond those that run.
    pub(crate) queue_size: usize,
    pub(crate) score_threshold: f32,
    pub(crate) max_pixels: u64,
    pub(crate) layout: Option<OutputLayout>,
    pub(crate) encoding: OutputEncoding,
    /// The one protocol that is spoken; both if absent.
    pub(crate) protocol: Option<Protocol>,
    pub(crate) timeout: Option<Duration>,
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
        spec.concurrency > 1 || self.placement.workers == 1
    }
}

/// What the host and its workers share.
pub(super) struct Shared {
    pub(super) options: HostOptions,
    pub(super) spec: Spec,
    pub(super) takes: Takes,
    pub(super) lifecycle: Lifecycle,
    pub(super) queue: Queue,
    /// Workers own the model and drop it: what an author keeps in it (a runtime, say) must not be dropped by an I/O
    /// thread.
    pub(super) model: OnceLock<Weak<dyn DynModel>>,
    /// One permit a request that may be admitted.
    pub(super) places: Arc<Semaphore>,
    /// One permit a request that may be decoded on the pool at once.
    pub(super) decoders: Arc<Semaphore>,
    /// Set once `admit` has been seen to be the default: then small requests are decoded where they were read.
    pub(super) default_admit: AtomicBool,
    pub(super) closing: AtomicBool,
    /// The mean time that a call of `infer` takes, in nanoseconds; 0 before the first.
    pub(super) service_nanos: AtomicU64,
}

impl Shared {
    /// Takes the time that a call of `infer` took into the mean.
    pub(super) fn record(&self, took: Duration) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX).max(1);
        let _ = self.service_nanos.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |mean| {
            Some(if mean == 0 { took } else { mean - mean / 8 + took / 8 })
        });
    }
}
