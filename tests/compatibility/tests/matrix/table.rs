//! Running the rows of a table, some at a time, and collecting what does not hold. The tests call it.

use std::{
    collections::VecDeque,
    io::{self, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Mutex, PoisonError},
    thread,
    time::Instant,
};

use crate::{
    cell::{Cell, message},
    document,
};

/// The number of rows that run at once.
const AT_ONCE: usize = 3;

/// A program, and how to run it.
pub(crate) struct Row {
    /// The first cell of the row.
    pub(crate) name: String,
    /// The version, or what is missing.
    pub(crate) version: Result<String, String>,
    /// Runs the scenarios, in their order.
    pub(crate) run: Box<dyn FnOnce() -> Vec<Cell> + Send>,
}

/// Runs every row whose program is installed, and compares the page with the results.
///
/// # Panics
/// Panics if a scenario does not hold, or if the page differs.
#[track_caller]
pub(crate) fn check(table: &str, scenarios: &[&str], rows: Vec<Row>) {
    let only = std::env::var("ONLY").ok();
    let wanted = |row: &Row| only.as_ref().is_none_or(|only| row.name.contains(only.as_str()));
    let queue = Mutex::new(rows.into_iter().filter(wanted).enumerate().collect::<VecDeque<_>>());
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                while let Some((index, row)) = next() {
                    let result = run(row, scenarios.len());
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);

    let mut faults = Vec::new();
    let mut shown = Vec::new();
    for (_, (name, version, cells)) in done {
        for (scenario, cell) in scenarios.iter().zip(&cells) {
            if let Cell::Fails(reason) = cell {
                faults.push(format!("{name}: {scenario}: {reason}"));
            }
        }
        shown.push(document::Shown { name, version, cells });
    }
    assert!(faults.is_empty(), "{} faults\n\n{}\n", faults.len(), faults.join("\n\n"));
    document::compare(table, scenarios, &shown, only.is_none());
}

/// Runs a row. A fault outside the scenarios is a fault of each.
fn run(row: Row, scenarios: usize) -> (String, Option<String>, Vec<Cell>) {
    let version = match row.version {
        Ok(version) => version,
        Err(missing) => {
            // The harness shows what a test prints only if it fails, but not what it writes here.
            let _ = writeln!(io::stderr(), "skipped: {}: {missing}", row.name);
            return (row.name, None, vec![]);
        }
    };
    let begin = Instant::now();
    let cells = catch_unwind(AssertUnwindSafe(row.run));
    println!("{} {version}: {:.1} s", row.name, begin.elapsed().as_secs_f32());
    let cells = cells.unwrap_or_else(|panic| vec![Cell::Fails(message(&*panic)); scenarios]);
    (row.name, Some(version), cells)
}
