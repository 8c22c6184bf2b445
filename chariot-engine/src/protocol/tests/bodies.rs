//! A table of request bodies: what good ones mean, and what callers read of bad ones.

use bytes::Bytes;

use crate::protocol::{DataType, InferRequest};

pub(super) fn decode(body: impl Into<Bytes>) -> Result<InferRequest, String> {
    InferRequest::decode(&body.into()).map_err(|rejection| rejection.text().to_owned())
}

/// A request of one input with these members.
fn input(members: &str) -> String {
    format!("{{\"inputs\":[{{{members}}}]}}")
}

/// A request of one tensor `x`.
pub(super) fn tensor(datatype: &str, shape: &str, data: &str) -> String {
    input(&format!("\"name\":\"x\",\"datatype\":\"{datatype}\",\"shape\":{shape},\"data\":{data}"))
}

#[test]
fn a_fault_says_where_what_was_expected_and_what_came() {
    let long = format!("\"{}\"", "n".repeat(1025));
    let bad: Vec<(String, &str)> = vec![
        // The document.
        ("".into(), "a JSON object is expected, an empty body came"),
        (" \n\t".into(), "a JSON object is expected, an empty body came"),
        ("[]".into(), "an object is expected, a list came (line 1, column 1)"),
        ("\"secret\"".into(), "an object is expected, a string came (line 1, column 1)"),
        ("7".into(), "an object is expected, a number came (line 1, column 1)"),
        ("null".into(), "an object is expected, null came (line 1, column 1)"),
        ("{}".into(), "inputs: a list of inputs is expected, the member is missing"),
        ("{".into(), "not valid JSON: the name of a member is expected, the end of the text came (line 1, column 2)"),
        ("{\"inputs\":[]} x".into(), "not valid JSON: something follows the end of the document (line 1, column 15)"),
        (
            "{\n  \"id\": tru\n}".into(),
            "id: not valid JSON: a value is expected, something else came (line 2, column 9)",
        ),
        ("{\"id\":\"é\" 1}".into(), "not valid JSON: a comma or '}' is expected, a number came (line 1, column 11)"),
        ("{\"id\":\"a\",}".into(), "not valid JSON: the name of a member is expected, '}' came (line 1, column 11)"),
        ("{\"id\" \"a\"}".into(), "not valid JSON: ':' is expected, a string came (line 1, column 7)"),
        // The members of a request.
        ("{\"inputs\":{}}".into(), "inputs: a list of inputs is expected, an object came (line 1, column 11)"),
        ("{\"inputs\":null}".into(), "inputs: a list of inputs is expected, null came (line 1, column 11)"),
        ("{\"inputs\":[]}".into(), "inputs: at least one input is expected, none came"),
        ("{\"inputs\":[1]}".into(), "inputs[0]: an object is expected, a number came (line 1, column 12)"),
        ("{\"inputs\":[],\"inputs\":[]}".into(), "inputs: the member stands twice in its object (line 1, column 23)"),
        ("{\"id\":7}".into(), "id: a string is expected, a number came (line 1, column 7)"),
        ("{\"id\":null,\"id\":\"a\"}".into(), "id: the member stands twice in its object (line 1, column 17)"),
        ("{\"parameters\":[]}".into(), "parameters: an object is expected, a list came (line 1, column 15)"),
        ("{\"outputs\":\"y\"}".into(), "outputs: a list of outputs is expected, a string came (line 1, column 12)"),
        ("{\"outputs\":[\"y\"]}".into(), "outputs[0]: an object is expected, a string came (line 1, column 13)"),
        ("{\"outputs\":[{}]}".into(), "outputs[0].name: a string is expected, the member is missing"),
        (
            "{\"outputs\":[{\"name\":null}]}".into(),
            "outputs[0].name: a string is expected, null came (line 1, column 21)",
        ),
        (
            format!("{{\"outputs\":[{{\"name\":{long}}}]}}"),
            "outputs[0].name: a name of at most 1024 bytes is expected, one of 1025 came (line 1, column 21)",
        ),
        (
            "{\"outputs\":[{\"name\":\"y\",\"parameters\":1}]}".into(),
            "outputs[0].parameters: an object is expected, a number came (line 1, column 38)",
        ),
        // The members of an input.
        (input(""), "inputs[0].data: a list is expected, the member is missing"),
        (input("\"name\":\"x\""), "input 'x': data: a list is expected, the member is missing"),
        (input("\"name\":1,\"data\":[]"), "inputs[0].name: a string is expected, a number came (line 1, column 20)"),
        (
            format!("{{\"inputs\":[{{\"name\":{long}}}]}}"),
            "inputs[0].name: a name of at most 1024 bytes is expected, one of 1025 came (line 1, column 20)",
        ),
        (
            input("\"name\":\"a\\nb\",\"data\":7"),
            "input 'a\\nb': data: a list or a string is expected, a number came (line 1, column 34)",
        ),
        (input("\"data\":null"), "inputs[0].data: a list or a string is expected, null came (line 1, column 20)"),
        (input("\"data\":[],\"data\":[]"), "inputs[0].data: the member stands twice in its object (line 1, column 30)"),
        (
            input("\"datatype\":1"),
            "inputs[0].datatype: the name of a data type is expected, a number came (line 1, column 24)",
        ),
        (
            input("\"datatype\":\"FLOAT\",\"name\":\"x\""),
            "input 'x': datatype: one of BOOL, UINT8, UINT16, UINT32, UINT64, INT8, INT16, INT32, INT64, FP16, BF16, FP32, FP64, BYTES is expected, 'FLOAT' came (line 1, column 24)",
        ),
        (
            input("\"datatype\":\"FP32\",\"data\":[1]"),
            "inputs[0].shape: a list of integers is expected for FP32, the member is missing",
        ),
        (input("\"shape\":4"), "inputs[0].shape: a list of integers is expected, a number came (line 1, column 21)"),
        (
            tensor("FP32", "[-1]", "[]"),
            "input 'x': shape[0]: an integer from 0 to 18446744073709551615 is expected, a number out of this range came (line 1, column 51)",
        ),
        (
            tensor("FP32", "[1.5]", "[]"),
            "input 'x': shape[0]: an integer from 0 to 18446744073709551615 is expected, a fraction came (line 1, column 51)",
        ),
        (
            tensor("FP32", "[\"1\"]", "[]"),
            "input 'x': shape[0]: an integer from 0 to 18446744073709551615 is expected, a string came (line 1, column 51)",
        ),
        (
            tensor("FP32", &format!("[{}1]", "1,".repeat(32)), "[1]"),
            "input 'x': shape[32]: at most 32 dimensions are expected, more came (line 1, column 115)",
        ),
        (
            tensor("FP32", "[4294967296,4294967296,4]", "[1]"),
            "input 'x': shape [4294967296,4294967296,4] has more elements than can be counted",
        ),
        (
            tensor("FP32", "[1000000000000]", "[1]"),
            "input 'x': shape [1000000000000] needs 1000000000000 elements, 1 came",
        ),
        // Counts and nesting.
        (tensor("FP32", "[2,3]", "[1,2,3,4,5]"), "input 'x': shape [2,3] needs 6 elements, 5 came"),
        (tensor("FP32", "[1]", "[]"), "input 'x': shape [1] needs 1 element, 0 came"),
        (tensor("FP32", "[]", "[1,2]"), "input 'x': shape [] needs 1 element, 2 came"),
        (tensor("FP32", "[2]", "3"), "input 'x': data: a list is expected, a number came (line 1, column 61)"),
        (
            tensor("FP32", "[2,2]", "[[1,2],[3]]"),
            "input 'x': data[1]: a list of 2 is expected, one of 1 came (line 1, column 70)",
        ),
        (
            tensor("FP32", "[2,2]", "[[1,2]]"),
            "input 'x': data: a list of 2 is expected, one of 1 came (line 1, column 63)",
        ),
        (
            tensor("FP32", "[2,2]", "[[1,2],3]"),
            "input 'x': data[1]: a list is expected, a number came (line 1, column 70)",
        ),
        (
            tensor("FP32", "[2,2]", "[1,[2,3],4]"),
            "input 'x': data[1]: a number is expected, a list came (line 1, column 66)",
        ),
        (tensor("FP32", "[2]", "[[1,2]]"), "input 'x': data[0]: a number is expected, a list came (line 1, column 62)"),
        (
            tensor("FP32", "[1,2]", "[[[1],[2]]]"),
            "input 'x': data[0][0]: a number is expected, a list came (line 1, column 65)",
        ),
        // Elements.
        (
            tensor("FP32", "[2]", "[1,\"secret\"]"),
            "input 'x': data[1]: a number is expected, a string came (line 1, column 64)",
        ),
        (tensor("FP32", "[2]", "[1,null]"), "input 'x': data[1]: a number is expected, null came (line 1, column 64)"),
        (
            tensor("FP32", "[2]", "[1,true]"),
            "input 'x': data[1]: a number is expected, true or false came (line 1, column 64)",
        ),
        (
            tensor("FP32", "[2]", "[1,NaN]"),
            "input 'x': data[1]: not valid JSON: a value is expected, something else came (line 1, column 64)",
        ),
        (
            tensor("FP32", "[2]", "[1,-Infinity]"),
            "input 'x': data[1]: not valid JSON: the number is malformed (line 1, column 64)",
        ),
        (
            tensor("FP32", "[2]", "[1,01]"),
            "input 'x': data[1]: not valid JSON: the number is malformed (line 1, column 64)",
        ),
        (
            tensor("FP32", "[2]", "[1,.5]"),
            "input 'x': data[1]: not valid JSON: a value is expected, something else came (line 1, column 64)",
        ),
        (
            tensor("FP32", "[2]", "[1,]"),
            "input 'x': data[1]: not valid JSON: a value is expected, ']' came (line 1, column 64)",
        ),
        (
            tensor("FP32", "[2]", "[1 2]"),
            "input 'x': data[0]: not valid JSON: a comma or ']' is expected, a number came (line 1, column 64)",
        ),
        (
            tensor("FP32", "[1]", "[1e39]"),
            "input 'x': data[0]: a number that FP32 can hold is expected, one beyond its range came (line 1, column 62)",
        ),
        (
            tensor("FP64", "[1]", "[-1e309]"),
            "input 'x': data[0]: a number that FP64 can hold is expected, one beyond its range came (line 1, column 62)",
        ),
        (
            tensor("FP16", "[1]", "[65520]"),
            "input 'x': data[0]: a number that FP16 can hold is expected, one beyond its range came (line 1, column 62)",
        ),
        (
            tensor("UINT8", "[1]", "[256]"),
            "input 'x': data[0]: an integer from 0 to 255 is expected, a number out of this range came (line 1, column 63)",
        ),
        (
            tensor("UINT8", "[1]", "[-1]"),
            "input 'x': data[0]: an integer from 0 to 255 is expected, a number out of this range came (line 1, column 63)",
        ),
        (
            tensor("INT8", "[1]", "[-129]"),
            "input 'x': data[0]: an integer from -128 to 127 is expected, a number out of this range came (line 1, column 62)",
        ),
        (
            tensor("INT64", "[1]", "[9223372036854775808]"),
            "input 'x': data[0]: an integer from -9223372036854775808 to 9223372036854775807 is expected, a number out of this range came (line 1, column 63)",
        ),
        (
            tensor("INT32", "[1]", "[1.5]"),
            "input 'x': data[0]: an integer from -2147483648 to 2147483647 is expected, a fraction came (line 1, column 63)",
        ),
        (
            tensor("INT32", "[1]", "[1e-99999999999999999999]"),
            "input 'x': data[0]: an integer from -2147483648 to 2147483647 is expected, a fraction came (line 1, column 63)",
        ),
        (
            tensor("INT32", "[1]", "[1e99999999999999999999]"),
            "input 'x': data[0]: an integer from -2147483648 to 2147483647 is expected, a number out of this range came (line 1, column 63)",
        ),
        (
            tensor("BOOL", "[1]", "[1]"),
            "input 'x': data[0]: true or false is expected, a number came (line 1, column 62)",
        ),
        (
            tensor("BOOL", "[1]", "[truth]"),
            "input 'x': data[0]: not valid JSON: a value is expected, something else came (line 1, column 62)",
        ),
        (
            tensor("BYTES", "[1]", "[{\"a\":[1,2}]"),
            "input 'x': data[0]: not valid JSON: a comma or ']' is expected, '}' came (line 1, column 72)",
        ),
        (
            tensor("BYTES", "[1]", "[\"a\nb\"]"),
            "input 'x': data[0]: not valid JSON: a control character stands in a string (line 1, column 65)",
        ),
        (
            tensor("BYTES", "[1]", "[\"\\x\"]"),
            "input 'x': data[0]: not valid JSON: a string holds an unknown escape (line 1, column 64)",
        ),
        (
            tensor("BYTES", "[1]", "[\"\\ud800\"]"),
            "input 'x': data[0]: a \\u escape is half of a surrogate pair (line 1, column 64)",
        ),
        (
            tensor("BYTES", "[1]", "[\"\\u12g4\"]"),
            "input 'x': data[0]: not valid JSON: four hexadecimal digits are expected after \\u (line 1, column 64)",
        ),
        (
            tensor("BYTES", "[1]", "[\"abc"),
            "input 'x': data[0]: not valid JSON: the string has no end (line 1, column 63)",
        ),
        // Parameters.
        (
            input("\"parameters\":{\"action\":1}"),
            "inputs[0].parameters.action: a string is expected, a number came (line 1, column 36)",
        ),
        (
            input("\"parameters\":{\"score_threshold\":true},\"name\":\"x\""),
            "input 'x': parameters.score_threshold: a finite number or a string of one is expected, true or false came (line 1, column 45)",
        ),
        (
            input("\"parameters\":{\"score_threshold\":\"high\"}"),
            "inputs[0].parameters.score_threshold: a finite number or a string of one is expected, one that is neither came (line 1, column 45)",
        ),
        (
            input("\"parameters\":{\"score_threshold\":\"inf\"}"),
            "inputs[0].parameters.score_threshold: a finite number or a string of one is expected, one that is neither came (line 1, column 45)",
        ),
        (
            input("\"parameters\":{\"a\":1,\"a\":2}"),
            "inputs[0].parameters.a: the member stands twice in its object (line 1, column 37)",
        ),
    ];
    let mut wrong = Vec::new();
    for (body, expected) in bad {
        let came = decode(body.clone()).err();
        if came.as_deref() != Some(expected) {
            wrong.push(format!("{body}\n  expected {expected}\n  came     {}", came.unwrap_or_default()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn limits_hold_and_are_named() {
    let nested = |depth: usize| format!("{{\"x\":{}{}", "[".repeat(depth), "]".repeat(depth));
    let valid = "\"inputs\":[{\"data\":[1]}]}";
    assert!(decode(format!("{},{valid}", nested(127))).is_ok());
    let deep = decode(format!("{},{valid}", nested(128))).unwrap_err();
    assert_eq!(deep, "x: lists and objects are nested deeper than 128 levels (line 1, column 133)");
    // An element stands four levels deep.
    let element = |depth: usize| input(&format!("\"data\":[{}{}]", "[".repeat(depth), "]".repeat(depth)));
    assert!(decode(element(124)).is_ok());
    assert!(decode(element(125)).unwrap_err().starts_with("inputs[0].data[0]: lists and objects are nested deeper"));
    let metadata = |depth: usize| {
        input(&format!("\"data\":[1],\"parameters\":{{\"metadata\":{}{}}}", "[".repeat(depth), "]".repeat(depth)))
    };
    assert!(decode(metadata(124)).is_ok());
    assert!(decode(metadata(125)).unwrap_err().starts_with("inputs[0].parameters.metadata: lists and objects are"));

    let inputs = |count: usize| format!("{{\"inputs\":[{}]}}", vec!["{\"data\":[1]}"; count].join(","));
    assert_eq!(decode(inputs(1024)).unwrap().inputs.len(), 1024);
    assert!(decode(inputs(1025)).unwrap_err().starts_with("inputs[1024]: at most 1024 are expected, more came"));

    let bytes = Bytes::from_static(b"{\"id\":\"\xff\"}");
    assert_eq!(decode(bytes).unwrap_err(), "not valid JSON: the text is not UTF-8 (line 1, column 8)");
}

#[test]
fn a_long_name_of_the_callers_is_cut() {
    let text = decode(input(&format!("\"name\":\"{}\"", "é".repeat(65)))).unwrap_err();
    assert_eq!(text, format!("input '{}'...: data: a list is expected, the member is missing", "é".repeat(64)));
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
