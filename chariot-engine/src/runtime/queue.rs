//! Requests that wait for a worker, first come, first served. Admission bounds how many there are.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, OwnedSemaphorePermit, oneshot};

use super::{hosted::DynItem, reply::Head};
use crate::{error::Result, model::Ticket};

/// A decoded request that waits for a worker.
pub(super) struct Job {
    pub(super) items: Vec<DynItem>,
    pub(super) head: Head,
    pub(super) ticket: Arc<Ticket>,
    pub(super) reply: oneshot::Sender<Result<Vec<u8>>>,
    /// The request's place among those admitted; it goes where the work goes and is free when the work is done.
    pub(super) place: OwnedSemaphorePermit,
}

/// The queue between those who decode requests and the workers.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<Waiting>,
    arrived: Notify,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl Queue {
    /// Adds a job; if the queue is closed, gives it back.
    pub(super) fn push(&self, job: Job) -> std::result::Result<(), Job> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(job);
        }
        waiting.jobs.push_back(job);
        drop(waiting);
        self.arrived.notify_one();
        Ok(())
    }

    /// The next job; `None` when the queue is closed and empty.
    ///
    /// # Cancel safety
    /// A job is taken out only by a future that is ready with it.
    pub(super) async fn pop(&self) -> Option<Job> {
        loop {
            let arrived = self.arrived.notified();
            {
                let mut waiting = self.lock();
                if let Some(job) = waiting.jobs.pop_front() {
                    // One notice may stand for several arrivals: whoever takes one passes it on.
                    if !waiting.jobs.is_empty() {
                        self.arrived.notify_one();
                    }
                    return Some(job);
                }
                if waiting.closed {
                    return None;
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
        self.arrived.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing panics while the lock is held, so the queue is whole even if a holder's thread died.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
