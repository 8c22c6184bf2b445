//! The elements of a BYTES tensor in the forms that they come and go in. [`TensorData`](super::TensorData) holds them.

use std::{borrow::Cow, fmt, ops::Range};

use bytes::Bytes;

use super::{
    BytesElement, EncodeError, JsonText,
    data::{self, Leaves},
    fault::Fault,
    ranges::Ranges,
    reader::Reader,
};
use crate::error::Rejection;

/// BYTES elements.
#[derive(Clone)]
pub(super) enum Texts {
    /// From a request: where in its body each element stands. An element costs 8 bytes and no copy.
    Body { body: Bytes, ranges: Ranges },
    /// From a binary tensor: where among its bytes those of each element stand.
    Binary { bytes: Bytes, ranges: Ranges },
    /// From an author, as strings.
    Strings(Vec<String>),
    /// From an author, as JSON values.
    Values(Vec<JsonText>),
}

/// One element of BYTES, borrowed from where it stands.
#[derive(Clone, Copy)]
pub(crate) enum Text<'a> {
    /// A JSON value.
    Json(&'a str),
    /// A string as it is.
    Plain(&'a str),
    /// Bytes that came in binary form.
    Bytes(&'a [u8]),
}

impl Text<'_> {
    /// Whether it is a list of JSON.
    pub(crate) fn is_list(self) -> bool {
        matches!(self, Text::Json(value) if value.starts_with('['))
    }

    /// Whether it is an object of JSON, or a string or bytes that begin like one.
    pub(crate) fn holds_object(self) -> bool {
        match self {
            Text::Json(value) => unquoted(value.as_bytes()).trim_ascii_start().starts_with(b"{"),
            Text::Plain(text) => text.trim_ascii_start().starts_with('{'),
            Text::Bytes(bytes) => bytes.trim_ascii_start().starts_with(b"{"),
        }
    }
}

impl fmt::Debug for Text<'_> {
    /// How long it is: the payload stays out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Text::Json(text) | Text::Plain(text)) = self else { return f.write_str("bytes") };
        write!(f, "{} bytes of text", text.len())
    }
}

impl Texts {
    pub(super) fn len(&self) -> usize {
        match self {
            Texts::Body { ranges, .. } | Texts::Binary { ranges, .. } => ranges.len(),
            Texts::Strings(strings) => strings.len(),
            Texts::Values(values) => values.len(),
        }
    }

    /// The bytes that the elements take beyond those of the request that they came in.
    pub(super) fn memory(&self) -> usize {
        match self {
            Texts::Body { ranges, .. } | Texts::Binary { ranges, .. } => ranges.len() * size_of::<(u32, u32)>(),
            Texts::Strings(strings) => strings.iter().map(|text| text.len() + size_of::<String>()).sum(),
            Texts::Values(values) => values.iter().map(|text| text.as_bytes().len() + size_of::<JsonText>()).sum(),
        }
    }

    /// The element at `index`, which is within the length.
    pub(super) fn element(&self, index: usize) -> BytesElement {
        match self {
            Texts::Body { body, ranges } => BytesElement::Json(JsonText::checked(body.slice(range(ranges[index])))),
            Texts::Binary { bytes, ranges } => BytesElement::Binary(bytes.slice(range(ranges[index]))),
            Texts::Strings(strings) => BytesElement::Json(JsonText::of_string(&strings[index])),
            Texts::Values(values) => BytesElement::Json(values[index].clone()),
        }
    }

