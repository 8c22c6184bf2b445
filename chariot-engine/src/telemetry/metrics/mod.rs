//! What an engine counts and measures. Each engine has a registry of its own: nothing here is global, and nothing that a
//! caller sends becomes a label.
//!
//! | file | holds |
//! |---|---|
//! | `table` | every metric of the runtime: its name, its type, its labels and what it says |
//! | `families` | the same as families of the registry |
//! | `model` | the figures of one model, which the runtime and the server keep |
//! | `distribution` | the histograms of the runtime |
//! | `author` | counters, gauges and histograms of an author's own |

mod author;
mod distribution;
mod families;
mod model;
mod table;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use prometheus_client::{encoding::text, registry::Registry};

pub(crate) use author::AuthorMetrics;
use author::Own;
pub use author::{Counter, Gauge, Histogram};
use families::Families;
#[cfg(feature = "cli")]
pub(crate) use families::resident_bytes;
pub(crate) use model::{ModelMetrics, Rejected, Snapshot, Stage};
pub use table::{Description, METRICS};

/// The media type of what [`Metrics::encode`] writes.
pub(crate) const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The figures of an engine.
#[derive(Clone)]
pub(crate) struct Metrics(Arc<Inner>);

struct Inner {
    registry: Mutex<Registry>,
    families: Families,
    own: Mutex<Vec<(String, Own)>>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::default();
        let families = Families::register(&mut registry);
        Metrics(Arc::new(Inner { registry: Mutex::new(registry), families, own: Mutex::default() }))
    }

    /// The figures of the model of this name.
    pub(crate) fn model(&self, name: &str) -> Arc<ModelMetrics> {
        Arc::new(ModelMetrics::new(&self.0.families, name))
    }

    /// The text of all figures, in OpenMetrics' form.
    pub(crate) fn encode(&self) -> Result<String, fmt::Error> {
        self.0.families.take_process();
        let mut written = String::with_capacity(16 * 1024);
        text::encode(&mut written, &self.registry())?;
        Ok(written)
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.0.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}
