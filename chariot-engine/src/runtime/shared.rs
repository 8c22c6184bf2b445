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
    time::Instant,
};

use super::{
    decoders::Decoders,
    discard::Discards,
    erased::{ErasedItem, ErasedModel},
    gate::InlineGate,
    heartbeat::Heartbeat,
    ids::Ids,
    lanes::Lanes,
    options::HostOptions,
    queue::Queue,
    state::{Lifecycle, Stall},
};
use crate::{
    inflight::{Budget, RequestToken},
    input::{Modality, modality},
    model::Spec,
    protocol::{Accepts, DataType, TensorMetadata},
    telemetry::metrics::ModelMetrics,
};

/// The longest time for which a health check may block its thread.
const HEALTH_LIMIT: Duration = Duration::from_secs(5);

/// The data that a host shares with its workers.
pub(super) struct Shared {
    /// The runtime that the model was started in, whose blocking pool decodes: a connection may be in another one.
    pub(super) handle: Handle,
    pub(super) options: HostOptions,
    /// The name of the model, for log lines.
    pub(super) model_name: Arc<str>,
    pub(super) metrics: Arc<ModelMetrics>,
    /// The declaration of the engine, and the accepted bodies and protocols, before the model is loaded.
    pub(super) declared: (Spec, Accepts),
    pub(super) lifecycle: Lifecycle,
    pub(super) queue: Arc<Queue>,
    /// The items that wait for others of their keys.
    pub(super) lanes: Arc<Lanes>,
    pub(super) loaded: OnceLock<Loaded>,
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
    pub(super) start: Instant,
    /// The number of workers that are not ready yet.
    pub(super) starting: AtomicUsize,
    pub(super) closing: AtomicBool,
    /// `true` once the grace period is over: whoever still waits gets an error.
    pub(super) ended: watch::Sender<bool>,
    /// The mean duration of a call of `infer` per request, in nanoseconds. 0 before the first call.
    pub(super) service_nanos: AtomicU64,
    pub(super) ids: Ids,
}

/// A loaded model, with what is known of it since.
pub(super) struct Loaded {
    /// The model, owned and dropped by its workers: dropping an author's fields (a tokio runtime, for example) on an I/O
    /// thread could panic.
    model: Weak<dyn ErasedModel>,
    spec: Spec,
    accepts: Accepts,
}

impl Shared {
    /// Adds the loaded model. Has no effect if another device has loaded it before.
    pub(super) fn set_model(&self, model: &Arc<dyn ErasedModel>) {
        let _ = self.loaded.get_or_init(|| Loaded {
            model: Arc::downgrade(model),
            spec: model.spec().clone(),
            accepts: accepts(&self.options, model.spec()),
        });
    }

    /// Returns the model, if it is loaded and its workers have not stopped. Decoding and admission do not depend on the device, so
    /// it may be that of any device.
    pub(super) fn model(&self) -> Option<Arc<dyn ErasedModel>> {
        self.loaded.get()?.model.upgrade()
    }

    /// Returns the declaration of the engine: once the model is loaded, with its own signature.
    pub(super) fn spec(&self) -> &Spec {
        self.loaded.get().map_or(&self.declared.0, |loaded| &loaded.spec)
    }

    /// Returns the accepted bodies and protocols.
    pub(super) fn accepts(&self) -> &Accepts {
        self.loaded.get().map_or(&self.declared.1, |loaded| &loaded.accepts)
    }

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

    /// Removes the items of a request that nobody waits for and that no call has.
    pub(super) fn remove(&self, token: &Arc<RequestToken>) {
        self.queue.remove(token);
        self.lanes.remove(token);
    }

    /// Adds the duration of a call of `infer` to the moving mean.
    pub(super) fn record(&self, took: Duration) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX).max(1);
        let _ = self.service_nanos.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |mean| {
            Some(if mean == 0 { took } else { mean - mean / 8 + took / 8 })
        });
    }
}

/// Returns the bodies and protocols that a model with these options accepts.
pub(super) fn accepts(options: &HostOptions, spec: &Spec) -> Accepts {
    let alone = match &spec.inputs[..] {
        [only] => Some(only.metadata()),
        // One item, or raw bytes for an engine that accepts anything.
        [] => Some(TensorMetadata::new(spec.element.unwrap_or_default(), DataType::Bytes, [1])),
        _ => None,
    };
    Accepts {
        protocol: options.protocol,
        items: spec.element.is_some() && spec.inputs.is_empty(),
        raw_items: spec.raw,
        images: spec.element == <modality::Image as Modality>::ELEMENT,
        json_items: spec.element.is_some() && !spec.raw,
        single_input: alone,
    }
}
