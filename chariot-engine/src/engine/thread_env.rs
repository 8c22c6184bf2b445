//! Sets the environment variable from which candle and rayon read the number of threads: one of the few uses of
//! `unsafe` in the SDK. `run` calls it before any thread exists.

/// Read by candle at every parallel section, and by rayon once.
const THREADS: &str = "RAYON_NUM_THREADS";

/// Sets the number of threads that candle and rayon use in a worker, unless the operator has set it.
///
/// It must be called before the process has a second thread: other threads can read the environment at any time.
pub(super) fn set_threads(threads: usize) {
    if std::env::var_os(THREADS).is_none() {
        // SAFETY: `run` calls this first, on the main thread, before it starts the runtime or any other thread.
        unsafe { std::env::set_var(THREADS, threads.to_string()) };
    }
}
