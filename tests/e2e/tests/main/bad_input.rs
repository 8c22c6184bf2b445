//! What a caller sends wrongly is a 400 that names the input and what was wrong, and nothing else: tables of bodies for
//! engines of every kind. `bad_json` has those that are wrong for any engine.

use e2e::base64;
use serde_json::{Value, json};

use crate::refusing::{SECRET, features, json_row, pictures, png, question, questions, row, table, weight, words};

/// The head of a picture that would take 10 GB.
fn bomb() -> Vec<u8> {
    let mut head = b"IHDR".to_vec();
    for side in [50_000_u32; 2] {
        head.extend(side.to_be_bytes());
    }
    head.extend([8, 6, 0, 0, 0]);
    // The checksum of PNG, bit by bit.
    let sum = head.iter().fold(!0_u32, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    });
    [b"\x89PNG\r\n\x1a\n\0\0\0\x0d", &head[..], &(!sum).to_be_bytes(), b"\0\0\0\0IDAT\x35\xaf\x06\x1e"].concat()
}

fn picture(data: Value) -> Value {
    json!({"inputs": [{"name": "cat.png", "datatype": "BYTES", "shape": [1], "data": data}]})
}

fn action(parameters: Value) -> Value {
    json!({"inputs": [{"name": "cat.png", "parameters": parameters, "data": [base64(png())]}]})
}

#[test]
fn an_engine_of_pictures_refuses_what_is_none() {
    let whole = base64(png());
    let cut = base64(&png()[..40]);
    let unnamed = json!({"inputs": [{"data": [whole]}, {"data": [SECRET.repeat(2) + "!"]}]});
    let two =
        json!({"inputs": [{"name": "a", "data": ["?"]}, {"name": "b", "data": [whole]}, {"name": "c", "data": [7]}]});
    let twelve: Vec<_> = (0..12).map(|index| json!({"name": format!("bad-{index}"), "data": [null]})).collect();
    let numbers = json!({"inputs": [{"name": "cat.png", "datatype": "FP32", "shape": [2], "data": [1, 2]}]});
    let table = [
        json_row("input 'cat.png'", "a string is expected, a number came", picture(json!([7]))),
        json_row("input 'cat.png'", "a string is expected, null came", picture(json!([null]))),
        json_row("input 'cat.png'", "a string is expected, a list came", picture(json!([[whole]]))),
        json_row("input 'cat.png'", "a string is expected, an object came", picture(json!([{"b64": SECRET}]))),
        json_row("input 'cat.png'", "a string is expected, true or false came", picture(json!([true]))),
        json_row("input 'cat.png'", "data holds no element", picture(json!([]))),
        json_row("input 'cat.png'", "nothing came", picture(json!([""]))),
        json_row("input 'cat.png'", "character 14 of 15 is not part of it", picture(json!([format!("{SECRET}*A")]))),
        json_row("input 'cat.png'", "comes after the padding", picture(json!([format!("AA=={SECRET}")]))),
        json_row("input 'cat.png'", "cut short", picture(json!(["AAAAA"]))),
        json_row("input 'cat.png'", "padding", picture(json!(["AA="]))),
        json_row("input 'cat.png'", "a data URL came", picture(json!([format!("data:image/png;base64,{whole}")]))),
        json_row("input 'cat.png'", "none of these", picture(json!([base64(SECRET)]))),
        json_row("input 'cat.png'", "none of these", picture(json!(base64("%PDF-1.7 a bare string")))),
        json_row("input 'cat.png'", "this one is broken or cut short", picture(json!([cut]))),
        json_row(
            "input 'cat.png'",
            "this one is broken or cut short",
            picture(json!([base64(b"\xff\xd8\xff\xe0\0\x10JFIF")])),
        ),
        json_row(
            "input 'cat.png'",
            "at most 50000000 pixels is expected, one of 50000 x 50000",
            picture(json!([base64(bomb())])),
        ),
        json_row("input 'cat.png': data[1]", "none of these", picture(json!([whole, base64(SECRET)]))),
        json_row("inputs[1]", "base64 is expected", unnamed),
        json_row("input 'a'", "input 'c'", two),
        json_row("input 'bad-9'", "and 2 more", json!({ "inputs": twelve })),
        json_row("input 'cat.png'", "datatype BYTES is expected, FP32 came", numbers),
        json_row(
            "input 'cat.png': parameters.action",
            "expected one of 'predict', 'predict_proba', got 'detect'",
            action(json!({"action": "detect"})),
        ),
        json_row("input 'cat.png': parameters.action", "got ''", action(json!({"action": ""}))),
        json_row(
            "input 'cat.png': parameters.score_threshold",
            "a finite number or a string of one",
            action(json!({"score_threshold": SECRET})),
        ),
    ];
    pictures().refuses(&table);
}

