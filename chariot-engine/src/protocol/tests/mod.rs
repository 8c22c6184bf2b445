//! Tests of the room: decoding and encoding of bodies in JSON and in binary form, properties, and messages for callers.

use std::fmt;

mod binary;
mod bodies;
mod body_formats;
mod forms;
mod number_lists;
mod properties;
mod round_trips;
mod strings;
mod tensors;
mod values;

/// The messages of one theme for a snapshot: one line per case, `case → message`.
#[derive(Default)]
struct Messages(String);

impl Messages {
    /// Adds a case; cuts a long one.
    fn add(&mut self, case: &str, message: &str) {
        let mut case = case.replace('\n', "\\n").replace('\t', "\\t").replace('\r', "\\r");
        if case.chars().count() > 120 {
            case = case.chars().take(120).chain("...".chars()).collect();
        }
        self.0.push_str(&format!("{case} → {message}\n"));
    }
}

impl fmt::Display for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Asserts the location in front of a message, and the `line:column` at its end; both may be empty.
#[track_caller]
fn assert_location(message: &str, location: &str, position: &str) {
    let found = match message.rsplit_once(" (line ") {
        Some((_, end)) => end.trim_end_matches(')').replace(", column ", ":"),
        None => String::new(),
    };
    assert_eq!(found, position, "{message}");
    let text = if location.is_empty() { Some(message) } else { message.strip_prefix(&format!("{location}: ")) };
    let text = text.unwrap_or_else(|| panic!("expected the location '{location}': {message}"));
    let starts =
        ["expected ", "not valid JSON: ", "missing ", "duplicate ", "unknown ", "shape ", "nesting ", "unpaired "];
    assert!(starts.iter().any(|start| text.starts_with(start)), "expected the location '{location}': {message}");
}
