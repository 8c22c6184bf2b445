//! What is wrong with a row, on its way through serde to the caller.

use std::fmt;

use serde::de;

use crate::{error::quoted, protocol::public_message};

/// How many of the columns that are known a fault names.
const NAMED: usize = 20;

/// A fault of the caller. It takes in only what the caller may read.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) at: At,
    pub(super) text: String,
}

/// What a fault is about.
#[derive(Debug, PartialEq)]
pub(super) enum At {
    /// The row.
    Row,
    /// The value in this column of the row; the name is that of the field that it is for, where only it knows one.
    Cell(usize, Option<&'static str>),
    /// An input that is missing or not wanted, in all rows.
    Input(String),
    /// The number of columns, in all rows.
    Width,
    /// The form of the request, in all rows.
    Form,
}

impl Fault {
    pub(super) fn of(at: At, text: impl Into<String>) -> Self {
        Fault { at, text: text.into() }
    }

    /// The rows have another number of columns; how many are expected, if that is known.
    pub(super) fn width(expected: Option<usize>) -> Self {
        Fault::of(At::Width, expected.map_or_else(|| "another number".to_owned(), |count| count.to_string()))
    }

    /// The fault, in the value of this column.
    pub(super) fn in_cell(self, column: usize, field: Option<&'static str>) -> Self {
        match self.at {
            At::Width => Fault::of(At::Cell(column, field), "a value of another length is expected"),
            _ => Fault { at: At::Cell(column, field), ..self },
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
        Fault::of(At::Row, public_message(&message.to_string()))
    }

    fn missing_field(field: &'static str) -> Self {
        Fault::of(At::Input(field.into()), "missing; a column of this name is expected")
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let names: Vec<String> = expected.iter().take(NAMED).map(|name| quoted(name)).collect();
        let more = if expected.len() > NAMED { ", ..." } else { "" };
        Fault::of(At::Input(field.into()), format!("no such column; {}{more} are expected", names.join(", ")))
    }

    fn invalid_length(_: usize, expected: &dyn de::Expected) -> Self {
        // "struct Flower with 4 elements", "an array of length 4", "a tuple of size 4".
        let expected = expected.to_string();
        let number = expected.rsplit(|letter: char| !letter.is_ascii_digit()).find(|digits| !digits.is_empty());
        Fault::width(number.and_then(|digits| digits.parse().ok()))
    }
}
