//! Tests of the example requests, and the wording of every message of this room that is not about rows or images.

use serde::Deserialize;
use serde_json::{Value, json};

use super::*;
use crate::{
    error::ErrorKind,
    protocol::{DataType, InferInput, InferRequest, JsonText, TensorData},
    signature::{Dim, TensorSpec},
};

#[derive(Deserialize)]
#[expect(dead_code, reason = "only read by serde")]
struct Needed {
    top_k: u8,
    #[serde(default)]
    word: String,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only read by serde")]
struct Optional {
    top_k: Option<u8>,
}

fn input(example: Option<JsonText>) -> Value {
    let body = example.unwrap();
    InferRequest::decode(&body.clone().into_bytes()).unwrap();
    body.parse::<Value>().unwrap()["inputs"][0].take()
}

#[test]
fn parameters_have_a_schema() {
    let schema = |schema: Option<JsonText>| schema.map(|text| text.parse::<Value>().unwrap());
    let top_k = json!({ "type": "integer", "minimum": 0, "maximum": 255 });
    let mut optional = top_k.clone();
    optional["type"] = json!(["integer", "null"]);
    let word = json!({ "type": ["string", "null"] });
    assert_eq!(
        schema(WithParams::<Text, Needed>::params_schema()),
        Some(json!({ "type": "object", "required": ["top_k"], "properties": { "top_k": top_k, "word": word } }))
    );
    assert_eq!(
        schema(WithParams::<Text, Optional>::params_schema()),
        Some(json!({ "type": "object", "properties": { "top_k": optional } }))
    );
    assert_eq!(schema(WithParams::<Text, Value>::params_schema()), None);
    assert_eq!(schema(Text::params_schema()), None);
}

#[test]
fn the_example_of_a_type_can_be_decoded() {
    assert!(input(Text::example())["data"][0].is_string());
    assert_eq!(input(Row::<Needed>::example())["data"], json!([{"top_k": 0, "word": ""}]));
    assert_eq!(input(Json::<Vec<u8>>::example())["name"], "json");
    assert!(Json::<Value>::example().is_none(), "a type without a known shape has no example");
}

#[test]
fn an_example_has_parameters_if_they_are_required() {
    assert_eq!(input(WithParams::<Text, Optional>::example()).get("parameters"), None);
    assert_eq!(input(WithParams::<Text, Needed>::example())["parameters"]["top_k"], 0);
}

#[test]
fn text_compares_and_formats_like_a_string() {
    let text = Text::from("ab");
    assert_eq!((text.as_str(), text.as_ref(), text.to_string()), ("ab", "ab", "ab".to_owned()));
    assert_eq!(text, *"ab");
    assert_eq!(text, "ab");
    assert_eq!(text, "ab".to_owned());
    assert_eq!(format!("{text:>4}"), "  ab");
    assert_eq!(String::from(text.clone()), "ab");
    assert_eq!(Text::from("ab".to_owned()), text);
}

/// Returns what the caller reads of a rejection.
fn rejected<T>(result: crate::Result<T>) -> String {
    let error = result.err().expect("a rejection");
    assert_eq!(error.kind(), ErrorKind::Rejected, "{error}");
    error.public_message().unwrap()
}

/// Returns what only the log shows of a failure.
fn failed<T>(result: crate::Result<T>) -> String {
    let error = result.err().expect("a failure");
    assert_eq!((error.kind(), error.public_message()), (ErrorKind::Failed, None), "{error}");
    error.to_string()
}

#[test]
fn messages() {
    let split = |body: Value| {
        let request = InferRequest::decode(&body.to_string().into()).unwrap();
        <modality::Text as Modality>::split(request, &DecodeContext::default()).map(drop).map_err(Into::into)
    };
    let tensor = |name: &str, data: TensorData| InferRequest::new(vec![InferInput::new(name, [data.len()], data)]);
    let decode = |request| Tensors::decode(request, &DecodeContext::default());
    let without = |key: &str| {
        let mut input = json!({"name": "x", "datatype": "BYTES", "shape": [1], "data": ["a"]});
        input.as_object_mut().unwrap().remove(key);
        InferRequest::decode(&json!({ "inputs": [input] }).to_string().into()).unwrap()
    };
    struct Ints(#[expect(dead_code, reason = "only read")] Vec<i64>);
    impl FromTensors for Ints {
        fn signature() -> Vec<TensorSpec> {
            vec![]
        }
        fn rows(&self) -> usize {
            1
        }
        fn join(_: &[&Self], _: &crate::device::Device) -> crate::Result<Self> {
            Ok(Ints(vec![]))
        }
        fn from_tensors(tensors: &mut TensorReader<'_>) -> crate::Result<Self> {
            tensors.take("x", Vec::from_data).map(Ints)
        }
    }
    let ints = |request| decode_tensors::<Ints>(request, &DecodeContext::default());
    let spec = |shape: &[Dim]| TensorSpec::new("y", DataType::Int64, shape, "");
    let rows = [Dim::Batch("n"), Dim::Fixed(4)];
    let cases = [
        (
            "numbers where elements are expected",
            rejected(split(json!({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "data": [1]}]}))),
        ),
        ("no elements", rejected(split(json!({"inputs": [{"name": "x", "data": []}]})))),
        ("too many elements", rejected(split(json!({"inputs": [{"name": "x", "data": vec!["a"; 16_385]}]})))),
        ("a tensor without a datatype", rejected(decode(without("datatype")))),
        ("a tensor without a shape", rejected(decode(without("shape")))),
        ("a missing tensor", rejected(ints(tensor("y", vec![1i64].into())))),
        ("a tensor of another type", rejected(ints(tensor("x", vec![1f32].into())))),
        ("an output that does not fill its shape", failed(vec![0i64; 7].into_output("y", &spec(&rows)))),
        ("rows that are not there", failed(vec![0i64; 8].slice(1..3, &spec(&rows)))),
    ];
    let text: String = cases.iter().map(|(case, message)| format!("{case} → {message}\n")).collect();
    insta::assert_snapshot!("messages", text);
}

#[cfg(feature = "candle")]
#[test]
fn messages_about_candle_tensors() {
    let device = candle_core::Device::Cpu;
    let mut tensors = Tensors::default();
    tensors.push("words", [1], vec!["a".to_owned()]);
    let tensor = candle_core::Tensor::new(&[1f32], &device).unwrap();
    let strings = TensorSpec::new("y", DataType::Bytes, &[Dim::Any], "");
    let cases = [
        ("strings as a candle tensor", rejected(tensors.take_candle("words", &crate::device::Device::cpu()))),
        ("a missing tensor", rejected(tensors.take_candle("other", &crate::device::Device::cpu()))),
        ("a candle tensor as strings", failed(tensor.into_output("y", &strings))),
    ];
    let text: String = cases.iter().map(|(case, message)| format!("{case} → {message}\n")).collect();
    insta::assert_snapshot!("candle", text);
}