/// An input like another, with some members changed; `null` takes one out.
fn with(input: Value, changes: Value) -> Value {
    let (Value::Object(mut input), Value::Object(changes)) = (input, changes) else { panic!("objects") };
    for (name, value) in changes {
        if value.is_null() {
            input.remove(&name)
        } else {
            input.insert(name, value)
        };
    }
    Value::Object(input)
}

#[test]
fn an_engine_of_named_tensors_refuses_what_it_has_not_declared() {
    let first = |changes| json!({"inputs": [with(features(), changes), weight()]});
    let second = |changes| json!({"inputs": [features(), with(weight(), changes)]});
    let outputs = |outputs| json!({"inputs": [features(), weight()], "outputs": outputs});
    let flags = json!([true, true, true, true, true, true, true, true]);
    let words = json!([SECRET, "b", "c", "d", "e", "f", "g", "h"]);
    table().refuses(&[
        json_row("input 'weight'", "missing; INT64 of shape [n] is expected", json!({"inputs": [features()]})),
        json_row("input 'features'", "missing; FP32 of shape [n, 4] is expected", json!({"inputs": [weight()]})),
        json_row("input 'other'", "no such input; this engine takes 'features', 'weight'", json!({"inputs": [features(), weight(), with(weight(), json!({"name": "other"}))]})),
        json_row("input 'Weight'", "no such input", second(json!({"name": "Weight"}))),
        json_row("inputs[1]", "no such input", second(json!({"name": null}))),
        json_row("input 'weight'", "this input came twice", json!({"inputs": [features(), weight(), weight()]})),
        json_row("input 'features'", "datatype FP32 is expected, FP64 came", first(json!({"datatype": "FP64"}))),
        json_row("input 'features'", "datatype FP32 is expected, BOOL came", first(json!({"datatype": "BOOL", "data": flags}))),
        json_row("input 'features'", "datatype FP32 is expected, BYTES came", first(json!({"datatype": "BYTES", "data": words}))),
        json_row("input 'features'", "datatype FP32 is expected, none came", first(json!({"datatype": null}))),
        json_row("input 'features': shape", "the member is missing", first(json!({"shape": null}))),
        json_row("input 'features'", "shape [n, 4] is expected, [8] came", first(json!({"shape": [8]}))),
        json_row("input 'features'", "shape [n, 4] is expected, [4, 2] came", first(json!({"shape": [4, 2]}))),
        json_row("input 'features'", "shape [n, 4] is expected, [2, 4, 1] came", first(json!({"shape": [2, 4, 1]}))),
        json_row("input 'features'", "shape [n, 4] is expected, [0, 4] came", first(json!({"shape": [0, 4], "data": []}))),
        json_row("input 'weight'", "2 rows are expected as in input 'features', 3 came", second(json!({"shape": [3], "data": [1, 2, 3]}))),
        json_row("input 'weight': data[1]", "a value that INT64", second(json!({"datatype": "FP32", "data": [1, 2.5]}))),
        json_row("input 'weight': data[0]", "a value that INT64", second(json!({"datatype": "UINT64", "data": [u64::MAX, 2]}))),
        json_row("input 'weight'", "datatype INT64 is expected, BOOL came", second(json!({"datatype": "BOOL", "data": [true, true]}))),
        json_row("input 'features'", "input 'weight'", json!({"inputs": [with(features(), json!({"shape": [4, 2]})), with(weight(), json!({"datatype": "BOOL", "data": [true, true]}))]})),
        json_row("outputs[0].name", "expected one of 'sum', 'weight', got 'mean'", outputs(json!([{"name": "mean"}]))),
        json_row("outputs[1].name", "got ''", outputs(json!([{"name": "sum"}, {"name": ""}]))),
        json_row("outputs[1].name", "'sum' twice", outputs(json!([{"name": "sum"}, {"name": "sum"}]))),
    ]);
}

