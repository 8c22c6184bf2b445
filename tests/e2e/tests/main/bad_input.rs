//! Requests that one kind of engine rejects: tables of bodies, each of which is answered with a 400 that names the
//! input. `bad_json` has the bodies that every engine rejects.

use e2e::base64;
use serde_json::{Value, json};

use crate::rejecting::{SECRET, features, images, json_row, png, question, questions, row, table, weight, words};

/// The header of a PNG image that would take 10 GB once decoded.
fn bomb() -> Vec<u8> {
    let mut head = b"IHDR".to_vec();
    for side in [50_000_u32; 2] {
        head.extend(side.to_be_bytes());
    }
    head.extend([8, 6, 0, 0, 0]);
    // The checksum of a PNG chunk, bit by bit.
    let sum = head.iter().fold(!0_u32, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    });
    [b"\x89PNG\r\n\x1a\n\0\0\0\x0d", &head[..], &(!sum).to_be_bytes(), b"\0\0\0\0IDAT\x35\xaf\x06\x1e"].concat()
}

fn image(data: Value) -> Value {
    json!({"inputs": [{"name": "cat.png", "datatype": "BYTES", "shape": [1], "data": data}]})
}

fn action(parameters: Value) -> Value {
    json!({"inputs": [{"name": "cat.png", "parameters": parameters, "data": [base64(png())]}]})
}

#[test]
fn an_image_engine_rejects_what_is_not_an_image() {
    let whole = base64(png());
    let cut = base64(&png()[..40]);
    let unnamed = json!({"inputs": [{"data": [whole]}, {"data": [SECRET.repeat(2) + "!"]}]});
    let two =
        json!({"inputs": [{"name": "a", "data": ["?"]}, {"name": "b", "data": [whole]}, {"name": "c", "data": [7]}]});
    let twelve: Vec<_> = (0..12).map(|index| json!({"name": format!("bad-{index}"), "data": [null]})).collect();
    let numbers = json!({"inputs": [{"name": "cat.png", "datatype": "FP32", "shape": [2], "data": [1, 2]}]});
    let table = [
        json_row("input 'cat.png'", image(json!([7]))),
        json_row("input 'cat.png'", image(json!([null]))),
        json_row("input 'cat.png'", image(json!([[whole]]))),
        json_row("input 'cat.png'", image(json!([{"b64": SECRET}]))),
        json_row("input 'cat.png'", image(json!([true]))),
        json_row("input 'cat.png'", image(json!([]))),
        json_row("input 'cat.png'", image(json!([""]))),
        json_row("input 'cat.png'", image(json!([format!("{SECRET}*A")]))),
        json_row("input 'cat.png'", image(json!([format!("AA=={SECRET}")]))),
        json_row("input 'cat.png'", image(json!(["AAAAA"]))),
        json_row("input 'cat.png'", image(json!(["AA="]))),
        json_row("input 'cat.png'", image(json!([format!("data:image/png;base64,{whole}")]))),
        json_row("input 'cat.png'", image(json!([base64(SECRET)]))),
        json_row("input 'cat.png'", image(json!(base64("%PDF-1.7 a bare string")))),
        json_row("input 'cat.png'", image(json!([cut]))),
        json_row("input 'cat.png'", image(json!([base64(b"\xff\xd8\xff\xe0\0\x10JFIF")]))),
        json_row("input 'cat.png'", image(json!([base64(bomb())]))),
        json_row("input 'cat.png': data[1]", image(json!([whole, base64(SECRET)]))),
        json_row("inputs[1]", unnamed),
        json_row("input 'a' ... input 'c'", two),
        json_row("input 'bad-0' ... input 'bad-9'", json!({ "inputs": twelve })),
        json_row("input 'cat.png'", numbers),
        json_row("input 'cat.png': parameters.action", action(json!({"action": "detect"}))),
        json_row("input 'cat.png': parameters.action", action(json!({"action": ""}))),
        json_row("input 'cat.png': parameters.score_threshold", action(json!({"score_threshold": SECRET}))),
    ];
    let messages = images().rejects(&table);
    insta::assert_snapshot!("image", messages);
}

