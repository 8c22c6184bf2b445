//! Every metric of the runtime: its name, its type, its labels and what it says. The registry is made from it, and so is
//! the page that documents it.

/// A metric of the runtime.
///
/// ```
/// use chariot_engine::telemetry::metrics::METRICS;
///
/// let requests = METRICS.iter().find(|metric| metric.name == "chariot_requests_total").unwrap();
/// assert_eq!(requests.labels, ["model", "status"]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Description {
    /// The name under which it is scraped; that of a histogram without `_bucket`, `_sum` and `_count`.
    pub name: &'static str,
    /// Its type: `counter`, `gauge`, `histogram` or `info`.
    pub kind: &'static str,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it says, and its unit.
    pub help: &'static str,
}

const fn metric(
    name: &'static str,
    kind: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Description {
    Description { name, kind, labels, help }
}

/// Every metric of the runtime, in the order in which they are documented.
pub const METRICS: &[Description] = &[
    metric(
        "chariot_requests_total",
        "counter",
        &["model", "status"],
        "Requests for inference that were answered, by HTTP status",
    ),
    metric(
        "chariot_stage_seconds",
        "histogram",
        &["model", "stage"],
        "Seconds that a request spent in a stage: read (its body, and what decompressing it takes), decode, queue, batch_wait (the part of queue in which \
         a batch was held for others), infer (a call of the model), encode, total (from its head to its answer)",
    ),
    metric("chariot_batch_items", "histogram", &["model"], "Items in a call of the model"),
    metric("chariot_in_flight_requests", "gauge", &["model"], "Requests that are admitted and not answered"),
    metric("chariot_queued_requests", "gauge", &["model"], "Requests of which items wait for a worker"),
    metric("chariot_running_calls", "gauge", &["model"], "Calls of the model under way"),
    metric(
        "chariot_in_flight_bytes",
        "gauge",
        &["model"],
        "Bytes that requests in flight hold: bodies, and what is decoded from them",
    ),
    metric(
        "chariot_rejections_total",
        "counter",
        &["model", "reason"],
        "Requests that were refused before they reached a worker: not_ready, queue_full, memory, invalid, too_large, too_slow",
    ),
    metric("chariot_cancellations_total", "counter", &["model"], "Requests whose caller left before the answer"),
    metric("chariot_deadline_misses_total", "counter", &["model"], "Requests whose deadline passed before the answer"),
    metric("chariot_panics_total", "counter", &["model"], "Panics of the model"),
    metric("chariot_load_seconds", "gauge", &["model"], "Seconds that the load of the model took, warm-up included"),
    metric(
        "chariot_state",
        "gauge",
        &["model", "state"],
        "1 for the state that the model is in, 0 for the others: starting, ready, unhealthy, draining, stopped, failed",
    ),
    metric(
        "process_resident_memory_bytes",
        "gauge",
        &[],
        "Resident memory of the process, in bytes; where the system tells",
    ),
    metric("chariot_build_info", "info", &["sdk_version"], "The version of the SDK that the engine was built with"),
];

/// The description of a metric that the runtime keeps.
pub(super) fn described(name: &str) -> Description {
    *METRICS.iter().find(|metric| metric.name == name).expect("every metric stands in this table")
}
