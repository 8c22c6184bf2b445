//! Binary tensors: those after the JSON of a request, a body that is only one tensor, and those of a response.

use bytes::Bytes;

use super::{
    binary_elements::BinaryElements,
    bytes_data::BytesData,
    datatype::DataType,
    elements::{Elements, match_elements},
    encode_error::EncodeError,
    fault::{Fault, ReadResult, shape_text},
    leaves,
    little_endian::LittleEndian,
    ranges::Ranges,
    tensor::{Storage, TensorData},
};
use crate::error::{Expected, Rejection, quoted};

/// The header of a request or response with binary tensors: the length of its JSON in bytes.
pub const JSON_LENGTH_HEADER: &str = "Inference-Header-Content-Length";

/// The size of the length in front of each element of BYTES, in bytes.
const LENGTH_SIZE: usize = size_of::<u32>();

/// The size from which a tensor is a frame of its own in a response, in bytes. A smaller one is copied for less than a frame
/// costs.
const FRAME: usize = 16 << 10;

/// The values of a tensor that is sent from where they are.
struct Owned<T>(Vec<T>);

impl<T: LittleEndian> AsRef<[u8]> for Owned<T> {
    fn as_ref(&self) -> &[u8] {
        T::as_bytes(&self.0).unwrap_or_default()
    }
}

/// Parses the value of [`JSON_LENGTH_HEADER`].
///
/// # Errors
/// Returns an error if the value is not a number.
pub(crate) fn json_length(value: &[u8]) -> Result<usize, Rejection> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        let fault = Expected::new("a number of bytes", quoted(&String::from_utf8_lossy(value)));
        return Err(Rejection::new(fault).at(JSON_LENGTH_HEADER));
    }
    let number = |text: &str| text.parse().ok();
    // A number that exceeds `usize` exceeds the length of any body.
    Ok(std::str::from_utf8(value).ok().and_then(number).unwrap_or(usize::MAX))
}

/// Splits a body into its JSON and the binary tensors.
pub(super) fn split(body: &Bytes, json_length: usize) -> Result<(Bytes, BinaryTail), Rejection> {
    if json_length > body.len() {
        let expected = format_args!("at most {}, the length of the body", body.len());
        return Err(Rejection::new(Expected::new(expected, json_length)).at(JSON_LENGTH_HEADER));
    }
    Ok((body.slice(..json_length), BinaryTail { rest: body.slice(json_length..), body: body.len() }))
}

/// The binary tensors after the JSON that have not been read yet.
pub(super) struct BinaryTail {
    rest: Bytes,
    /// The length of the whole body.
    body: usize,
}

impl BinaryTail {
    /// Consumes the `size` bytes of the next tensor. The size of numbers or booleans must match data type and shape.
    pub(super) fn take(&mut self, numeric: Option<DataType>, shape: &[usize], size: usize) -> ReadResult<Bytes> {
        if let Some((datatype, width)) = numeric.and_then(|datatype| Some((datatype, datatype.size()?))) {
            let Some(needed) = leaves::product(shape)?.checked_mul(width) else {
                return Err(Fault::new(format!("shape {} of {datatype} has too many bytes", shape_text(shape))));
            };
            if needed != size {
                let expected = format!("{needed} for shape {} of {datatype}", shape_text(shape));
                return Err(Fault::new(Expected::new(expected, size)));
            }
        }
        if size > self.rest.len() {
            let expected = format!("at most {}, the rest of the body", self.rest.len());
            return Err(Fault::new(Expected::new(expected, size)));
        }
        Ok(self.rest.split_to(size))
    }

    /// Returns the length of the whole body.
    pub(super) fn body(&self) -> usize {
        self.body
    }

    /// Checks that no bytes are left.
    pub(super) fn end(&self) -> Result<(), Rejection> {
        match self.rest.len() {
            0 => Ok(()),
            left => {
                let expected = "the end of the body after the last binary tensor";
                Err(Rejection::new(Expected::new(expected, format_args!("{left} more bytes"))))
            }
        }
    }
}

/// Makes a tensor from its binary form, which is part of a body of this length; `reserve` is called before memory is taken.
/// The size of numbers and booleans must have been checked.
pub(super) fn tensor(
    datatype: DataType,
    bytes: Bytes,
    body: usize,
    reserve: impl Fn(usize) -> ReadResult<()>,
) -> ReadResult<TensorData> {
    match datatype {
        DataType::Bytes => bytes_elements(bytes, reserve),
        DataType::Bool => match bytes.iter().position(|byte| *byte > 1) {
            Some(index) => {
                let fault = Expected::new("0 or 1 for BOOL", bytes[index]);
                Err(Fault::new(fault).in_element(index).in_member("data"))
            }
            None => Ok(TensorData(Storage::Binary(BinaryElements::new(datatype, bytes, body)))),
        },
        _ => Ok(TensorData(Storage::Binary(BinaryElements::new(datatype, bytes, body)))),
    }
}

