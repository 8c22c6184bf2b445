//! The number of spans that no collector has taken. The export adds to it, and the metrics show it.

use std::sync::atomic::{AtomicU64, Ordering};

static LOST: AtomicU64 = AtomicU64::new(0);

/// Returns the number of spans of this process that no collector has taken.
pub(super) fn lost_spans() -> u64 {
    LOST.load(Ordering::Relaxed)
}

/// Counts spans that no collector takes.
#[cfg(feature = "otel")]
pub(super) fn lose(spans: usize) {
    LOST.fetch_add(spans as u64, Ordering::Relaxed);
}
