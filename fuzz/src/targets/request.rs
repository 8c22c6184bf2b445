//! Shared by the targets that decode requests: the comparison with serde_json, and calls of everything that an engine calls.

use std::collections::BTreeMap;

use chariot_engine::protocol::{DataType, InferInput, InferRequest, TensorData};
use half::{bf16, f16};
use serde_json::Value;

use super::{Outcome, class_of};
use crate::check;

pub(super) const WORDS: &[&str] = &[
    "\"inputs\"",
    "\"outputs\"",
    "\"id\"",
    "\"parameters\"",
    "\"name\"",
    "\"datatype\"",
    "\"shape\"",
    "\"data\"",
    "\"binary_data_size\"",
    "\"binary_data_output\"",
    "\"binary_data\"",
    "\"action\"",
    "\"metadata\"",
    "\"score_threshold\"",
    "\"BOOL\"",
    "\"UINT8\"",
    "\"UINT16\"",
    "\"UINT32\"",
    "\"UINT64\"",
    "\"INT8\"",
    "\"INT16\"",
    "\"INT32\"",
    "\"INT64\"",
    "\"FP16\"",
    "\"BF16\"",
    "\"FP32\"",
    "\"FP64\"",
    "\"BYTES\"",
    "\"inputs\":[",
    "{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[2],\"data\":[1,2]}",
    "\"shape\":[4000000000,4000000000]",
    "\"data\":[[1,2],[3,4]]",
    "\"parameters\":{\"binary_data_size\":4}",
    "\"Paylo4dCanary\"",
];

/// Returns the memory of the decoded tensors in bytes: the elements of numbers, and 8 bytes for each element of BYTES.
pub(super) fn tensors(request: &InferRequest) -> usize {
    let size = |input: &InferInput| input.data.len() * input.data.datatype().size().unwrap_or(8);
    request.inputs.iter().map(size).sum()
}

/// Calls everything on an accepted request that an engine may call. `input` is the encoded request.
pub(super) fn exercise(request: &InferRequest, input: &[u8]) -> Outcome {
    let check_message = |text: &str| check::message(text, input);
    for (index, one) in request.inputs.iter().enumerate() {
        check_message(&one.label(index));
        assert!(format!("{one:?}").len() < 10_000);
        let to = DataType::ALL[(input.len() + index) % DataType::ALL.len()];
        if let Err(rejection) = one.data.clone().convert(to) {
            check_message(rejection.text());
        }
        if let Some(shape) = &one.shape {
            match one.data.strings(shape) {
                Ok(strings) => assert_eq!(strings.len(), shape.iter().product::<usize>()),
                Err(rejection) => check_message(rejection.text()),
            }
        }
        for element in one.data.bytes_elements().into_iter().flatten() {
            if let Err(rejection) = element.text() {
                check_message(rejection.text());
            }
            if let Err(rejection) = element.json() {
                check_message(rejection.text());
            }
        }
        let parameters = &one.parameters;
        assert!(parameters.score_threshold().is_none_or(f32::is_finite));
        if let Err(rejection) = parameters.decode::<BTreeMap<String, u8>>() {
            check_message(rejection.text());
        }
    }
    let shape_of = |one: &InferInput| (one.data.datatype(), one.shape.as_ref().map(Vec::len), one.data.len().min(3));
    let shapes: Vec<_> = request.inputs.iter().take(4).map(shape_of).collect();
    Outcome::Accepted(class_of((shapes, request.outputs.len().min(2), request.id.is_some())))
}

