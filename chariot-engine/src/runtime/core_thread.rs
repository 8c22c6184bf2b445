//! [`CoreThread`], a thread that serves connections and runs the quick calls of models for them, which saves the way to a
//! worker and back. [`CoreThreads`](super::CoreThreads) starts them; the host submits requests, and the listener spawns
//! connections.
//!
//! The tasks of the thread run in a runtime of its own. A call runs between two turns of this runtime and not within it: there
//! it may block by means of tokio, and while it runs, any other thread can take the runtime over and go on with the tasks.

use std::{
    cell::Cell,
    collections::VecDeque,
    future::{Future, poll_fn},
    panic::AssertUnwindSafe,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use futures_util::task::AtomicWaker;
use tokio::{
    runtime::{Handle, Runtime},
    time::Instant,
};

use super::{
    block_on::block_on,
    discard::forget_panic,
    erased::{Items, WorkerContext},
    job::Job,
    queue::{PendingArrival, Pushed},
    replies::Replies,
    shared::Shared,
    state::SHUTTING_DOWN,
    watch::{Beat, Watch},
    worker::serve_batch,
};
use crate::{error::Error, model::ScratchPool};

/// The time for which calls run before the tasks of the thread go on.
const TURN: Duration = Duration::from_micros(200);

/// A decoded request that waits for its call.
pub(super) struct InlineRequest {
    pub(super) shared: Arc<Shared>,
    pub(super) job: Arc<Job>,
    pub(super) items: Items,
    pub(super) arrival: PendingArrival,
    pub(super) since: Instant,
}

impl InlineRequest {
    /// Queues the request for a worker.
    fn queue(self) {
        let InlineRequest { shared, job, items, arrival, since } = self;
        if !shared.queue.push(job.clone(), items, since) {
            job.abandon(Error::unavailable(SHUTTING_DOWN));
        }
        drop(arrival);
    }
}

/// A thread that serves connections and runs quick calls. It lives as long as the process.
pub(crate) struct CoreThread {
    index: usize,
    runtime: Runtime,
    waiting: Mutex<VecDeque<InlineRequest>>,
    replies: Arc<Replies>,
    /// Wakes the thread from its tasks.
    root: AtomicWaker,
    /// Changes whenever a call begins or ends.
    beat: Beat,
    /// Wakes the thread that has taken the runtime over.
    relief: AtomicWaker,
    watch: Arc<Watch>,
    connections: AtomicUsize,
}

thread_local! {
    static CURRENT: Cell<Option<&'static CoreThread>> = const { Cell::new(None) };
}

/// Returns the core thread that this is.
pub(super) fn current() -> Option<&'static CoreThread> {
    CURRENT.get()
}

impl CoreThread {
    /// Creates the state of a thread.
    ///
    /// # Errors
    /// Fails if the system refuses the descriptors of a runtime.
    pub(super) fn new(index: usize, watch: Arc<Watch>) -> std::io::Result<Self> {
        Ok(CoreThread {
            index,
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()?,
            waiting: Mutex::default(),
            replies: Arc::default(),
            root: AtomicWaker::new(),
            beat: Beat::default(),
            relief: AtomicWaker::new(),
            watch,
            connections: AtomicUsize::new(0),
        })
    }

    pub(super) fn beat(&self) -> &Beat {
        &self.beat
    }

