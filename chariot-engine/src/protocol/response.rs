//! An inference response, and how it is written: as JSON, and as JSON with binary tensors after it. Workers encode with it what a model gives.

use serde::{Serialize, Serializer as _};

use crate::error::quoted;

use super::{EncodeError, JsonText, TensorData, data, tensor::Elements};

/// What a model answers.
///
/// ```
/// use chariot_engine::protocol::{InferOutput, InferResponse, ResponseHead, TensorData};
///
/// let response = InferResponse::new(vec![InferOutput::new("y", vec![2], TensorData::from(vec![0.5_f32, 2.0]))]);
/// let head = ResponseHead { model_name: "m", model_version: None, id: "7" };
/// let text = r#"{"model_name":"m","id":"7","outputs":[{"name":"y","datatype":"FP32","shape":[2],"data":[0.5,2.0]}]}"#;
/// assert_eq!(response.encode(&head).unwrap(), text.as_bytes());
/// ```
#[derive(Clone, Debug, Default)]
pub struct InferResponse {
    /// The outputs, in the order in which they are written.
    pub outputs: Vec<InferOutput>,
}

/// One output of a response.
///
/// ```
/// use chariot_engine::protocol::{InferOutput, JsonText, TensorData};
///
/// let label = JsonText::from_value("plane").unwrap();
/// let mut output = InferOutput::new("image-0", vec![1], TensorData::from(vec![label]));
/// output.metadata = Some(JsonText::from_value("of the caller").unwrap());
/// ```
#[derive(Clone, Debug)]
pub struct InferOutput {
    /// The output's name.
    pub name: String,
    /// The shape, which the count of elements must agree with, except for BYTES.
    pub shape: Vec<usize>,
    /// The elements, written as a flat list or in binary form.
    pub data: TensorData,
    /// The metadata of the input that this answers, carried over byte for byte.
    pub metadata: Option<JsonText>,
}

/// A response as it is sent.
///
/// ```
/// use chariot_engine::protocol::{InferResponse, ResponseHead};
///
/// let head = ResponseHead { model_name: "m", model_version: None, id: "7" };
/// let encoded = InferResponse::default().encode_binary(&head, |_| true)?;
/// assert_eq!((encoded.json_length, encoded.content_type), (None, "application/json"));
/// # Ok::<(), chariot_engine::protocol::EncodeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EncodedResponse {
    /// JSON, and after it the binary tensors; or, in `chariot-v2`, JSON or lines of it.
    pub body: Vec<u8>,
    /// How long the JSON is that binary tensors follow; `None` if none do.
    pub json_length: Option<usize>,
    /// The media type of the body.
    pub content_type: &'static str,
}

impl EncodedResponse {
    /// A body of this media type, without binary tensors.
    pub(super) fn new(body: Vec<u8>, content_type: &'static str) -> Self {
        EncodedResponse { body, json_length: None, content_type }
    }
}

/// What stands at the head of a response.
///
/// ```
/// use chariot_engine::protocol::ResponseHead;
///
/// let head = ResponseHead { model_name: "digits", model_version: Some("1"), id: "7" };
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'a> {
    /// The model's name.
    pub model_name: &'a str,
    /// The model's version, if it has one.
    pub model_version: Option<&'a str>,
    /// The id of the request.
    pub id: &'a str,
}

impl InferOutput {
    /// An output of this name, shape and data, without metadata.
    pub fn new(name: impl Into<String>, shape: impl Into<Vec<usize>>, data: TensorData) -> Self {
        InferOutput { name: name.into(), shape: shape.into(), data, metadata: None }
    }
}

impl InferResponse {
    /// A response with these outputs.
    pub fn new(outputs: Vec<InferOutput>) -> Self {
        InferResponse { outputs }
    }

    /// Writes the response as JSON. Floats keep the shortest text that reads back as the same value; FP16 and BF16 are
    /// written as the FP32 of their value.
    ///
    /// # Errors
    /// A `NaN` or an infinity, which JSON cannot hold, and a count of elements that does not agree with the shape.
    pub fn encode(&self, head: &ResponseHead<'_>) -> Result<Vec<u8>, EncodeError> {
        self.encode_binary(head, |_| false).map(|encoded| encoded.body)
    }

