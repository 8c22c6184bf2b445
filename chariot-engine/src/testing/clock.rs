//! [`Clock`]: a runtime whose clock a test advances. `TestEngine` can run on it.

use std::sync::mpsc;

use tokio::runtime::{Builder, Handle, Runtime};

/// A runtime with a paused clock. It stops when this is dropped.
#[derive(Debug)]
pub(super) struct Clock {
    handle: Handle,
    _runs: mpsc::Sender<()>,
}

impl Clock {
    /// Starts a runtime with a paused clock, on a thread of its own.
    pub(super) fn start() -> Self {
        let (runs, over) = mpsc::channel::<()>();
        let (started, start) = mpsc::channel();
        std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().start_paused(true).build();
            let runtime: Runtime = runtime.expect("a runtime for the test");
            let _ = started.send(runtime.handle().clone());
            // While a blocking task runs, tokio does not advance the clock by itself.
            let _ = runtime.block_on(runtime.spawn_blocking(move || over.recv()));
            runtime.shutdown_background();
        });
        Clock { handle: start.recv().expect("the runtime starts"), _runs: runs }
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }
}
