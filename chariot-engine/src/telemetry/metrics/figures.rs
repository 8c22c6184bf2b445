//! The counters, gauges and histograms of authors. [`LoadContext`](crate::model::LoadContext) creates them.

use std::sync::{Arc, atomic::AtomicU64};

use prometheus_client::metrics::{
    counter::Counter as RawCounter, family::Family, gauge::Gauge as RawGauge, histogram::Histogram as RawHistogram,
};

use super::families::Labels;

pub(super) type FloatCounter = RawCounter<f64, AtomicU64>;
pub(super) type FloatGauge = RawGauge<f64, AtomicU64>;
pub(super) type Histograms = Family<Labels, RawHistogram, Buckets>;

/// A metric that only increases. It is cheap to clone and can be used on any thread.
///
/// ```
/// use chariot_engine::prelude::*;
/// use chariot_engine::telemetry::metrics::Counter;
///
/// struct Translator {
///     tokens: Counter,
/// }
///
/// fn load(ctx: &LoadContext) -> Result<Translator> {
///     Ok(Translator { tokens: ctx.counter("translator_tokens", "Tokens read")? })
/// }
///
/// fn count(translator: &Translator, tokens: usize) {
///     translator.tokens.add(tokens as f64);
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Counter(pub(super) FloatCounter);

impl Counter {
    /// Adds 1.
    pub fn inc(&self) {
        self.0.inc();
    }

    /// Adds a value. Values that are not positive are ignored.
    pub fn add(&self, value: f64) {
        if value > 0.0 {
            self.0.inc_by(value);
        }
    }

    /// Returns the current value.
    pub fn get(&self) -> f64 {
        self.0.get()
    }
}

/// A metric that increases and decreases. It is cheap to clone and can be used on any thread.
///
/// ```
/// use chariot_engine::prelude::*;
///
/// fn load(ctx: &LoadContext) -> Result<()> {
///     let entries = ctx.gauge("cache_entries", "Entries in the cache")?;
///     entries.set(12.0);
///     assert_eq!(entries.get(), 12.0);
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Gauge(pub(super) FloatGauge);

impl Gauge {
    /// Sets the value.
    pub fn set(&self, value: f64) {
        self.0.set(value);
    }

    /// Adds a value, which can be negative.
    pub fn add(&self, value: f64) {
        self.0.inc_by(value);
    }

    /// Returns the current value.
    pub fn get(&self) -> f64 {
        self.0.get()
    }
}

/// A metric that counts values in buckets. It is cheap to clone and can be used on any thread.
///
/// ```
/// use chariot_engine::prelude::*;
///
/// fn load(ctx: &LoadContext) -> Result<()> {
///     let lengths = ctx.histogram("prompt_tokens", "Tokens in a prompt", &[16.0, 64.0, 256.0])?;
///     lengths.observe(40.0);
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Histogram(pub(super) RawHistogram);

impl Histogram {
    /// Counts a value in its bucket.
    pub fn observe(&self, value: f64) {
        self.0.observe(value);
    }
}

/// Creates the histograms of a family.
#[derive(Clone, Debug)]
pub(super) struct Buckets(pub(super) Arc<[f64]>);

impl prometheus_client::metrics::family::MetricConstructor<RawHistogram> for Buckets {
    fn new_metric(&self) -> RawHistogram {
        RawHistogram::new(self.0.iter().copied())
    }
}

/// A family that an author has registered. Models of one engine can share one.
pub(super) enum Own {
    Counter(Family<Labels, FloatCounter>),
    Gauge(Family<Labels, FloatGauge>),
    Histogram(Histograms),
}

impl Own {
    /// Returns the names of the samples of a family with this name, in either format.
    pub(super) fn samples(&self, name: &str) -> Vec<String> {
        let suffixes: &[&str] = match self {
            Own::Counter(_) => &["", "_total", "_created"],
            Own::Gauge(_) => &[""],
            Own::Histogram(_) => &["", "_bucket", "_sum", "_count", "_created"],
        };
        suffixes.iter().map(|suffix| format!("{name}{suffix}")).collect()
    }
}
