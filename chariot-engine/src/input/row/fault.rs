//! [`Fault`]: an error of a row, which serde passes on to the caller.

use std::fmt;

use serde::de;

use crate::{
    error::{Expected, quoted},
    protocol::public_message,
};

/// The maximum number of known columns that a message lists.
const LISTED: usize = 20;

/// A fault of the caller. Its text contains only what the caller may read.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) at: At,
    pub(super) text: String,
}

/// The part of the request that a fault is about.
#[derive(Debug, PartialEq)]
pub(super) enum At {
    /// The row.
    Row,
    /// The value in this column of the row, with the name of its field if the column itself has no name.
    Cell(usize, Option<&'static str>),
    /// An input that is missing or unknown, in all rows.
    Input(String),
    /// The number of columns, in all rows, with the expected number if it is known. The table makes the text.
    Width(Option<usize>),
    /// The form of the request, in all rows.
    Form,
}

impl Fault {
    pub(super) fn new(at: At, text: impl Into<String>) -> Self {
        Fault { at, text: text.into() }
    }

    /// Creates a fault for a wrong number of columns; `expected` is the right one if it is known.
    pub(super) fn width(expected: Option<usize>) -> Self {
        Fault::new(At::Width(expected), "")
    }

    /// Moves the fault to the value in this column.
    pub(super) fn in_cell(self, column: usize, field: Option<&'static str>) -> Self {
        let at = At::Cell(column, field);
        match self.at {
            At::Width(Some(expected)) => {
                Fault::new(at, Expected::new(format_args!("a value of length {expected}"), "another length"))
            }
            At::Width(None) => Fault::new(at, "the value has the wrong length"),
            _ => Fault { at, ..self },
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Fault::new(At::Row, public_message(&message.to_string()))
    }

    fn missing_field(field: &'static str) -> Self {
        Fault::new(At::Input(field.into()), Expected::new("a column with this name", "none"))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let names: Vec<String> = expected.iter().take(LISTED).map(|name| quoted(name)).collect();
        let more = if expected.len() > LISTED { ", ..." } else { "" };
        Fault::new(At::Input(field.into()), format!("unknown column; known columns: {}{more}", names.join(", ")))
    }

    fn invalid_length(_: usize, expected: &dyn de::Expected) -> Self {
        // The text ends with the number: "struct Flower with 4 elements", "an array of length 4", "a tuple of size 4".
        let expected = expected.to_string();
        let number = expected.rsplit(|letter: char| !letter.is_ascii_digit()).find(|digits| !digits.is_empty());
        Fault::width(number.and_then(|digits| digits.parse().ok()))
    }
}
