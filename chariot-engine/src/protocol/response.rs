//! An inference response, and its encoding: JSON, or JSON followed by binary tensors. Workers encode the outputs of a model
//! with it.

use bytes::Bytes;
use serde::Serialize;

use super::{
    elements::{ElementType, match_elements},
    encode_error::EncodeError,
    json_text::JsonText,
    leaves,
    meter::block,
    tensor::TensorData,
    write_numbers,
    write_string::write_string,
};
use crate::error::quoted;

/// The outputs of a model for one request.
///
/// ```
/// use chariot_engine::protocol::{InferOutput, InferResponse, ResponseHead, TensorData};
///
/// let response = InferResponse::new(vec![InferOutput::new("y", vec![2], TensorData::from(vec![0.5_f32, 2.0]))]);
/// let head = ResponseHead::new("m", None, "7");
/// let text = r#"{"model_name":"m","id":"7","outputs":[{"name":"y","datatype":"FP32","shape":[2],"data":[0.5,2.0]}]}"#;
/// assert_eq!(response.encode(&head).unwrap(), text.as_bytes());
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct InferResponse {
    /// The outputs, in the order of the encoded response.
    pub outputs: Vec<InferOutput>,
}

/// One output of a response.
///
/// ```
/// use chariot_engine::protocol::{InferOutput, JsonText, TensorData};
///
/// let label = JsonText::from_value("plane").unwrap();
/// let mut output = InferOutput::new("image-0", vec![1], TensorData::from(vec![label]));
/// output.metadata = Some(JsonText::from_value("from the caller").unwrap());
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InferOutput {
    /// The output's name.
    pub name: String,
    /// The shape, which must match the number of elements, except for BYTES.
    pub shape: Vec<usize>,
    /// The elements, encoded as a flat list or in binary form.
    pub data: TensorData,
    /// The metadata of the input that this output belongs to, repeated byte for byte.
    pub metadata: Option<JsonText>,
}

/// An encoded response.
///
/// ```
/// use chariot_engine::protocol::{InferResponse, ResponseHead};
///
/// let head = ResponseHead::new("m", None, "7");
/// let encoded = InferResponse::default().encode_binary(&head, |_| true)?;
/// assert_eq!((encoded.json_length, encoded.content_type), (None, "application/json"));
/// # Ok::<(), chariot_engine::protocol::EncodeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EncodedResponse {
    /// JSON followed by the binary tensors; for `chariot-v2`, JSON or lines of JSON.
    pub body: Vec<u8>,
    /// The length of the JSON in front of the binary tensors, in bytes; `None` without binary tensors.
    pub json_length: Option<usize>,
    /// The media type of the body.
    pub content_type: &'static str,
}

impl EncodedResponse {
    /// Makes a response from JSON and the binary tensors after it, if `json_length` is known.
    fn with_json_length(body: Vec<u8>, json_length: Option<usize>) -> Self {
        let content_type = if json_length.is_some() { "application/octet-stream" } else { "application/json" };
        EncodedResponse { body, json_length, content_type }
    }

    /// Makes a response from JSON.
    pub(crate) fn json(body: Vec<u8>) -> Self {
        EncodedResponse::new(body, "application/json")
    }

    /// Makes a response from a body with this media type, without binary tensors.
    pub(super) fn new(body: Vec<u8>, content_type: &'static str) -> Self {
        EncodedResponse { body, json_length: None, content_type }
    }
}

/// The members in front of the outputs of a response.
///
/// ```
/// use chariot_engine::protocol::ResponseHead;
///
/// let head = ResponseHead::new("digits", Some("1"), "7");
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ResponseHead<'a> {
    /// The model's name.
    pub model_name: &'a str,
    /// The model's version.
    pub model_version: Option<&'a str>,
    /// The id of the request.
    pub id: &'a str,
}

impl<'a> ResponseHead<'a> {
    /// Makes the members of a response from this model and version, with the id of the request.
    pub const fn new(model_name: &'a str, model_version: Option<&'a str>, id: &'a str) -> Self {
        ResponseHead { model_name, model_version, id }
    }
}

impl InferOutput {
    /// Makes an output with this name, shape and data, without metadata.
    pub fn new(name: impl Into<String>, shape: impl Into<Vec<usize>>, data: TensorData) -> Self {
        InferOutput { name: name.into(), shape: shape.into(), data, metadata: None }
    }

    /// Returns the memory of the output in bytes, without the body of the request that its elements may refer to.
    pub(crate) fn memory(&self) -> usize {
        let names = block(self.name.capacity()) + block(self.shape.capacity() * size_of::<usize>());
        self.data.memory() + names + size_of::<InferOutput>()
    }
}

impl InferResponse {
    /// Makes a response with these outputs.
    pub fn new(outputs: Vec<InferOutput>) -> Self {
        InferResponse { outputs }
    }

