//! Requests that may be valid: from a spec, from an example in the OpenAPI document, from the metadata, and a guess.
//! `learn` tries them in this order.

use serde_json::{Map, Value, json};

use super::{Spec, item::Sample};
use crate::tensor::zero;

/// A request to try, and its source.
pub(super) struct Candidate {
    pub(super) from: &'static str,
    pub(super) request: Value,
    pub(super) sample: Option<Sample>,
}

/// Returns the kind of the items of an engine: the one of the spec, or the name of the only input of a request or of
/// the metadata if its datatype is BYTES. If the spec gives the inputs, an example is ignored.
pub(super) fn kind_of_items(spec: &Spec, metadata: &Value, openapi: &Value) -> Option<String> {
    if let Some(kind) = &spec.item {
        return Some(kind.clone());
    }
    let example = example(openapi).filter(|_| spec.inputs.is_none());
    let example = example.as_ref().and_then(|request| kind_of(&request["inputs"]));
    example.or_else(|| kind_of(&metadata["inputs"])).map(str::to_string)
}

fn kind_of(inputs: &Value) -> Option<&'static str> {
    let [input] = inputs.as_array()?.as_slice() else { return None };
    let kind = super::item::KINDS.into_iter().find(|kind| input["name"] == **kind)?;
    (input["datatype"] == "BYTES").then_some(kind)
}

/// Returns the requests to try.
pub(super) fn candidates(spec: &Spec, metadata: &Value, openapi: &Value, kind: Option<&str>) -> Vec<Candidate> {
    let sample = |request: &Value| kind.map(|kind| Sample::of(kind, first_element(request)));
    if let Some(inputs) = &spec.inputs {
        let inputs: Vec<_> = inputs.iter().cloned().map(filled).collect();
        let request = json!({ "inputs": inputs });
        return vec![Candidate { from: "the given inputs", sample: sample(&request), request }];
    }
    let mut candidates = Vec::new();
    if let Some(request) = example(openapi).map(plain) {
        candidates.push(Candidate { from: "the example of /openapi.json", sample: sample(&request), request });
    }
    if let Some(kind) = kind {
        let item = Sample::of(kind, None);
        let input = json!({"name": format!("{kind}-0"), "datatype": "BYTES", "shape": [1], "data": [item.json]});
        let request = json!({ "inputs": [input] });
        candidates.push(Candidate { from: "an item as in the metadata", request, sample: Some(item) });
    } else if let Some(declared) = metadata["inputs"].as_array().filter(|inputs| !inputs.is_empty()) {
        let inputs: Vec<_> = declared.iter().filter_map(Value::as_object).map(zeros).collect();
        let request = json!({ "inputs": inputs });
        candidates.push(Candidate { from: "zeros as in the metadata", request, sample: None });
    } else {
        let input = json!({"name": "x", "datatype": "FP32", "shape": [1, 4], "data": [0.5, -1.25, 3.0, 100.0]});
        let request = json!({ "inputs": [input] });
        candidates.push(Candidate {
            from: "four numbers, because the metadata names no inputs",
            request,
            sample: None,
        });
    }
    candidates
}

/// Removes what a response repeats from a request, because cases add it themselves: the id and the metadata of inputs.
fn plain(mut request: Value) -> Value {
    if let Some(members) = request.as_object_mut() {
        members.remove("id");
    }
    for input in request["inputs"].as_array_mut().into_iter().flatten() {
        if let Some(parameters) = input.get_mut("parameters").and_then(Value::as_object_mut) {
            parameters.remove("metadata");
        }
    }
    request
}

/// Converts an input of the metadata to an input of a request.
fn zeros(declared: &Map<String, Value>) -> Map<String, Value> {
    let kept = declared.iter().filter(|(name, _)| matches!(name.as_str(), "name" | "datatype" | "shape"));
    filled(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// Completes the shape and the data of an input.
fn filled(mut input: Map<String, Value>) -> Map<String, Value> {
    if let Some(shape) = input.get_mut("shape").and_then(Value::as_array_mut) {
        shape
            .iter_mut()
            .filter(|length| length.as_i64().is_some_and(|length| length < 0))
            .for_each(|length| *length = 1.into());
    }
    if !input.contains_key("data") {
        let lengths = input.get("shape").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_u64);
        let count = usize::try_from(lengths.product::<u64>()).unwrap_or(usize::MAX).min(1 << 24);
        let zero = zero(input.get("datatype").and_then(Value::as_str).unwrap_or_default());
        input.insert("data".into(), Value::Array(vec![zero; count]));
    }
    input
}

/// Returns the first element of a request, which is an item if the engine takes items.
fn first_element(request: &Value) -> Option<&Value> {
    match &request["inputs"][0]["data"] {
        Value::Array(data) => data.first(),
        Value::Null => None,
        bare => Some(bare),
    }
}

/// Returns the example of inference in an OpenAPI document: an object with `inputs`.
pub(super) fn example(openapi: &Value) -> Option<Value> {
    let paths = openapi["paths"].as_object()?.iter().filter(|(path, _)| path.ends_with("/infer"));
    paths.filter_map(|(_, path)| example_of(openapi, &path["post"]["requestBody"])).next()
}

fn example_of(openapi: &Value, body: &Value) -> Option<Value> {
    let body = resolved(openapi, body);
    let json = &body["content"]["application/json"];
    let schema = resolved(openapi, &json["schema"]);
    let named = json["examples"].as_object().into_iter().flat_map(|named| named.values());
    let named = named.map(|example| &resolved(openapi, example)["value"]);
    let listed = schema["examples"].as_array().into_iter().flatten();
    let mut examples = std::iter::once(&json["example"]).chain(named).chain(listed).chain([&schema["example"]]);
    examples.find(|example| example["inputs"].is_array()).cloned()
}

/// Resolves a `$ref`.
fn resolved<'a>(openapi: &'a Value, value: &'a Value) -> &'a Value {
    let pointer = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    pointer.and_then(|pointer| openapi.pointer(pointer)).unwrap_or(value)
}
