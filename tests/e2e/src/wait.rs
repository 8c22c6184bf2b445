//! Waiting for a condition, at most so long. Everything that waits in these tests does it here or by the same deadline.

use std::{
    thread,
    time::{Duration, Instant},
};

/// The longest that anything is waited for: far longer than it takes on a slow machine.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// How often a condition is asked.
const INTERVAL: Duration = Duration::from_millis(10);

/// Asks until there is something, and returns it.
///
/// # Panics
/// There is nothing within [`DEADLINE`]; the panic says `what` was waited for.
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(value) = ask() {
            return value;
        }
        assert!(begin.elapsed() < DEADLINE, "waited in vain: {what}");
        thread::sleep(INTERVAL);
    }
}
