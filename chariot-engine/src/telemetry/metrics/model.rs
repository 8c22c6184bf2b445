//! [`ModelMetrics`], the metrics of one model. The host, its workers and the server update them.

use std::time::Duration;

use prometheus_client::metrics::{counter::Counter, family::Family, gauge::Gauge};

use super::{
    distribution::Distribution,
    families::{Families, Labels},
};

/// A stage in the processing of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Read,
    DecodeWait,
    Decode,
    Queue,
    BatchWait,
    Infer,
    Encode,
    Total,
}

const STAGES: [(Stage, &str); 8] = [
    (Stage::Read, "read"),
    (Stage::DecodeWait, "decode_wait"),
    (Stage::Decode, "decode"),
    (Stage::Queue, "queue"),
    (Stage::BatchWait, "batch_wait"),
    (Stage::Infer, "infer"),
    (Stage::Encode, "encode"),
    (Stage::Total, "total"),
];

impl Stage {
    /// Returns the name in metrics and spans.
    #[cfg(feature = "otel")]
    pub(crate) fn name(self) -> &'static str {
        STAGES[self as usize].1
    }
}

/// The number of stages.
pub(crate) const STAGE_COUNT: usize = STAGES.len();

/// The reason why a request was rejected before it reached a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejected {
    NotReady,
    QueueFull,
    Memory,
    Invalid,
    TooLarge,
    TooSlow,
    Unauthorized,
}

const REASONS: [(Rejected, &str); 7] = [
    (Rejected::NotReady, "not_ready"),
    (Rejected::QueueFull, "queue_full"),
    (Rejected::Memory, "memory"),
    (Rejected::Invalid, "invalid"),
    (Rejected::TooLarge, "too_large"),
    (Rejected::TooSlow, "too_slow"),
    (Rejected::Unauthorized, "unauthorized"),
];

const STATES: [&str; 6] = ["starting", "ready", "unhealthy", "draining", "stopped", "failed"];

/// The state of a model at the time of a scrape.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Snapshot {
    pub(crate) state: &'static str,
    pub(crate) in_flight: usize,
    pub(crate) queued: usize,
    pub(crate) running: usize,
    pub(crate) bytes: u64,
}

/// The metrics of one model, looked up once, so that updating them needs no lookup.
pub(crate) struct ModelMetrics {
    name: String,
    requests: Family<Labels, Counter>,
    ok: Counter,
    stages: [Distribution; STAGES.len()],
    batch: Distribution,
    in_flight: Gauge,
    queued: Gauge,
    running: Gauge,
    bytes: Gauge,
    rejections: [Counter; REASONS.len()],
    pub(crate) cancellations: Counter,
    pub(crate) deadline_misses: Counter,
    pub(crate) panics: Counter,
    workers: Family<Labels, Gauge>,
    load: Gauge<f64, std::sync::atomic::AtomicU64>,
    states: [Gauge; STATES.len()],
}

impl ModelMetrics {
    pub(super) fn new(families: &Families, name: &str) -> Self {
        let model = vec![("model", name.to_string())];
        let with = |key: &'static str, value: &str| vec![("model", name.to_string()), (key, value.to_string())];
        ModelMetrics {
            name: name.to_string(),
            requests: families.requests.clone(),
            ok: families.requests.get_or_create_owned(&with("status", "200")),
            stages: STAGES.map(|(_, stage)| families.stages.get_or_create_owned(&with("stage", stage))),
            batch: families.batch.get_or_create_owned(&model),
            in_flight: families.in_flight.get_or_create_owned(&model),
            queued: families.queued.get_or_create_owned(&model),
            running: families.running.get_or_create_owned(&model),
            bytes: families.bytes.get_or_create_owned(&model),
            rejections: REASONS.map(|(_, reason)| families.rejections.get_or_create_owned(&with("reason", reason))),
            cancellations: families.cancellations.get_or_create_owned(&model),
            deadline_misses: families.deadline_misses.get_or_create_owned(&model),
            panics: families.panics.get_or_create_owned(&model),
            workers: families.workers.clone(),
            load: families.load.get_or_create_owned(&model),
            states: STATES.map(|state| families.state.get_or_create_owned(&with("state", state))),
        }
    }

    /// Counts a response with this status.
    pub(crate) fn answered(&self, status: u16) {
        if status == 200 {
            self.ok.inc();
        } else {
            let labels = vec![("model", self.name.clone()), ("status", status.to_string())];
            self.requests.get_or_create(&labels).inc();
        }
    }

    /// Records the time that a stage took.
    pub(crate) fn took(&self, stage: Stage, time: Duration) {
        self.stages[stage as usize].observe(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Counts the items of a call of the model.
    pub(crate) fn batch(&self, items: usize) {
        self.batch.observe(items as u64);
    }

    /// Counts a rejected request.
    pub(crate) fn rejected(&self, reason: Rejected) {
        self.rejections[reason as usize].inc();
    }

    /// Records the time that loading the model took, and who runs it: a number of workers on these devices.
    pub(crate) fn loaded(&self, time: Duration, devices: &str, workers: usize) {
        self.load.set(time.as_secs_f64());
        let labels = vec![("model", self.name.clone()), ("device", devices.to_string())];
        self.workers.get_or_create(&labels).set(i64::try_from(workers).unwrap_or(i64::MAX));
    }

    /// Updates the gauges that are only read when metrics are scraped.
    pub(crate) fn take(&self, now: Snapshot) {
        let count = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
        self.in_flight.set(count(now.in_flight));
        self.queued.set(count(now.queued));
        self.running.set(count(now.running));
        self.bytes.set(i64::try_from(now.bytes).unwrap_or(i64::MAX));
        for (state, gauge) in STATES.iter().zip(&self.states) {
            gauge.set(i64::from(*state == now.state));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_and_reason_is_at_its_own_index() {
        assert!(STAGES.iter().enumerate().all(|(index, (stage, _))| *stage as usize == index));
        assert!(REASONS.iter().enumerate().all(|(index, (reason, _))| *reason as usize == index));
    }
}
