//! Translates the errors of serde for a caller: short, without the payload and without Rust's type names. Everything that
//! reads an author's type from JSON reports through it.

use std::fmt;

use serde::de::Error;

use super::{
    fault::{Fault, ReadResult},
    number,
    reader::JsonReader,
};
use crate::error::{Expected, Rejection, quoted};

/// The longest text that is passed on, in characters.
const MAX_TEXT: usize = 200;

/// An error type for serde that keeps only what a caller may read.
#[derive(Debug)]
pub(super) struct SerdeFault(pub(super) Box<Fault>);

impl fmt::Display for SerdeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for SerdeFault {}

impl Error for SerdeFault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        SerdeFault(Fault::new(public_message(&message.to_string())))
    }

    fn missing_field(field: &'static str) -> Self {
        SerdeFault(Fault::new(Expected::new("a value", "nothing")).in_member(field))
    }
}

/// Translates an error that serde_json returned for the valid JSON `text` into a fault with the path to the value.
pub(super) fn locate_fault(error: &serde_json::Error, text: &str) -> Box<Fault> {
    let message = error.to_string();
    // Line and column count within a part of the body: the path replaces them.
    let message = match message.rsplit_once(" at line ") {
        Some((message, _)) if error.line() > 0 => public_message(message),
        _ => public_message(&message),
    };
    let lines_before: usize = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let found = find(&mut JsonReader::new(text), lines_before + error.column()).err();
    found.unwrap_or_else(|| Fault::new("")).with_text(message)
}

/// Translates an error that serde_json returned for the valid JSON `text` into a rejection.
pub(crate) fn json_fault(error: &serde_json::Error, text: &str) -> Rejection {
    locate_fault(error, text).rejection()
}

/// Reads a value again and stops with a fault in the innermost value that contains the offset `end`, where a parser stopped.
/// The reader's limit on nesting bounds the recursion.
fn find(reader: &mut JsonReader<'_>, end: usize) -> ReadResult<()> {
    let stop_here = |reader: &JsonReader<'_>| if reader.position() >= end { Err(Fault::new("")) } else { Ok(()) };
    let first = reader.peek();
    // The parser saw the start of this value and rejected it.
    stop_here(reader)?;
    match first {
        Some(b'{') => reader.object("an object", |reader, key| {
            // A name that is at fault, and was read up to its closing quote, belongs to the object.
            if reader.text().as_bytes().get(..end).is_some_and(|before| before.ends_with(b"\"")) {
                stop_here(reader)?;
            }
            find(reader, end).map_err(|fault| fault.in_member(&key))
        })?,
        Some(b'[') => reader.list("a list", |reader, _| find(reader, end)).map(drop)?,
        _ => reader.skip()?,
    }
    stop_here(reader)
}

/// Translates a message of serde into one that a caller may read.
pub(crate) fn public_message(text: &str) -> String {
    let message = if let Some(rest) = text.strip_prefix("invalid type: ") {
        let (got, expected) = got_and_expected(rest);
        let expected = type_name(expected);
        let is_float = got == "a number" && expected.starts_with("an integer");
        Expected::new(expected, if is_float { "a floating-point number" } else { got }).into()
    } else if let Some(rest) = text.strip_prefix("invalid value: ") {
        let (got, expected) = got_and_expected(rest);
        let expected = type_name(expected);
        let got = match got {
            "a number" if expected.starts_with("an integer") || expected == "a number" => {
                number_in(rest).unwrap_or("a number out of range")
            }
            "a string" => "another string",
            "a number" => "another number",
            _ => "another value",
        };
        Expected::new(expected, got).into()
    } else if let Some(rest) = text.strip_prefix("invalid length ") {
        let (got, expected) = rest.split_once(", expected ").unwrap_or((rest, "another length"));
        Expected::new(type_name(expected), format_args!("length {got}")).into()
    } else if let Some(rest) = text.strip_prefix("unknown variant ") {
        Expected::new(known_names(rest), "another value").into()
    } else if let Some(rest) = text.strip_prefix("unknown field ") {
        format!("unknown member {}; expected {}", first_name(rest), known_names(rest))
    } else if let Some(rest) = text.strip_prefix("missing field ") {
        format!("missing member {}", first_name(rest))
    } else if let Some(rest) = text.strip_prefix("duplicate field ") {
        format!("duplicate member {}", first_name(rest))
    } else if text.starts_with("data did not match any variant") {
        Expected::new("one of the accepted forms", "another value").into()
    } else if text == "expected value" {
        // The message of serde_json for an enum, if the text is valid JSON.
        Expected::new("a string or an object", "another value").into()
    } else if text == "number out of range" {
        Expected::new("a number within the range of FP64", "a number out of range").into()
    } else {
        without_quoted(text)
    };
    let mut short: String = message.chars().take(MAX_TEXT).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if message.chars().count() > MAX_TEXT {
        short.push_str("...");
    }
    short
}

