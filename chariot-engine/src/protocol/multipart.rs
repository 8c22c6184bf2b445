//! The parts of a body of `multipart/form-data`, as slices of it. [`form`](super::form) makes a request of them.

use std::borrow::Cow;

use bytes::Bytes;
use memchr::memmem;

use crate::error::{Expected, Rejection, quoted};

/// The limit on the parts of a body; each costs memory beyond its bytes.
const MAX_PARTS: usize = 16_384;
/// The limits on the header fields of a part.
const MAX_FIELDS: usize = 16;
const MAX_HEAD: usize = 8 << 10;
/// The length of the longest boundary that the standard allows.
const MAX_BOUNDARY: usize = 70;

/// One part of a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// The number of the part in the body, counted from 1.
    pub(super) number: usize,
    /// The name of the field.
    pub(super) name: String,
    /// The name of the file, which may be empty; `None` if the part is not a file.
    pub(super) file: Option<String>,
    pub(super) bytes: Bytes,
}

impl Part {
    /// Puts the part in front of a fault.
    pub(super) fn fault(&self, text: impl Into<String>) -> Rejection {
        at_part(self.number, text)
    }
}

fn at_part(number: usize, text: impl Into<String>) -> Rejection {
    Rejection::new(text.into()).at(format!("part {number}"))
}

/// Returns the boundary in a `Content-Type`, if that is `multipart/form-data`.
pub(super) fn boundary(content_type: &[u8]) -> Option<Bytes> {
    let value = std::str::from_utf8(content_type).ok()?;
    let essence = value.split(';').next()?.trim();
    if !essence.eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let (_, boundary) = parameters(value).find(|(name, _)| name.eq_ignore_ascii_case("boundary"))?;
    let is_valid = (1..=MAX_BOUNDARY).contains(&boundary.len())
        && boundary.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    is_valid.then(|| Bytes::copy_from_slice(boundary.as_bytes()))
}

/// The parts of a body, in their order.
pub(super) struct Parts<'a> {
    body: &'a Bytes,
    /// Finds a line break, two hyphens and the boundary.
    finder: memmem::Finder<'static>,
    /// The offset after the last delimiter; `None` after the end of the parts, or after a fault.
    at: Option<usize>,
    number: usize,
}

impl<'a> Parts<'a> {
    /// Finds the first part of a body.
    ///
    /// # Errors
    /// Rejects a body without the boundary.
    pub(super) fn new(body: &'a Bytes, boundary: &[u8]) -> Result<Self, Rejection> {
        let delimiter = [b"\r\n--", boundary].concat();
        let finder = memmem::Finder::new(&delimiter).into_owned();
        let mut parts = Parts { body, finder, at: None, number: 0 };
        let line = &delimiter[2..];
        let first = if body.starts_with(line) { parts.end_of_delimiter(line.len()) } else { None };
        let first = first.or_else(|| parts.delimiter(0).map(|(_, end)| end));
        match first {
            Some(end) => parts.at = end.next_part,
            None => {
                let fault = Expected::new("the boundary of the Content-Type", "none");
                return Err(Rejection::new(fault).at("request body"));
            }
        }
        Ok(parts)
    }

    /// Returns the offset of the next delimiter, and its end.
    fn delimiter(&self, mut from: usize) -> Option<(usize, Delimiter)> {
        loop {
            let start = from + self.finder.find(self.body.get(from..)?)?;
            let after = start + self.finder.needle().len();
            match self.end_of_delimiter(after) {
                Some(end) => return Some((start, end)),
                // A longer line that begins like the boundary belongs to the part.
                None => from = after,
            }
        }
    }

    /// Reads the rest of a delimiter's line.
    fn end_of_delimiter(&self, at: usize) -> Option<Delimiter> {
        let rest = self.body.get(at..)?;
        if rest.starts_with(b"--") {
            return Some(Delimiter { next_part: None });
        }
        let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        rest[blanks..].starts_with(b"\r\n").then(|| Delimiter { next_part: Some(at + blanks + 2) })
    }