#[test]
fn an_engine_of_typed_values_and_parameters_refuses_other_types() {
    let data = |data| question(data, json!({"top_k": 1}));
    let parameters = |parameters| question(json!([{"text": SECRET, "tags": []}]), parameters);
    questions().refuses(&[
        json_row("input 'q'", "an object is expected, a number came", data(json!([7]))),
        json_row("input 'q'", "an object is expected, null came", data(json!([null]))),
        json_row("input 'q'", "an object is expected, a string came", data(json!([SECRET]))),
        json_row("input 'q'", "not valid JSON", data(json!([format!("{{{SECRET}")]))),
        json_row("input 'q': text", "a string is expected, a number came", data(json!([{"text": 7, "tags": []}]))),
        json_row("input 'q'", "the member 'text' is missing", data(json!([{"tags": [SECRET]}]))),
        json_row("input 'q': tags", "a list is expected, a string came", data(json!([{"text": "a", "tags": SECRET}]))),
        json_row(
            "input 'q': tags[1]",
            "a string is expected, null came",
            data(json!([{"text": "a", "tags": [SECRET, null]}])),
        ),
        json_row(
            "input 'q'",
            "tags[0]: a string is expected, a number came",
            data(json!([r#"{"text": "a", "tags": [7]}"#])),
        ),
        json_row(
            "input 'q': data[1]",
            "the member 'tags' is missing",
            data(json!([{"text": "a", "tags": []}, {"text": SECRET}])),
        ),
        json_row("input 'q': parameters.top_k", "the member is missing", parameters(json!({}))),
        json_row("input 'q': parameters.top_k", "the member is missing", parameters(json!({"top_k": null}))),
        json_row("input 'q': parameters.top_k", "a string came", parameters(json!({"top_k": SECRET}))),
        json_row(
            "input 'q': parameters.top_k",
            "an integer from 0 to 255 is expected",
            parameters(json!({"top_k": 256})),
        ),
        json_row(
            "input 'q': parameters.top_k",
            "an integer from 0 to 255 is expected",
            parameters(json!({"top_k": -1})),
        ),
        json_row(
            "input 'q': parameters.top_k",
            "an integer from 0 to 255 is expected",
            parameters(json!({"top_k": 1.5})),
        ),
        json_row(
            "input 'q': parameters.mode",
            "'greedy' or 'random' is expected",
            parameters(json!({"top_k": 1, "mode": SECRET})),
        ),
        json_row("input 'q': parameters", "'topk' is unknown", parameters(json!({"top_k": 1, "topk": 1}))),
    ]);
}

#[test]
fn an_engine_of_texts_refuses_what_is_no_text_and_too_many() {
    let many = json!({"inputs": [{"name": "many", "data": vec!["x"; 16_385]}]});
    words().refuses(&[
        row("input 't'", "a string is expected, a number came", r#"{"inputs": [{"name": "t", "data": [7]}]}"#),
        row("input 't'", "a string is expected, null came", r#"{"inputs": [{"name": "t", "data": [null]}]}"#),
        row("input 't'", "a string is expected, a list came", r#"{"inputs": [{"name": "t", "data": [["x"]]}]}"#),
        row("input 't'", "a string is expected, an object came", r#"{"inputs": [{"name": "t", "data": [{}]}]}"#),
        row("input 't': data[2]", "true or false came", r#"{"inputs": [{"name": "t", "data": ["a", "b", false]}]}"#),
        row("input 't'", "no element", r#"{"inputs": [{"name": "s", "data": ["a"]}, {"name": "t", "data": []}]}"#),
        json_row("items in a request", "at most 16384", many),
    ]);
}
