//! The grammar of all messages, `expected X, got Y`, and the quoting of untrusted names and values.

use std::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
};

/// The number of characters of a name or a value that a message repeats.
const SHOWN: usize = 64;

/// Set if log messages put every cause of an error on a line of its own.
static CAUSES_ON_LINES: AtomicBool = AtomicBool::new(false);

/// Puts every cause of an error on a line of its own in log messages. Only a process that logs for people calls it, once,
/// when it sets up its logs.
pub(crate) fn put_causes_on_lines() {
    CAUSES_ON_LINES.store(true, Ordering::Relaxed);
}

/// Returns the text between an error and its cause in a log message.
pub(super) fn cause_separator() -> &'static str {
    if CAUSES_ON_LINES.load(Ordering::Relaxed) { "\ncaused by: " } else { ": " }
}

/// Formats a fault as `expected X, got Y`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<W, G> {
    /// The accepted value, with its article: `an integer from 1 to 10`.
    pub(crate) what: W,
    /// The given value: `'11'`, `a string`, `3 elements`.
    pub(crate) got: G,
}

impl<W: fmt::Display, G: fmt::Display> Expected<W, G> {
    /// Creates the message `expected {what}, got {got}`.
    pub(crate) fn new(what: W, got: G) -> Self {
        Expected { what, got }
    }
}

impl<W: fmt::Display, G: fmt::Display> fmt::Display for Expected<W, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}, got {}", self.what, self.got)
    }
}

impl<W: fmt::Display, G: fmt::Display> From<Expected<W, G>> for String {
    fn from(fault: Expected<W, G>) -> String {
        fault.to_string()
    }
}

/// Returns the text between single quotes, cut to 64 characters, with control characters escaped.
pub(crate) fn quoted(text: &str) -> String {
    quoted_up_to(text, SHOWN)
}

/// Returns the text between single quotes, cut to this number of characters, with control characters escaped.
pub(crate) fn quoted_up_to(text: &str, characters: usize) -> String {
    let (shown, is_cut) = escaped(text, characters);
    format!("'{shown}'{}", if is_cut { "..." } else { "" })
}

/// Returns the text cut to 64 characters, with control characters escaped.
pub(crate) fn shortened(text: &str) -> String {
    let (shown, is_cut) = escaped(text, SHOWN);
    if is_cut { shown + "..." } else { shown }
}

fn escaped(text: &str, most: usize) -> (String, bool) {
    let mut characters = text.chars();
    let mut shown = String::new();
    for character in characters.by_ref().take(most) {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    (shown, characters.next().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_says_what_was_expected_and_what_was_given() {
        let fault = Expected::new("an integer from 1 to 10", quoted("11"));
        assert_eq!(fault.to_string(), "expected an integer from 1 to 10, got '11'");
        assert_eq!(String::from(fault), "expected an integer from 1 to 10, got '11'");
    }

    #[test]
    fn a_value_is_cut_and_its_control_characters_are_escaped() {
        assert_eq!(quoted("ten"), "'ten'");
        assert_eq!(quoted("a\nb\u{1b}[31m"), r"'a\nb\u{1b}[31m'");
        assert_eq!(quoted(&"é".repeat(64)), format!("'{}'", "é".repeat(64)));
        assert_eq!(quoted(&"é".repeat(65)), format!("'{}'...", "é".repeat(64)));
        assert_eq!(shortened(&"é".repeat(65)), format!("{}...", "é".repeat(64)));
        assert_eq!(quoted_up_to("abc", 2), "'ab'...");
    }
}
