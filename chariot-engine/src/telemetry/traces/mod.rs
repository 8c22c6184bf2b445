//! Spans of requests, exported by OTLP. Only `engine::run` begins an export; an embedded engine sends contexts on.
//!
//! | file | contents |
//! |---|---|
//! | `export` | [`Traces`]: sampling, and the queue of spans on their way to a collector; [`RequestSpan`]: the span of a request that is recorded |
//! | `target` | where the environment says that spans go |
//! | `collector` | the HTTP client of the export, and what becomes of each batch of spans |
//! | `span` | the spans of a request and of its stages as the exporter takes them |

mod collector;
mod export;
mod span;
mod target;

pub(crate) use export::{RequestSpan, Traces};

pub(crate) use super::span_facts::{SpanEnd, SpanFacts};
