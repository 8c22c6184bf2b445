//! The `data` of an input: a list, flat or nested like the shape, decoded straight into a vector of its type.

use bytes::Bytes;

use super::{
    bytes_data::BytesData,
    datatype::DataType,
    elements::{ElementType, Elements, match_datatype},
    fault::{Fault, ReadResult},
    leaves::{self, Leaf, Leaves},
    ranges::Ranges,
    reader::JsonReader,
    tensor::TensorData,
};
use crate::error::Expected;

/// Reads the `data` of a tensor of numbers or booleans, and returns it with the number of elements read. Keeps no more
/// elements than `shape` needs; the caller checks that a flat list has exactly as many.
pub(super) fn numbers(
    reader: &mut JsonReader<'_>,
    datatype: DataType,
    shape: &[usize],
) -> ReadResult<(TensorData, usize)> {
    fn read<T: Leaf + ElementType>(reader: &mut JsonReader<'_>, shape: &[usize]) -> ReadResult<(TensorData, usize)> {
        let needed = leaves::product(shape).unwrap_or(usize::MAX);
        let mut values = Leaves::<T>::new(reader, elements_ahead(reader, needed), needed)?;
        let count = leaves::flat_or_nested(reader, shape, &mut values)?;
        Ok((TensorData::from_values(values.into_vec()), count))
    }
    match_datatype!(
        datatype,
        T => read::<T>(reader, shape),
        BYTES => Err(Fault::new(Expected::new("a data type of numbers or booleans", DataType::Bytes))),
    )
}

/// Returns the number of elements to reserve memory for: as many as are needed, but no more than the list ahead can hold,
/// whatever its shape claims. A list has one more element than commas, and an element takes at least two bytes.
fn elements_ahead(reader: &JsonReader<'_>, needed: usize) -> usize {
    /// The number of elements up to which counting commas costs more than it saves.
    const FEW: usize = 512;
    let ahead = &reader.text().as_bytes()[reader.position()..];
    let limit = needed.min(ahead.len() / 2 + 1);
    if limit <= FEW {
        return limit;
    }
    let mut commas = 0;
    // Counts fit a byte in blocks of less than 256, so that many bytes are counted at once.
    for block in ahead.chunks(128) {
        // A list of numbers contains neither byte, so it has ended here.
        let over = block.iter().fold(0, |found, byte| found | u8::from((*byte == b'"') | (*byte == b'}')));
        commas += usize::from(block.iter().fold(0_u8, |commas, byte| commas + u8::from(*byte == b',')));
        if over > 0 || commas >= limit {
            break;
        }
    }
    limit.min(commas + 1)
}

/// Reads the `data` of a BYTES tensor: a list of any JSON values, or a single string. `body` is the text of the reader.
pub(super) fn bytes(reader: &mut JsonReader<'_>, body: &Bytes) -> ReadResult<TensorData> {
    if reader.peek() == Some(b'"') {
        return one_value(reader, body);
    }
    let (mut ranges, mut is_plain) = (Ranges::default(), true);
    reader.list("a list or a string", |reader, _| {
        let (range, is_plain_string) = value(reader)?;
        is_plain &= is_plain_string;
        ranges.push(range, |bytes| reader.reserve(bytes))
    })?;
    Ok(elements(body, ranges, is_plain))
}

/// Reads a BYTES tensor of one element, which is any JSON value.
pub(super) fn one_value(reader: &mut JsonReader<'_>, body: &Bytes) -> ReadResult<TensorData> {
    let (range, is_plain) = value(reader)?;
    Ok(elements(body, range.into(), is_plain))
}

fn elements(body: &Bytes, ranges: Ranges, is_plain: bool) -> TensorData {
    TensorData::new(Elements::Bytes(BytesData::Body { body: body.clone(), ranges, is_plain }))
}

/// Consumes any value and returns its range in the body, and whether it is a string without escapes.
fn value(reader: &mut JsonReader<'_>) -> ReadResult<((u32, u32), bool)> {
    let is_string = reader.peek() == Some(b'"');
    let start = reader.position();
    let mut is_plain = false;
    if is_string {
        is_plain = reader.skip_string()?;
    } else {
        reader.skip()?;
    }
    let offset = |at: usize| u32::try_from(at).map_err(|_| Fault::at(at, "request body exceeds the limit of 4 GiB"));
    Ok(((offset(start)?, offset(reader.position())?), is_plain))
}
