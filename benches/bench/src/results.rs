//! The results of a run, as they are written to a file.

use serde::Serialize;

use crate::{figures::Spread, machine::Machine};

#[derive(Serialize)]
pub(crate) struct Results {
    pub(crate) machine: Machine,
    /// Rounds of each measurement.
    pub(crate) rounds: usize,
    /// The length of each round.
    pub(crate) seconds: f64,
    /// The share of all cores that other processes took, median over the rounds.
    pub(crate) taken_by_others: f64,
    pub(crate) workloads: Vec<WorkloadResult>,
    pub(crate) probes: Vec<ProbeResult>,
    pub(crate) scaling: Vec<ScalingResult>,
    pub(crate) at_rest: Vec<RestResult>,
}

#[derive(Serialize)]
pub(crate) struct WorkloadResult {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) request_bytes: usize,
    /// The name of the server to which the others are compared.
    pub(crate) reference: String,
    pub(crate) servers: Vec<ServerResult>,
}

#[derive(Serialize)]
pub(crate) struct ServerResult {
    pub(crate) name: String,
    pub(crate) answer_bytes: usize,
    pub(crate) closed: Vec<ClosedResult>,
    pub(crate) open: Option<OpenResult>,
    pub(crate) peak_memory_bytes: u64,
}

/// Rates at a number of connections.
#[derive(Serialize)]
pub(crate) struct ClosedResult {
    pub(crate) connections: usize,
    /// Requests per second.
    pub(crate) rate: Spread,
    /// The rate relative to the reference in the same round.
    pub(crate) relative: Spread,
    /// CPU seconds per request.
    pub(crate) cpu_seconds: Spread,
    /// Page faults per request.
    pub(crate) page_faults: Spread,
}

/// Latencies in seconds at a rate.
#[derive(Serialize)]
pub(crate) struct OpenResult {
    /// Scheduled requests per second.
    pub(crate) rate: f64,
    pub(crate) connections: usize,
    pub(crate) requests: usize,
    pub(crate) latency: Latency,
}

/// Percentiles in seconds, each with its spread over the rounds.
#[derive(Serialize)]
pub(crate) struct Latency {
    pub(crate) p50: Spread,
    pub(crate) p90: Spread,
    pub(crate) p99: Spread,
    pub(crate) p999: Spread,
    pub(crate) highest: Spread,
}

/// Health probes while a model is busy.
#[derive(Serialize)]
pub(crate) struct ProbeResult {
    pub(crate) server: String,
    /// The state of the model.
    pub(crate) model: &'static str,
    /// The kind of connections.
    pub(crate) connections: &'static str,
    pub(crate) probes: usize,
    pub(crate) latency: Latency,
}

/// The cost of ten times the size.
#[derive(Serialize)]
pub(crate) struct ScalingResult {
    pub(crate) of: &'static str,
    pub(crate) server: String,
    /// CPU seconds of a request with 1,000 and with 10,000.
    pub(crate) cpu_seconds: [f64; 2],
    /// 1 if the cost grows like the size.
    pub(crate) exponent: f64,
}

/// An example after its start.
#[derive(Serialize)]
pub(crate) struct RestResult {
    pub(crate) example: String,
    pub(crate) starts: usize,
    pub(crate) resident_bytes: Spread,
    pub(crate) seconds_until_ready: Spread,
}
