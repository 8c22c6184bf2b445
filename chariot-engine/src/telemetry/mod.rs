//! What an engine tells of itself: log lines, and figures that can be scraped.
//!
//! | file | holds |
//! |---|---|
//! | `logs` | log lines to a standard stream. `run` installs them; nothing that an embedder meets does |
//! | `metrics` | counters, gauges and histograms, in a registry of the engine's own |

mod logs;
pub mod metrics;

pub(crate) use logs::{Stream, install};
