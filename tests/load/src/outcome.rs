//! The outcome of a scenario. The binary prints it, and the test asserts on it.

use std::fmt;

/// The figures and the violations of a scenario.
///
/// ```
/// let mut outcome = load::Outcome::default();
/// outcome.figure("answered", 12);
/// outcome.must(true, "every request gets a response");
/// assert!(outcome.is_good());
/// ```
#[derive(Debug, Default)]
pub struct Outcome {
    figures: Vec<(String, String)>,
    faults: Vec<String>,
    summary: Option<String>,
}

impl Outcome {
    /// Adds a figure.
    pub fn figure(&mut self, what: &str, value: impl fmt::Display) {
        self.figures.push((what.to_string(), value.to_string()));
    }

    /// Adds a violation unless the condition is true.
    pub fn must(&mut self, is_true: bool, what: impl fmt::Display) {
        if !is_true {
            self.faults.push(what.to_string());
        }
    }

    /// Sets the sentence that stands for the outcome in a table.
    pub fn summarize(&mut self, summary: String) {
        self.summary = Some(summary);
    }

    /// Returns the sentence that stands for the outcome in a table.
    pub fn summary(&self) -> &str {
        self.summary.as_deref().unwrap_or("none")
    }

    /// Returns `true` if there are no violations.
    pub fn is_good(&self) -> bool {
        self.faults.is_empty()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, value) in &self.figures {
            writeln!(f, "  {what:<58} {value:>14}")?;
        }
        for fault in &self.faults {
            writeln!(f, "  NOT SO: {fault}")?;
        }
        if self.is_good() { writeln!(f, "  passed") } else { Ok(()) }
    }
}
