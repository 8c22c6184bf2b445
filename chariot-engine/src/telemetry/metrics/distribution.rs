//! [`Distribution`], a histogram of integers without a lock. The runtime counts several values per request; its histograms are
//! families of distributions.

use std::{
    fmt::Error,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use prometheus_client::{
    encoding::{EncodeMetric, MetricEncoder, NoLabelSet},
    metrics::{MetricType, TypedMetric},
};

/// A histogram that is cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Distribution(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    buckets: Box<[Bucket]>,
    sum: AtomicU64,
    /// The number of counted units in one displayed unit.
    per_unit: f64,
}

#[derive(Debug)]
struct Bucket {
    /// The upper bound in the displayed unit.
    bound: f64,
    /// The upper bound in the counted unit.
    max: u64,
    count: AtomicU64,
}

impl Distribution {
    /// Creates a histogram with these upper bounds, in increasing order, and a last bucket without one.
    pub(super) fn new(bounds: &[f64], per_unit: f64) -> Self {
        let bucket = |bound: f64| Bucket { bound, max: (bound * per_unit).round() as u64, count: AtomicU64::new(0) };
        let buckets = bounds.iter().copied().chain([f64::INFINITY]).map(bucket).collect();
        Distribution(Arc::new(Inner { buckets, sum: AtomicU64::new(0), per_unit }))
    }

    /// Counts a value in its bucket.
    pub(super) fn observe(&self, value: u64) {
        if let Some(bucket) = self.0.buckets.iter().find(|bucket| value <= bucket.max) {
            bucket.count.fetch_add(1, Ordering::Relaxed);
            self.0.sum.fetch_add(value, Ordering::Relaxed);
        }
    }
}

impl TypedMetric for Distribution {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for Distribution {
    /// Encodes the buckets as they are read. The sum can lack values that are counted at the same time.
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), Error> {
        let read = |bucket: &Bucket| (bucket.bound, bucket.count.load(Ordering::Relaxed));
        let buckets: Vec<(f64, u64)> = self.0.buckets.iter().map(read).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = self.0.sum.load(Ordering::Relaxed) as f64 / self.0.per_unit;
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::{encoding::text, metrics::histogram::Histogram, registry::Registry};

    use super::*;

    fn written(metric: impl prometheus_client::registry::Metric) -> String {
        let mut registry = Registry::default();
        registry.register("of", "Something", metric);
        let mut text = String::new();
        text::encode(&mut text, &registry).unwrap();
        text
    }

    #[test]
    fn it_is_encoded_like_the_histogram_of_the_registry() {
        const BOUNDS: [f64; 3] = [0.0001, 0.5, 120.0];
        let (ours, theirs) = (Distribution::new(&BOUNDS, 1e9), Histogram::new(BOUNDS));
        for nanos in [0, 100_000, 100_001, 500_000_000, 3_000_000_000, 120_000_000_000, 1_000_000_000_000] {
            ours.observe(nanos);
            theirs.observe(nanos as f64 / 1e9);
        }
        let without_sum =
            |text: String| text.lines().filter(|line| !line.contains("_sum")).collect::<Vec<_>>().join("\n");
        let text = written(ours);
        assert!(text.contains("\nof_sum 1123.5002"), "{text}");
        assert_eq!(without_sum(text), without_sum(written(theirs)));
    }
}
