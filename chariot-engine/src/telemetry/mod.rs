//! Logs and metrics of an engine.
//!
//! | file | contents |
//! |---|---|
//! | `logs` | log lines on a standard stream. `run` installs them; an embedded engine does not |
//! | `log_queue` | log lines on their way to a reader that can be slow, stalled or gone |
//! | `log_limit` | a limit for lines that repeat |
//! | `log_scope` | the requests that a thread works for, which its lines name |
//! | `log_escape` | the escaping of unprintable characters |
//! | `panics` | panics that are the fault of data, not of the engine |
//! | `traces` | the spans of requests on their way to a collector, with the feature `otel`; `no_traces` stands for them without it |
//! | `lost_spans` | the number of spans that no collector has taken |
//! | `span_facts` | the facts about a request that its span has |
//! | `metrics` | counters, gauges and histograms, in a registry of the engine's own |

mod log_escape;
mod log_limit;
mod log_queue;
mod log_scope;
mod logs;
mod lost_spans;
pub mod metrics;
mod panics;
mod span_facts;
#[cfg(not(feature = "otel"))]
#[path = "no_traces.rs"]
mod traces;
#[cfg(feature = "otel")]
mod traces;

pub(crate) use log_limit::REFUSED_REQUEST;
pub(crate) use log_scope::LogScope;
pub(crate) use logs::{SPANS, Stream, flush, install};
#[cfg(any(feature = "image", feature = "onnx-tract", feature = "text"))]
pub(crate) use panics::catch;
pub(crate) use traces::{RequestSpan, SpanEnd, SpanFacts, Traces};
