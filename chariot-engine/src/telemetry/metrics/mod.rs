//! The metrics of an engine. Each engine has a registry of its own: nothing here is global, and nothing that a caller sends
//! becomes a label.
//!
//! | file | contents |
//! |---|---|
//! | `table` | every metric of the runtime: its name, type, labels and description |
//! | `families` | the metrics of the runtime as families of the registry |
//! | `distribution` | the histograms of the runtime |
//! | `model` | the metrics of one model, which the runtime and the server update |
//! | `figures` | the counters, gauges and histograms of authors |
//! | `registry` | the registry of an engine |
//! | `scrapes` | the texts of the metrics on their way to scrapers |
//! | `text_format` | the text format of Prometheus, made from OpenMetrics |
//! | `author` | the registry as authors use it |

mod author;
mod distribution;
mod families;
mod figures;
mod model;
mod registry;
mod scrapes;
mod table;
mod text_format;

pub(crate) use author::AuthorMetrics;
#[cfg(feature = "cli")]
pub(crate) use families::resident_bytes;
pub use figures::{Counter, Gauge, Histogram};
pub(crate) use model::{ModelMetrics, Rejected, STAGE_COUNT, Snapshot, Stage};
pub(crate) use registry::{Metrics, MetricsFormat};
pub use table::{Description, METRICS};
