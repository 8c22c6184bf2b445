//! Conversion of a JSON request to one with binary tensors: `data` moves to the end of the body.

use serde_json::{Value, json};

use super::patch::patch;
use crate::{
    suite::{Binary, Names, Writing},
    target::Facts,
    tensor::{Scalar, encode, of_request},
};

/// A body and the value of its header for the length of the JSON.
pub(super) struct Parts {
    pub(super) body: Vec<u8>,
    pub(super) length: String,
}

/// Builds the body.
pub(super) fn binary(mut request: Value, how: &Binary, facts: &Facts, names: &Names) -> Result<Parts, String> {
    let tensors = of_request(&request);
    let mut bytes = Vec::new();
    for (index, tensor) in tensors.iter().enumerate() {
        if how.inputs.as_ref().is_some_and(|inputs| !inputs.contains(&index)) || (how.raw && index > 0) {
            continue;
        }
        let datatype = tensor.datatype.as_str().unwrap_or("BYTES");
        let values = if facts.holds.contains("image") { files(&tensor.values) } else { tensor.values.clone() };
        // The raw form has no length prefix: the whole body is one element.
        let tensor = match values.as_slice() {
            [Scalar::Bytes(bytes)] if how.raw => bytes.clone(),
            values => encode(datatype, values).map_err(|fault| format!("inputs[{index}]: {fault}"))?,
        };
        let input = request["inputs"][index].as_object_mut().ok_or("an input is not an object")?;
        input.remove("data");
        let parameters = input.entry("parameters").or_insert_with(|| json!({}));
        parameters["binary_data_size"] = tensor.len().into();
        bytes.extend(tensor);
    }
    let json = if how.raw { String::new() } else { patch(request, &how.patch, names)?.to_string() };
    let mut body = json.into_bytes();
    let length = how.length.as_ref().map(|length| names.text(length, Writing::Plain)).transpose()?;
    let length = match length {
        None => body.len().to_string(),
        Some(length) => match (length.strip_prefix('+'), length.strip_prefix('-'), body.len()) {
            (Some(more), _, right) => right.saturating_add(count(more)?).to_string(),
            (_, Some(less), right) => right.saturating_sub(count(less)?).to_string(),
            _ => length,
        },
    };
    body.extend(bytes);
    body.truncate(body.len().saturating_sub(how.cut));
    if let Some(more) = &how.append_base64 {
        body.extend(base64(more)?);
    }
    Ok(Parts { body, length })
}

/// Images are base64 in JSON and files in binary form.
fn files(values: &[Scalar]) -> Vec<Scalar> {
    let file = |value: &Scalar| match value {
        Scalar::Bytes(text) => base64_simd::STANDARD.decode_to_vec(text).ok().map(Scalar::Bytes),
        _ => None,
    };
    values.iter().map(|value| file(value).unwrap_or_else(|| value.clone())).collect()
}

fn count(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| format!("length: expected a count, got '{text}'"))
}

/// Decodes the bytes that a case gives as base64.
pub(super) fn base64(text: &str) -> Result<Vec<u8>, String> {
    base64_simd::STANDARD.decode_to_vec(text).map_err(|_| format!("expected base64, got '{text}'"))
}
