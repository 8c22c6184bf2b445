//! Counters, gauges and histograms of an author's own, which [`LoadContext`](crate::model::LoadContext) makes.

use std::sync::{Arc, PoisonError, atomic::AtomicU64};

use prometheus_client::metrics::{
    counter::Counter as RawCounter, family::Family, gauge::Gauge as RawGauge, histogram::Histogram as RawHistogram,
};

use super::{METRICS, Metrics, families::Labels};
use crate::error::Result;

type FloatCounter = RawCounter<f64, AtomicU64>;
type FloatGauge = RawGauge<f64, AtomicU64>;
type Histograms = Family<Labels, RawHistogram, Buckets>;

/// A figure that only grows. Cheap to clone; any thread may use it.
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
///     Ok(Translator { tokens: ctx.counter("translator_tokens", "Tokens that were read")? })
/// }
///
/// fn count(of: &Translator, tokens: usize) {
///     of.tokens.add(tokens as f64);
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Counter(FloatCounter);

impl Counter {
    /// Adds 1.
    pub fn inc(&self) {
        self.0.inc();
    }

    /// Adds this much; what is not above 0 is passed over.
    pub fn add(&self, value: f64) {
        if value > 0.0 {
            self.0.inc_by(value);
        }
    }

    /// What it stands at.
    pub fn get(&self) -> f64 {
        self.0.get()
    }
}

/// A figure that goes up and down. Cheap to clone; any thread may use it.
///
/// ```
/// use chariot_engine::prelude::*;
///
/// fn load(ctx: &LoadContext) -> Result<()> {
///     let entries = ctx.gauge("cache_entries", "Entries of the cache")?;
///     entries.set(12.0);
///     assert_eq!(entries.get(), 12.0);
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Gauge(FloatGauge);

impl Gauge {
    /// Sets it.
    pub fn set(&self, value: f64) {
        self.0.set(value);
    }

    /// Adds this much, which may be below 0.
    pub fn add(&self, value: f64) {
        self.0.inc_by(value);
    }

    /// What it stands at.
    pub fn get(&self) -> f64 {
        self.0.get()
    }
}

/// How a figure is distributed over buckets. Cheap to clone; any thread may use it.
///
/// ```
/// use chariot_engine::prelude::*;
///
/// fn load(ctx: &LoadContext) -> Result<()> {
///     let lengths = ctx.histogram("prompt_tokens", "Tokens of a prompt", &[16.0, 64.0, 256.0])?;
///     lengths.observe(40.0);
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Histogram(RawHistogram);

impl Histogram {
    /// Accepts a value into its bucket.
    pub fn observe(&self, value: f64) {
        self.0.observe(value);
    }
}

/// Makes a histogram of a family.
#[derive(Clone, Debug)]
pub(super) struct Buckets(Arc<[f64]>);

impl prometheus_client::metrics::family::MetricConstructor<RawHistogram> for Buckets {
    fn new_metric(&self) -> RawHistogram {
        RawHistogram::new(self.0.iter().copied())
    }
}

/// A family that authors have registered: models of one engine may share a name.
pub(super) enum Own {
    Counter(Family<Labels, FloatCounter>),
    Gauge(Family<Labels, FloatGauge>),
    Histogram(Histograms),
}

/// An engine's registry, as the author of one of its models meets it.
#[derive(Clone, Debug)]
pub(crate) struct AuthorMetrics {
    metrics: Metrics,
    model: String,
}

impl AuthorMetrics {
    pub(crate) fn new(metrics: &Metrics, model: &str) -> Self {
        AuthorMetrics { metrics: metrics.clone(), model: model.to_string() }
    }

    pub(crate) fn counter(&self, name: &str, help: &str) -> Result<Counter> {
        let bare = name.strip_suffix("_total").unwrap_or(name);
        self.family(bare, help, Own::Counter(Family::default()), |own| match own {
            Own::Counter(family) => Some(Counter(family.get_or_create_owned(&self.labels()))),
            _ => None,
        })
    }

    pub(crate) fn gauge(&self, name: &str, help: &str) -> Result<Gauge> {
        self.family(name, help, Own::Gauge(Family::default()), |own| match own {
            Own::Gauge(family) => Some(Gauge(family.get_or_create_owned(&self.labels()))),
            _ => None,
        })
    }

