//! Files that are well-formed, and that a backend cannot run.

use chariot_engine::onnx::OnnxBackend;

use super::{for_each_backend, needs_onnx_runtime, path, refusal};

#[test]
fn what_is_no_tensor_is_named_with_what_to_do() {
    needs_onnx_runtime!();
    let mut messages = Vec::new();
    for_each_backend(|backend| {
        let cases = ["zipmap", "sequence-output", "sequence-input", "optional-input"];
        let told = cases.map(|name| format!("{name} → {}\n", refusal(&path(name), backend)));
        messages.push(told.concat());
    });
    assert_eq!(messages[0], messages[1]);
    insta::assert_snapshot!("no_tensors", messages[0]);
}

#[test]
fn an_operator_that_the_backend_lacks_is_named_with_its_node() {
    needs_onnx_runtime!();
    let tract = ["unknown-operator", "det"].map(|name| {
        let message = refusal(&path(name), OnnxBackend::Tract);
        format!("{name} → {message}\n")
    });
    insta::assert_snapshot!("operators", tract.concat());
    let message = refusal(&path("unknown-operator"), OnnxBackend::OnnxRuntime);
    assert!(message.starts_with("'unknown-operator.onnx': ") && message.contains("Frobnicate"), "{message}");
    // ONNX Runtime has it.
    super::open("det", OnnxBackend::OnnxRuntime);
}

#[test]
fn tract_says_that_it_must_know_the_number_of_dimensions() {
    needs_onnx_runtime!();
    let message = refusal(&path("unknown-rank-input"), OnnxBackend::Tract);
    assert!(message.contains("use the backend onnx-runtime"), "{message}");
}
