//! The elements of a BYTES tensor, in every form in which they are received and sent. [`TensorData`](super::TensorData)
//! holds them.

use std::{borrow::Cow, fmt, ops::Range};

use bytes::Bytes;

use super::{
    bytes_element::BytesElement,
    encode_error::EncodeError,
    fault::Fault,
    json_text::{JsonText, is_utf8, text_of},
    leaves::{self, Leaves},
    meter::{Meter, block},
    ranges::Ranges,
    reader::JsonReader,
    write_string,
};
use crate::error::Rejection;

/// The elements of a BYTES tensor.
#[derive(Clone)]
pub enum BytesData {
    /// The range of each element in the JSON of a request. An element costs 8 bytes and no copy.
    /// They are plain if all are strings without escapes.
    Body { body: Bytes, ranges: Ranges, is_plain: bool },
    /// The range of each element in the bytes of a binary tensor.
    Binary { bytes: Bytes, ranges: Ranges },
    /// Strings from an author.
    Strings(Vec<String>),
    /// JSON values from an author.
    Values(Vec<JsonText>),
}

/// One element of a BYTES tensor, borrowed from its tensor.
#[derive(Clone, Copy)]
pub(crate) enum BytesElementRef<'a> {
    /// A JSON value.
    Json(&'a str),
    /// A plain string.
    Plain(&'a str),
    /// Bytes received in binary form.
    Bytes(&'a [u8]),
}

impl BytesElementRef<'_> {
    /// Returns `true` if the element is a JSON list.
    pub(crate) fn is_list(self) -> bool {
        matches!(self, BytesElementRef::Json(value) if value.starts_with('['))
    }

    /// Returns `true` if the element is a JSON string.
    pub(crate) fn is_string(self) -> bool {
        matches!(self, BytesElementRef::Json(value) if value.starts_with('"'))
    }

    /// Returns `true` if the first value within a JSON list, which is not a list itself, holds an object.
    pub(crate) fn first_leaf_holds_object(self) -> bool {
        let BytesElementRef::Json(value) = self else { return false };
        let mut reader = JsonReader::new(value.trim_start_matches(['[', ' ', '\n', '\r', '\t']));
        reader.value().is_ok_and(|leaf| BytesElementRef::Json(leaf).holds_object())
    }

    /// Returns `true` if the element is a JSON object, or a string or bytes that start like one.
    pub(crate) fn holds_object(self) -> bool {
        match self {
            BytesElementRef::Json(value) => unquoted(value.as_bytes()).trim_ascii_start().starts_with(b"{"),
            BytesElementRef::Plain(text) => text.trim_ascii_start().starts_with('{'),
            BytesElementRef::Bytes(bytes) => bytes.trim_ascii_start().starts_with(b"{"),
        }
    }
}

impl fmt::Debug for BytesElementRef<'_> {
    /// Formats the length only, to keep the payload out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (BytesElementRef::Json(text) | BytesElementRef::Plain(text)) = self else { return f.write_str("bytes") };
        write!(f, "{} bytes of text", text.len())
    }
}

impl BytesData {
    pub(super) fn len(&self) -> usize {
        match self {
            BytesData::Body { ranges, .. } | BytesData::Binary { ranges, .. } => ranges.len(),
            BytesData::Strings(strings) => strings.len(),
            BytesData::Values(values) => values.len(),
        }
    }

    /// Returns the memory of the elements in bytes, without the body of the request that they refer to.
    pub(super) fn memory(&self) -> usize {
        match self {
            BytesData::Body { ranges, .. } | BytesData::Binary { ranges, .. } => ranges.memory(),
            BytesData::Strings(strings) => {
                let texts: usize = strings.iter().map(|text| block(text.capacity())).sum();
                texts + strings.capacity() * size_of::<String>()
            }
            BytesData::Values(values) => {
                let texts: usize = values.iter().map(|text| block(text.as_bytes().len())).sum();
                texts + values.capacity() * size_of::<JsonText>()
            }
        }
    }

    /// Returns `true` if JSON can represent every element, which it cannot if one is bytes that are not UTF-8.
    pub(super) fn fits_json(&self) -> bool {
        match self {
            BytesData::Binary { bytes, ranges } => ranges.iter().all(|element| is_utf8(&bytes[range(*element)])),
            BytesData::Body { .. } | BytesData::Strings(_) | BytesData::Values(_) => true,
        }
    }

