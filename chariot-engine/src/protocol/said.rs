//! Errors of serde, in words for a caller: without the payload, without Rust's names, short. Whatever reads a type of an
//! author's from JSON reports through it.

use std::fmt;

use serde::de::Error;

use super::{
    fault::{Fault, Read},
    reader::Reader,
};
use crate::error::{Rejection, quoted};

/// The longest text that is passed on, in characters.
const LONGEST: usize = 200;

/// An error of ours for serde: it takes in only what a caller may read.
#[derive(Debug)]
pub(super) struct Said(pub(super) Box<Fault>);

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Said {}

impl Error for Said {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Said(Fault::of(of_text(&message.to_string())))
    }

    fn missing_field(field: &'static str) -> Self {
        Said(Fault::of("a value is expected, the member is missing").in_member(field))
    }
}

/// What a caller may read of an error that serde_json made of the valid JSON `text`, with the path to it.
pub(super) fn of_json(error: &serde_json::Error, text: &str) -> Box<Fault> {
    let said = error.to_string();
    // Line and column are ones of a part of the body: the path takes their place.
    let said = match said.rsplit_once(" at line ") {
        Some((said, _)) if error.line() > 0 => of_text(said),
        _ => of_text(&said),
    };
    let lines_before: usize = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let found = locate(&mut Reader::new(text), lines_before + error.column()).err();
    found.unwrap_or_else(|| Fault::of("")).saying(said)
}

/// What a caller may read of an error that serde_json made of the valid JSON `text`.
pub(crate) fn json_fault(error: &serde_json::Error, text: &str) -> Rejection {
    of_json(error, text).unplaced()
}

/// Passes over a value and stops with a fault in the innermost one in which a parser stood that had read the first `read`
/// bytes. It recurs no deeper than the reader lets JSON be nested.
fn locate(reader: &mut Reader<'_>, read: usize) -> Read<()> {
    let here = |reader: &Reader<'_>| if reader.position() >= read { Err(Fault::of("")) } else { Ok(()) };
    let first = reader.peek();
    // The parser saw what begins here, and did not want it.
    here(reader)?;
    match first {
        Some(b'{') => reader.object("an object", |reader, key| {
            // A name that is at fault, which was read to its quote, is a part of the object.
            if reader.text().as_bytes().get(..read).is_some_and(|before| before.ends_with(b"\"")) {
                here(reader)?;
            }
            locate(reader, read).map_err(|fault| fault.in_member(&key))
        })?,
        Some(b'[') => reader.list("a list", |reader, _| locate(reader, read)).map(drop)?,
        _ => reader.skip()?,
    }
    here(reader)
}

/// What a caller may read of a text that serde made.
pub(crate) fn of_text(text: &str) -> String {
    let said = if let Some(rest) = text.strip_prefix("invalid type: ") {
        let (came, expected) = came_and_expected(rest);
        format!("{} is expected, {came} came", in_words(expected))
    } else if let Some(rest) = text.strip_prefix("invalid value: ") {
        let (came, expected) = came_and_expected(rest);
        format!("{} is expected, {came} that is none came", in_words(expected))
    } else if let Some(rest) = text.strip_prefix("invalid length ") {
        let (came, expected) = rest.split_once(", expected ").unwrap_or((rest, "another"));
        format!("{} is expected, a length of {came} came", in_words(expected))
    } else if let Some(rest) = text.strip_prefix("unknown variant ") {
        format!("{} is expected, something else came", known_names(rest))
    } else if let Some(rest) = text.strip_prefix("unknown field ") {
        format!("{} is unknown; {} is expected", first_name(rest), known_names(rest))
    } else if let Some(rest) = text.strip_prefix("missing field ") {
        format!("the member {} is missing", first_name(rest))
    } else if let Some(rest) = text.strip_prefix("duplicate field ") {
        format!("the member {} stands twice in its object", first_name(rest))
    } else if text.starts_with("data did not match any variant") {
        "the value has none of the forms that are known here".to_owned()
    } else if text == "number out of range" {
        "a number that FP64 holds is expected, one beyond its range came".to_owned()
    } else {
        without_quoted(text)
    };
    let mut short: String = said.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if said.chars().count() > LONGEST {
        short.push_str("...");
    }
    short
}

/// Takes apart `string "...", expected u32`: the kind of what came, and what was expected.
fn came_and_expected(text: &str) -> (&'static str, &str) {
    const KINDS: [(&str, &str); 12] = [
        ("string", "a string"),
        ("character", "a string"),
        ("integer", "a number"),
        ("floating point", "a number"),
        ("boolean", "true or false"),
        ("null", "null"),
        ("unit value", "null"),
        ("Option value", "a value"),
        ("sequence", "a list"),
        ("map", "an object"),
        ("byte array", "bytes"),
        ("number", "a number"),
    ];
    let came = KINDS.iter().find(|(prefix, _)| text.starts_with(prefix)).map_or("something else", |(_, words)| words);
    // The payload of a string may look like what follows it: its end is the quote that no backslash escapes.
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
    (came, rest.split_once(", expected ").map_or("something else", |(_, expected)| expected))
}

/// The name that a text of serde begins with.
fn first_name(text: &str) -> String {
    quoted(text.trim_start_matches('`').split('`').next().unwrap_or_default())
}

/// The names that serde lists after what it did not expect: `` `a` or `b` ``.
fn known_names(text: &str) -> String {
    match text.rsplit_once("`, expected ") {
        Some((_, names)) => names.replace('`', "'"),
        None => "nothing".to_owned(),
    }
}

/// What serde expected, without the names of Rust's types.
fn in_words(expected: &str) -> String {
    let words = match expected {
        "u8" => "an integer from 0 to 255",
        "u16" => "an integer from 0 to 65535",
        "u32" => "an integer from 0 to 4294967295",
        "u64" | "u128" | "usize" => "an integer from 0 on",
        "i8" => "an integer from -128 to 127",
        "i16" => "an integer from -32768 to 32767",
        "i32" => "an integer from -2147483648 to 2147483647",
        "i64" | "i128" | "isize" => "an integer",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "a list",
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
    let length = || expected.rsplit_once(" with ").map(|(_, length)| length.trim_end_matches('s'));
    if starts("struct ") || starts("internally tagged enum") || starts("adjacently tagged enum") {
        "an object".to_owned()
    } else if starts("tuple ") || starts("a tuple") || starts("an array") {
        match length() {
            Some(length) => format!("a list of {length}s"),
            None if starts("tuple ") => "a list".to_owned(),
            None => expected.replace("a tuple of size", "a list of").replace("an array of length", "a list of"),
        }
    } else if starts("enum ") || starts("variant ") || starts("unit variant") || starts("newtype variant") {
        "one of the known names".to_owned()
    } else if starts("unit struct") {
        "null".to_owned()
    } else {
        without_quoted(expected)
    }
}

/// A text without what stands between double quotes, which may be the payload.
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
