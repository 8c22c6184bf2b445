//! Detects an input that does not finish: a session reports the start and the end of each input, and a thread checks the
//! time.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    thread,
    time::{Duration, Instant},
};

/// A watch over the current input of a session. The thread stops when it is dropped.
///
/// ```
/// use std::time::Duration;
///
/// let watch = fuzz::Watch::start(Duration::from_secs(20), |input| eprintln!("{input:?} does not finish"));
/// ```
#[derive(Debug, Default)]
pub struct Watch {
    current: Mutex<Current>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct Current {
    input: Vec<u8>,
    since: Option<Instant>,
}

impl Watch {
    /// Starts a watch that calls `hung` with an input that runs for longer than `patience`.
    pub fn start(patience: Duration, hung: impl Fn(&[u8]) + Send + 'static) -> Arc<Self> {
        let watch = Arc::new(Watch::default());
        let weak = Arc::downgrade(&watch);
        thread::spawn(move || look(&weak, patience, hung));
        watch
    }

    /// Records the start of an input.
    pub(crate) fn begin(&self, input: &[u8]) {
        let mut current = self.lock();
        current.input.clear();
        current.input.extend_from_slice(input);
        current.since = Some(Instant::now());
    }

    /// Records the end of the current input.
    pub(crate) fn end(&self) {
        self.lock().since = None;
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn look(watch: &Weak<Watch>, patience: Duration, hung: impl Fn(&[u8])) {
    while let Some(watch) = watch.upgrade() {
        let waited = watch.ended.wait_timeout(watch.lock(), patience / 10);
        let (current, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if current.since.is_some_and(|since| since.elapsed() > patience) {
            hung(&current.input);
        }
    }
}