/// Changes some members of an input; `null` removes one.
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
fn a_tensor_engine_rejects_what_it_has_not_declared() {
    let first = |changes| json!({"inputs": [with(features(), changes), weight()]});
    let second = |changes| json!({"inputs": [features(), with(weight(), changes)]});
    let outputs = |outputs| json!({"inputs": [features(), weight()], "outputs": outputs});
    let flags = json!([true, true, true, true, true, true, true, true]);
    let words = json!([SECRET, "b", "c", "d", "e", "f", "g", "h"]);
    let messages = table().rejects(&[
        json_row("input 'weight'", json!({"inputs": [features()]})),
        json_row("input 'features'", json!({"inputs": [weight()]})),
        json_row("input 'other'", json!({"inputs": [features(), weight(), with(weight(), json!({"name": "other"}))]})),
        json_row("input 'Weight'", second(json!({"name": "Weight"}))),
        json_row("inputs[1]", second(json!({"name": null}))),
        json_row("input 'weight'", json!({"inputs": [features(), weight(), weight()]})),
        json_row("input 'features'", first(json!({"datatype": "FP64"}))),
        json_row("input 'features'", first(json!({"datatype": "BOOL", "data": flags}))),
        json_row("input 'features'", first(json!({"datatype": "BYTES", "data": words}))),
        json_row("input 'features'", first(json!({"datatype": null}))),
        json_row("input 'features': shape", first(json!({"shape": null}))),
        json_row("input 'features'", first(json!({"shape": [8]}))),
        json_row("input 'features'", first(json!({"shape": [4, 2]}))),
        json_row("input 'features'", first(json!({"shape": [2, 4, 1]}))),
        json_row("input 'features'", first(json!({"shape": [0, 4], "data": []}))),
        json_row("input 'weight'", second(json!({"shape": [3], "data": [1, 2, 3]}))),
        json_row("input 'weight': data[1]", second(json!({"datatype": "FP32", "data": [1, 2.5]}))),
        json_row("input 'weight': data[0]", second(json!({"datatype": "UINT64", "data": [u64::MAX, 2]}))),
        json_row("input 'weight'", second(json!({"datatype": "BOOL", "data": [true, true]}))),
        json_row("input 'features' ... input 'weight'", json!({"inputs": [with(features(), json!({"shape": [4, 2]})), with(weight(), json!({"datatype": "BOOL", "data": [true, true]}))]})),
        json_row("outputs[0].name", outputs(json!([{"name": "mean"}]))),
        json_row("outputs[1].name", outputs(json!([{"name": "sum"}, {"name": ""}]))),
        json_row("outputs[1].name", outputs(json!([{"name": "sum"}, {"name": "sum"}]))),
    ]);
    insta::assert_snapshot!("tensors", messages);
}

#[test]
fn an_engine_with_typed_values_and_parameters_rejects_other_types() {
    let data = |data| question(data, json!({"top_k": 1}));
    let parameters = |parameters| question(json!([{"text": SECRET, "tags": []}]), parameters);
    let messages = questions().rejects(&[
        json_row("input 'q'", data(json!([7]))),
        json_row("input 'q'", data(json!([null]))),
        json_row("input 'q'", data(json!([SECRET]))),
        json_row("input 'q'", data(json!([format!("{{{SECRET}")]))),
        json_row("input 'q': text", data(json!([{"text": 7, "tags": []}]))),
        json_row("input 'q'", data(json!([{"tags": [SECRET]}]))),
        json_row("input 'q': tags", data(json!([{"text": "a", "tags": SECRET}]))),
        json_row("input 'q': tags[1]", data(json!([{"text": "a", "tags": [SECRET, null]}]))),
        json_row("input 'q' ... tags[0]", data(json!([r#"{"text": "a", "tags": [7]}"#]))),
        json_row("input 'q': data[1]", data(json!([{"text": "a", "tags": []}, {"text": SECRET}]))),
        json_row("input 'q': parameters.top_k", parameters(json!({}))),
        json_row("input 'q': parameters.top_k", parameters(json!({"top_k": null}))),
        json_row("input 'q': parameters.top_k", parameters(json!({"top_k": SECRET}))),
        json_row("input 'q': parameters.top_k", parameters(json!({"top_k": 256}))),
        json_row("input 'q': parameters.top_k", parameters(json!({"top_k": -1}))),
        json_row("input 'q': parameters.top_k", parameters(json!({"top_k": 1.5}))),
        json_row("input 'q': parameters.mode", parameters(json!({"top_k": 1, "mode": SECRET}))),
        json_row("input 'q': parameters", parameters(json!({"top_k": 1, "topk": 1}))),
    ]);
    insta::assert_snapshot!("typed", messages);
}

#[test]
fn a_text_engine_rejects_what_is_not_text_and_too_many_items() {
    let many = json!({"inputs": [{"name": "many", "data": vec!["x"; 16_385]}]});
    let messages = words().rejects(&[
        row("input 't'", r#"{"inputs": [{"name": "t", "data": [7]}]}"#),
        row("input 't'", r#"{"inputs": [{"name": "t", "data": [null]}]}"#),
        row("input 't'", r#"{"inputs": [{"name": "t", "data": [["x"]]}]}"#),
        row("input 't'", r#"{"inputs": [{"name": "t", "data": [{}]}]}"#),
        row("input 't': data[2]", r#"{"inputs": [{"name": "t", "data": ["a", "b", false]}]}"#),
        row("input 't'", r#"{"inputs": [{"name": "s", "data": ["a"]}, {"name": "t", "data": []}]}"#),
        json_row("... 16384", many),
    ]);
    insta::assert_snapshot!("text", messages);
}
