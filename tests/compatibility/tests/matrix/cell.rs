//! The result of a scenario. The tables make it, `document` shows it.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// The result of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    /// It holds.
    Holds,
    /// It holds, and the page shows this.
    Shows(String),
    /// It does not apply to the program.
    Beside,
    /// It does not hold, for this reason.
    Fails(String),
}

impl Cell {
    /// Runs a scenario, which panics if it does not hold.
    pub(crate) fn of(scenario: impl FnOnce()) -> Self {
        match catch_unwind(AssertUnwindSafe(scenario)) {
            Ok(()) => Cell::Holds,
            Err(panic) => Cell::Fails(message(&*panic)),
        }
    }

    /// Runs a scenario as [`of`](Self::of) does, up to so many times until it holds.
    pub(crate) fn of_some(tries: usize, scenario: impl Fn()) -> Self {
        let mut cell = Cell::of(&scenario);
        for _ in 1..tries {
            if cell != Cell::Holds {
                cell = Cell::of(&scenario);
            }
        }
        cell
    }

    /// Runs a scenario as [`of`](Self::of) does, and shows what it returns.
    pub(crate) fn showing(scenario: impl FnOnce() -> String) -> Self {
        match catch_unwind(AssertUnwindSafe(scenario)) {
            Ok(shown) => Cell::Shows(shown),
            Err(panic) => Cell::Fails(message(&*panic)),
        }
    }
}

/// Returns the message of a panic.
pub(crate) fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without a message").chars().take(600).collect()
}
