//! [`Lingering`], how long the rest of a refused request is received and discarded. Bodies and streams use it.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, Sleep},
};

/// The limits. A client that is still sending must see its response rather than a reset, so the server goes on for as long
/// as the client sends at a rate at which bodies are worth sending, and gives up on one that only trickles or is silent.
/// Web servers have the same two limits at 5 s and 30 s.
const LONGEST: Duration = Duration::from_secs(30);
const WINDOW: Duration = Duration::from_secs(5);
const FAIR: usize = 64 << 10;

/// The number of requests in the process whose rest is received. Each holds a connection and a buffer; the rest of the
/// others is not received.
static PLACES: Semaphore = Semaphore::const_new(512);

/// The time limit of one request that is received and discarded.
pub(super) struct Lingering {
    _place: SemaphorePermit<'static>,
    end: Instant,
    window: Pin<Box<Sleep>>,
    /// The number of bytes received in the current window.
    received: usize,
}

impl Lingering {
    /// Returns `None` if too many others are lingering.
    pub(super) fn start() -> Option<Self> {
        let place = PLACES.try_acquire().ok()?;
        let window = Box::pin(tokio::time::sleep(WINDOW));
        Some(Lingering { _place: place, end: Instant::now() + LONGEST, window, received: 0 })
    }

    /// Records received bytes.
    pub(super) fn received(&mut self, bytes: usize) {
        self.received = self.received.saturating_add(bytes);
    }

    /// Completes once the client has sent too little, or for too long.
    pub(super) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.window.as_mut().poll(cx));
            let now = Instant::now();
            if self.received < FAIR || now >= self.end {
                return Poll::Ready(());
            }
            self.received = 0;
            self.window.as_mut().reset(now + WINDOW);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    /// Returns how long a client is listened to that sends so many bytes a second.
    async fn time(bytes: usize) -> Duration {
        let begin = Instant::now();
        let mut lingering = Lingering::start().expect("a place");
        let mut second = tokio::time::interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                () = poll_fn(|cx| lingering.poll_over(cx)) => return begin.elapsed(),
                _ = second.tick() => lingering.received(bytes),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_is_listened_to_as_long_as_it_sends_at_a_fair_rate() {
        assert_eq!(time(0).await, WINDOW);
        assert_eq!(time(FAIR / 10).await, WINDOW);
        assert_eq!(time(FAIR).await, LONGEST);
    }
}
