//! The metrics of the runtime as families of a registry. [`Metrics`](super::Metrics) owns them; the metrics of a model are
//! looked up in them once.

use std::sync::atomic::Ordering;

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge, info::Info},
    registry::{Metric, Registry},
};

use super::{distribution::Distribution, table::described};
use crate::telemetry::{logs::lost_lines, lost_spans::lost_spans};

/// The names and values of labels. None of them comes from a caller.
pub(super) type Labels = Vec<(&'static str, String)>;

type Float = Gauge<f64, std::sync::atomic::AtomicU64>;

/// The families of an engine.
pub(super) struct Families {
    pub(super) requests: Family<Labels, Counter>,
    pub(super) stages: Family<Labels, Distribution, fn() -> Distribution>,
    pub(super) batch: Family<Labels, Distribution, fn() -> Distribution>,
    pub(super) in_flight: Family<Labels, Gauge>,
    pub(super) queued: Family<Labels, Gauge>,
    pub(super) running: Family<Labels, Gauge>,
    pub(super) bytes: Family<Labels, Gauge>,
    pub(super) rejections: Family<Labels, Counter>,
    pub(super) cancellations: Family<Labels, Counter>,
    pub(super) deadline_misses: Family<Labels, Counter>,
    pub(super) panics: Family<Labels, Counter>,
    pub(super) workers: Family<Labels, Gauge>,
    pub(super) load: Family<Labels, Float>,
    pub(super) state: Family<Labels, Gauge>,
    memory: Gauge,
    lost_log_lines: Counter,
    lost_spans: Counter,
}

/// The bounds for times: from a tenth of a millisecond, about the time that the runtime itself takes, to two minutes.
const SECONDS: [f64; 19] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
    120.0,
];

/// The counted units in a second: times are counted in nanoseconds.
const NANOS_PER_SECOND: f64 = 1e9;

/// The bounds for numbers of items.
const ITEMS: [f64; 11] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

impl Families {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let seconds: fn() -> Distribution = || Distribution::new(&SECONDS, NANOS_PER_SECOND);
        let items: fn() -> Distribution = || Distribution::new(&ITEMS, 1.0);
        let families = Families {
            requests: add(registry, "chariot_requests_total", Family::default()),
            stages: add(registry, "chariot_stage_seconds", Family::new_with_constructor(seconds)),
            batch: add(registry, "chariot_batch_items", Family::new_with_constructor(items)),
            in_flight: add(registry, "chariot_in_flight_requests", Family::default()),
            queued: add(registry, "chariot_queued_requests", Family::default()),
            running: add(registry, "chariot_running_calls", Family::default()),
            bytes: add(registry, "chariot_in_flight_bytes", Family::default()),
            rejections: add(registry, "chariot_rejections_total", Family::default()),
            cancellations: add(registry, "chariot_cancellations_total", Family::default()),
            deadline_misses: add(registry, "chariot_deadline_misses_total", Family::default()),
            panics: add(registry, "chariot_panics_total", Family::default()),
            workers: add(registry, "chariot_workers", Family::default()),
            load: add(registry, "chariot_load_seconds", Family::default()),
            state: add(registry, "chariot_state", Family::default()),
            memory: Gauge::default(),
            lost_log_lines: add(registry, "chariot_lost_log_lines_total", Counter::default()),
            lost_spans: add(registry, "chariot_lost_spans_total", Counter::default()),
        };
        if resident_bytes().is_some() {
            add(registry, "process_resident_memory_bytes", families.memory.clone());
        }
        let build = described("chariot_build_info");
        registry.register(bare(build.name), build.help, Info::new([("sdk_version", env!("CARGO_PKG_VERSION"))]));
        families
    }

    /// Updates the metrics of the process.
    pub(super) fn update_process(&self) {
        if let Some(bytes) = resident_bytes() {
            self.memory.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        }
        self.lost_log_lines.inner().store(lost_lines(), Ordering::Relaxed);
        self.lost_spans.inner().store(lost_spans(), Ordering::Relaxed);
    }
}

fn add<M: Metric + Clone>(registry: &mut Registry, name: &str, metric: M) -> M {
    let described = described(name);
    registry.register(bare(described.name), described.help, metric.clone());
    metric
}

/// Returns a name without its suffix, which the registry adds by the type of the metric.
fn bare(name: &str) -> &str {
    name.strip_suffix("_total").or_else(|| name.strip_suffix("_info")).unwrap_or(name)
}

/// Returns the resident memory of the process in bytes, on Linux.
pub(crate) fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}
