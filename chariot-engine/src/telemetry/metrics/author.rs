//! [`AuthorMetrics`], which creates the metrics of an author in the registry of the engine.

use prometheus_client::metrics::family::Family;

use super::{
    families::Labels,
    figures::{Buckets, Counter, Gauge, Histogram, Own},
    registry::Metrics,
    table::METRICS,
};
use crate::error::{Expected, Result, quoted};

/// The registry of an engine, as the author of one of its models uses it.
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
            let fault = Expected::new("buckets in increasing order", format!("{buckets:?}"));
            return Err(format!("metric '{name}': {fault}").into());
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

    /// Finds the family with this name, or registers `new` under it.
    fn family<T>(&self, name: &str, help: &str, new: Own, get: impl Fn(&Own) -> Option<T>) -> Result<T> {
        check(name)?;
        let mut all = self.metrics.own();
        if let Some((_, own)) = all.iter().find(|(known, _)| known == name) {
            return get(own).ok_or_else(|| format!("metric '{name}' already exists with another type").into());
        }
        let samples = new.samples(name);
        let taken = all.iter().find(|(known, own)| own.samples(known).iter().any(|sample| samples.contains(sample)));
        if let Some((known, _)) = taken {
            return Err(format!("metric '{name}': samples of metric '{known}' have the same name").into());
        }
        // A line break would end the line of the description.
        let help = &help.replace('\\', "\\\\").replace('\n', "\\n");
        let mut registry = self.metrics.registry();
        match &new {
            Own::Counter(family) => registry.register(name, help, family.clone()),
            Own::Gauge(family) => registry.register(name, help, family.clone()),
            Own::Histogram(family) => registry.register(name, help, family.clone()),
        }
        let made = get(&new);
        all.push((name.to_string(), new));
        made.ok_or_else(|| format!("cannot create metric '{name}'").into())
    }
}

/// Accepts the names that Prometheus accepts, except those of the runtime.
fn check(name: &str) -> Result<()> {
    let begins = name.starts_with(|of: char| of.is_ascii_alphabetic() || of == '_');
    if !begins || !name.chars().all(|of| of.is_ascii_alphanumeric() || of == '_') {
        let what = "a metric name of letters, digits and '_' that does not start with a digit";
        return Err(Expected::new(what, quoted(name)).to_string().into());
    }
    let ours = |of: &&str| of.trim_end_matches("_total").trim_end_matches("_info") == name;
    if name.starts_with("chariot_") || METRICS.iter().map(|metric| metric.name).any(|of| ours(&of)) {
        return Err(format!("metric '{name}': this name is reserved for the runtime").into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::metrics::MetricsFormat;

    #[test]
    fn an_author_s_metrics_are_exported_beside_the_runtime_s() {
        let metrics = Metrics::new();
        let author = AuthorMetrics::new(&metrics, "m");
        let tokens = author.counter("tokens_total", "Tokens\nand \\").unwrap();
        tokens.add(2.5);
        tokens.add(-1.0);
        AuthorMetrics::new(&metrics, "n").counter("tokens", "Tokens").unwrap().inc();
        author.gauge("entries", "Entries").unwrap().set(-3.0);
        author.histogram("length", "Lengths", &[1.0, 2.0]).unwrap().observe(1.5);
        let text = metrics.encode(MetricsFormat::OpenMetrics).unwrap();
        for line in [
            "# HELP tokens Tokens\\nand \\\\.",
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
    fn an_invalid_metric_is_an_error() {
        let author = AuthorMetrics::new(&Metrics::new(), "m");
        author.counter("a", "").unwrap();
        author.histogram("spent", "", &[1.0]).unwrap();
        author.gauge("spare_sum", "").unwrap();
        let mut messages = String::new();
        for (case, result) in [
            ("another type", author.gauge("a", "").err()),
            ("the name of a counter's samples", author.gauge("a_total", "").err()),
            ("the name of a histogram's samples", author.gauge("spent_count", "").err()),
            ("a histogram with the name of a gauge", author.histogram("spare", "", &[1.0]).err()),
            ("a digit first", author.gauge("1a", "").err()),
            ("the runtime's prefix", author.gauge("chariot_x", "").err()),
            ("a metric of the runtime", author.gauge("process_resident_memory_bytes", "").err()),
            ("buckets out of order", author.histogram("h", "", &[2.0, 1.0]).err()),
        ] {
            let error = result.unwrap_or_else(|| panic!("{case} was accepted"));
            messages += &format!("{case} → {}\n", error.log_message());
        }
        insta::assert_snapshot!("invalid_metrics", messages);
    }
}
