//! An inference response, and how it is written as JSON. Workers encode with it what a model gives.

use serde::{Serialize, Serializer as _};

use super::{EncodeError, JsonText, TensorData, data, fault::quoted, tensor::Elements};

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
/// let label = JsonText::of("plane").unwrap();
/// let mut output = InferOutput::new("image-0", vec![1], TensorData::from(vec![label]));
/// output.metadata = Some(JsonText::of("of the caller").unwrap());
/// ```
#[derive(Clone, Debug)]
pub struct InferOutput {
    /// The output's name.
    pub name: String,
    /// The shape, which the count of elements must agree with, except for BYTES.
    pub shape: Vec<usize>,
    /// The elements, written as a flat list.
    pub data: TensorData,
    /// The metadata of the input that this answers, carried over byte for byte.
    pub metadata: Option<JsonText>,
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
        let mut text = Vec::with_capacity(256 + self.outputs.iter().map(estimate).sum::<usize>());
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
            let written = output.write_to(&mut text);
            written.map_err(|error| error.of_output(&quoted(&output.name)))?;
        }
        text.extend_from_slice(b"]}");
        Ok(text)
    }
}

/// About how many bytes an output takes.
fn estimate(output: &InferOutput) -> usize {
    let data = match &output.data.0 {
        Elements::Bytes(texts) => texts.size(),
        _ => output.data.len() * 10,
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
    fn write_to(&self, text: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.check()?;
        text.extend_from_slice(b"{\"name\":");
        write(text, &self.name);
        text.extend_from_slice(b",\"datatype\":");
        write(text, &self.data.datatype());
        text.extend_from_slice(b",\"shape\":");
        write(text, &self.shape);
        text.extend_from_slice(b",\"data\":");
        match &self.data.0 {
            Elements::Fp16(values) => write_each(text, values.iter().map(|value| value.to_f32())),
            Elements::Bf16(values) => write_each(text, values.iter().map(|value| value.to_f32())),
            Elements::Bytes(texts) => texts.write_to(text),
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
        if let Some(metadata) = &self.metadata {
            text.extend_from_slice(b",\"parameters\":{\"metadata\":");
            text.extend_from_slice(metadata.as_bytes());
            text.push(b'}');
        }
        text.push(b'}');
        Ok(())
    }

    /// The count must be the shape's, and every number one that JSON can hold.
    fn check(&self) -> Result<(), EncodeError> {
        let unfit = match &self.data.0 {
            Elements::Bytes(_) => return Ok(()),
            Elements::Fp16(values) => values.iter().position(|value| !value.is_finite()),
            Elements::Bf16(values) => values.iter().position(|value| !value.is_finite()),
            Elements::Fp32(values) => values.iter().position(|value| !value.is_finite()),
            Elements::Fp64(values) => values.iter().position(|value| !value.is_finite()),
            _ => None,
        };
        if let Some(index) = unfit {
            return Err(EncodeError::NotFinite(format!("data[{index}]")));
        }
        let counted =
            data::product(&self.shape).and_then(|needed| data::same_count(&self.shape, needed, self.data.len()));
        counted.map_err(|fault| EncodeError::Invalid(fault.unplaced().text().to_owned()))
    }
}
