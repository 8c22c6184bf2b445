//! Tests of the whole engine, without a socket.

use chariot_engine::testing::TestEngine;
use serde_json::{Value, json};

use super::*;

fn engine() -> TestEngine {
    let builder = Engine::builder()
        .model::<Tabular>(env!("CARGO_PKG_NAME"))
        .setting(
            "CHARIOT_ENGINE_MODEL_DIR",
            concat!(env!("CARGO_MANIFEST_DIR"), "/model"),
        );
    TestEngine::start(builder).unwrap()
}

/// Returns the labels of a response, one per row.
#[track_caller]
fn labels(request: &'static str) -> Value {
    let response = engine().infer(request);
    assert_eq!(response.status, 200, "{}", response.error());
    response.json()["outputs"][0]["data"].take()
}

#[test]
fn accepts_rows_as_a_matrix() {
    let rows = r#"{"inputs": [{"name": "flowers", "datatype": "FP32", "shape": [3, 4],
        "data": [[5.0, 3.4, 1.5, 0.2], [5.9, 2.8, 4.3, 1.3], [6.6, 3.0, 5.6, 2.0]]}]}"#;
    assert_eq!(labels(rows), json!(["setosa", "versicolor", "virginica"]));
}

#[test]
fn accepts_rows_as_one_input_per_column() {
    let columns = r#"{"inputs": [
        {"name": "petal_length", "datatype": "FP32", "shape": [2], "data": [1.5, 5.6]},
        {"name": "petal_width", "datatype": "FP32", "shape": [2], "data": [0.2, 2.0]},
        {"name": "sepal_length", "datatype": "FP32", "shape": [2], "data": [5.0, 6.6]},
        {"name": "sepal_width", "datatype": "FP32", "shape": [2], "data": [3.4, 3.0]}]}"#;
    assert_eq!(labels(columns), json!(["setosa", "virginica"]));
}

#[test]
fn rejects_a_negative_measurement() {
    let response = engine().infer(
        r#"{"inputs": [{"name": "flowers", "datatype": "FP32", "shape": [1, 4], "data": [5.0, 3.4, -1.0, 0.2]}]}"#,
    );
    assert_eq!(response.status, 400);
    let error = response.error();
    assert!(
        error.contains("'flowers'") && error.contains("0 to 100 cm"),
        "{error}"
    );
}
