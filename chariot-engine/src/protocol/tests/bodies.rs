//! A table of request bodies: the meaning of valid ones, and the messages for invalid ones.

use bytes::Bytes;
use insta::assert_snapshot;

use super::{Messages, assert_location};
use crate::protocol::{DataType, InferRequest};

pub(super) fn decode(body: impl Into<Bytes>) -> Result<InferRequest, String> {
    InferRequest::decode(&body.into()).map_err(|rejection| rejection.text().to_owned())
}

/// Returns a request with one input with these members.
fn input(members: &str) -> String {
    format!("{{\"inputs\":[{{{members}}}]}}")
}

/// Returns a request with one tensor `x`.
pub(super) fn tensor(datatype: &str, shape: &str, data: &str) -> String {
    input(&format!("\"name\":\"x\",\"datatype\":\"{datatype}\",\"shape\":{shape},\"data\":{data}"))
}

#[test]
fn a_message_has_the_location_of_the_fault() {
    let long = format!("\"{}\"", "n".repeat(1025));
    let bad: Vec<(String, &str, &str)> = vec![
        // The document.
        ("".into(), "", ""),
        (" \n\t".into(), "", ""),
        ("[]".into(), "", "1:1"),
        ("\"secret\"".into(), "", "1:1"),
        ("7".into(), "", "1:1"),
        ("null".into(), "", "1:1"),
        ("{}".into(), "inputs", ""),
        ("{".into(), "", "1:2"),
        ("{\"inputs\":[]} x".into(), "", "1:15"),
        ("{\n  \"id\": tru\n}".into(), "id", "2:9"),
        ("{\"id\":\"é\" 1}".into(), "", "1:11"),
        ("{\"id\":\"a\",}".into(), "", "1:11"),
        ("{\"id\" \"a\"}".into(), "", "1:7"),
        // The members of a request.
        ("{\"inputs\":{}}".into(), "inputs", "1:11"),
        ("{\"inputs\":null}".into(), "inputs", "1:11"),
        ("{\"inputs\":[]}".into(), "inputs", ""),
        ("{\"inputs\":[1]}".into(), "inputs[0]", "1:12"),
        ("{\"inputs\":[],\"inputs\":[]}".into(), "inputs", "1:23"),
        ("{\"id\":7}".into(), "id", "1:7"),
        ("{\"id\":null,\"id\":\"a\"}".into(), "id", "1:17"),
        ("{\"parameters\":[]}".into(), "parameters", "1:15"),
        ("{\"outputs\":\"y\"}".into(), "outputs", "1:12"),
        ("{\"outputs\":[\"y\"]}".into(), "outputs[0]", "1:13"),
        ("{\"outputs\":[{}]}".into(), "outputs[0].name", ""),
        ("{\"outputs\":[{\"name\":null}]}".into(), "outputs[0].name", "1:21"),
        (format!("{{\"outputs\":[{{\"name\":{long}}}]}}"), "outputs[0].name", "1:21"),
        ("{\"outputs\":[{\"name\":\"y\",\"parameters\":1}]}".into(), "outputs[0].parameters", "1:38"),
        // The members of an input.
        (input(""), "inputs[0].data", ""),
        (input("\"name\":\"x\""), "input 'x': data", ""),
        (input("\"name\":1,\"data\":[]"), "inputs[0].name", "1:20"),
        (format!("{{\"inputs\":[{{\"name\":{long}}}]}}"), "inputs[0].name", "1:20"),
        (input("\"name\":\"a\\nb\",\"data\":7"), "input 'a\\nb': data", "1:34"),
        (input("\"data\":null"), "inputs[0].data", "1:20"),
        (input("\"data\":[],\"data\":[]"), "inputs[0].data", "1:30"),
        (input("\"datatype\":1"), "inputs[0].datatype", "1:24"),
        (input("\"datatype\":\"FLOAT\",\"name\":\"x\""), "input 'x': datatype", "1:24"),
        (input("\"datatype\":\"FP32\",\"data\":[1]"), "inputs[0].shape", ""),
        (input("\"shape\":4"), "inputs[0].shape", "1:21"),
        (tensor("FP32", "[-1]", "[]"), "input 'x': shape[0]", "1:51"),
        (tensor("FP32", "[1.5]", "[]"), "input 'x': shape[0]", "1:51"),
        (tensor("FP32", "[\"1\"]", "[]"), "input 'x': shape[0]", "1:51"),
        (tensor("FP32", &format!("[{}1]", "1,".repeat(32)), "[1]"), "input 'x': shape[32]", "1:115"),
        (tensor("FP32", "[4294967296,4294967296,4]", "[1]"), "input 'x'", ""),
        (tensor("FP32", "[1000000000000]", "[1]"), "input 'x'", ""),
        // Counts and nesting.
        (tensor("FP32", "[2,3]", "[1,2,3,4,5]"), "input 'x'", ""),
        (tensor("FP32", "[1]", "[]"), "input 'x'", ""),
        (tensor("FP32", "[]", "[1,2]"), "input 'x'", ""),
        (tensor("FP32", "[2]", "3"), "input 'x': data", "1:61"),
        (tensor("FP32", "[2,2]", "[[1,2],[3]]"), "input 'x': data[1]", "1:70"),
        (tensor("FP32", "[2,2]", "[[1,2]]"), "input 'x': data", "1:63"),
        (tensor("FP32", "[2,2]", "[[1,2],3]"), "input 'x': data[1]", "1:70"),
        (tensor("FP32", "[2,2]", "[1,[2,3],4]"), "input 'x': data[1]", "1:66"),
        (tensor("FP32", "[2]", "[[1,2]]"), "input 'x': data[0]", "1:62"),
        (tensor("FP32", "[1,2]", "[[[1],[2]]]"), "input 'x': data[0][0]", "1:65"),
        // Elements.
        (tensor("FP32", "[2]", "[1,\"secret\"]"), "input 'x': data[1]", "1:64"),
        (tensor("FP32", "[2]", "[1,null]"), "input 'x': data[1]", "1:64"),
        (tensor("FP32", "[2]", "[1,true]"), "input 'x': data[1]", "1:64"),
        (tensor("FP32", "[2]", "[1,NaN]"), "input 'x': data[1]", "1:64"),
        (tensor("FP32", "[2]", "[1,-Infinity]"), "input 'x': data[1]", "1:64"),
        (tensor("FP32", "[2]", "[1,01]"), "input 'x': data[1]", "1:64"),
        (tensor("FP32", "[2]", "[1,.5]"), "input 'x': data[1]", "1:64"),
        (tensor("FP32", "[2]", "[1,]"), "input 'x': data[1]", "1:64"),
        (tensor("FP32", "[2]", "[1 2]"), "input 'x': data[0]", "1:64"),
        (tensor("FP32", "[1]", "[1e39]"), "input 'x': data[0]", "1:62"),
        (tensor("FP64", "[1]", "[-1e309]"), "input 'x': data[0]", "1:62"),
        (tensor("FP16", "[1]", "[65520]"), "input 'x': data[0]", "1:62"),
        (tensor("UINT8", "[1]", "[256]"), "input 'x': data[0]", "1:63"),
        (tensor("UINT8", "[1]", "[-1]"), "input 'x': data[0]", "1:63"),
        (tensor("INT8", "[1]", "[-129]"), "input 'x': data[0]", "1:62"),
        (tensor("INT64", "[1]", "[9223372036854775808]"), "input 'x': data[0]", "1:63"),
        (tensor("INT32", "[1]", "[1.5]"), "input 'x': data[0]", "1:63"),
        (tensor("INT32", "[1]", "[1e-99999999999999999999]"), "input 'x': data[0]", "1:63"),
        (tensor("INT32", "[1]", "[1e99999999999999999999]"), "input 'x': data[0]", "1:63"),
        (tensor("BOOL", "[1]", "[1]"), "input 'x': data[0]", "1:62"),
        (tensor("BOOL", "[1]", "[truth]"), "input 'x': data[0]", "1:62"),
        (tensor("BYTES", "[1]", "[{\"a\":[1,2}]"), "input 'x': data[0]", "1:72"),
        (tensor("BYTES", "[1]", "[\"a\nb\"]"), "input 'x': data[0]", "1:65"),
        (tensor("BYTES", "[1]", "[\"\\x\"]"), "input 'x': data[0]", "1:64"),
        (tensor("BYTES", "[1]", "[\"\\ud800\"]"), "input 'x': data[0]", "1:64"),
        (tensor("BYTES", "[1]", "[\"\\u12g4\"]"), "input 'x': data[0]", "1:64"),
        (tensor("BYTES", "[1]", "[\"abc"), "input 'x': data[0]", "1:63"),
        // Parameters.
        (input("\"parameters\":{\"action\":1}"), "inputs[0].parameters.action", "1:36"),
        (
            input("\"parameters\":{\"score_threshold\":true},\"name\":\"x\""),
            "input 'x': parameters.score_threshold",
            "1:45",
        ),
        (input("\"parameters\":{\"score_threshold\":\"high\"}"), "inputs[0].parameters.score_threshold", "1:45"),
        (input("\"parameters\":{\"score_threshold\":\"inf\"}"), "inputs[0].parameters.score_threshold", "1:45"),
        (input("\"parameters\":{\"a\":1,\"a\":2}"), "inputs[0].parameters.a", "1:37"),
    ];
    let mut messages = Messages::default();
    for (body, location, position) in bad {
        let message = decode(body.clone()).unwrap_err();
        assert_location(&message, location, position);
        messages.add(&body, &message);
    }
    assert_snapshot!("bodies", messages);
}

