//! The golden files: for each task the requests and responses in both protocols, and in both layouts where the task has
//! two. They are the only place where the wire form of a task is written. `openapi` shows them, the documentation of the
//! outputs includes them, the tests of the encoders and of whole engines compare with them, and the conformance suite
//! compares any server with them.
//!
//! `tests/conformance` writes their responses: `UPDATE_GOLDEN=1 cargo test -p conformance golden`. A file without `model`
//! is not written: its values come from elsewhere, and engines are compared with its form alone.

use serde_json::Value;

use super::task::same_task;
use crate::settings::{OutputLayout, SettingValue};

/// The tasks, each with the text of its file.
const FILES: [(&str, &str); 15] = [
    ("Image Classification", include_str!("golden/image_classification.json")),
    ("Object Detection", include_str!("golden/object_detection.json")),
    ("Oriented Object Detection", include_str!("golden/oriented_object_detection.json")),
    ("Image Segmentation", include_str!("golden/image_segmentation.json")),
    ("Image Embedding", include_str!("golden/image_embedding.json")),
    ("Text Embedding", include_str!("golden/text_embedding.json")),
    ("Text Classification", include_str!("golden/text_classification.json")),
    ("Token Classification", include_str!("golden/token_classification.json")),
    ("Text Generation", include_str!("golden/text_generation.json")),
    ("Summarization", include_str!("golden/summarization.json")),
    ("Translation", include_str!("golden/translation.json")),
    ("Text Fill Mask", include_str!("golden/text_fill_mask.json")),
    ("Question Answering", include_str!("golden/question_answering.json")),
    ("Structured Data Classification", include_str!("golden/structured_data_classification.json")),
    ("Structured Data Regression", include_str!("golden/structured_data_regression.json")),
];

/// Returns the first exchange of a task in this layout: an object with a `request` and a `response` per protocol. `None`
/// if the task has no golden file.
pub(crate) fn exchange(task: &str, layout: Option<OutputLayout>) -> Option<Value> {
    exchanges(task, layout).into_iter().next()
}

/// Returns the exchanges of a task in this layout, in the order of the file.
fn exchanges(task: &str, layout: Option<OutputLayout>) -> Vec<Value> {
    let file = FILES.iter().find(|(name, _)| same_task(name, task)).map(|(_, text)| serde_json::from_str(text));
    let Some(Ok(Value::Object(mut file))) = file else { return Vec::new() };
    let layout = layout.map_or("default".to_string(), |layout| layout.show());
    let mut exchanges = match file.remove("exchanges") {
        Some(Value::Array(exchanges)) => exchanges,
        _ => Vec::new(),
    };
    exchanges.retain(|exchange| {
        exchange["layouts"].as_array().is_some_and(|layouts| layouts.iter().any(|of| *of == layout.as_str()))
    });
    exchanges
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::protocol::JsonText;

    /// Asserts that the result of an encoder has the form of the golden exchange with this name: the same members in
    /// every object, and the same kinds. Lists may differ in length.
    #[track_caller]
    pub(crate) fn assert_form(task: &str, layout: Option<OutputLayout>, name: &str, result: &JsonText) {
        let exchange = exchanges(task, layout).into_iter().find(|exchange| exchange["name"] == name);
        let exchange = exchange.unwrap_or_else(|| panic!("{task} has no exchange '{name}'"));
        let result: Value = result.parse().unwrap();
        for golden in [
            exchange.pointer("/chariot-v2-kserve/response/outputs/0/data/0"),
            exchange.pointer("/chariot-v2/response/output"),
        ] {
            let golden = golden.unwrap_or_else(|| panic!("{task}: '{name}' has no result"));
            assert!(is_of_form(&result, golden), "expected the form of {golden}, got {result}");
        }
    }

    fn is_of_form(got: &Value, golden: &Value) -> bool {
        match (got, golden) {
            (Value::Object(got), Value::Object(golden)) => {
                got.keys().eq(golden.keys()) && golden.iter().all(|(name, golden)| is_of_form(&got[name], golden))
            }
            (Value::Array(got), Value::Array(golden)) => {
                got.iter().all(|got| golden.is_empty() || golden.iter().any(|golden| is_of_form(got, golden)))
            }
            (Value::Number(got), Value::Number(golden)) => golden.is_f64() || !got.is_f64(),
            (got, golden) => std::mem::discriminant(got) == std::mem::discriminant(golden),
        }
    }

    #[test]
    fn every_file_is_of_its_task_and_has_an_exchange_without_a_layout() {
        for (task, text) in FILES {
            let file: Value = serde_json::from_str(text).unwrap();
            assert_eq!(file["task"], task);
            assert!(exchange(task, None).is_some(), "{task}");
        }
        assert!(exchange("fill-mask", None).is_some(), "an alias");
        assert!(exchange("Chess", None).is_none());
    }
}