    /// Returns the number of open connections.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Enters the runtime of the thread, where its connections belong.
    pub(crate) fn enter(&self) -> tokio::runtime::EnterGuard<'_> {
        self.runtime.enter()
    }

    /// Serves a connection on the thread.
    pub(crate) fn spawn(&'static self, connection: impl Future<Output = ()> + Send + 'static) {
        struct Open(&'static CoreThread);
        impl Drop for Open {
            fn drop(&mut self) {
                self.0.connections.fetch_sub(1, Ordering::Relaxed);
            }
        }
        self.connections.fetch_add(1, Ordering::Relaxed);
        let open = Open(self);
        self.runtime.spawn(async move {
            connection.await;
            drop(open);
        });
    }

    /// Returns `true` if calls may run inline: no core thread is in a slow one.
    pub(super) fn may_run(&self) -> bool {
        !self.watch.has_slow_call()
    }

    /// Adds a request whose call runs on this thread once its tasks have had their turn.
    pub(super) fn submit(&self, request: InlineRequest) {
        self.lock().push_back(request);
        self.root.wake();
    }

    /// Serves connections and runs calls, for the rest of the process. `handle` is the runtime that an author's code sees.
    pub(super) fn run(&'static self, handle: &Handle) {
        let _entered = handle.enter();
        let mut contexts = Contexts::default();
        loop {
            CURRENT.set(Some(self));
            self.run_tasks();
            CURRENT.set(None);
            self.watch.begin(&self.beat);
            let held = self.replies.hold();
            let begin = Instant::now();
            while let Some(request) = self.next() {
                // The thread goes on after any panic, such as one in the destructor of an author's value.
                let serve = AssertUnwindSafe(|| self.serve(request, begin, &mut contexts, handle));
                if let Err(panic) = std::panic::catch_unwind(serve) {
                    // The panic hook has logged it.
                    forget_panic(panic);
                }
                if self.lock().is_empty() || begin.elapsed() >= TURN {
                    break;
                }
            }
            drop(held);
            self.beat.end();
            self.relief.wake();
        }
    }

    /// Runs the tasks of the thread until a request waits, and each task that can run at least once.
    fn run_tasks(&self) {
        let mut is_first = true;
        self.runtime.block_on(poll_fn(|cx| {
            self.replies.flush();
            self.root.register(cx.waker());
            let has_turn = !std::mem::replace(&mut is_first, false);
            if self.lock().is_empty() {
                return Poll::Pending;
            }
            if has_turn {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        }));
    }

    fn next(&self) -> Option<InlineRequest> {
        self.lock().pop_front()
    }

    /// Runs the calls for a request, or queues the request for a worker: if others wait already, or if calls may no longer run
    /// inline.
    fn serve(&self, request: InlineRequest, begin: Instant, contexts: &mut Contexts, handle: &Handle) {
        if !request.shared.gate.is_open(begin) || !self.may_run() {
            return request.queue();
        }
        let InlineRequest { shared, job, items, arrival, since } = request;
        let Some(model) = shared.model() else {
            return job.abandon(Error::unavailable(SHUTTING_DOWN));
        };
        let pushed = shared.queue.push_or_take(&job, items, since);
        drop(arrival);
        let (mut batch, mut permit, rest) = match pushed {
            Pushed::Taken(batch, permit, rest) => (batch, permit, rest),
            Pushed::Queued => return,
            Pushed::Closed => return job.abandon(Error::unavailable(SHUTTING_DOWN)),
        };
        drop(job);
        let heartbeat = &shared.core_heartbeats[self.index];
        loop {
            let mut call = pin!(serve_batch(&shared, &*model, contexts.of(&shared), batch, permit, true));
            let mut poll = |cx: &mut Context<'_>| {
                let _entered = heartbeat.enter();
                call.as_mut().poll(cx)
            };
            if poll(&mut Context::from_waker(Waker::noop())).is_pending() {
                shared.gate.close();
                block_on(handle, poll_fn(poll));
            }
            let Some(rest) = &rest else { return };
            // Workers take what is left after the turn.
            if begin.elapsed() >= TURN || !shared.gate.is_open(begin) || !self.may_run() {
                return;
            }
            let Some(next) = rest.next() else { return };
            (batch, permit) = next;
        }
    }

    /// Goes on with the tasks of the thread, on another thread, until the call of this beat has ended.
    pub(super) fn relieve(&self, beat: u64) {
        let waiting = std::mem::take(&mut *self.lock());
        waiting.into_iter().for_each(InlineRequest::queue);
        self.runtime.block_on(poll_fn(|cx| {
            self.replies.flush();
            // Before it registers, so that a thread that is late does not take the place of the next one.
            if self.beat.count() != beat {
                return Poll::Ready(());
            }
            self.relief.register(cx.waker());
            if self.beat.count() == beat { Poll::Pending } else { Poll::Ready(()) }
        }));
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<InlineRequest>> {
        // Nothing panics while the lock is held.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The context of each model on a core thread.
#[derive(Default)]
struct Contexts(Vec<(Arc<Shared>, WorkerContext)>);

impl Contexts {
    /// Returns the context of a model.
    fn of(&mut self, shared: &Arc<Shared>) -> &WorkerContext {
        let known = self.0.iter().position(|(known, _)| Arc::ptr_eq(known, shared));
        let index = known.unwrap_or_else(|| {
            let device = shared.options.placement.devices[0].clone();
            let context = WorkerContext {
                device,
                scratch: std::rc::Rc::new(ScratchPool::default()),
                layout: shared.options.layout,
            };
            self.0.push((shared.clone(), context));
            self.0.len() - 1
        });
        &self.0[index].1
    }
}