#[test]
fn limits_hold_and_are_named() {
    let nested = |depth: usize| format!("{{\"x\":{}{}", "[".repeat(depth), "]".repeat(depth));
    let valid = "\"inputs\":[{\"data\":[1]}]}";
    assert!(decode(format!("{},{valid}", nested(127))).is_ok());
    let deep = decode(format!("{},{valid}", nested(128))).unwrap_err();
    assert_location(&deep, "x", "1:133");
    assert!(deep.contains("128"), "{deep}");
    // An element is four levels deep.
    let element = |depth: usize| input(&format!("\"data\":[{}{}]", "[".repeat(depth), "]".repeat(depth)));
    assert!(decode(element(124)).is_ok());
    assert!(decode(element(125)).unwrap_err().starts_with("inputs[0].data[0]: "));
    let metadata = |depth: usize| {
        input(&format!("\"data\":[1],\"parameters\":{{\"metadata\":{}{}}}", "[".repeat(depth), "]".repeat(depth)))
    };
    assert!(decode(metadata(124)).is_ok());
    assert!(decode(metadata(125)).unwrap_err().starts_with("inputs[0].parameters.metadata: "));

    let inputs = |count: usize| format!("{{\"inputs\":[{}]}}", vec!["{\"data\":[1]}"; count].join(","));
    assert_eq!(decode(inputs(1024)).unwrap().inputs.len(), 1024);
    let many = decode(inputs(1025)).unwrap_err();
    assert!(many.starts_with("inputs[1024]: "), "{many}");

    let not_utf8 = decode(Bytes::from_static(b"{\"id\":\"\xff\"}")).unwrap_err();
    assert_location(&not_utf8, "", "1:8");

    let mut messages = Messages::default();
    messages.add("129 levels", &deep);
    messages.add("1025 inputs", &many);
    messages.add("not UTF-8", &not_utf8);
    assert_snapshot!("body_limits", messages);
}

