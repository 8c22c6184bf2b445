//! Every data type goes through a model and comes back as it was.

use chariot_engine::{
    input::Tensors,
    onnx::{OnnxBackend, OnnxElement, OnnxInput},
    protocol::{ElementType, TensorData},
};
use half::{bf16, f16};

use super::{for_each_backend, needs_onnx_runtime, path, refusal, session};

#[track_caller]
fn comes_back<T: ElementType + OnnxElement>(name: &str, values: [T; 4], backend: OnnxBackend)
where
    TensorData: From<Vec<T>>,
{
    let mut session = session(&format!("identity/{name}"), backend);
    let borrowed = session.run_with(&[("x", OnnxInput::new(&[2, 2], &values))]).unwrap();
    let mut inputs = Tensors::default();
    inputs.push("x", [2, 2], values.to_vec());
    for outputs in [borrowed, session.run(&inputs).unwrap()] {
        let (shape, data) = outputs.get("y").unwrap();
        assert_eq!((shape, data.datatype()), (&[2, 2][..], T::DATATYPE));
        assert_eq!(data.as_slice::<T>().unwrap(), values, "{name}, {backend}");
    }
}

#[test]
fn numbers_and_booleans_come_back() {
    needs_onnx_runtime!();
    for_each_backend(|backend| {
        comes_back("bool", [true, false, false, true], backend);
        comes_back("uint8", [0, 1, 200, u8::MAX], backend);
        comes_back("uint16", [0, 1, 200, u16::MAX], backend);
        comes_back("uint32", [0, 1, 200, u32::MAX], backend);
        comes_back("uint64", [0, 1, 200, u64::MAX], backend);
        comes_back("int8", [0, 1, i8::MIN, i8::MAX], backend);
        comes_back("int16", [0, 1, i16::MIN, i16::MAX], backend);
        comes_back("int32", [0, 1, i32::MIN, i32::MAX], backend);
        comes_back("int64", [0, 1, i64::MIN, i64::MAX], backend);
        comes_back("fp16", [0.0, 0.5, -2.0, 65_504.0].map(f16::from_f32), backend);
        comes_back("fp32", [0.0, 0.1, f32::MIN, f32::INFINITY], backend);
        comes_back("fp64", [0.0, 0.1, f64::MIN, f64::MAX], backend);
    });
    comes_back("bf16", [0.0, 0.5, -2.0, 1e38].map(bf16::from_f32), OnnxBackend::OnnxRuntime);
}

#[test]
fn strings_come_back() {
    needs_onnx_runtime!();
    let strings = ["", "a", "日本語", "two words\n"].map(String::from);
    let mut session = session("identity/bytes", OnnxBackend::OnnxRuntime);
    let borrowed = session.run_with(&[("x", OnnxInput::new(&[2, 2], &strings))]).unwrap();
    let mut inputs = Tensors::default();
    inputs.push("x", [2, 2], strings.to_vec());
    for outputs in [borrowed, session.run(&inputs).unwrap()] {
        let (shape, data) = outputs.get("y").unwrap();
        assert_eq!(shape, [2, 2]);
        assert_eq!(data.strings(shape).unwrap(), strings);
    }
    // A string of C ends there.
    let zero = ["a\0b", "", "", ""].map(String::from);
    let message = super::failure(session.run_with(&[("x", OnnxInput::new(&[2, 2], &zero))]));
    assert!(message.contains("input 'x': "), "{message}");
}

#[test]
fn no_elements_are_not_an_abort() {
    needs_onnx_runtime!();
    let mut session = session("identity/fp32", OnnxBackend::OnnxRuntime);
    let outputs = session.run_with(&[("x", OnnxInput::new::<f32>(&[0, 2], &[]))]).unwrap();
    let (shape, data) = outputs.get("y").unwrap();
    assert_eq!((shape, data.len()), (&[0, 2][..], 0));
    let mut session = super::session("identity/fp32", OnnxBackend::Tract);
    if let Ok(outputs) = session.run_with(&[("x", OnnxInput::new::<f32>(&[0, 2], &[]))]) {
        assert_eq!(outputs.get("y").unwrap().0, [0, 2]);
    }
}

#[test]
fn a_type_that_cannot_be_had_is_named() {
    needs_onnx_runtime!();
    let mut messages = String::new();
    for name in ["bf16", "bytes"] {
        let message = refusal(&path(&format!("identity/{name}")), OnnxBackend::Tract);
        messages += &format!("{name} → {message}\n");
    }
    for_each_backend(|backend| {
        let message = refusal(&path("identity/complex64"), backend);
        messages += &format!("complex64, {backend} → {message}\n");
    });
    insta::assert_snapshot!("types", messages);
}