    /// Encodes the response as JSON. Floats keep the shortest text that reads back as the same value; FP16 and BF16 are
    /// written as the FP32 of the same value.
    ///
    /// # Errors
    /// Returns an error if an output contains a `NaN` or an infinity, which JSON cannot represent, or if the number of
    /// elements does not match the shape.
    pub fn encode(&self, head: &ResponseHead<'_>) -> Result<Vec<u8>, EncodeError> {
        self.encode_binary(head, |_| false).map(|encoded| encoded.body)
    }

    /// Encodes the response as JSON, followed by the outputs for whose names `is_binary` returns `true` as binary tensors.
    ///
    /// ```
    /// use chariot_engine::protocol::{InferOutput, InferResponse, ResponseHead, TensorData};
    ///
    /// let response = InferResponse::new(vec![InferOutput::new("y", vec![2], TensorData::from(vec![1_u16, 2]))]);
    /// let head = ResponseHead::new("m", None, "7");
    /// let encoded = response.encode_binary(&head, |_| true)?;
    /// assert_eq!(encoded.body[encoded.json_length.unwrap()..], [1, 0, 2, 0]);
    /// # Ok::<(), chariot_engine::protocol::EncodeError>(())
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`encode`](Self::encode), but accepts a `NaN`, an infinity and any bytes in a binary output.
    pub fn encode_binary(
        &self,
        head: &ResponseHead<'_>,
        is_binary: impl Fn(&str) -> bool,
    ) -> Result<EncodedResponse, EncodeError> {
        let mut text = self.encode_json(head, &is_binary, InferOutput::binary_size)?;
        let mut json_length = None;
        for output in self.outputs.iter().filter(|output| is_binary(&output.name)) {
            json_length.get_or_insert(text.len());
            output.write_binary(&mut text)?;
        }
        Ok(EncodedResponse::with_json_length(text, json_length))
    }

    /// Encodes the response like [`encode_binary`](Self::encode_binary), without a copy of large tensors: from the first one
    /// on, each binary tensor is a frame that follows the body.
    pub(crate) fn encode_frames(
        self,
        head: &ResponseHead<'_>,
        is_binary: impl Fn(&str) -> bool,
    ) -> Result<(EncodedResponse, Vec<Bytes>), EncodeError> {
        let copied = |output: &InferOutput| if output.data.frame_memory().is_some() { 0 } else { output.binary_size() };
        let mut text = self.encode_json(head, &is_binary, copied)?;
        let mut json_length = None;
        let mut frames = Vec::new();
        for mut output in self.outputs.into_iter().filter(|output| is_binary(&output.name)) {
            json_length.get_or_insert(text.len());
            output.data = match output.data.into_frame() {
                Ok(frame) => {
                    frames.push(frame);
                    continue;
                }
                Err(data) => data,
            };
            if frames.is_empty() {
                output.write_binary(&mut text)?;
            } else {
                let mut frame = Vec::with_capacity(output.binary_size());
                output.write_binary(&mut frame)?;
                if !frame.is_empty() {
                    frames.push(frame.into());
                }
            }
        }
        Ok((EncodedResponse::with_json_length(text, json_length), frames))
    }

    /// Encodes the JSON of the response, with room for `copied` bytes of each binary output after it.
    fn encode_json(
        &self,
        head: &ResponseHead<'_>,
        is_binary: impl Fn(&str) -> bool,
        copied: impl Fn(&InferOutput) -> usize,
    ) -> Result<Vec<u8>, EncodeError> {
        let binary_size = |output: &InferOutput| is_binary(&output.name).then(|| output.binary_size());
        let size = |output: &InferOutput| size_estimate(output, is_binary(&output.name).then(|| copied(output)));
        let mut text = Vec::with_capacity(256 + self.outputs.iter().map(size).sum::<usize>());
        text.extend_from_slice(b"{\"model_name\":");
        write_string(&mut text, head.model_name);
        if let Some(version) = head.model_version {
            text.extend_from_slice(b",\"model_version\":");
            write_string(&mut text, version);
        }
        text.extend_from_slice(b",\"id\":");
        write_string(&mut text, head.id);
        text.extend_from_slice(b",\"outputs\":[");
        for (index, output) in self.outputs.iter().enumerate() {
            if index > 0 {
                text.push(b',');
            }
            let written = output.write_to(&mut text, binary_size(output));
            written.map_err(|error| error.in_output(&quoted(&output.name)))?;
        }
        text.extend_from_slice(b"]}");
        Ok(text)
    }
}

impl InferResponse {
    /// Returns the memory that the frames of the response keep, in bytes.
    pub(crate) fn frame_memory(&self, is_binary: impl Fn(&str) -> bool) -> usize {
        let outputs = self.outputs.iter().filter(|output| is_binary(&output.name));
        outputs.fold(0, |kept, output| match output.data.frame_memory() {
            Some(memory) => kept.saturating_add(memory),
            // Behind a frame, even a small tensor is one.
            None if kept > 0 => kept.saturating_add(output.binary_size()),
            None => 0,
        })
    }

