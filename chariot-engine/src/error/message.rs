//! The grammar of all messages, `expected X, got Y`, and the quoting of untrusted names and values.

use std::{
    borrow::Cow,
    fmt,
    sync::atomic::{AtomicBool, Ordering},
};

/// The number of characters of a name or a value that a message repeats.
const SHOWN: usize = 64;

/// The number of names that a message lists.
pub(crate) const LISTED: usize = 10;

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

/// Returns `true` for a character that nothing prints as it is: it would end a line, hide or reorder text, or make a
/// terminal do something. These are control characters, the line separators of Unicode, marks that change the direction
/// of text, and byte order marks.
pub(crate) fn is_unprintable(character: char) -> bool {
    let is_mark = |character| matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    character.is_control() || is_mark(character) || matches!(character, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// Returns the text with unprintable characters escaped.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    match text.contains(is_unprintable) {
        true => escaped(text, usize::MAX).0.into(),
        false => text.into(),
    }
}

/// Returns the text between single quotes, cut to 64 characters, with unprintable characters escaped.
pub(crate) fn quoted(text: &str) -> String {
    quoted_up_to(text, SHOWN)
}

/// Returns the text between single quotes, cut to this number of characters, with unprintable characters escaped.
pub(crate) fn quoted_up_to(text: &str, characters: usize) -> String {
    let (shown, is_cut) = escaped(text, characters);
    format!("'{shown}'{}", if is_cut { "..." } else { "" })
}

/// Returns the text cut to 64 characters, with unprintable characters escaped.
pub(crate) fn shortened(text: &str) -> String {
    let (shown, is_cut) = escaped(text, SHOWN);
    if is_cut { shown + "..." } else { shown }
}

fn escaped(text: &str, most: usize) -> (String, bool) {
    let mut characters = text.chars();
    let mut shown = String::new();
    for character in characters.by_ref().take(most) {
        if is_unprintable(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    (shown, characters.next().is_some())
}

/// Returns names as a message lists them, with `separator` between them: the first ten, and the number of the others.
pub(crate) fn listed<S: AsRef<str>>(names: impl IntoIterator<Item = S>, separator: &str) -> String {
    let mut names = names.into_iter();
    let mut text = String::new();
    for name in names.by_ref().take(LISTED) {
        if !text.is_empty() {
            text.push_str(separator);
        }
        text.push_str(name.as_ref());
    }
    match names.count() {
        0 => text,
        more => format!("{text} and {} more", grouped(more)),
    }
}

/// Returns a number with commas between groups of three digits.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
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
    fn what_forges_hides_or_repaints_lines_is_escaped() {
        let text = "a\r\0\u{7f}\u{85}\u{2028}\u{2029}\u{202e}\u{2066}\u{200f}\u{61c}\u{feff}b";
        let shown = r"a\r\u{0}\u{7f}\u{85}\u{2028}\u{2029}\u{202e}\u{2066}\u{200f}\u{61c}\u{feff}b";
        assert_eq!(printable(text), shown);
        assert_eq!(quoted(text), format!("'{shown}'"));
        assert_eq!(printable("é 犬 🐈"), "é 犬 🐈");
    }

    #[test]
    fn a_list_names_ten_and_counts_the_rest() {
        let names = |count: usize| (0..count).map(|number| format!("'{number}'"));
        assert_eq!(listed(names(0), ", "), "");
        assert_eq!(listed(names(2), ", "), "'0', '1'");
        assert!(listed(names(10), ", ").ends_with(", '9'"));
        assert!(listed(names(1_234_577), ", ").ends_with(", '9' and 1,234,567 more"));
        assert!(listed(names(110), "; ").ends_with("; '9' and 100 more"));
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
