//! Responses of HTTP/2 on their way to a client that decides by its windows when it takes them. The service of a connection
//! counts the bytes, the executor of hyper ends a stream that is too slow, and the stream of the connection ends one whose
//! last bytes nobody takes.
//!
//! A stream ends alone, by a reset: the other streams of a proxy's connection have done nothing. hyper hands over the end of
//! a body together with its last bytes, and from then on nothing can reset the stream. So the end of a larger body is handed
//! over once its bytes are sent; a small one can stay behind a closed window until the connection is closed for it.

use std::{
    cell::Cell,
    collections::VecDeque,
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use futures_util::task::AtomicWaker;
use tokio::time::Instant;

use super::{pace::Transfer, service::EngineService};
use crate::inflight::{Pace, PaceLimit};

/// The largest number of bytes that are handed over with the end of their body. The streams of a connection hold this much
/// each while their windows are closed.
const SMALL: u64 = 16 << 10;

/// The length of a list of responses from which those that are sent are looked for behind one that is not. It is more than
/// the number of streams of a connection, so the list stays this short.
const LISTED: usize = 256;

/// The limits of the responses of a listener.
#[derive(Clone, Debug)]
pub(super) struct WritePace {
    pub(super) limit: PaceLimit,
    pub(super) engine: EngineService,
}

/// The bytes of one response that hyper has and has not sent.
#[derive(Debug, Default)]
pub(super) struct Delivery {
    queued: AtomicU64,
    sent: AtomicU64,
    /// The number of times that everything was sent.
    settled: AtomicU64,
    body: AtomicWaker,
}

thread_local! {
    /// The response that the stream on this thread has begun, for the executor that is polling it.
    static BEGUN: Cell<Option<Arc<Delivery>>> = const { Cell::new(None) };
    /// The next stream that hyper hands to the executor on this thread is reset.
    static RESET: Cell<bool> = const { Cell::new(false) };
}

/// Resets the stream of HTTP/2 that hyper is about to hand to its executor, instead of a response: there is no memory for one.
pub(super) fn reset_stream() {
    RESET.set(true);
}

impl Delivery {
    /// Begins a response, within the future of its stream.
    pub(super) fn begin() -> Arc<Self> {
        let delivery = Arc::new(Delivery::default());
        BEGUN.set(Some(delivery.clone()));
        delivery
    }

    /// Records bytes that are handed over to hyper.
    pub(super) fn queue(&self, bytes: usize) {
        self.queued.fetch_add(bytes as u64, Ordering::AcqRel);
    }

    /// Records bytes that hyper has sent or dropped.
    pub(super) fn sent(&self, bytes: usize) {
        let sent = self.sent.fetch_add(bytes as u64, Ordering::AcqRel) + bytes as u64;
        if bytes > 0 && sent == self.queued.load(Ordering::Acquire) {
            self.settled.fetch_add(1, Ordering::AcqRel);
            self.body.wake();
        }
    }

    fn is_settled(&self) -> bool {
        self.unsent() == 0
    }

    fn unsent(&self) -> u64 {
        let sent = self.sent.load(Ordering::Acquire);
        self.queued.load(Ordering::Acquire).saturating_sub(sent)
    }

    /// Returns `true` if so little is not sent that the end of the body can be handed over with it.
    pub(super) fn is_small(&self) -> bool {
        self.unsent() <= SMALL
    }

    /// Waits until everything is sent.
    pub(super) fn poll_settled(&self, cx: &Context<'_>) -> Poll<()> {
        self.body.register(cx.waker());
        if self.is_settled() { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// The executor for the streams of HTTP/2. It drops a stream whose client is too slow, which resets it.
#[derive(Clone, Debug)]
pub(super) struct StreamExecutor {
    pub(super) pace: Arc<WritePace>,
}

impl<F> hyper::rt::Executor<F> for StreamExecutor
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, stream: F) {
        if !RESET.take() {
            tokio::spawn(deliver(self.pace.clone(), stream));
        }
    }
}

/// Runs a stream until it ends or is too slow.
async fn deliver<F: Future>(pace: Arc<WritePace>, stream: F) {
    let mut stream = pin!(stream);
    let mut transfer = Transfer::default();
    let mut delivery: Option<Arc<Delivery>> = None;
    let mut settled = 0;
    poll_fn(|cx| {
        let polled = stream.as_mut().poll(cx);
        if delivery.is_none() {
            delivery = BEGUN.take();
        }
        if polled.is_ready() {
            return Poll::Ready(());
        }
        let Some(delivery) = &delivery else { return Poll::Pending };
        let now_settled = delivery.settled.load(Ordering::Acquire);
        if now_settled != settled || delivery.is_settled() {
            // What is sent now has begun later.
            settled = now_settled;
            transfer.end();
        }
        if delivery.is_settled() {
            return Poll::Pending;
        }
        let sent = delivery.sent.load(Ordering::Acquire);
        let over = transfer.poll_over(cx, pace.limit, sent, || pace.engine.refusals());
        if over.is_ready() {
            tracing::debug!("a client of HTTP/2 reads its response too slowly; its stream is reset");
        }
        over
    })
    .await;
}

/// The responses of a connection that hyper has to the end and may not have sent.
#[derive(Debug, Default)]
pub(super) struct Unsent {
    count: AtomicUsize,
    list: Mutex<UnsentList>,
}

#[derive(Debug, Default)]
struct UnsentList {
    waiting: VecDeque<Arc<Delivery>>,
    /// The time of them together, which begins with the first one.
    pace: Option<Pace>,
    /// The bytes of those that were sent since then.
    sent: u64,
}

impl Unsent {
    /// Adds a response, of which hyper has the end.
    pub(super) fn add(&self, delivery: &Arc<Delivery>) {
        let mut list = self.lock();
        list.prune();
        list.waiting.push_back(delivery.clone());
        self.count.store(list.waiting.len(), Ordering::Relaxed);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    /// Returns `true` if the client takes them too slowly.
    pub(super) fn is_over(&self, limit: PaceLimit, refusals: impl Fn() -> u64) -> bool {
        if self.is_empty() {
            return false;
        }
        let mut list = self.lock();
        list.prune();
        self.count.store(list.waiting.len(), Ordering::Relaxed);
        if list.waiting.is_empty() {
            return false;
        }
        let now = Instant::now();
        let moved = list.moved();
        list.pace.get_or_insert_with(|| Pace::begin(limit, now, moved, refusals())).is_over(now, moved, refusals())
    }

    fn lock(&self) -> MutexGuard<'_, UnsentList> {
        // Nothing panics while the lock is held, so the list is consistent even if a holder's thread died.
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UnsentList {
    /// Removes responses that are sent. One that is sent before an older one may stay for a while.
    fn prune(&mut self) {
        let UnsentList { waiting, sent, .. } = self;
        if waiting.len() >= LISTED {
            waiting.retain(|delivery| {
                let is_settled = delivery.is_settled();
                *sent += if is_settled { delivery.sent.load(Ordering::Acquire) } else { 0 };
                !is_settled
            });
        }
        while let Some(delivery) = waiting.front()
            && delivery.is_settled()
        {
            *sent += delivery.sent.load(Ordering::Acquire);
            waiting.pop_front();
        }
        if waiting.is_empty() {
            *self = UnsentList::default();
        }
    }

    /// Returns the bytes that the client has taken.
    fn moved(&self) -> u64 {
        self.waiting.iter().fold(self.sent, |moved, delivery| moved + delivery.sent.load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn responses_that_nobody_takes_are_over_and_those_that_are_taken_slowly_are_not() {
        const TIMEOUT: Duration = Duration::from_secs(30);
        let limit = PaceLimit::new(TIMEOUT, 1000);
        // The bytes that are taken each second, and the seconds after which it is over.
        for (taken, expected) in [(0, Some(30)), (1, Some(31)), (2000, None)] {
            let unsent = Unsent::default();
            let deliveries: Vec<_> = (0..20).map(|_| Delivery::begin()).collect();
            for delivery in &deliveries {
                delivery.queue(10_000);
                unsent.add(delivery);
            }
            let mut left = 200_000;
            let mut over = None;
            for second in 0..1000 {
                let mut rest = taken.min(left);
                left -= rest;
                for delivery in &deliveries {
                    let sent = rest.min(usize::try_from(delivery.unsent()).unwrap());
                    delivery.sent(sent);
                    rest -= sent;
                }
                if unsent.is_over(limit, || 0) {
                    over = Some(second);
                    break;
                }
                tokio::time::advance(Duration::from_secs(1)).await;
            }
            assert_eq!(over, expected, "{taken}");
            assert_eq!(unsent.is_empty(), expected.is_none());
        }
    }
}
