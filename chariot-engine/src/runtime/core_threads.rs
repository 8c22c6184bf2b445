//! [`CoreThreads`], the core threads of a process, one for each core. The engine creates them if it owns the process, and the
//! listener hands connections to them.

use std::{
    io,
    sync::{Arc, OnceLock},
    thread,
};

use tokio::runtime::Handle;

use super::{core_thread::CoreThread, watch::Watch, worker::in_pool};

/// The core threads of a process. They start with the first connection that needs one.
pub(crate) struct CoreThreads {
    handle: Handle,
    count: usize,
    threads: OnceLock<Vec<&'static CoreThread>>,
}

impl CoreThreads {
    /// Prepares this number of threads. Code of an author's on them sees the runtime of `handle`.
    pub(crate) fn new(count: usize, handle: Handle) -> Self {
        CoreThreads { handle, count, threads: OnceLock::new() }
    }

    /// Returns the thread with the fewest connections. `None` if the system has no more threads.
    pub(crate) fn least_used(&self) -> Option<&'static CoreThread> {
        let threads = self.threads.get_or_init(|| {
            start(self.count, &self.handle).unwrap_or_else(|error| {
                tracing::warn!("requests take the way over the workers, because core threads do not start: {error}");
                Vec::new()
            })
        });
        threads.iter().copied().min_by_key(|thread| thread.connections())
    }
}

/// Starts the threads, and the one that watches them.
fn start(count: usize, handle: &Handle) -> io::Result<Vec<&'static CoreThread>> {
    let watch = Arc::new(Watch::default());
    let mut threads: Vec<&'static CoreThread> = Vec::with_capacity(count);
    for index in 0..count {
        // A core thread lives as long as the process.
        threads.push(Box::leak(Box::new(CoreThread::new(index, watch.clone())?)));
    }
    let watched = threads.clone();
    thread::Builder::new().name("chariot-watch".into()).spawn(move || {
        let beats = watched.iter().map(|thread| thread.beat());
        watch.run(beats, |index, beat| relieve(watched[index], beat, &watch));
    })?;
    for (index, core) in threads.iter().copied().enumerate() {
        let handle = handle.clone();
        let run = move || in_pool(1, || core.run(&handle));
        thread::Builder::new().name(format!("chariot-core-{index}")).spawn(run)?;
    }
    Ok(threads)
}

/// Starts a thread that goes on with the connections of a core thread until its call has ended.
fn relieve(core: &'static CoreThread, beat: u64, watch: &Arc<Watch>) {
    let watch = watch.clone();
    let run = move || {
        let _slow = watch.slow();
        core.relieve(beat);
    };
    if let Err(error) = thread::Builder::new().name("chariot-relief".into()).spawn(run) {
        tracing::warn!("connections wait for a slow call, because no thread can be started: {error}");
    }
}
