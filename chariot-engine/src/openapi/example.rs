//! Examples of a request and of its response. The request is the author's, else the golden one of the task, else that of
//! the input type, else one of zeros. The response is the golden one of the task.

use serde_json::{Map, Value, json};

use super::{info::ModelInfo, json::object};
use crate::{
    error::Rejection,
    model::Spec,
    protocol::{DataType, InferRequest, JsonText, Protocol},
    signature::{Dim, TensorSpec},
};

/// The limit on the elements of a generated tensor. A larger one would show nothing more.
const MAX_ELEMENTS: usize = 4096;

/// Checks an example that an author gave.
///
/// # Errors
/// Returns an error if the example is not a `chariot-v2-kserve` request.
pub(crate) fn check(body: &str) -> Result<(), Rejection> {
    InferRequest::decode(&body.to_string().into()).map(drop)
}

/// Returns the examples by protocol. Empty if no valid request is known.
pub(super) fn examples(model: &ModelInfo<'_>) -> Map<String, Value> {
    let Some(body) = known(model.spec) else {
        return Map::new();
    };
    let item = item(&body);
    let bodies = [(Protocol::V2Kserve, Some(body)), (Protocol::V2, item)];
    let spoken = bodies.into_iter().filter(|(protocol, _)| model.speaks(*protocol));
    object(spoken.filter_map(|(protocol, body)| Some((protocol.name(), json!({ "value": body? })))))
}

/// Returns a request that the model should accept, in the given protocol or in `chariot-v2-kserve`, if one is known.
#[cfg(feature = "cli")]
pub(crate) fn example(spec: &Spec, protocol: Option<Protocol>) -> Option<String> {
    let body = known(spec)?;
    let body = if protocol == Some(Protocol::V2) { item(&body)? } else { body };
    Some(body.to_string())
}

fn known(spec: &Spec) -> Option<Value> {
    let given = spec.given_example().and_then(|body| JsonText::from_text(body.to_owned()).ok());
    let known = given.or_else(|| spec.example_of_input().cloned()).and_then(|body| body.parse().ok());
    let zeros = || if spec.element.is_none() { zeros(&spec.inputs) } else { None };
    known.or_else(zeros)
}

/// Converts a request to `chariot-v2`, if it has a single item that is a string.
fn item(body: &Value) -> Option<Value> {
    let [input] = &body["inputs"].as_array()?[..] else { return None };
    let [Value::String(element)] = &input["data"].as_array()?[..] else { return None };
    let mut item = json!({ "input": element });
    if let Some(parameters) = input.get("parameters") {
        item["parameters"] = parameters.clone();
    }
    Some(item)
}

/// Returns a request with one row of zeros, or of empty strings, in every tensor.
fn zeros(inputs: &[TensorSpec]) -> Option<Value> {
    let zeros: Option<Vec<Value>> = inputs.iter().map(zero).collect();
    zeros.filter(|inputs| !inputs.is_empty()).map(|inputs| json!({ "inputs": inputs }))
}

fn zero(input: &TensorSpec) -> Option<Value> {
    let lengths = input.shape().iter().map(|dim| if let Dim::Fixed(length) = dim { *length } else { 1 });
    let shape: Vec<usize> = lengths.collect();
    let count = shape.iter().try_fold(1_usize, |count, length| count.checked_mul(*length))?;
    let element = match input.datatype() {
        DataType::Bool => json!(false),
        DataType::Bytes => json!(""),
        DataType::Fp16 | DataType::Bf16 | DataType::Fp32 | DataType::Fp64 => json!(0.0),
        _ => json!(0),
    };
    (count <= MAX_ELEMENTS).then(|| {
        let data = vec![element; count];
        json!({ "name": input.name(), "datatype": input.datatype(), "shape": shape, "data": data })
    })
}
