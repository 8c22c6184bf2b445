//! Requests of items: texts, JSON values and rows, with parameters.

use std::collections::BTreeMap;

use chariot_engine::{
    input::{Row, WithParams},
    prelude::*,
};
use serde_json::Value;

use crate::{
    bodies::{items, list, tensor},
    held::Case,
};

/// The most items of a request.
const ITEMS: usize = 16_384;

#[derive(serde::Deserialize)]
#[expect(dead_code, reason = "only its memory matters")]
struct House {
    area: f64,
    city: String,
}

#[derive(serde::Deserialize)]
#[expect(dead_code, reason = "only its memory matters")]
struct Stops {
    stops: Vec<String>,
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let none = "{}";
    let long = format!("\"{}\"", "x".repeat(2 << 20));
    cases.push(Case::items::<Text>("a long text", items(&list(&long, 1), none)));
    cases.push(Case::items::<Text>(
        "a long text with escapes",
        items(&format!("[\"{}\"]", "\\n".repeat(1 << 20)), none),
    ));
    let raw = "x".repeat(2 << 20);
    cases.push(Case::items::<Text>("a raw text", raw).headers("content-type: text/plain\r\n"));
    cases.push(Case::items::<Text>("many empty texts", items(&list("\"\"", ITEMS), none)).many());
    let text = format!("\"{}\"", "x".repeat(200));
    cases.push(Case::items::<Text>("many texts", items(&list(&text, ITEMS), none)).many());
    let lines = "{\"input\":\"sixteen letters.\",\"parameters\":{\"metadata\":\"some metadata\",\"own\":1}}\n";
    let lines = lines.repeat(ITEMS);
    cases.push(Case::items::<Text>("lines", lines).headers("content-type: application/jsonl\r\n").many());
    let metadata = format!("{{\"metadata\":\"{}\"}}", "m".repeat(2 << 20));
    cases.push(Case::items::<Text>("metadata", items(&list("\"\"", ITEMS), &metadata)).many());
    let stops = format!("{{\"stops\":{},\"action\":\"predict\"}}", list("\"a stop\"", 100_000));
    cases.push(Case::items::<WithParams<Text, Stops>>("typed parameters", items(&list("\"\"", ITEMS), &stops)).many());

    let number = list("0.5", 500_000);
    cases.push(Case::items::<Json<Vec<f64>>>("a list of numbers", items(&list(&number, 1), none)));
    cases.push(Case::items::<Json<Value>>("any list of numbers", items(&list(&number, 1), none)));
    cases.push(Case::items::<Json<Value>>("objects", items(&list("{\"a\":1}", ITEMS), none)).many());
    let object: Vec<String> = (0..50_000).map(|key| format!("\"{key}\":[]")).collect();
    let object = format!("{{{}}}", object.join(","));
    cases.push(Case::items::<Json<BTreeMap<String, Vec<u8>>>>("a map", items(&list(&object, 1), none)));
    let nested = list(&list("{\"a\":[]}", 100), 300);
    cases.push(Case::items::<Json<Value>>("nested objects", items(&list(&nested, 1), none)));
    let quoted = Value::from(list("1", 300_000)).to_string();
    cases.push(Case::items::<Json<Vec<u64>>>("JSON within a string", items(&list(&quoted, 1), none)));

    let rows = 50_000;
    cases.push(
        Case::items::<Row<[f32; 4]>>("rows of a matrix", tensor("FP32", &[rows, 4], &list("1", rows * 4))).many(),
    );
    let column = |name: &str, datatype: &str, data: &str| {
        format!("{{\"name\":\"{name}\",\"datatype\":\"{datatype}\",\"shape\":[{rows}],\"data\":{data}}}")
    };
    let columns = format!(
        "{{\"inputs\":[{},{}]}}",
        column("area", "FP64", &list("1", rows)),
        column("city", "BYTES", &list("\"a city of many letters\"", rows))
    );
    cases.push(Case::items::<Row<House>>("rows of columns", columns).many());
    let house = "{\"area\":1,\"city\":\"a city of many letters\"}";
    cases.push(Case::items::<Row<House>>("rows as objects", items(&list(house, ITEMS), none)).many());
    cases
}
