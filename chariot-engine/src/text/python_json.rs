//! JSON as Python's `json.dumps` writes it, which chat templates rely on. [`ChatTemplate`](super::ChatTemplate) calls it.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

/// Writes a value with Python's separators, indented by this number of spaces if it is given. Only control characters are
/// escaped.
///
/// # Errors
/// Returns an error if JSON cannot represent the value.
pub(super) fn to_string(value: &impl Serialize, indent: Option<usize>) -> serde_json::Result<String> {
    let mut text = Vec::new();
    match indent {
        None => value.serialize(&mut Serializer::with_formatter(&mut text, Spaced))?,
        Some(spaces) => {
            let indent = vec![b' '; spaces.min(MAX_INDENT)];
            value.serialize(&mut Serializer::with_formatter(&mut text, PrettyFormatter::with_indent(&indent)))?;
        }
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// The widest indentation.
const MAX_INDENT: usize = 16;

/// Writes a space after each comma and each colon.
struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}