/// Finds the elements of BYTES: each a length of 4 bytes, followed by that number of bytes.
fn bytes_elements(bytes: Bytes, reserve: impl Fn(usize) -> ReadResult<()>) -> ReadResult<TensorData> {
    let mut ranges = Ranges::default();
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        let index = ranges.len();
        let fault = |text: String| Fault::new(text).in_element(index).in_member("data");
        let Some((length, after)) = rest.split_first_chunk::<LENGTH_SIZE>() else {
            let expected = format_args!("a length of {LENGTH_SIZE} bytes");
            return Err(fault(Expected::new(expected, format_args!("{} bytes", rest.len())).into()));
        };
        let length = u32::from_le_bytes(*length);
        let Some(after) = usize::try_from(length).ok().and_then(|length| after.get(length..)) else {
            let expected = format_args!("a length of at most {}, the rest of the tensor", after.len());
            return Err(fault(Expected::new(expected, length).into()));
        };
        let end =
            u32::try_from(bytes.len() - after.len()).map_err(|_| fault("tensor exceeds the limit of 4 GiB".into()))?;
        ranges.push((end - length, end), &reserve)?;
        rest = after;
    }
    Ok(TensorData::new(Elements::Bytes(BytesData::Binary { bytes, ranges })))
}

/// Makes a tensor of one BYTES element from a body, and computes its shape.
pub(super) fn one_element(body: &Bytes, declared: &[i64]) -> ReadResult<(Vec<usize>, TensorData)> {
    let shape: Vec<_> = declared.iter().map(|length| usize::try_from(*length).unwrap_or(1)).collect();
    leaves::check_count(&shape, leaves::product(&shape)?, 1)?;
    Ok((shape, whole(body)?))
}

/// Makes a tensor of one BYTES element from a body.
pub(super) fn whole(body: &Bytes) -> ReadResult<TensorData> {
    let end = u32::try_from(body.len()).map_err(|_| Fault::new("request body exceeds the limit of 4 GiB"))?;
    let data = BytesData::Binary { bytes: body.clone(), ranges: (0, end).into() };
    Ok(TensorData::new(Elements::Bytes(data)))
}

/// Computes the shape of a body that is one tensor of numbers or booleans.
pub(super) fn raw_shape(size: usize, datatype: DataType, declared: &[i64]) -> ReadResult<Vec<usize>> {
    let varying = declared.iter().filter(|length| **length < 0).count();
    if varying > 1 {
        let expected = format!("JSON before the tensor because {varying} of its dimensions have a variable length");
        return Err(Fault::new(Expected::new(expected, "a tensor alone")));
    }
    let fixed: Vec<_> = declared.iter().filter_map(|length| usize::try_from(*length).ok()).collect();
    let row = leaves::product(&fixed)?.saturating_mul(datatype.size().unwrap_or(1));
    let fits = if varying == 0 { size == row } else { row > 0 && size.is_multiple_of(row) };
    if !fits {
        let multiple = if varying == 0 { "" } else { "a multiple of " };
        let expected = format!("a body of {multiple}{row} bytes");
        return Err(Fault::new(Expected::new(expected, format_args!("{size} bytes"))));
    }
    Ok(declared.iter().map(|length| usize::try_from(*length).unwrap_or_else(|_| size / row)).collect())
}

impl TensorData {
    /// Returns the number of bytes that [`write_binary`](Self::write_binary) appends.
    pub(super) fn binary_size(&self) -> usize {
        match (self.datatype().size(), self.bytes_data()) {
            (_, Some(data)) => (0..data.len()).map(|index| LENGTH_SIZE + data.binary_form(index).len()).sum(),
            (width, None) => self.len() * width.unwrap_or(1),
        }
    }

    /// Returns the memory that the tensor keeps as a frame of a response, in bytes. `None` if a copy of its binary form is
    /// better: it is small, or the frame would keep more than twice its memory.
    pub(super) fn frame_memory(&self) -> Option<usize> {
        let memory = match &self.0 {
            Storage::Binary(binary) => binary.body(),
            Storage::Typed(elements) => match_elements!(
                elements,
                values => LittleEndian::as_bytes(values).map(|_| self.memory())?,
                BYTES(_) => return None,
            ),
        };
        let size = self.binary_size();
        (size >= FRAME && memory <= 2 * size).then_some(memory)
    }

    /// Returns the tensor in binary form without a copy, unless [`frame_memory`](Self::frame_memory) is `None`.
    ///
    /// # Errors
    /// Returns the tensor itself.
    pub(super) fn into_frame(self) -> Result<Bytes, Self> {
        if self.frame_memory().is_none() {
            return Err(self);
        }
        match self.0 {
            Storage::Binary(binary) => Ok(binary.into_shared()),
            Storage::Typed(elements) => match_elements!(
                elements,
                values => Ok(Bytes::from_owner(Owned(values))),
                BYTES(data) => Err(TensorData::new(Elements::Bytes(data))),
            ),
        }
    }

    /// Appends the tensor in binary form.
    pub(super) fn write_binary(&self, bytes: &mut Vec<u8>) -> Result<(), EncodeError> {
        let elements = match &self.0 {
            Storage::Binary(binary) => {
                bytes.extend_from_slice(binary.bytes());
                return Ok(());
            }
            Storage::Typed(elements) => elements,
        };
        match_elements!(
            elements,
            values => LittleEndian::write_all(values, bytes),
            BYTES(data) => {
                for index in 0..data.len() {
                    let element = data.binary_form(index);
                    let length = u32::try_from(element.len())
                        .map_err(|_| EncodeError::Invalid(format!("data[{index}] exceeds the limit of 4 GiB")))?;
                    bytes.extend_from_slice(&length.to_le_bytes());
                    bytes.extend_from_slice(&element);
                }
            },
        );
        Ok(())
    }
}
