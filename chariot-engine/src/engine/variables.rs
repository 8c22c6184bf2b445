//! Sets the variable from which the libraries under a model learn how many threads to use: one of the two uses of
//! `unsafe` in the SDK. `run` calls it before any thread exists.

/// Read by candle at every parallel section, and by rayon once.
const THREADS: &str = "RAYON_NUM_THREADS";

/// Tells candle and rayon how many threads a worker computes with, unless the operator has told them.
///
/// It must be called before the process has a second thread: other threads may read the environment at any time.
pub(super) fn set_threads(threads: usize) {
    if std::env::var_os(THREADS).is_none() {
        // SAFETY: `run` calls this first of all, on the main thread, before it starts the runtime or any other thread.
        unsafe { std::env::set_var(THREADS, threads.to_string()) };
    }
}
