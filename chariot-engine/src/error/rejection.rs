//! [`Rejection`]: a fault in the request, whose text the caller reads.

use std::fmt;

/// A fault of the caller: a 400 whose text the caller reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection(String);

impl Rejection {
    /// Creates a rejection with this text, which should have the form `expected X, got Y`.
    pub fn new(text: impl Into<String>) -> Self {
        Rejection(text.into())
    }

    /// Puts the location in the request before the text: `input 'a': ...`.
    #[must_use]
    pub fn at(self, location: impl fmt::Display) -> Self {
        Rejection(format!("{location}: {}", self.0))
    }

    /// Combines faults into one rejection, which lists the first ten and counts the rest.
    pub(crate) fn all(faults: &[String]) -> Result<(), Rejection> {
        const LISTED: usize = 10;
        match faults.len() {
            0 => Ok(()),
            n if n <= LISTED => Err(Rejection(faults.join("; "))),
            n => Err(Rejection(format!("{}; and {} more", faults[..LISTED].join("; "), n - LISTED))),
        }
    }

    /// Returns the text that the caller reads.
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Rejection {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_faults_become_one_rejection_that_lists_ten() {
        let faults = |n: usize| (0..n).map(|n| format!("fault {n}")).collect::<Vec<_>>();
        assert_eq!(Rejection::all(&faults(0)), Ok(()));
        assert_eq!(Rejection::all(&faults(2)).unwrap_err().text(), "fault 0; fault 1");
        let text = Rejection::all(&faults(12)).unwrap_err().text().to_owned();
        assert!(text.ends_with("; fault 9; and 2 more"), "{text}");
    }
}