    pub(crate) fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Result<Histogram> {
        if buckets.is_empty() || !buckets.is_sorted_by(|a, b| a < b) {
            return Err(format!("metric '{name}': buckets that grow are expected, {buckets:?} came").into());
        }
        let family = Family::new_with_constructor(Buckets(buckets.into()));
        self.family(name, help, Own::Histogram(family), |own| match own {
            Own::Histogram(family) => Some(Histogram(family.get_or_create_owned(&self.labels()))),
            _ => None,
        })
    }

    fn labels(&self) -> Labels {
        vec![("model", self.model.clone())]
    }

    /// Finds the family of this name, or registers `new` as it.
    fn family<T>(&self, name: &str, help: &str, new: Own, of: impl Fn(&Own) -> Option<T>) -> Result<T> {
        check(name)?;
        let mut all = self.metrics.0.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, own)) = all.iter().find(|(known, _)| known == name) {
            return of(own).ok_or_else(|| format!("metric '{name}' is there already, as one of another type").into());
        }
        let mut registry = self.metrics.registry();
        match &new {
            Own::Counter(family) => registry.register(name, help, family.clone()),
            Own::Gauge(family) => registry.register(name, help, family.clone()),
            Own::Histogram(family) => registry.register(name, help, family.clone()),
        }
        let made = of(&new);
        all.push((name.to_string(), new));
        made.ok_or_else(|| format!("metric '{name}' cannot be made").into())
    }
}

/// The names that Prometheus takes, but for those of the runtime.
fn check(name: &str) -> Result<()> {
    let begins = name.starts_with(|of: char| of.is_ascii_alphabetic() || of == '_');
    if !begins || !name.chars().all(|of| of.is_ascii_alphanumeric() || of == '_') {
        return Err(format!("a name of letters, digits and '_' is expected for a metric, '{name}' came").into());
    }
    let ours = |of: &&str| of.trim_end_matches("_total").trim_end_matches("_info") == name;
    if name.starts_with("chariot_") || METRICS.iter().map(|metric| metric.name).any(|of| ours(&of)) {
        return Err(format!(
            "metric '{name}': a name that is not the runtime's is expected; those begin with chariot_"
        )
        .into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authors_figures_stand_beside_the_runtimes() {
        let metrics = Metrics::new();
        let author = AuthorMetrics::new(&metrics, "m");
        let tokens = author.counter("tokens_total", "Tokens").unwrap();
        tokens.add(2.5);
        tokens.add(-1.0);
        AuthorMetrics::new(&metrics, "n").counter("tokens", "Tokens").unwrap().inc();
        author.gauge("entries", "Entries").unwrap().set(-3.0);
        author.histogram("length", "Lengths", &[1.0, 2.0]).unwrap().observe(1.5);
        let text = metrics.encode().unwrap();
        for line in [
            "# TYPE tokens counter",
            "tokens_total{model=\"m\"} 2.5",
            "tokens_total{model=\"n\"} 1.0",
            "entries{model=\"m\"} -3.0",
            "length_bucket{le=\"2.0\",model=\"m\"} 1",
            "# EOF",
        ] {
            assert!(text.lines().any(|of| of == line), "{line}\n{text}");
        }
        assert_eq!(text.matches("# TYPE tokens ").count(), 1);
    }

    #[test]
    fn what_cannot_be_a_metric_is_an_error_that_says_why() {
        let author = AuthorMetrics::new(&Metrics::new(), "m");
        author.counter("a", "").unwrap();
        for (error, part) in [
            (author.gauge("a", "").unwrap_err(), "another type"),
            (author.gauge("1a", "").unwrap_err(), "letters"),
            (author.gauge("chariot_x", "").unwrap_err(), "runtime's"),
            (author.gauge("process_resident_memory_bytes", "").unwrap_err(), "runtime's"),
            (author.histogram("h", "", &[2.0, 1.0]).unwrap_err(), "grow"),
        ] {
            assert!(error.log_message().contains(part), "{}", error.log_message());
        }
    }
}
