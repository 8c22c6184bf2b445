//! Every metric of the runtime: its name, type, labels and description. The registry and the documentation are made from this
//! table.

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
    /// The name in a scrape; for a histogram, the name without `_bucket`, `_sum` and `_count`.
    pub name: &'static str,
    /// The type: `counter`, `gauge`, `histogram` or `info`.
    pub kind: &'static str,
    /// The names of the labels.
    pub labels: &'static [&'static str],
    /// The meaning and the unit.
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

/// All metrics of the runtime, in the order of the documentation.
pub const METRICS: &[Description] = &[
    metric(
        "chariot_requests_total",
        "counter",
        &["model", "status"],
        "Inference requests that were answered, by HTTP status",
    ),
    metric(
        "chariot_stage_seconds",
        "histogram",
        &["model", "stage"],
        "Seconds that a request spent in a stage: read (reading and decompressing the body), decode_wait (waiting for a \
         decoder), decode, queue, batch_wait (the part of queue in which a batch was held for more requests), infer (a call \
         of the model), encode, total (from the headers to the response, or to the end of a stream)",
    ),
    metric("chariot_batch_items", "histogram", &["model"], "Items in a call of the model"),
    metric("chariot_in_flight_requests", "gauge", &["model"], "Requests that are admitted and not yet answered"),
    metric("chariot_queued_requests", "gauge", &["model"], "Requests with items that wait for a worker"),
    metric("chariot_running_calls", "gauge", &["model"], "Calls of the model in progress"),
    metric(
        "chariot_in_flight_bytes",
        "gauge",
        &["model"],
        "Bytes that requests in flight hold: bodies and decoded data",
    ),
    metric(
        "chariot_rejections_total",
        "counter",
        &["model", "reason"],
        "Requests that were rejected before they reached a worker: not_ready, queue_full, memory, invalid, too_large, too_slow, \
         unauthorized (without the token)",
    ),
    metric(
        "chariot_cancellations_total",
        "counter",
        &["model"],
        "Requests whose caller disconnected before the response",
    ),
    metric(
        "chariot_deadline_misses_total",
        "counter",
        &["model"],
        "Requests whose deadline passed before the response",
    ),
    metric("chariot_panics_total", "counter", &["model"], "Panics of the model"),
    metric(
        "chariot_workers",
        "gauge",
        &["model", "device"],
        "Workers that run the model on all of its devices, once it is loaded",
    ),
    metric("chariot_load_seconds", "gauge", &["model"], "Seconds that loading the model took, including warm-up"),
    metric(
        "chariot_state",
        "gauge",
        &["model", "state"],
        "1 for the current state of the model, 0 for the others: starting, ready, unhealthy, draining, stopped, failed",
    ),
    metric(
        "chariot_lost_log_lines_total",
        "counter",
        &[],
        "Log lines that were lost because the reader of standard output was gone or too slow",
    ),
    metric(
        "chariot_lost_spans_total",
        "counter",
        &[],
        "Spans that were not exported because the collector was gone or too slow; 0 without the feature otel",
    ),
    metric("process_resident_memory_bytes", "gauge", &[], "Resident memory of the process in bytes, on Linux"),
    metric("chariot_build_info", "info", &["sdk_version"], "The version of the SDK that the engine was built with"),
];

/// Returns the description of a metric of the runtime.
pub(super) fn described(name: &str) -> Description {
    *METRICS.iter().find(|metric| metric.name == name).expect("every metric is in this table")
}
