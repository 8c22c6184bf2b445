//! Tests of the whole engine, without a socket.

use std::{fs, path::Path};

use chariot_engine::testing::TestEngine;
use serde_json::{Value, json};

use super::*;

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/model");

fn engine() -> TestEngine {
    let builder = Engine::builder()
        .model::<Iris>(env!("CARGO_PKG_NAME"))
        .setting("CHARIOT_ENGINE_MODEL_DIR", MODEL);
    TestEngine::start(builder).unwrap()
}

/// Returns the outputs of a response, one per row.
#[track_caller]
fn outputs(request: Value) -> Value {
    let response = engine().infer(request.to_string());
    assert_eq!(response.status, 200, "{}", response.error());
    response.json()["outputs"][0]["data"].take()
}

#[test]
fn accepts_rows_as_a_matrix() {
    let rows = json!({"inputs": [{"name": "flowers", "datatype": "FP32", "shape": [3, 4],
        "data": [[5.0, 3.4, 1.5, 0.2], [5.9, 2.8, 4.3, 1.3], [6.6, 3.0, 5.6, 2.0]]}]});
    assert_eq!(outputs(rows), json!(["setosa", "versicolor", "virginica"]));
}

#[test]
fn accepts_rows_as_one_input_per_column() {
    let columns = json!({"inputs": [
        {"name": "petal_length", "datatype": "FP32", "shape": [2], "data": [1.5, 5.6]},
        {"name": "petal_width", "datatype": "FP32", "shape": [2], "data": [0.2, 2.0]},
        {"name": "sepal_length", "datatype": "FP32", "shape": [2], "data": [5.0, 6.6]},
        {"name": "sepal_width", "datatype": "FP32", "shape": [2], "data": [3.4, 3.0]}]});
    assert_eq!(outputs(columns), json!(["setosa", "virginica"]));
}

#[test]
fn probabilities_are_those_that_scikit_learn_computes() {
    let row = json!({"inputs": [{"name": "flowers", "datatype": "FP32", "shape": [1, 4],
        "data": [5.9, 2.8, 4.3, 1.3], "parameters": {"action": "predict_proba"}}]});
    let outputs = outputs(row);
    let probabilities: Vec<f64> = serde_json::from_value(outputs[0].clone()).unwrap();
    assert_eq!(probabilities.len(), 3);
    for (got, expected) in probabilities.iter().zip([0.00974, 0.92059, 0.06966]) {
        assert!((got - expected).abs() < 1e-4, "{probabilities:?}");
    }
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

#[test]
fn does_not_start_with_labels_of_another_model() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name| directory.path().join(name);
    fs::copy(Path::new(MODEL).join("model.onnx"), file("model.onnx")).unwrap();
    fs::write(file("class_labels.json"), r#"{"cat": 0, "dog": 1}"#).unwrap();
    let builder = Engine::builder()
        .model::<Iris>(env!("CARGO_PKG_NAME"))
        .setting(
            "CHARIOT_ENGINE_MODEL_DIR",
            directory.path().display().to_string(),
        );
    let error = TestEngine::start(builder).unwrap_err();
    let causes = format!("{error:?} {error}");
    assert!(
        causes.contains("expected shape [1, 2], got [1, 3]"),
        "{causes}"
    );
}
