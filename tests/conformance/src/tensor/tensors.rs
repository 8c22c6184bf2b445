//! The tensors of a request and of a response, and the JSON document of a response.

use serde_json::Value;

use super::scalar::{Scalar, decode, flat};
use crate::http::Answer;

/// A tensor, independent of its form on the wire.
#[derive(Clone, Debug)]
pub(crate) struct Tensor {
    pub(crate) name: Value,
    pub(crate) datatype: Value,
    pub(crate) shape: Value,
    pub(crate) values: Vec<Scalar>,
    pub(crate) binary: bool,
}

/// Returns the tensors of a JSON request.
pub(crate) fn of_request(document: &Value) -> Vec<Tensor> {
    document["inputs"].as_array().into_iter().flatten().map(of_json).collect()
}

/// Returns the JSON document of a response: the part before the tensors of a binary one, or an array of its lines.
pub(crate) fn document(answer: &Answer) -> Result<Value, String> {
    let kind = answer.header("content-type").unwrap_or_default();
    if kind.contains("jsonl") {
        let text = std::str::from_utf8(&answer.body).map_err(|_| "the body is not UTF-8")?;
        return text.lines().map(|line| parse(line.as_bytes())).collect();
    }
    parse(split(answer)?.0)
}

/// Returns the tensors of a response.
pub(crate) fn of_answer(answer: &Answer) -> Result<Vec<Tensor>, String> {
    let (json, mut rest) = split(answer)?;
    let document = parse(json)?;
    let outputs = document["outputs"].as_array().ok_or("the response has no list 'outputs'")?;
    let mut tensors = Vec::new();
    for (index, output) in outputs.iter().enumerate() {
        let size = &output["parameters"]["binary_data_size"];
        if size.is_null() {
            tensors.push(of_json(output));
            continue;
        }
        let in_context = |fault: String| format!("outputs[{index}]: {fault}");
        let size = size.as_u64().and_then(|size| usize::try_from(size).ok());
        let size = size.ok_or_else(|| in_context("binary_data_size is not a count".into()))?;
        if size > rest.len() {
            return Err(in_context(format!("binary_data_size is {size}, {} bytes are left", rest.len())));
        }
        let (bytes, after) = rest.split_at(size);
        let values = decode(output["datatype"].as_str().unwrap_or_default(), bytes).map_err(in_context)?;
        tensors.push(Tensor { values, binary: true, ..of_json(output) });
        rest = after;
    }
    if rest.is_empty() { Ok(tensors) } else { Err(format!("{} bytes are left after the tensors", rest.len())) }
}

fn of_json(tensor: &Value) -> Tensor {
    let mut data = Vec::new();
    if let Some(values) = tensor.get("data") {
        // In a list of items, every element is a value, even if it is a list.
        let depth = tensor["shape"].as_array().map_or(usize::MAX, Vec::len).max(1);
        flat(values, depth, &mut data);
    }
    let datatype = tensor["datatype"].as_str().unwrap_or_default();
    Tensor {
        name: tensor["name"].clone(),
        datatype: tensor["datatype"].clone(),
        shape: tensor["shape"].clone(),
        values: data.into_iter().map(|value| Scalar::of_json(datatype, value)).collect(),
        binary: false,
    }
}

/// Splits a body at the end of its JSON.
fn split(answer: &Answer) -> Result<(&[u8], &[u8]), String> {
    let Some(length) = answer.header("inference-header-content-length") else {
        return Ok((&answer.body, &[]));
    };
    let end = length.trim().parse().ok().filter(|end: &usize| *end <= answer.body.len());
    end.map(|end| answer.body.split_at(end)).ok_or_else(|| {
        format!("Inference-Header-Content-Length is '{length}', the body has {} bytes", answer.body.len())
    })
}

fn parse(bytes: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(bytes).map_err(|error| format!("the body is not JSON: {error}"))
}