/// Checks that an accepted request means the same as the JSON that serde_json reads.
pub(super) fn agrees(request: &InferRequest, json: &[u8]) {
    let json = json.strip_prefix("\u{feff}".as_bytes()).unwrap_or(json);
    let value: Value = match serde_json::from_slice(json) {
        Ok(value) => value,
        // A member that nothing reads may be a number beyond FP64, or one level deeper than serde_json accepts.
        Err(error) => {
            let said = error.to_string();
            let known = said.starts_with("number out of range") || said.starts_with("recursion limit");
            assert!(known, "serde_json refuses what we accept: {said}");
            return;
        }
    };
    let text = |value: &Value| value.as_str().map(str::to_owned);
    assert_eq!(request.id, text(&value["id"]));
    let inputs = value["inputs"].as_array().map_or(&[][..], |inputs| inputs);
    assert_eq!(request.inputs.len(), inputs.len());
    for (ours, theirs) in request.inputs.iter().zip(inputs) {
        assert_eq!(ours.name, text(&theirs["name"]).unwrap_or_default());
        assert_eq!(ours.datatype.map(|datatype| datatype.as_str()), theirs["datatype"].as_str());
        let shape = ours.shape.as_deref().unwrap_or_default();
        let lengths = theirs["shape"].as_array().map_or(&[][..], |lengths| lengths);
        assert_eq!((ours.shape.is_some(), shape.len()), (theirs["shape"].is_array(), lengths.len()));
        assert!(shape.iter().zip(lengths).all(|(ours, theirs)| same_integer(*ours as i128, theirs)), "shapes differ");
        let parameters = &theirs["parameters"];
        assert_eq!(ours.parameters.action().map(str::to_owned), text(&parameters["action"]));
        let metadata = ours.parameters.metadata().map(|metadata| metadata.parse::<Value>().ok());
        assert_eq!(metadata.flatten().unwrap_or_default(), parameters["metadata"]);
        if let Some(data) = theirs.get("data") {
            same_data(&ours.data, data);
        }
    }
    let outputs = value["outputs"].as_array().map_or(&[][..], |outputs| outputs);
    let names: Vec<_> = outputs.iter().map(|output| text(&output["name"]).unwrap_or_default()).collect();
    assert!(request.outputs.iter().map(|output| &output.name).eq(&names));
}

/// Checks that the elements are those that serde_json reads.
fn same_data(data: &TensorData, value: &Value) {
    if let Some(elements) = data.bytes_elements() {
        let bare = std::slice::from_ref(value);
        let theirs = if value.is_string() { bare } else { value.as_array().map_or(&[][..], |list| list) };
        let ours: Vec<_> = elements.map(|element| element.json().and_then(|json| json.parse::<Value>())).collect();
        assert_eq!(ours.len(), theirs.len());
        assert!(ours.iter().zip(theirs).all(|(ours, theirs)| ours.as_ref() == Ok(theirs)), "elements differ");
        return;
    }
    let mut leaves = Vec::new();
    flatten(value, &mut leaves);
    assert_eq!(data.len(), leaves.len());
    macro_rules! compare {
        ($type:ty, $same:expr) => {
            if let Some(values) = data.as_slice::<$type>() {
                let same: fn($type, &Value) -> bool = $same;
                assert!(values.iter().zip(&leaves).all(|(ours, theirs)| same(*ours, theirs)), "numbers differ");
            }
        };
    }
    macro_rules! integers {
        ($($type:ty)*) => { $(compare!($type, |ours, theirs| same_integer(ours.into(), theirs));)* };
    }
    integers!(u8 u16 u32 u64 i8 i16 i32 i64);
    compare!(bool, |ours, theirs| theirs.as_bool() == Some(ours));
    compare!(f64, |ours, theirs| theirs.as_f64().is_some_and(|theirs| theirs.to_bits() == ours.to_bits()));
    // A number that is first parsed as FP64 may be rounded twice.
    compare!(f32, |ours, theirs| theirs
        .as_f64()
        .is_some_and(|theirs| (theirs as f32).to_bits().abs_diff(ours.to_bits()) <= 1));
    compare!(f16, |ours, theirs| theirs.as_f64().is_some_and(|theirs| f16::from_f64(theirs) == ours));
    compare!(bf16, |ours, theirs| theirs.as_f64().is_some_and(|theirs| bf16::from_f64(theirs) == ours));
}

fn flatten<'a>(value: &'a Value, leaves: &mut Vec<&'a Value>) {
    match value {
        Value::Array(list) => list.iter().for_each(|value| flatten(value, leaves)),
        leaf => leaves.push(leaf),
    }
}

fn same_integer(ours: i128, theirs: &Value) -> bool {
    let exact = theirs.as_i64().map(i128::from).or(theirs.as_u64().map(i128::from));
    exact.map_or_else(|| theirs.as_f64() == Some(ours as f64), |theirs| theirs == ours)
}
