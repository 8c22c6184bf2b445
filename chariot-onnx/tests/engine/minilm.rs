//! A real encoder of texts: all-MiniLM-L6-v2 as an ONNX file, beside the vectors that numpy has computed for the example
//! `text-embedding`.

use std::{path::Path, process::Command};

use serde_json::{Value, json};

use crate::{begin, needs_onnx_runtime};

/// Returns the numbers of a vector.
fn numbers(vector: &Value) -> Vec<f64> {
    vector.as_array().expect("a vector").iter().map(|value| value.as_f64().expect("a number")).collect()
}

#[test]
fn vectors_of_a_real_model_are_those_of_the_reference() {
    needs_onnx_runtime!();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/text-embedding");
    let built = Command::new(example.join("onnx")).output();
    if let Some(why) = built.map_or_else(
        |error| Some(error.to_string()),
        |output| (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned()),
    ) {
        return println!("SKIPPED: the model cannot be built: {why}");
    }
    // Beside the programs that cargo builds.
    let program = std::env::current_exe().unwrap();
    let file =
        program.ancestors().map(|folder| folder.join("minilm-onnx/model/model.onnx")).find(|file| file.is_file());
    let engine = begin(&file.expect("the script has built the model"), "onnx-runtime", &[]);
    engine.wait_until_ready();
    let reference = std::fs::read_to_string(example.join("tests/reference.json")).unwrap();
    let reference: Vec<Value> = serde_json::from_str(&reference).unwrap();
    let texts: Vec<&Value> = reference.iter().map(|one| &one["text"]).collect();
    let response = engine.infer(&json!({"inputs": [{"name": "a", "data": texts}]})).ok();
    let vectors = response["outputs"][0]["data"].as_array().expect("a list");
    assert_eq!(vectors.len(), reference.len());
    for (one, vector) in reference.iter().zip(vectors) {
        let (vector, expected) = (numbers(vector), numbers(&one["vector"]));
        assert_eq!(vector.len(), expected.len());
        // Both have length 1.
        let cosine: f64 = vector.iter().zip(&expected).map(|(a, b)| a * b).sum();
        assert!((cosine - 1.0).abs() <= 1e-5, "{}: cosine {cosine}", one["text"]);
    }
}
