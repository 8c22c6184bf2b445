//! [`Pace`], the time that a transfer may take, which grows with every byte. The server times bodies and responses by it,
//! and the channel of a stream its reader.

use std::time::Duration;

use tokio::time::Instant;

/// The longest time between two looks at a slow transfer, after which memory can be found short.
const LOOK: Duration = Duration::from_secs(10);

/// The timeouts that a transfer can have left at most.
const EARNED: u32 = 20;

/// The limits of a transfer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PaceLimit {
    /// The time of the whole transfer, unless it keeps the rate.
    pub(crate) timeout: Duration,
    /// The bytes that add a second to the time.
    rate: u64,
    /// The time that a transfer can have left at most.
    longest: Duration,
}

impl PaceLimit {
    /// Creates the limits of a transfer that holds only memory.
    pub(crate) fn new(timeout: Duration, rate: u64) -> Self {
        PaceLimit { timeout, rate, longest: timeout.saturating_mul(EARNED) }
    }

    /// Creates the limits of a transfer that others wait for: whatever it has earned, it has the timeout left at most.
    pub(crate) fn awaited(timeout: Duration, rate: u64) -> Self {
        PaceLimit { timeout, rate, longest: timeout }
    }

    /// Returns the end of a transfer that has moved so many bytes since it would have ended at `end`.
    pub(crate) fn end_after(&self, end: Instant, now: Instant, moved: u64) -> Instant {
        let seconds = moved as f64 / self.rate.max(1) as f64;
        let earned = Duration::try_from_secs_f64(seconds).map_or(self.longest, |earned| earned.min(self.longest));
        after(end, earned).min(after(now, self.longest))
    }
}

/// The time of one transfer.
///
/// A transfer has `timeout`, and a second more for every `rate` bytes, up to a limit on what it has left, so a fast start does
/// not earn a silence without end. Clients acknowledge what they read in lumps of up to half of their buffer, which is
/// megabytes, so a rate within fixed windows of some seconds would end honest ones.
///
/// While memory is short, nothing takes longer than its timeout.
#[derive(Debug)]
pub(crate) struct Pace {
    limit: PaceLimit,
    /// The end of the timeout.
    due: Instant,
    /// The end of the time that the transfer has earned.
    end: Instant,
    next: Instant,
    /// The moved bytes and the refusals at the last look.
    moved: u64,
    refusals: u64,
}

impl Pace {
    /// Begins a transfer that has moved so many bytes before. `refusals` is the number of charges that the memory budget
    /// has refused so far.
    pub(crate) fn begin(limit: PaceLimit, now: Instant, moved: u64, refusals: u64) -> Self {
        let due = after(now, limit.timeout);
        Pace { limit, due, end: due, next: due, moved, refusals }
    }

    /// Returns the time of the next look.
    pub(crate) fn next(&self) -> Instant {
        self.next
    }

    /// Looks at the transfer and returns `true` if it is over: too slow, or longer than its timeout while memory is short.
    pub(crate) fn is_over(&mut self, now: Instant, moved: u64, refusals: u64) -> bool {
        if now < self.next {
            return false;
        }
        self.end = self.limit.end_after(self.end, now, moved.saturating_sub(self.moved));
        let is_short = now >= self.due && refusals != self.refusals;
        (self.moved, self.refusals) = (moved, refusals);
        self.next = after(now, LOOK.min(self.limit.timeout)).min(self.end);
        is_short || now >= self.end
    }
}

/// Returns a time in the future, or one in many years if there is no such time.
fn after(now: Instant, time: Duration) -> Instant {
    const YEARS: Duration = Duration::from_secs(30 * 365 * 24 * 3600);
    now.checked_add(time.min(YEARS)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(30);

    /// Returns the seconds after which a transfer ends that moves so many bytes at the given times, looked at as often as it
    /// asks for; at most an hour.
    fn ends(moves: impl Fn(u64) -> u64, refusals: impl Fn(u64) -> u64) -> u64 {
        ends_within(PaceLimit::new(TIMEOUT, 1000), moves, refusals)
    }

    fn ends_within(limit: PaceLimit, moves: impl Fn(u64) -> u64, refusals: impl Fn(u64) -> u64) -> u64 {
        let begin = Instant::now();
        let mut pace = Pace::begin(limit, begin, 0, 0);
        let mut second = 0;
        while second < 3600 {
            second += 1;
            if pace.is_over(begin + Duration::from_secs(second), moves(second), refusals(second)) {
                break;
            }
        }
        second
    }

    #[test]
    fn a_transfer_has_its_timeout_and_then_must_keep_the_rate() {
        let never = |_| 0;
        assert_eq!(ends(|_| 0, never), 30);
        assert!((30..=31).contains(&ends(|second| second, never)));
        assert_eq!(ends(|second| second * 1000, never), 3600);
        assert_eq!(ends(|second| second * 100_000, never), 3600);
    }

    #[test]
    fn what_a_fast_start_earns_has_a_limit() {
        assert_eq!(ends(|_| 1 << 30, |_| 0), 30 + 600);
        assert_eq!(ends_within(PaceLimit::awaited(TIMEOUT, 1000), |_| 1 << 30, |_| 0), 30 + 30);
    }

    #[test]
    fn lumps_of_a_large_window_are_no_silence() {
        // 20 KB/s, acknowledged once every 150 s.
        assert_eq!(ends(|second| second / 150 * 3_000_000 + 200_000, |_| 0), 3600);
    }

    #[test]
    fn while_memory_is_short_nothing_takes_longer_than_its_timeout() {
        let fast = |second| second * 1_000_000;
        assert_eq!(ends(fast, |second| second / 5), 30);
        assert_eq!(ends(fast, |second| u64::from(second > 55)), 60);
    }

    #[test]
    fn limits_without_an_end_do_not_overflow() {
        let limit = PaceLimit::new(Duration::MAX, 0);
        let now = Instant::now();
        let mut pace = Pace::begin(limit, now, 0, 0);
        assert!(!pace.is_over(now, u64::MAX, 1) && pace.next() > now);
    }
}
