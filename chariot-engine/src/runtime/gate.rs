//! [`InlineGate`], the measurement that decides whether the calls of a model run on the thread that read the request. Workers
//! and core threads record calls; the host asks.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::Instant;

/// The mean time of a call up to which calls run inline: about ten times the cost of the way to a worker and back.
const QUICK: Duration = Duration::from_micros(100);

/// The mean time of a call up to which calls may run inline in the near future.
const NEARLY_QUICK: Duration = Duration::from_millis(1);

/// The number of calls that are measured on workers first.
const MEASURED: u32 = 32;

/// The time of one inline call from which inline calls are suspended. The scheduler of the system can make any call take
/// some milliseconds.
const SLOW: Duration = Duration::from_millis(10);

/// The length of the first suspension, in seconds. Each further one is twice as long, this many times.
const SUSPENSION: u64 = 60;
const LONGEST_SUSPENSION: u32 = 4;

/// The end of a suspension that does not end.
const NEVER: u64 = u64::MAX;

/// The measurement of one model.
#[derive(Debug)]
pub(super) struct InlineGate {
    /// `false` if the declaration or the settings rule inline calls out.
    is_possible: bool,
    start: Instant,
    /// The number of calls since the start or the last suspension, up to `MEASURED`.
    calls: AtomicU32,
    /// The moving mean of the time of a call with the encoding of its response, in nanoseconds. 0 before the first call.
    mean: AtomicU64,
    suspensions: AtomicU32,
    /// The end of the current suspension, in seconds after `start`.
    suspended_until: AtomicU64,
}

impl InlineGate {
    pub(super) fn new(is_possible: bool) -> Self {
        InlineGate {
            is_possible,
            start: Instant::now(),
            calls: AtomicU32::new(0),
            mean: AtomicU64::new(0),
            suspensions: AtomicU32::new(0),
            suspended_until: AtomicU64::new(0),
        }
    }

    /// Returns `true` if a call may run inline now.
    pub(super) fn is_open(&self, now: Instant) -> bool {
        self.is_possible
            && self.calls.load(Ordering::Relaxed) >= MEASURED
            && self.mean() <= QUICK
            && !self.is_suspended(now)
    }

    /// Returns `true` if calls are quick enough to run inline soon, as far as is known.
    pub(super) fn may_open(&self) -> bool {
        self.is_possible && self.mean() <= NEARLY_QUICK && self.suspended_until.load(Ordering::Relaxed) != NEVER
    }

    /// Records the time of a call on a worker or inline. One that is slow inline suspends inline calls, for the returned time.
    pub(super) fn record(&self, took: Duration, is_inline: bool) -> Option<Duration> {
        if !self.is_possible {
            return None;
        }
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX).max(1);
        // Concurrent calls may lose one measurement, which is cheaper than a loop.
        let mean = self.mean.load(Ordering::Relaxed);
        self.mean.store(if mean == 0 { nanos } else { mean - mean / 8 + nanos / 8 }, Ordering::Relaxed);
        let calls = self.calls.load(Ordering::Relaxed);
        if calls < MEASURED {
            self.calls.store(calls + 1, Ordering::Relaxed);
        }
        if !is_inline || took < SLOW {
            return None;
        }
        let length = SUSPENSION << self.suspensions.load(Ordering::Relaxed).min(LONGEST_SUSPENSION);
        let (before, now) = (self.suspended_until.load(Ordering::Relaxed), Instant::now());
        let until = now.saturating_duration_since(self.start).as_secs().saturating_add(length);
        let suspend = || self.suspended_until.compare_exchange(before, until, Ordering::Relaxed, Ordering::Relaxed);
        // A machine that stops for a moment makes all calls slow that run, which count as one.
        if self.is_suspended(now) || suspend().is_err() {
            return None;
        }
        self.suspensions.fetch_add(1, Ordering::Relaxed);
        self.calls.store(0, Ordering::Relaxed);
        Some(Duration::from_secs(length))
    }

    /// Rules inline calls out from now on: `infer` awaits.
    pub(super) fn close(&self) {
        self.suspended_until.store(NEVER, Ordering::Relaxed);
    }

    fn is_suspended(&self, now: Instant) -> bool {
        match self.suspended_until.load(Ordering::Relaxed) {
            0 => false,
            until => now.saturating_duration_since(self.start).as_secs() < until,
        }
    }

    fn mean(&self) -> Duration {
        Duration::from_nanos(self.mean.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MICROSECOND: Duration = Duration::from_micros(1);

    /// Records calls on workers.
    fn record(gate: &InlineGate, calls: u32, took: Duration) {
        (0..calls).for_each(|_| assert_eq!(gate.record(took, false), None));
    }

    fn after_quick_calls() -> InlineGate {
        let gate = InlineGate::new(true);
        record(&gate, MEASURED, MICROSECOND);
        gate
    }

    #[test]
    fn calls_run_inline_once_enough_of_them_were_quick() {
        let gate = InlineGate::new(true);
        for _ in 0..MEASURED {
            assert!(!gate.is_open(Instant::now()) && gate.may_open());
            record(&gate, 1, QUICK);
        }
        assert!(gate.is_open(Instant::now()));
        // Eight calls of twice the time move the mean beyond the limit; quick ones move it back.
        record(&gate, 8, 2 * QUICK);
        assert!(!gate.is_open(Instant::now()) && gate.may_open());
        record(&gate, 16, MICROSECOND);
        assert!(gate.is_open(Instant::now()));
        record(&gate, 32, 2 * NEARLY_QUICK);
        assert!(!gate.may_open());
    }

    #[tokio::test(start_paused = true)]
    async fn one_slow_inline_call_suspends_inline_calls_for_a_minute_and_the_next_for_two() {
        let gate = after_quick_calls();
        record(&gate, 1, SLOW);
        record(&gate, 64, MICROSECOND);
        assert!(gate.is_open(Instant::now()), "a slow call on a worker delays nobody");
        for length in [SUSPENSION, 2 * SUSPENSION] {
            assert_eq!(gate.record(SLOW, true), Some(Duration::from_secs(length)));
            record(&gate, 64, MICROSECOND);
            tokio::time::advance(Duration::from_secs(length - 1)).await;
            assert!(!gate.is_open(Instant::now()) && gate.may_open());
            tokio::time::advance(Duration::from_secs(1)).await;
            assert!(gate.is_open(Instant::now()));
        }
    }

    #[test]
    fn a_model_that_awaits_or_declares_so_never_runs_inline() {
        let gate = after_quick_calls();
        gate.close();
        record(&gate, MEASURED, MICROSECOND);
        assert!(!gate.is_open(Instant::now() + Duration::from_secs(1 << 30)) && !gate.may_open());
        let gate = InlineGate::new(false);
        record(&gate, MEASURED, MICROSECOND);
        assert!(!gate.is_open(Instant::now()) && !gate.may_open());
    }
}
