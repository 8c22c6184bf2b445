//! The wording of messages, collected for a snapshot. Tests assert the structure of an error (status, location, kind);
//! its wording is in a snapshot, so that a change of wording is one review.

use std::fmt;

/// Messages of one theme, one line per case: `case → message`. Snapshot it with
/// `insta::assert_snapshot!("theme", messages)`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Messages(Vec<String>);

impl Messages {
    /// Creates an empty collection.
    pub fn new() -> Self {
        Messages::default()
    }

    /// Adds the message of a case. Both are written on one line; a long case is shortened in its middle.
    pub fn add(&mut self, case: impl fmt::Display, message: impl fmt::Display) {
        self.0.push(format!("{} → {}", shortened(&one_line(&case.to_string())), one_line(&message.to_string())));
    }
}

impl fmt::Display for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

/// The longest case that is written in full, in characters.
const LONGEST: usize = 240;

fn shortened(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    if characters.len() <= LONGEST {
        return text.to_string();
    }
    let part = |characters: &[char]| characters.iter().collect::<String>();
    format!("{} ... {}", part(&characters[..LONGEST / 2]), part(&characters[characters.len() - LONGEST / 4..]))
}

/// Escapes control characters.
fn one_line(text: &str) -> String {
    let escape = |character: char| {
        if character.is_control() { character.escape_default().to_string() } else { character.into() }
    };
    text.chars().map(escape).collect()
}
