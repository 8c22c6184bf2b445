//! Slow transfers: the timer of a body that is received and of a response that is sent. It is set only once a transfer has
//! to wait.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::time::{Instant, Sleep, sleep_until};

use crate::inflight::{Pace, PaceLimit};

/// A transfer that may have to wait.
#[derive(Default)]
pub(super) struct Transfer(Option<Box<Waiting>>);

struct Waiting {
    pace: Pace,
    timer: Pin<Box<Sleep>>,
}

impl Transfer {
    /// Records that the transfer waits for the client. Completes if it is too slow.
    ///
    /// `moved` is the number of bytes so far, of which those before the first wait do not count, and `refusals` counts the
    /// charges that had no room.
    pub(super) fn poll_over(
        &mut self,
        cx: &mut Context<'_>,
        limit: PaceLimit,
        moved: u64,
        refusals: impl Fn() -> u64,
    ) -> Poll<()> {
        let waiting = self.begin(limit, moved, &refusals);
        loop {
            ready!(waiting.timer.as_mut().poll(cx));
            if waiting.pace.is_over(Instant::now(), moved, refusals()) {
                return Poll::Ready(());
            }
            waiting.timer.as_mut().reset(waiting.pace.next());
        }
    }

    /// Begins to wait unless it does already. Bytes from `moved` on count.
    fn begin(&mut self, limit: PaceLimit, moved: u64, refusals: impl Fn() -> u64) -> &mut Waiting {
        self.0.get_or_insert_with(|| {
            let pace = Pace::begin(limit, Instant::now(), moved, refusals());
            let timer = Box::pin(sleep_until(pace.next()));
            Box::new(Waiting { pace, timer })
        })
    }

    /// Records that nothing waits. What comes next has its whole time.
    pub(super) fn end(&mut self) {
        self.0 = None;
    }
}

/// Runs a transfer, of which all bytes count. Returns `None` if it is too slow.
pub(super) async fn within<F: Future>(
    limit: PaceLimit,
    moved: impl Fn() -> u64,
    refusals: impl Fn() -> u64,
    mut future: Pin<&mut F>,
) -> Option<F::Output> {
    let mut transfer = Transfer::default();
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => {
            transfer.begin(limit, 0, &refusals);
            transfer.poll_over(cx, limit, moved(), &refusals).map(|()| None)
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, pin::pin, time::Duration};

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(30);

    /// Returns when a transfer of 100 KiB ends that moves so many bytes a second, and whether it was too slow.
    async fn takes(rate: u64, refusals: impl Fn() -> u64) -> (Duration, bool) {
        let begin = Instant::now();
        let moved = Cell::new(0);
        let transfer = async {
            while moved.get() < 100 << 10 {
                tokio::time::sleep(Duration::from_secs(1)).await;
                moved.set(moved.get() + rate);
            }
        };
        let done = within(PaceLimit::new(TIMEOUT, 1024), || moved.get(), refusals, pin!(transfer)).await;
        (begin.elapsed(), done.is_none())
    }

    #[tokio::test(start_paused = true)]
    async fn a_transfer_that_keeps_the_rate_ends_and_a_slower_one_is_ended() {
        let (time, is_slow) = takes(1, || 0).await;
        assert!(is_slow && time >= TIMEOUT && time < TIMEOUT + Duration::from_secs(1), "{time:?}");
        assert_eq!(takes(1024, || 0).await, (Duration::from_secs(100), false));
        assert_eq!(takes(2048, || 0).await, (Duration::from_secs(50), false));
    }

    #[tokio::test(start_paused = true)]
    async fn while_memory_is_short_a_transfer_has_only_its_timeout() {
        let refusals = Cell::new(0);
        let more = || {
            refusals.set(refusals.get() + 1);
            refusals.get()
        };
        let (time, is_slow) = takes(2048, more).await;
        assert!(is_slow && time >= TIMEOUT && time < TIMEOUT + Duration::from_secs(1), "{time:?}");
    }
}
