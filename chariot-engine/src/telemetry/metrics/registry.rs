//! [`Metrics`], the registry of an engine.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use prometheus_client::{encoding::text, registry::Registry};

use super::{families::Families, figures::Own, model::ModelMetrics, scrapes::Scrapes, text_format};

/// A format of all metrics as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MetricsFormat {
    /// The text format of Prometheus, version 0.0.4, which every scraper reads.
    Text,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

impl MetricsFormat {
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            MetricsFormat::Text => "text/plain; version=0.0.4; charset=utf-8",
            MetricsFormat::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// The metrics of an engine.
#[derive(Clone)]
pub(crate) struct Metrics(Arc<Inner>);

struct Inner {
    registry: Mutex<Registry>,
    families: Families,
    own: Mutex<Vec<(String, Own)>>,
    scrapes: [Scrapes; 2],
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::default();
        let families = Families::register(&mut registry);
        Metrics(Arc::new(Inner {
            registry: Mutex::new(registry),
            families,
            own: Mutex::default(),
            scrapes: Default::default(),
        }))
    }

    /// Returns the metrics of the model with this name.
    pub(crate) fn model(&self, name: &str) -> Arc<ModelMetrics> {
        Arc::new(ModelMetrics::new(&self.0.families, name))
    }

    /// Returns all metrics in a format, as they are after `update`. If callers leave many texts unread, they share one.
    ///
    /// # Errors
    /// Fails if a metric cannot be written.
    pub(crate) fn scrape(&self, format: MetricsFormat, update: impl FnOnce()) -> Result<Bytes, fmt::Error> {
        let scrapes = &self.0.scrapes[usize::from(format == MetricsFormat::OpenMetrics)];
        scrapes.text(|| {
            update();
            self.encode(format)
        })
    }

    /// Writes all metrics in a format.
    pub(super) fn encode(&self, format: MetricsFormat) -> Result<String, fmt::Error> {
        self.0.families.update_process();
        let mut written = String::with_capacity(16 * 1024);
        text::encode(&mut written, &self.registry())?;
        Ok(match format {
            MetricsFormat::Text => text_format::from_open_metrics(&written),
            MetricsFormat::OpenMetrics => written,
        })
    }

    /// Locks the families that authors have registered, by name.
    pub(super) fn own(&self) -> MutexGuard<'_, Vec<(String, Own)>> {
        self.0.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn registry(&self) -> MutexGuard<'_, Registry> {
        self.0.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}
