//! Requests that wait for a worker, first come, first served. Admission bounds how many there are.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, OwnedSemaphorePermit, oneshot};

use super::{hosted::DynItem, reply::Head};
use crate::{error::Result, model::Ticket, protocol::EncodedResponse};

/// A decoded request that waits for a worker.
pub(super) struct Job {
    pub(super) items: Vec<DynItem>,
    pub(super) head: Head,
    pub(super) ticket: Arc<Ticket>,
    pub(super) reply: oneshot::Sender<Result<EncodedResponse>>,
    /// The request's place among those admitted; it goes where the work goes and is free when the work is done.
    pub(super) place: OwnedSemaphorePermit,
}

/// The queue between those who decode requests and the workers.
pub(super) struct Queue {
    state: Mutex<Waiting>,
    arrived: Notify,
    /// Whether an arrival wakes every worker that waits: one alone may have no thread to take the job with, if a call
    /// that it has under way meanwhile blocks.
    wakes_all: bool,
    max_running: usize,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    running: usize,
    closed: bool,
}

/// A job's leave to run; another job has it when it is dropped.
pub(super) struct Run<'a>(&'a Queue);

impl Drop for Run<'_> {
    fn drop(&mut self) {
        let mut waiting = self.0.lock();
        waiting.running -= 1;
        let more = !waiting.jobs.is_empty();
        drop(waiting);
        if more {
            self.0.wake();
        }
    }
}

impl Queue {
    /// A queue from which at most `max_running` jobs run at once.
    pub(super) fn new(max_running: usize, wakes_all: bool) -> Self {
        Queue { state: Mutex::default(), arrived: Notify::new(), wakes_all, max_running }
    }

    /// Adds a job; if the queue is closed, gives it back.
    pub(super) fn push(&self, job: Job) -> std::result::Result<(), Job> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(job);
        }
        waiting.jobs.push_back(job);
        drop(waiting);
        self.wake();
        Ok(())
    }

    fn wake(&self) {
        if self.wakes_all {
            self.arrived.notify_waiters();
        } else {
            self.arrived.notify_one();
        }
    }

    /// The next job, when one more may run; `None` when the queue is closed and empty.
    ///
    /// # Cancel safety
    /// A job is taken out only by a future that is ready with it.
    pub(super) async fn pop(&self) -> Option<(Job, Run<'_>)> {
        loop {
            let mut arrived = std::pin::pin!(self.arrived.notified());
            arrived.as_mut().enable();
            {
                let mut waiting = self.lock();
                if waiting.closed && waiting.jobs.is_empty() {
                    return None;
                }
                if waiting.running < self.max_running
                    && let Some(job) = waiting.jobs.pop_front()
                {
                    waiting.running += 1;
                    // One notice may stand for several arrivals: whoever takes one passes it on.
                    let more = !waiting.jobs.is_empty() && waiting.running < self.max_running;
                    let done = waiting.closed && waiting.jobs.is_empty();
                    drop(waiting);
                    if done {
                        self.arrived.notify_waiters();
                    } else if more && !self.wakes_all {
                        self.arrived.notify_one();
                    }
                    return Some((job, Run(self)));
                }
            }
            arrived.await;
        }
    }

    /// Takes a job out whose caller has gone, if it still waits.
    pub(super) fn remove(&self, ticket: &Arc<Ticket>) {
        let mut waiting = self.lock();
        let at = waiting.jobs.iter().position(|job| Arc::ptr_eq(&job.ticket, ticket));
        let job = at.and_then(|at| waiting.jobs.remove(at));
        drop(waiting);
        drop(job);
    }

    /// No more jobs: workers end when those that wait are done.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing panics while the lock is held, so the queue is whole even if a holder's thread died.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
