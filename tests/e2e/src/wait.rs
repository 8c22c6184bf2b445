//! Waiting for a condition with a deadline. Every wait in these tests is here or uses the same deadline.

use std::{
    thread,
    time::{Duration, Instant},
};

/// The longest wait for anything: far longer than needed on a slow machine. 60 s.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// The interval between two checks of a condition. 10 ms.
const INTERVAL: Duration = Duration::from_millis(10);

/// Calls `ask` until it returns a value, and returns that value.
///
/// # Panics
/// Panics if there is no value within [`DEADLINE`]; the panic names `what`.
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(value) = ask() {
            return value;
        }
        assert!(begin.elapsed() < DEADLINE, "timed out waiting for: {what}");
        thread::sleep(INTERVAL);
    }
}