    /// Returns the most bytes that the encoded response may take.
    pub(crate) fn encoded_bound(&self, is_binary: impl Fn(&str) -> bool) -> usize {
        let bound = |output: &InferOutput| {
            let data = match (is_binary(&output.name), output.data.bytes_data()) {
                (true, _) if output.data.frame_memory().is_some() => 0,
                (true, _) => output.binary_size(),
                (false, Some(data)) => data.json_size_bound(),
                (false, None) => output.data.len().saturating_mul(output.data.datatype().json_width()),
            };
            // A character of a name takes up to six bytes, a number of the shape up to 21 with its comma.
            size_estimate(output, Some(data)) + 5 * output.name.len() + 21 * output.shape.len()
        };
        let copied = self.outputs.iter().map(bound).fold(0, usize::saturating_add);
        copied.saturating_add(self.frame_memory(&is_binary)).saturating_add(256)
    }
}

/// Estimates the encoded length of an output in bytes; `binary_size` is its length in binary form, if it is a binary one.
fn size_estimate(output: &InferOutput, binary_size: Option<usize>) -> usize {
    let data = match (binary_size, output.data.bytes_data()) {
        (Some(size), _) => size,
        (None, Some(data)) => data.json_size_estimate(),
        (None, None) => output.data.len().saturating_mul(output.data.datatype().json_width().min(10)),
    };
    128 + output.name.len() + data + output.metadata.as_ref().map_or(0, |metadata| metadata.as_bytes().len())
}

fn first_not_representable<T: ElementType>(values: &[T]) -> Option<usize> {
    // Without a branch for each value, many are checked at once.
    let fit = values.iter().fold(true, |fit, value| fit & value.fits_json());
    if fit { None } else { values.iter().position(|value| !value.fits_json()) }
}

/// Writes a value that JSON can represent.
fn write<T: Serialize + ?Sized>(text: &mut Vec<u8>, value: &T) {
    // Writing strings, integers and finite floats into memory cannot fail.
    let _ = serde_json::to_writer(text, value);
}

impl InferOutput {
    fn binary_size(&self) -> usize {
        self.data.binary_size()
    }

    /// Appends the elements in binary form.
    fn write_binary(&self, bytes: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.data.write_binary(bytes).map_err(|error| error.in_output(&quoted(&self.name)))
    }

    /// Writes the output as JSON; without its elements if they follow as `binary_size` bytes.
    fn write_to(&self, text: &mut Vec<u8>, binary_size: Option<usize>) -> Result<(), EncodeError> {
        self.check(binary_size.is_some())?;
        text.extend_from_slice(b"{\"name\":");
        write_string(text, &self.name);
        text.extend_from_slice(b",\"datatype\":");
        write(text, &self.data.datatype());
        text.extend_from_slice(b",\"shape\":");
        write(text, &self.shape);
        if binary_size.is_none() {
            text.extend_from_slice(b",\"data\":");
            self.write_data(text)?;
        }
        let mut before: &[u8] = b",\"parameters\":{";
        if let Some(size) = binary_size {
            text.extend_from_slice(before);
            text.extend_from_slice(b"\"binary_data_size\":");
            write(text, &size);
            before = b",";
        }
        if let Some(metadata) = &self.metadata {
            text.extend_from_slice(before);
            text.extend_from_slice(b"\"metadata\":");
            text.extend_from_slice(metadata.as_bytes());
        }
        if binary_size.is_some() || self.metadata.is_some() {
            text.push(b'}');
        }
        text.push(b'}');
        Ok(())
    }

    fn write_data(&self, text: &mut Vec<u8>) -> Result<(), EncodeError> {
        match_elements!(
            self.data.elements(),
            values => write_numbers::write_list(text, values),
            BYTES(data) => data.write_to(text)?,
        );
        Ok(())
    }

    /// Returns the index of the first number that JSON cannot represent.
    fn not_representable(&self) -> Option<usize> {
        match_elements!(
            self.data.elements(),
            values => first_not_representable(values),
            BYTES(_) => None,
        )
    }

    /// Checks the number of elements against the shape, and, unless the output is binary, that JSON can represent them.
    fn check(&self, is_binary: bool) -> Result<(), EncodeError> {
        if self.data.bytes_data().is_some() {
            return Ok(());
        }
        let unfit = if is_binary { None } else { self.not_representable() };
        if let Some(index) = unfit {
            return Err(EncodeError::NotFinite(format!("data[{index}]")));
        }
        let checked =
            leaves::product(&self.shape).and_then(|needed| leaves::check_count(&self.shape, needed, self.data.len()));
        checked.map_err(|fault| EncodeError::Invalid(fault.rejection().text().to_owned()))
    }
}