    fn read(&mut self, at: usize) -> Result<Part, Rejection> {
        self.number += 1;
        let number = self.number;
        if number > MAX_PARTS {
            return Err(
                Rejection::new(Expected::new(format_args!("at most {MAX_PARTS} parts"), "more")).at("request body")
            );
        }
        let head = &self.body[at..self.body.len().min(at + MAX_HEAD)];
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let (length, fields) = match httparse::parse_headers(head, &mut fields) {
            Ok(httparse::Status::Complete(read)) => read,
            Ok(httparse::Status::Partial) if head.len() < MAX_HEAD => {
                return Err(at_part(number, Expected::new("header fields", "the end of the body")));
            }
            Ok(httparse::Status::Partial) => {
                return Err(at_part(
                    number,
                    Expected::new(format_args!("at most {MAX_HEAD} bytes of header fields"), "more"),
                ));
            }
            Err(httparse::Error::TooManyHeaders) => {
                return Err(at_part(number, Expected::new(format_args!("at most {MAX_FIELDS} header fields"), "more")));
            }
            Err(_) => return Err(at_part(number, Expected::new("header fields", "other bytes"))),
        };
        let (name, file) = names(number, fields)?;
        let start = at + length;
        let Some((end, delimiter)) = self.delimiter(start) else {
            return Err(at_part(number, Expected::new("the boundary after the part", "the end of the body")));
        };
        self.at = delimiter.next_part;
        Ok(Part { number, name, file, bytes: self.body.slice(start..end) })
    }
}

impl Iterator for Parts<'_> {
    type Item = Result<Part, Rejection>;

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.at.take()?;
        Some(self.read(at))
    }
}

/// A line with the boundary.
struct Delimiter {
    /// The offset of the part after it; `None` if it ends the body.
    next_part: Option<usize>,
}

/// Returns the names of a part: of the field, and of the file if it is one.
fn names(number: usize, fields: &[httparse::Header<'_>]) -> Result<(String, Option<String>), Rejection> {
    let field = |name: &str| fields.iter().find(|field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value);
    if let Some(coding) = field("Content-Transfer-Encoding")
        && ![&b"binary"[..], b"8bit", b"7bit"].iter().any(|plain| coding.eq_ignore_ascii_case(plain))
    {
        let coding = quoted(&String::from_utf8_lossy(coding));
        return Err(at_part(
            number,
            Expected::new("bytes as they are", format_args!("Content-Transfer-Encoding {coding}")),
        ));
    }
    let missing =
        |got: &str| at_part(number, Expected::new("the header 'Content-Disposition: form-data' with a name", got));
    let value = field("Content-Disposition").ok_or_else(|| missing("none"))?;
    let value = std::str::from_utf8(value).map_err(|_| missing("bytes that are not UTF-8"))?;
    let essence = value.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("form-data") {
        return Err(missing("another disposition"));
    }
    let (mut name, mut file) = (None, None);
    for (key, value) in parameters(value) {
        match key {
            "name" => name = Some(value.into_owned()),
            "filename" => file = Some(value.into_owned()),
            // Some clients send a name that is not ASCII in this form only.
            "filename*" if file.is_none() => file = Some(value.rsplit('\'').next().unwrap_or_default().to_owned()),
            _ => {}
        }
    }
    Ok((name.ok_or_else(|| missing("no name"))?, file))
}

/// Returns the parameters after the first semicolon of a header's value, up to a malformed one.
fn parameters(value: &str) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
    let mut rest = value.split_once(';').map_or("", |(_, rest)| rest);
    std::iter::from_fn(move || {
        let (name, after) = rest.trim_start_matches([';', ' ', '\t']).split_once('=')?;
        let after = after.trim_start();
        match after.strip_prefix('"') {
            Some(quoted) => {
                let end = end_of_quoted(quoted)?;
                rest = &quoted[end + 1..];
                Some((name.trim(), unescaped(&quoted[..end])))
            }
            None => {
                let end = after.find(';').unwrap_or(after.len());
                rest = &after[end..];
                Some((name.trim(), after[..end].trim_end().into()))
            }
        }
    })
}

/// Returns the offset of the quote that ends a quoted string.
fn end_of_quoted(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    text.bytes().position(|byte| match byte {
        _ if is_escaped => {
            is_escaped = false;
            false
        }
        b'\\' => {
            is_escaped = true;
            false
        }
        byte => byte == b'"',
    })
}

/// Removes the backslashes in front of quotes and backslashes. Others stay: old browsers send paths of Windows.
fn unescaped(text: &str) -> Cow<'_, str> {
    if text.contains('\\') { text.replace("\\\"", "\"").replace("\\\\", "\\").into() } else { text.into() }
}
