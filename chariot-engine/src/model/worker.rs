//! [`Worker`]: the argument of `warm_up`, a worker before it takes requests.

use std::rc::Rc;

use super::scratch::{Scratch, ScratchPool};
use crate::{device::Device, error::Result};

/// A worker that is about to take requests: its device, its threads, and its scratch values.
///
/// ```
/// use chariot_engine::{Result, model::Worker};
///
/// /// The buffer of a worker, which a call takes with `batch.scratch(...)`.
/// struct Buffer(Vec<f32>);
///
/// fn prepare(worker: &Worker) -> Result<()> {
///     worker.scratch(|| Ok(Buffer(Vec::with_capacity(1 << 20))))?;
///     Ok(())
/// }
///
/// let worker = Worker::new();
/// prepare(&worker).unwrap();
/// assert!(worker.scratch::<Buffer>(|| Err("made before".into())).is_ok());
/// ```
pub struct Worker {
    index: usize,
    threads: usize,
    device: Device,
    scratch: Rc<ScratchPool>,
}

impl Worker {
    pub(crate) fn from_parts(index: usize, threads: usize, device: Device, scratch: Rc<ScratchPool>) -> Self {
        Worker { index, threads, device, scratch }
    }

    /// Returns the number of this worker, from 0 on, among all workers of the model.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Returns the number of threads that a call on this worker computes with.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Returns the device of this worker.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Takes a scratch value of this worker, or creates one with `make` if none is free. When it is dropped, the worker keeps
    /// it for its calls, which take it with [`Batch::scratch`](super::Batch::scratch).
    ///
    /// A worker that runs several calls at once ([`Spec::concurrency`](super::Spec::concurrency)) needs a value for each of
    /// them; hold as many at once to make them all. A model whose workers have scratch values before the first call never
    /// runs on the threads that read requests ([`Spec::inline`](super::Spec::inline)), which would have none.
    ///
    /// # Errors
    /// Returns the error of `make`.
    pub fn scratch<T: 'static>(&self, make: impl FnOnce() -> Result<T>) -> Result<Scratch<T>> {
        self.scratch.take(make)
    }
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").field("index", &self.index).field("threads", &self.threads).finish_non_exhaustive()
    }
}
