//! The elements of a BYTES tensor in the forms that they come and go in. [`TensorData`](super::TensorData) holds them.

use std::ops::Range;

use bytes::Bytes;

use super::{
    JsonText,
    data::{self, Leaf},
    fault::{Fault, Read},
    reader::Reader,
};
use crate::error::Rejection;

/// BYTES elements.
#[derive(Clone)]
pub(super) enum Texts {
    /// From a request: where in its body each element stands. An element costs 8 bytes and no copy.
    Body { body: Bytes, ranges: Vec<(u32, u32)> },
    /// From an author, as strings.
    Strings(Vec<String>),
    /// From an author, as JSON values.
    Values(Vec<JsonText>),
}

impl Texts {
    pub(super) fn len(&self) -> usize {
        match self {
            Texts::Body { ranges, .. } => ranges.len(),
            Texts::Strings(strings) => strings.len(),
            Texts::Values(values) => values.len(),
        }
    }

    /// The element at `index`, which is within the length.
    pub(super) fn value(&self, index: usize) -> JsonText {
        match self {
            Texts::Body { body, ranges } => JsonText::checked(body.slice(range(ranges[index]))),
            Texts::Strings(strings) => JsonText::of_string(&strings[index]),
            Texts::Values(values) => values[index].clone(),
        }
    }

    /// About how many bytes the elements take as JSON.
    pub(super) fn size(&self) -> usize {
        match self {
            Texts::Body { ranges, .. } => ranges.iter().map(|(start, end)| (end - start) as usize + 1).sum(),
            Texts::Strings(strings) => strings.iter().map(|string| string.len() + 3).sum(),
            Texts::Values(values) => values.iter().map(|value| value.as_bytes().len() + 1).sum(),
        }
    }

    /// Writes the elements as a JSON list.
    pub(super) fn write_to(&self, text: &mut Vec<u8>) {
        text.push(b'[');
        for index in 0..self.len() {
            if index > 0 {
                text.push(b',');
            }
            match self {
                Texts::Body { body, ranges } => text.extend_from_slice(&body[range(ranges[index])]),
                other => text.extend_from_slice(other.value(index).as_bytes()),
            }
        }
        text.push(b']');
    }

    /// The strings of all elements, flat.
    pub(super) fn strings(&self, shape: &[usize]) -> Result<Vec<String>, Rejection> {
        let needed = data::product(shape).map_err(|fault| fault.unplaced())?;
        if let Texts::Strings(strings) = self {
            data::same_count(shape, needed, strings.len()).map_err(|fault| fault.unplaced())?;
            return Ok(strings.clone());
        }
        let nested = shape.len() > 1 && self.len() > 0 && self.value(0).as_bytes().first() == Some(&b'[');
        let inner = if nested { &shape[1..] } else { &[] };
        let mut strings = Vec::with_capacity(self.len());
        for index in 0..self.len() {
            let value = self.value(index);
            let mut reader = Reader::new(value.as_str());
            let read =
                if nested { data::nested(&mut reader, inner, &mut strings) } else { leaf(&mut reader, &mut strings) };
            read.map_err(|fault| self.placed(fault.in_element(index).in_member("data"), index))?;
        }
        let outermost = if nested { data::same_length(shape[0], self.len()) } else { Ok(()) };
        outermost.map_err(|text| Fault::of(text).in_member("data").unplaced())?;
        data::same_count(shape, needed, strings.len()).map_err(|fault| fault.unplaced())?;
        Ok(strings)
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

fn leaf(reader: &mut Reader<'_>, strings: &mut Vec<String>) -> Read<()> {
    match String::read(reader) {
        Some(string) => {
            strings.push(string);
            Ok(())
        }
        None => Err(String::unfit(reader)),
    }
}

fn range((start, end): (u32, u32)) -> Range<usize> {
    start as usize..end as usize
}
