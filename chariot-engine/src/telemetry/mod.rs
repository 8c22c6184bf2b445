//! Logs and metrics of an engine.
//!
//! | file | contents |
//! |---|---|
//! | `logs` | log lines on a standard stream. `run` installs them; an embedded engine does not |
//! | `metrics` | counters, gauges and histograms, in a registry of the engine's own |

mod logs;
pub mod metrics;

pub(crate) use logs::{Stream, install};