    /// The element at `index`, where it stands.
    pub(super) fn borrowed(&self, index: usize) -> Option<Text<'_>> {
        Some(match self {
            // Every part of a body that is text has been checked to be so.
            Texts::Body { body, ranges } => {
                Text::Json(std::str::from_utf8(&body[range(*ranges.get(index)?)]).unwrap_or_default())
            }
            Texts::Binary { bytes, ranges } => Text::Bytes(&bytes[range(*ranges.get(index)?)]),
            Texts::Strings(strings) => Text::Plain(strings.get(index)?),
            Texts::Values(values) => Text::Json(values.get(index)?.as_str()),
        })
    }

    /// The element at `index` as it is written in binary form. A value of an author's is JSON, even if it is a string.
    pub(super) fn as_binary(&self, index: usize) -> Cow<'_, [u8]> {
        match self {
            Texts::Body { body, ranges } => unquoted(&body[range(ranges[index])]),
            Texts::Binary { bytes, ranges } => Cow::Borrowed(&bytes[range(ranges[index])]),
            Texts::Strings(strings) => Cow::Borrowed(strings[index].as_bytes()),
            Texts::Values(values) => Cow::Borrowed(values[index].as_bytes()),
        }
    }

    /// About how many bytes the elements take as JSON.
    pub(super) fn size(&self) -> usize {
        match self {
            Texts::Body { ranges, .. } | Texts::Binary { ranges, .. } => {
                ranges.iter().map(|(start, end)| (end - start) as usize + 3).sum()
            }
            Texts::Strings(strings) => strings.iter().map(|string| string.len() + 3).sum(),
            Texts::Values(values) => values.iter().map(|value| value.as_bytes().len() + 1).sum(),
        }
    }

    /// Writes the elements as a JSON list, which bytes that are no text do not fit into.
    pub(super) fn write_to(&self, text: &mut Vec<u8>) -> Result<(), EncodeError> {
        text.push(b'[');
        for index in 0..self.len() {
            if index > 0 {
                text.push(b',');
            }
            match self {
                Texts::Body { body, ranges } => text.extend_from_slice(&body[range(ranges[index])]),
                Texts::Binary { .. } => match self.element(index).text() {
                    Ok(string) => text.extend_from_slice(JsonText::of_string(&string).as_bytes()),
                    Err(_) => return Err(EncodeError::NotText(format!("data[{index}]"))),
                },
                Texts::Strings(strings) => text.extend_from_slice(JsonText::of_string(&strings[index]).as_bytes()),
                Texts::Values(values) => text.extend_from_slice(values[index].as_bytes()),
            }
        }
        text.push(b']');
        Ok(())
    }

    /// The strings of all elements, flat.
    pub(super) fn strings(&self, shape: &[usize]) -> Result<Vec<String>, Rejection> {
        match self {
            Texts::Strings(strings) => self.same_count(shape).map(|()| strings.clone()),
            Texts::Binary { .. } => {
                self.same_count(shape)?;
                let string = |index| match self.element(index).text() {
                    Ok(text) => Ok(text.into_owned()),
                    Err(fault) => Err(fault.at(format_args!("data[{index}]"))),
                };
                (0..self.len()).map(string).collect()
            }
            Texts::Body { body, ranges } => {
                let part = |range_of: &(u32, u32)| JsonText::checked(body.slice(range(*range_of)));
                self.json_strings(shape, ranges.iter().map(part))
            }
            Texts::Values(values) => self.json_strings(shape, values.iter().cloned()),
        }
    }

    /// There must be as many elements as the shape needs.
    pub(super) fn same_count(&self, shape: &[usize]) -> Result<(), Rejection> {
        let counted = data::product(shape).and_then(|needed| data::same_count(shape, needed, self.len()));
        counted.map_err(|fault| fault.unplaced())
    }

    /// The strings of JSON values, flat.
    fn json_strings(
        &self,
        shape: &[usize],
        values: impl Iterator<Item = JsonText> + Clone,
    ) -> Result<Vec<String>, Rejection> {
        let needed = data::product(shape).map_err(|fault| fault.unplaced())?;
        let is_list = |value: JsonText| value.as_bytes().first() == Some(&b'[');
        let nested = shape.len() > 1 && values.clone().next().is_some_and(is_list);
        let mut reserved = self.len();
        if nested {
            // What the shape says is checked before room is made for it.
            self.read_strings(&shape[1..], values.clone(), &mut Leaves::new(0, 0))?;
            let outermost = data::same_length(shape[0], self.len());
            outermost.map_err(|text| Fault::of(text).in_member("data").unplaced())?;
            reserved = needed;
        }
        let mut strings = Leaves::new(reserved, needed);
        self.read_strings(if nested { &shape[1..] } else { &[] }, values, &mut strings)?;
        let came = if nested { needed } else { self.len() };
        data::same_count(shape, needed, came).map_err(|fault| fault.unplaced())?;
        Ok(strings.into_vec())
    }

    /// Reads each value as a string, or as lists of strings if `inner` is the shape of these.
    fn read_strings(
        &self,
        inner: &[usize],
        values: impl Iterator<Item = JsonText>,
        strings: &mut Leaves<String>,
    ) -> Result<(), Rejection> {
        for (index, value) in values.enumerate() {
            let mut reader = Reader::new(value.as_str());
            let read =
                if inner.is_empty() { strings.read(&mut reader) } else { data::nested(&mut reader, inner, strings) };
            read.map_err(|fault| self.placed(fault.in_element(index).in_member("data"), index))?;
        }
        Ok(())
    }

    /// What the caller reads of a fault within the element at `index`.
    fn placed(&self, fault: Box<Fault>, index: usize) -> Rejection {
        match self {
            Texts::Body { body, ranges } => {
                let body = std::str::from_utf8(body).unwrap_or_default();
                fault.shifted(range(ranges[index]).start).rejection(body)
            }
            _ => fault.unplaced(),
        }
    }
}

/// What a JSON value is in binary form: a string's text, any other value's JSON.
fn unquoted(value: &[u8]) -> Cow<'_, [u8]> {
    let string = match value.first() {
        Some(b'"') => Reader::new(std::str::from_utf8(value).unwrap_or_default()).string("a string").ok(),
        _ => None,
    };
    match string {
        Some(Cow::Borrowed(text)) => Cow::Borrowed(text.as_bytes()),
        Some(Cow::Owned(text)) => Cow::Owned(text.into_bytes()),
        None => Cow::Borrowed(value),
    }
}

fn range((start, end): (u32, u32)) -> Range<usize> {
    start as usize..end as usize
}