#[test]
fn a_long_name_of_the_callers_is_cut() {
    let text = decode(input(&format!("\"name\":\"{}\"", "é".repeat(65)))).unwrap_err();
    assert!(text.starts_with(&format!("input '{}'...: data: ", "é".repeat(64))), "{text}");
}

#[test]
fn null_for_an_optional_member_is_absent_and_unknown_members_are_ignored() {
    let body = "{\"id\":null,\"parameters\":null,\"outputs\":null,\"model_name\":{\"a\":[null]},\"inputs\":[\
                {\"name\":null,\"datatype\":null,\"shape\":null,\"parameters\":null,\"data\":[null],\"x\":1}]}";
    let request = decode(body).unwrap();
    let input = &request.inputs[0];
    assert_eq!((request.id, request.outputs.len(), request.parameters.is_empty()), (None, 0, true));
    assert_eq!((input.name.as_str(), input.datatype, input.shape.as_ref()), ("", None, None));
    assert!(input.parameters.is_empty() && input.data.datatype() == DataType::Bytes && input.data.len() == 1);
    assert_eq!(input.label(3), "inputs[3]");

    let none = input_parameters("{\"action\":null,\"metadata\":null,\"score_threshold\":null}");
    assert_eq!((none.action(), none.score_threshold()), (None, None));
    assert!(none.is_empty() && none.metadata().is_none() && none.get("action").is_none());
}

fn input_parameters(parameters: &str) -> crate::protocol::Parameters {
    decode(input(&format!("\"data\":[1],\"parameters\":{parameters}"))).unwrap().inputs[0].parameters.clone()
}

#[test]
fn metadata_is_kept_byte_for_byte() {
    for metadata in ["\"{\\\"a\\\": 1}\"", "{ \"a\" : 1.0e0,\n \"a\": \"\\u00e9\" }", "[1, 2 ]", "\"\"", "0", "false"] {
        let parameters = input_parameters(&format!("{{\"metadata\": {metadata} }}"));
        assert_eq!(parameters.metadata().map(|text| text.as_str()), Some(metadata));
    }
}

#[test]
fn outputs_keep_the_callers_order() {
    let body = "{\"outputs\":[{\"name\":\"b\",\"parameters\":{\"x\":1}},{\"name\":\"a\",\"parameters\":null}],\
                \"inputs\":[{\"data\":\"t\"}],\"id\":\"\"}";
    let request = decode(body).unwrap();
    let names: Vec<_> = request.outputs.iter().map(|output| &*output.name).collect();
    assert_eq!((names, request.id.as_deref()), (vec!["b", "a"], Some("")));
}
