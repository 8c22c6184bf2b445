//! Counts the panics on the threads of engines, which catch them: a program must cause none.

use std::{
    panic,
    sync::{
        Once,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

/// The name of the threads of the runtimes of live engines.
pub(super) const IO_THREAD: &str = "live-io";

/// The beginning of the names of the threads that run models.
const WORKER: &str = "chariot-worker";

/// The file of an assertion of `h2` that only debug builds have, about a connection that is dropped with a stream open. It
/// protects nothing.
const DEBUG_ONLY: &str = "proto/streams/counts.rs";

static COUNT: AtomicU64 = AtomicU64::new(0);

/// Starts to count.
pub(super) fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |about| {
            let thread = thread::current();
            if about.location().is_some_and(|place| place.file().ends_with(DEBUG_ONLY)) {
                return;
            }
            if thread.name().is_some_and(|name| name == IO_THREAD || name.starts_with(WORKER)) {
                COUNT.fetch_add(1, Ordering::Relaxed);
            }
            previous(about);
        }));
    });
}

/// Returns the number of panics so far.
pub(super) fn count() -> u64 {
    COUNT.load(Ordering::Relaxed)
}
