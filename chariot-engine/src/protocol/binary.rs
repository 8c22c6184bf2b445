//! Binary tensors: what follows the JSON of a request, the form in which a body is nothing but a tensor, and how the
//! tensors of a response are written. Requests and responses use it.

use bytes::Bytes;

use super::{
    DataType, EncodeError, InferInput, InferRequest, TensorData, TensorMetadata, data,
    fault::{Fault, Read, written},
    ranges::Ranges,
    raw::{LittleEndian, Raw},
    tensor::{Elements, Form},
    texts::Texts,
};
use crate::error::{Rejection, quoted};

/// The header that tells a binary request or response, and says how long its JSON is.
pub const JSON_LENGTH_HEADER: &str = "Inference-Header-Content-Length";

/// The bytes that stand before each element of BYTES, and say how long it is.
const LENGTH: usize = size_of::<u32>();

/// Reads the value of [`JSON_LENGTH_HEADER`].
///
/// # Errors
/// It is no number.
pub(crate) fn json_length(value: &[u8]) -> Result<usize, Rejection> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        let came = quoted(&String::from_utf8_lossy(value));
        return Err(Rejection::new(format!("a number of bytes is expected, {came} came")).at(JSON_LENGTH_HEADER));
    }
    let number = |text: &str| text.parse().ok();
    // What no `usize` holds is beyond every body.
    Ok(std::str::from_utf8(value).ok().and_then(number).unwrap_or(usize::MAX))
}

/// A body's JSON, and what follows it.
pub(super) fn split(body: &Bytes, json_length: usize) -> Result<(Bytes, Tail), Rejection> {
    if json_length > body.len() {
        let text = format!("a length of at most {}, that of the body, is expected, {json_length} came", body.len());
        return Err(Rejection::new(text).at(JSON_LENGTH_HEADER));
    }
    Ok((body.slice(..json_length), Tail(body.slice(json_length..))))
}

/// What is left of the tensors that follow the JSON.
pub(super) struct Tail(Bytes);

impl Tail {
    /// Takes the bytes of the next tensor. Those of numbers or booleans must be as many as type and shape need.
    pub(super) fn take(&mut self, numeric: Option<DataType>, shape: &[usize], size: usize) -> Read<Bytes> {
        if let Some((datatype, width)) = numeric.and_then(|datatype| Some((datatype, datatype.size()?))) {
            let needed = data::product(shape)?.checked_mul(width);
            if needed != Some(size) {
                let needed = needed.map_or_else(|| "more than can be counted".to_owned(), |bytes| bytes.to_string());
                let text = format!("{needed} is expected for shape {} of {datatype}, {size} came", written(shape));
                return Err(Fault::of(text));
            }
        }
        if size > self.0.len() {
            let left = self.0.len();
            return Err(Fault::of(format!("at most {left}, what is left of the body, is expected, {size} came")));
        }
        Ok(self.0.split_to(size))
    }

    /// Nothing may be left.
    pub(super) fn end(&self) -> Result<(), Rejection> {
        match self.0.len() {
            0 => Ok(()),
            left => Err(Rejection::new(format!(
                "the end of the body is expected after the last binary tensor, {left} more bytes came"
            ))),
        }
    }
}

/// A tensor of bytes whose count has been checked, unless they are BYTES.
pub(super) fn tensor(datatype: DataType, bytes: Bytes) -> Read<TensorData> {
    match datatype {
        DataType::Bytes => elements(bytes),
        DataType::Bool => match bytes.iter().position(|byte| *byte > 1) {
            Some(index) => {
                let text = format!("0 or 1 is expected for BOOL, {} came", bytes[index]);
                Err(Fault::of(text).in_element(index).in_member("data"))
            }
            None => Ok(TensorData(Form::Raw(Raw::new(datatype, bytes)))),
        },
        _ => Ok(TensorData(Form::Raw(Raw::new(datatype, bytes)))),
    }
}

/// Finds the elements of BYTES: each a length of 4 bytes, and so many bytes.
fn elements(bytes: Bytes) -> Read<TensorData> {
    let mut ranges = Ranges::default();
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        let index = ranges.len();
        let fault = |text: String| Fault::of(text).in_element(index).in_member("data");
        let Some((length, after)) = rest.split_first_chunk::<LENGTH>() else {
            return Err(fault(format!("a length of {LENGTH} bytes is expected, {} bytes came", rest.len())));
        };
        let length = u32::from_le_bytes(*length);
        let Some(after) = usize::try_from(length).ok().and_then(|length| after.get(length..)) else {
            let text = format!("a length of at most {}, what is left, is expected, {length} came", after.len());
            return Err(fault(text));
        };
        let end =
            u32::try_from(bytes.len() - after.len()).map_err(|_| fault("the tensor is larger than 4 GiB".into()))?;
        ranges.push((end - length, end));
        rest = after;
    }
    Ok(TensorData::of(Elements::Bytes(Texts::Binary { bytes, ranges })))
}

impl InferRequest {
    /// Decodes a body that is JSON and after it binary tensors; the JSON takes `json_length` bytes.
    ///
    /// ```
    /// use chariot_engine::protocol::InferRequest;
    ///
    /// let json = r#"{"inputs":[{"name":"x","datatype":"INT16","shape":[2],"parameters":{"binary_data_size":4}}]}"#;
    /// let body = [json.as_bytes(), &[1, 0, 2, 0]].concat();
    /// let request = InferRequest::decode_binary(&body.into(), json.len())?;
    /// assert_eq!(request.inputs[0].data.as_slice::<i16>(), Some(&[1, 2][..]));
    /// # Ok::<(), chariot_engine::Rejection>(())
    /// ```
    ///
    /// # Errors
    /// Whatever is wrong with the body: where, what was expected, what came.
    pub fn decode_binary(body: &Bytes, json_length: usize) -> Result<InferRequest, Rejection> {
        let (json, tail) = split(body, json_length)?;
        let mut tail = Some(tail);
        let request = InferRequest::decode_with(&json, &mut tail)?;
        tail.map_or(Ok(()), |tail| tail.end())?;
        Ok(request)
    }