/// Returns the number in ``integer `300`, expected u8``, if it is short enough for a message.
fn number_in(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once('`')?;
    let (number, _) = rest.split_once('`')?;
    let is_number = number.parse::<f64>().is_ok() && number.bytes().any(|byte| byte.is_ascii_digit());
    (is_number && number.len() <= number::LONGEST).then_some(number)
}

/// Parses `string "...", expected u32` into the kind of the given value, and the expected type.
fn got_and_expected(text: &str) -> (&'static str, &str) {
    const KINDS: [(&str, &str); 12] = [
        ("string", "a string"),
        ("character", "a string"),
        ("integer", "a number"),
        ("floating point", "a number"),
        ("boolean", "a boolean"),
        ("null", "null"),
        ("unit value", "null"),
        ("Option value", "a value"),
        ("sequence", "a list"),
        ("map", "an object"),
        ("byte array", "bytes"),
        ("number", "a number"),
    ];
    let got = KINDS.iter().find(|(prefix, _)| text.starts_with(prefix)).map_or("another value", |(_, words)| words);
    // The payload of a string may look like the text that follows it: the string ends at the first unescaped quote.
    let rest = match text.strip_prefix("string \"") {
        Some(quoted) => {
            let mut escaped = false;
            let end = quoted.find(|letter| {
                let closes = letter == '"' && !escaped;
                escaped = letter == '\\' && !escaped;
                closes
            });
            end.map_or("", |end| &quoted[end..])
        }
        None => text,
    };
    (got, rest.split_once(", expected ").map_or("another value", |(_, expected)| expected))
}

/// Returns the name at the start of a text of serde.
fn first_name(text: &str) -> String {
    quoted(text.trim_start_matches('`').split('`').next().unwrap_or_default())
}

/// Returns the names that serde lists after an unknown one: `` `a` or `b` ``.
fn known_names(text: &str) -> String {
    match text.rsplit_once("`, expected ") {
        Some((_, names)) => names.replace('`', "'"),
        None => "nothing".to_owned(),
    }
}

/// Translates the type that serde expected, without Rust's type names.
fn type_name(expected: &str) -> String {
    let words = match expected {
        "u8" => "an integer from 0 to 255",
        "u16" => "an integer from 0 to 65535",
        "u32" => "an integer from 0 to 4294967295",
        "u64" | "u128" | "usize" => "an integer of at least 0",
        "i8" => "an integer from -128 to 127",
        "i16" => "an integer from -32768 to 32767",
        "i32" => "an integer from -2147483648 to 2147483647",
        "i64" | "i128" | "isize" => "an integer",
        "f32" | "f64" => "a number",
        "a boolean" => "a boolean",
        "a sequence" => "a list",
        "an empty array" => "an empty list",
        "a map" => "an object",
        "unit" => "null",
        "a character" => "a string of one character",
        "a borrowed string" | "a string or bytes" | "string or map" => "a string",
        _ => "",
    };
    if !words.is_empty() {
        return words.to_owned();
    }
    let starts = |prefix: &str| expected.starts_with(prefix);
    let length = || expected.rsplit_once(" with ").and_then(|(_, length)| length.split(' ').next());
    if starts("struct ") || starts("internally tagged enum") || starts("adjacently tagged enum") {
        "an object".to_owned()
    } else if starts("tuple ") || starts("a tuple") || starts("an array") {
        match length() {
            Some(length) => format!("a list of length {length}"),
            None if starts("tuple ") => "a list".to_owned(),
            None => expected.replace("a tuple of size", "a list of length").replace("an array of", "a list of"),
        }
    } else if starts("enum ") || starts("variant ") || starts("unit variant") || starts("newtype variant") {
        "one of the accepted names".to_owned()
    } else if starts("unit struct") {
        "null".to_owned()
    } else {
        without_quoted(expected)
    }
}

/// Removes everything between double quotes, which may be payload.
fn without_quoted(text: &str) -> String {
    let mut parts = text.split('"');
    let mut kept = parts.next().unwrap_or_default().to_owned();
    let mut quoted = true;
    for part in parts {
        kept.push_str(if quoted { "\"...\"" } else { part });
        quoted = !quoted;
    }
    kept
}
