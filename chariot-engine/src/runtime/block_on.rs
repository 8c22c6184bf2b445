//! [`block_on`], an executor for a model's futures, which may block their thread. Workers and tests call it.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread::Thread,
};

use tokio::runtime::Handle;

struct Unpark {
    thread: Thread,
    /// Set on wake-up. The token of `park` alone is not enough: an author's code that parks could consume it.
    woken: AtomicBool,
}

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// Runs a future to completion on this thread.
///
/// Within `Handle::block_on`, everything that blocks through tokio panics (`blocking_send`, a blocking HTTP client, a
/// runtime of the author's own), and an author's code may block. Under `Handle::enter` all of these work, and so do timers
/// and `tokio::spawn`.
pub(crate) fn block_on<F: Future>(handle: &Handle, future: F) -> F::Output {
    let _entered = handle.enter();
    let unpark = Arc::new(Unpark { thread: std::thread::current(), woken: AtomicBool::new(false) });
    let waker = Waker::from(unpark.clone());
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => {
                while !unpark.woken.swap(false, Ordering::Acquire) {
                    std::thread::park();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_spawning_and_blocking_through_tokio_work() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let handle = runtime.handle().clone();
        let sum = std::thread::spawn(move || {
            block_on(&handle, async {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                let spawned = tokio::spawn(async { 1 }).await.unwrap();
                let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
                sender.blocking_send(2).unwrap();
                let received = receiver.blocking_recv().unwrap();
                let own = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async { 4 });
                spawned + received + own
            })
        });
        assert_eq!(sum.join().unwrap(), 7);
    }

    #[test]
    fn code_that_parks_does_not_consume_a_wake_up() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let handle = runtime.handle().clone();
        let (done, finished) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let (sender, receiver) = tokio::sync::oneshot::channel();
            let parks = async {
                // The scope waits by parking, which consumes the token that the message has set.
                std::thread::scope(|scope| {
                    scope.spawn(|| sender.send(7).unwrap());
                });
            };
            let received = block_on(&handle, async { tokio::join!(receiver, parks).0 });
            done.send(received.unwrap()).unwrap();
        });
        assert_eq!(finished.recv_timeout(std::time::Duration::from_secs(60)), Ok(7));
    }
}
