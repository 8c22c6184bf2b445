//! The options of a served model. The engine makes them from its settings.

use std::time::Duration;

use tokio::sync::Semaphore;

use crate::{
    device::{Device, DeviceId},
    model::Spec,
    protocol::Protocol,
    settings::{OutputEncoding, OutputLayout},
};

/// The devices of a model, with the number of workers on each device and of threads for each worker.
#[derive(Clone, Debug)]
pub(crate) struct Placement {
    pub(crate) devices: Vec<Device>,
    /// The names of the devices, separated by spaces, for the log.
    pub(crate) device_names: String,
    pub(crate) workers: usize,
    pub(crate) threads: usize,
}

impl Placement {
    /// Returns the number of workers on all devices.
    pub(crate) fn all_workers(&self) -> usize {
        self.devices.len().saturating_mul(self.workers)
    }
}

/// The limits of one call of `infer`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batching {
    /// The highest total [`BatchCost`](crate::model::BatchCost) of a batch.
    pub(crate) max_cost: usize,
    /// The longest time that the first request of a batch waits for others. `None` if requests do not share a batch.
    pub(crate) across: Option<Duration>,
}

/// The options of a served model.
#[derive(Clone, Debug)]
pub(crate) struct HostOptions {
    /// The URL to which requests for the model are posted, for the log.
    pub(crate) infer_url: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) placement: Placement,
    /// The number of threads that serve connections and can run quick calls for them. 0 if there are none.
    pub(crate) core_threads: usize,
    /// The number of concurrent calls of `infer`.
    pub(crate) max_concurrency: usize,
    pub(crate) batching: Batching,
    /// The number of requests admitted beyond those that run.
    pub(crate) queue_size: usize,
    /// Set if each worker runs the author's example before the model is ready.
    pub(crate) warm_up: bool,
    pub(crate) score_threshold: f32,
    pub(crate) max_pixels: u64,
    /// The maximum length of a text, in bytes.
    pub(crate) max_text: u64,
    pub(crate) layout: Option<OutputLayout>,
    pub(crate) encoding: OutputEncoding,
    /// The only accepted protocol. `None` accepts both.
    pub(crate) protocol: Option<Protocol>,
    pub(crate) timeout: Option<Duration>,
    /// The duration of one model call after which readiness reports the worker as stalled.
    pub(crate) stall_timeout: Duration,
    /// The memory budget of all requests in flight, in bytes.
    pub(crate) max_inflight_bytes: u64,
    /// The memory limit of one request with its response, in bytes.
    pub(crate) max_request_bytes: u64,
}

impl HostOptions {
    /// Returns the number of requests that can be admitted at the same time.
    pub(super) fn capacity(&self) -> usize {
        // The number of permits that a semaphore can hold and that `acquire_many` can take at once.
        let max = Semaphore::MAX_PERMITS.min(u32::MAX as usize);
        self.max_concurrency.saturating_add(self.queue_size).min(max)
    }

    /// Returns `true` if calls may run on the threads that serve connections, once they have been quick: a call computes on one
    /// thread of the CPU, and waits for no other request.
    pub(super) fn may_run_inline(&self, spec: &Spec) -> bool {
        let Placement { devices, threads, .. } = &self.placement;
        let is_on_cpu = matches!(&devices[..], [only] if only.id() == DeviceId::Cpu);
        let is_alone = spec.concurrency == 1 && self.batching.across.is_none();
        self.core_threads > 0 && spec.inline && is_on_cpu && *threads == 1 && is_alone && !spec.streaming
    }

    /// Returns `true` if an arrival must wake every worker.
    ///
    /// With concurrent calls, a waiting worker may have its thread blocked by another of its calls. With many workers of
    /// one call each, waking all of them would be wasteful; with a single worker it makes no difference.
    pub(super) fn wakes_all(&self, spec: &Spec) -> bool {
        spec.concurrency > 1 || self.placement.all_workers() == 1
    }
}