    /// Takes a body that is nothing but the tensor of the one input. Of BYTES it is one element; of other types the one
    /// length that varies (-1) is found from the body's.
    ///
    /// ```
    /// use chariot_engine::protocol::{DataType, InferRequest, TensorMetadata};
    ///
    /// let input = TensorMetadata::new("x", DataType::Uint8, [-1, 2]);
    /// let request = InferRequest::decode_raw(&vec![1, 2, 3, 4].into(), &input)?;
    /// assert_eq!(request.inputs[0].shape, Some(vec![2, 2]));
    /// # Ok::<(), chariot_engine::Rejection>(())
    /// ```
    ///
    /// # Errors
    /// The body's length is none that the input's type and shape can have.
    pub fn decode_raw(body: &Bytes, input: &TensorMetadata) -> Result<InferRequest, Rejection> {
        let place = super::input_label(&input.name, 0);
        let read = match input.datatype {
            DataType::Bytes => one_element(body, &input.shape),
            datatype => raw_shape(body.len(), datatype, &input.shape)
                .and_then(|shape| Ok((shape, tensor(datatype, body.clone())?))),
        };
        let (shape, data) = read.map_err(|fault| fault.in_owner(place).unplaced())?;
        let mut request = InferRequest::new(vec![InferInput::new(&*input.name, shape, data)]);
        request.binary_outputs = true;
        Ok(request)
    }
}

/// A body that is one element of BYTES.
fn one_element(body: &Bytes, declared: &[i64]) -> Read<(Vec<usize>, TensorData)> {
    let shape: Vec<_> = declared.iter().map(|length| usize::try_from(*length).unwrap_or(1)).collect();
    data::same_count(&shape, data::product(&shape)?, 1)?;
    Ok((shape, whole(body)?))
}

/// A body as the one element of a tensor of BYTES.
pub(super) fn whole(body: &Bytes) -> Read<TensorData> {
    let end = u32::try_from(body.len()).map_err(|_| Fault::of("the body is larger than 4 GiB"))?;
    let texts = Texts::Binary { bytes: body.clone(), ranges: (0, end).into() };
    Ok(TensorData::of(Elements::Bytes(texts)))
}

/// The shape of a body that is one tensor of numbers or booleans.
fn raw_shape(size: usize, datatype: DataType, declared: &[i64]) -> Read<Vec<usize>> {
    let varying = declared.iter().filter(|length| **length < 0).count();
    if varying > 1 {
        return Err(Fault::of(format!(
            "JSON with the shape is expected before the tensor, of which {varying} lengths vary; the tensor alone came"
        )));
    }
    let fixed: Vec<_> = declared.iter().filter_map(|length| usize::try_from(*length).ok()).collect();
    let row = data::product(&fixed)?.saturating_mul(datatype.size().unwrap_or(1));
    let fits = if varying == 0 { size == row } else { row > 0 && size.is_multiple_of(row) };
    if !fits {
        let several = if varying == 0 { "" } else { "a multiple of " };
        return Err(Fault::of(format!("a body of {several}{row} bytes is expected, one of {size} came")));
    }
    Ok(declared.iter().map(|length| usize::try_from(*length).unwrap_or_else(|_| size / row)).collect())
}

impl TensorData {
    /// How many bytes [`write_binary`](Self::write_binary) adds.
    pub(super) fn binary_size(&self) -> usize {
        match (self.datatype().size(), self.texts()) {
            (_, Some(texts)) => (0..texts.len()).map(|index| LENGTH + texts.as_binary(index).len()).sum(),
            (width, None) => self.len() * width.unwrap_or(1),
        }
    }

    /// Adds the tensor in binary form.
    pub(super) fn write_binary(&self, bytes: &mut Vec<u8>) -> Result<(), EncodeError> {
        let elements = match &self.0 {
            Form::Raw(raw) => {
                bytes.extend_from_slice(raw.bytes());
                return Ok(());
            }
            Form::Typed(elements) => elements,
        };
        match elements {
            Elements::Bool(values) => LittleEndian::write_all(values, bytes),
            Elements::Uint8(values) => LittleEndian::write_all(values, bytes),
            Elements::Uint16(values) => LittleEndian::write_all(values, bytes),
            Elements::Uint32(values) => LittleEndian::write_all(values, bytes),
            Elements::Uint64(values) => LittleEndian::write_all(values, bytes),
            Elements::Int8(values) => LittleEndian::write_all(values, bytes),
            Elements::Int16(values) => LittleEndian::write_all(values, bytes),
            Elements::Int32(values) => LittleEndian::write_all(values, bytes),
            Elements::Int64(values) => LittleEndian::write_all(values, bytes),
            Elements::Fp16(values) => LittleEndian::write_all(values, bytes),
            Elements::Bf16(values) => LittleEndian::write_all(values, bytes),
            Elements::Fp32(values) => LittleEndian::write_all(values, bytes),
            Elements::Fp64(values) => LittleEndian::write_all(values, bytes),
            Elements::Bytes(texts) => {
                for index in 0..texts.len() {
                    let element = texts.as_binary(index);
                    let length = u32::try_from(element.len())
                        .map_err(|_| EncodeError::Invalid(format!("data[{index}] is longer than 4 GiB")))?;
                    bytes.extend_from_slice(&length.to_le_bytes());
                    bytes.extend_from_slice(&element);
                }
            }
        }
        Ok(())
    }
}
