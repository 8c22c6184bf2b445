//! Examples of a request and of its response. The request is the author's, else the golden one of the task, else that of
//! the input type, else one of zeros. The response is the golden one of the task.

use serde_json::{Map, Value, json};

use super::{info::ModelInfo, json::object};
use crate::{
    error::Rejection,
    model::Spec,
    protocol::{DataType, InferRequest, JsonText, Protocol},
    settings::{OutputEncoding, OutputLayout},
    signature::{Dim, TensorSpec},
    tasks::golden,
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
    let Some(body) = known(model.spec, model.layout) else {
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
    let body = known(spec, None)?;
    let body = if protocol == Some(Protocol::V2) { item(&body)? } else { body };
    Some(body.to_string())
}

/// Returns the examples of a response by protocol: those of the task. Empty if the task has none, or if the model describes
/// no output of its own.
pub(super) fn responses(model: &ModelInfo<'_>) -> Map<String, Value> {
    let is_described = model.spec.output_schema(model.layout).is_some();
    let golden = model.spec.task_name().filter(|_| is_described).and_then(|task| golden::exchange(task, model.layout));
    let Some(mut golden) = golden else { return Map::new() };
    let spoken = [Protocol::V2Kserve, Protocol::V2].into_iter().filter(|protocol| model.speaks(*protocol));
    object(spoken.filter_map(|protocol| {
        let mut body = golden.get_mut(protocol.name())?.get_mut("response")?.take();
        if protocol == Protocol::V2Kserve {
            body["model_name"] = model.name.into();
            body["model_version"] = model.version.into();
            if model.encoding == OutputEncoding::String {
                as_strings(&mut body);
            }
        }
        Some((protocol.name(), json!({ "value": body })))
    }))
}

/// Writes the elements of a response as strings of JSON.
fn as_strings(response: &mut Value) {
    for output in response["outputs"].as_array_mut().into_iter().flatten() {
        for element in output["data"].as_array_mut().into_iter().flatten() {
            *element = element.to_string().into();
        }
    }
}

fn known(spec: &Spec, layout: Option<OutputLayout>) -> Option<Value> {
    let given = spec.given_example().and_then(|body| JsonText::from_text(body.to_owned()).ok());
    let given = given.and_then(|body| body.parse().ok());
    let of_input = || spec.example_of_input().and_then(|body| body.parse().ok());
    let zeros = || if spec.element.is_none() && !requires_parameters(spec) { zeros(&spec.inputs) } else { None };
    given.or_else(|| of_task(spec, layout)).or_else(of_input).or_else(zeros)
}

/// Returns the golden request of the task, if the model should accept it: if an item is an image or a text, which no model
/// defines, without required parameters, and if the action is one of the model's.
fn of_task(spec: &Spec, layout: Option<OutputLayout>) -> Option<Value> {
    let is_general = matches!(spec.element, Some("image" | "text"));
    let of_input: Value = spec.example_of_input().filter(|_| is_general)?.parse().ok()?;
    let mut golden = golden::exchange(spec.task_name()?, layout)?;
    let request = golden.get_mut(Protocol::V2Kserve.name())?.get_mut("request")?.take();
    let has_parameters = of_input.pointer("/inputs/0/parameters").is_some();
    let action = request.pointer("/inputs/0/parameters/action").and_then(Value::as_str);
    let is_taken = |action: &str| spec.action_names().next().is_none() || spec.action_names().any(|of| of == action);
    (!has_parameters && action.is_none_or(is_taken)).then_some(request)
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

/// Returns `true` if the model's own parameters include some without a default.
fn requires_parameters(spec: &Spec) -> bool {
    let schema: Option<Value> = spec.params_schema().and_then(|schema| schema.parse().ok());
    schema.is_some_and(|schema| schema.get("required").is_some())
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