    /// Writes the response as JSON, and after it those outputs as binary tensors of which `is_binary` says so by their
    /// names.
    ///
    /// ```
    /// use chariot_engine::protocol::{InferOutput, InferResponse, ResponseHead, TensorData};
    ///
    /// let response = InferResponse::new(vec![InferOutput::new("y", vec![2], TensorData::from(vec![1_u16, 2]))]);
    /// let head = ResponseHead { model_name: "m", model_version: None, id: "7" };
    /// let encoded = response.encode_binary(&head, |_| true)?;
    /// assert_eq!(encoded.body[encoded.json_length.unwrap()..], [1, 0, 2, 0]);
    /// # Ok::<(), chariot_engine::protocol::EncodeError>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`encode`](Self::encode), but that a binary output may hold a `NaN`, an infinity and any bytes.
    pub fn encode_binary(
        &self,
        head: &ResponseHead<'_>,
        is_binary: impl Fn(&str) -> bool,
    ) -> Result<EncodedResponse, EncodeError> {
        let binary_size = |output: &InferOutput| is_binary(&output.name).then(|| output.data.binary_size());
        let size = |output| estimate(output, binary_size(output));
        let mut text = Vec::with_capacity(256 + self.outputs.iter().map(size).sum::<usize>());
        text.extend_from_slice(b"{\"model_name\":");
        write(&mut text, head.model_name);
        if let Some(version) = head.model_version {
            text.extend_from_slice(b",\"model_version\":");
            write(&mut text, version);
        }
        text.extend_from_slice(b",\"id\":");
        write(&mut text, head.id);
        text.extend_from_slice(b",\"outputs\":[");
        for (index, output) in self.outputs.iter().enumerate() {
            if index > 0 {
                text.push(b',');
            }
            let written = output.write_to(&mut text, binary_size(output));
            written.map_err(|error| error.of_output(&quoted(&output.name)))?;
        }
        text.extend_from_slice(b"]}");
        let mut json_length = None;
        for output in self.outputs.iter().filter(|output| is_binary(&output.name)) {
            json_length.get_or_insert(text.len());
            let written = output.data.write_binary(&mut text);
            written.map_err(|error| error.of_output(&quoted(&output.name)))?;
        }
        let content_type = if json_length.is_some() { "application/octet-stream" } else { "application/json" };
        Ok(EncodedResponse { body: text, json_length, content_type })
    }
}

/// About how many bytes an output takes, which takes this many in binary form.
fn estimate(output: &InferOutput, binary_size: Option<usize>) -> usize {
    let data = match (binary_size, output.data.texts()) {
        (Some(size), _) => size,
        (None, Some(texts)) => texts.size(),
        (None, None) => output.data.len() * 10,
    };
    128 + output.name.len() + data + output.metadata.as_ref().map_or(0, |metadata| metadata.as_bytes().len())
}

/// Writes a list of what is known to be writable.
fn write_each(text: &mut Vec<u8>, values: impl Iterator<Item = impl Serialize>) {
    let _ = serde_json::Serializer::new(text).collect_seq(values);
}

/// Writes what is known to be writable.
fn write<T: Serialize + ?Sized>(text: &mut Vec<u8>, value: &T) {
    // Strings, integers and finite floats into memory: serde_json has no error to report here.
    let _ = serde_json::to_writer(text, value);
}

impl InferOutput {
    /// Writes the output as JSON; without its elements, if it is to follow as so many bytes.
    fn write_to(&self, text: &mut Vec<u8>, binary_size: Option<usize>) -> Result<(), EncodeError> {
        self.check(binary_size.is_some())?;
        text.extend_from_slice(b"{\"name\":");
        write(text, &self.name);
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
        match self.data.values() {
            Elements::Fp16(values) => write_each(text, values.iter().map(|value| value.to_f32())),
            Elements::Bf16(values) => write_each(text, values.iter().map(|value| value.to_f32())),
            Elements::Bytes(texts) => texts.write_to(text)?,
            Elements::Bool(values) => write(text, values),
            Elements::Uint8(values) => write(text, values),
            Elements::Uint16(values) => write(text, values),
            Elements::Uint32(values) => write(text, values),
            Elements::Uint64(values) => write(text, values),
            Elements::Int8(values) => write(text, values),
            Elements::Int16(values) => write(text, values),
            Elements::Int32(values) => write(text, values),
            Elements::Int64(values) => write(text, values),
            Elements::Fp32(values) => write(text, values),
            Elements::Fp64(values) => write(text, values),
        }
        Ok(())
    }

    /// The index of the first number that JSON cannot hold.
    fn not_finite(&self) -> Option<usize> {
        match self.data.values() {
            Elements::Fp16(values) => values.iter().position(|value| !value.is_finite()),
            Elements::Bf16(values) => values.iter().position(|value| !value.is_finite()),
            Elements::Fp32(values) => values.iter().position(|value| !value.is_finite()),
            Elements::Fp64(values) => values.iter().position(|value| !value.is_finite()),
            _ => None,
        }
    }

    /// The count must be the shape's, and every number one that JSON can hold, unless the output is a binary one.
    fn check(&self, binary: bool) -> Result<(), EncodeError> {
        if self.data.texts().is_some() {
            return Ok(());
        }
        let unfit = if binary { None } else { self.not_finite() };
        if let Some(index) = unfit {
            return Err(EncodeError::NotFinite(format!("data[{index}]")));
        }
        let counted =
            data::product(&self.shape).and_then(|needed| data::same_count(&self.shape, needed, self.data.len()));
        counted.map_err(|fault| EncodeError::Invalid(fault.unplaced().text().to_owned()))
    }
}