    /// Returns `true` if the elements are strings of a body without escapes, and most of the body is theirs: whoever keeps them
    /// keeps the whole body.
    pub(super) fn is_plain_body(&self) -> bool {
        match self {
            BytesData::Body { body, ranges, is_plain: true } => {
                let texts: usize = ranges.iter().map(|element| range(*element).len()).sum();
                2 * texts >= body.len()
            }
            _ => false,
        }
    }

    /// Returns the element at `index`, which must be less than the length.
    pub(super) fn element(&self, index: usize) -> BytesElement {
        match self {
            BytesData::Body { body, ranges, .. } => {
                BytesElement::Json(JsonText::new_unchecked(body.slice(range(ranges[index]))))
            }
            BytesData::Binary { bytes, ranges } => BytesElement::Binary(bytes.slice(range(ranges[index]))),
            BytesData::Strings(strings) => BytesElement::Json(JsonText::from_string(&strings[index])),
            BytesData::Values(values) => BytesElement::Json(values[index].clone()),
        }
    }

    /// Returns the element at `index` without a copy, or `None` if there is no such element.
    pub(super) fn element_ref(&self, index: usize) -> Option<BytesElementRef<'_>> {
        Some(match self {
            // The decoder has checked that the JSON of a body is UTF-8.
            BytesData::Body { body, ranges, .. } => BytesElementRef::Json(text_of(&body[range(*ranges.get(index)?)])),
            BytesData::Binary { bytes, ranges } => BytesElementRef::Bytes(&bytes[range(*ranges.get(index)?)]),
            BytesData::Strings(strings) => BytesElementRef::Plain(strings.get(index)?),
            BytesData::Values(values) => BytesElementRef::Json(values.get(index)?.as_str()),
        })
    }

    /// Returns the binary form of the element at `index`. A JSON value from an author stays JSON, even if it is a string.
    pub(super) fn binary_form(&self, index: usize) -> Cow<'_, [u8]> {
        match self {
            BytesData::Body { body, ranges, .. } => unquoted(&body[range(ranges[index])]),
            BytesData::Binary { bytes, ranges } => Cow::Borrowed(&bytes[range(ranges[index])]),
            BytesData::Strings(strings) => Cow::Borrowed(strings[index].as_bytes()),
            BytesData::Values(values) => Cow::Borrowed(values[index].as_bytes()),
        }
    }

    /// Estimates the length of the elements as JSON, in bytes.
    pub(super) fn json_size_estimate(&self) -> usize {
        match self {
            BytesData::Body { ranges, .. } | BytesData::Binary { ranges, .. } => {
                ranges.iter().map(|(start, end)| (end - start) as usize + 3).sum()
            }
            BytesData::Strings(strings) => strings.iter().map(|string| string.len() + 3).sum(),
            BytesData::Values(values) => values.iter().map(|value| value.as_bytes().len() + 1).sum(),
        }
    }

    /// Returns the most bytes that the elements take as JSON.
    pub(super) fn json_size_bound(&self) -> usize {
        // With the comma behind it.
        let string = |text: &[u8]| write_string::size_bound(text) + 1;
        match self {
            BytesData::Body { .. } | BytesData::Values(_) => self.json_size_estimate(),
            BytesData::Binary { bytes, ranges } => ranges.iter().map(|element| string(&bytes[range(*element)])).sum(),
            BytesData::Strings(strings) => strings.iter().map(|text| string(text.as_bytes())).sum(),
        }
    }

    /// Writes the elements as a JSON list; fails on bytes that are not UTF-8.
    pub(super) fn write_to(&self, text: &mut Vec<u8>) -> Result<(), EncodeError> {
        text.push(b'[');
        for index in 0..self.len() {
            if index > 0 {
                text.push(b',');
            }
            match self {
                BytesData::Body { body, ranges, .. } => text.extend_from_slice(&body[range(ranges[index])]),
                BytesData::Binary { .. } => match self.element(index).text() {
                    Ok(string) => write_string::write_string(text, &string),
                    Err(_) => return Err(EncodeError::NotText(format!("data[{index}]"))),
                },
                BytesData::Strings(strings) => write_string::write_string(text, &strings[index]),
                BytesData::Values(values) => text.extend_from_slice(values[index].as_bytes()),
            }
        }
        text.push(b']');
        Ok(())
    }

    /// Returns the strings of all elements as a flat list, whose memory is reserved first.
    pub(super) fn strings(&self, shape: &[usize], meter: &Meter<'_>) -> Result<Vec<String>, Rejection> {
        match self {
            BytesData::Strings(strings) => {
                self.check_count(shape)?;
                meter.read(self.memory())?;
                Ok(strings.clone())
            }
            BytesData::Binary { ranges, .. } => {
                self.check_count(shape)?;
                let texts: usize = ranges.iter().map(|(start, end)| block((end - start) as usize)).sum();
                meter.read(texts + self.len() * size_of::<String>())?;
                let mut strings = Vec::with_capacity(self.len());
                for index in 0..self.len() {
                    let element = self.element(index);
                    let text = element.text().map_err(|fault| fault.at(format_args!("data[{index}]")))?;
                    strings.push(text.into_owned());
                }
                Ok(strings)
            }
            BytesData::Body { body, ranges, .. } => {
                let value = |range_of: &(u32, u32)| JsonText::new_unchecked(body.slice(range(*range_of)));
                self.json_strings(shape, ranges.iter().map(value), meter)
            }
            BytesData::Values(values) => self.json_strings(shape, values.iter().cloned(), meter),
        }
    }

    /// Checks that the shape needs exactly this number of elements.
    pub(super) fn check_count(&self, shape: &[usize]) -> Result<(), Rejection> {
        let checked = leaves::product(shape).and_then(|needed| leaves::check_count(shape, needed, self.len()));
        checked.map_err(|fault| fault.rejection())
    }

    /// Returns the strings of JSON values as a flat list.
    fn json_strings(
        &self,
        shape: &[usize],
        values: impl Iterator<Item = JsonText> + Clone,
        meter: &Meter<'_>,
    ) -> Result<Vec<String>, Rejection> {
        let needed = leaves::product(shape).map_err(|fault| fault.rejection())?;
        let is_list = |value: JsonText| value.as_bytes().first() == Some(&b'[');
        let nested = shape.len() > 1 && values.clone().next().is_some_and(is_list);
        let mut reserved = self.len();
        if nested {
            // Checks the claims of the shape before memory is reserved for them.
            let mut none = Leaves::new(&JsonReader::new(""), 0, 0).map_err(|fault| fault.rejection())?;
            self.read_strings(&shape[1..], values.clone(), &mut none, &Meter::default())?;
            let outermost = leaves::check_length(shape[0], self.len());
            outermost.map_err(|text| Fault::new(text).in_member("data").rejection())?;
            reserved = needed;
        }
        let reserving = JsonReader::metered("", meter);
        let mut strings = Leaves::new(&reserving, reserved, needed).map_err(|fault| fault.rejection())?;
        self.read_strings(if nested { &shape[1..] } else { &[] }, values, &mut strings, meter)?;
        let count = if nested { needed } else { self.len() };
        leaves::check_count(shape, needed, count).map_err(|fault| fault.rejection())?;
        Ok(strings.into_vec())
    }

    /// Reads each value as a string, or as lists of strings whose shape is `inner`.
    fn read_strings(
        &self,
        inner: &[usize],
        values: impl Iterator<Item = JsonText>,
        strings: &mut Leaves<String>,
        meter: &Meter<'_>,
    ) -> Result<(), Rejection> {
        for (index, value) in values.enumerate() {
            let mut reader = JsonReader::metered(value.as_str(), meter);
            let read =
                if inner.is_empty() { strings.read(&mut reader) } else { leaves::nested(&mut reader, inner, strings) };
            read.map_err(|fault| self.rejection(fault.in_element(index).in_member("data"), index))?;
        }
        Ok(())
    }

    /// Returns the rejection for a fault within the element at `index`, with line and column if the body is known.
    fn rejection(&self, fault: Box<Fault>, index: usize) -> Rejection {
        match self {
            BytesData::Body { body, ranges, .. } => {
                let body = std::str::from_utf8(body).unwrap_or_default();
                fault.shifted(range(ranges[index]).start).rejection_in(body)
            }
            _ => fault.rejection(),
        }
    }
}

/// Returns the binary form of a JSON value: the text of a string, the JSON of any other value.
fn unquoted(value: &[u8]) -> Cow<'_, [u8]> {
    let string = match value.first() {
        Some(b'"') => JsonReader::new(std::str::from_utf8(value).unwrap_or_default()).string("a string").ok(),
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
