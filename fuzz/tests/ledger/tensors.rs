//! Requests of named tensors.

use chariot_engine::{
    prelude::*,
    protocol::{Coding, InferRequest},
};

use crate::{
    bodies::{binary, list, tensor},
    held::Case,
};

#[derive(TensorInput)]
#[allow(dead_code, reason = "only its memory matters")]
struct Numbers {
    #[tensor(shape = [n], convert)]
    x: Vec<f32>,
}

#[derive(TensorInput)]
#[allow(dead_code, reason = "only its memory matters")]
struct Words {
    #[tensor(shape = [n])]
    x: Vec<String>,
}

/// The number of elements of a tensor.
const COUNT: usize = 200_000;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (datatype, element, name) in [
        ("BOOL", "true", "BOOL in JSON"),
        ("UINT8", "7", "UINT8 in JSON"),
        ("UINT16", "7", "UINT16 in JSON"),
        ("UINT32", "7", "UINT32 in JSON"),
        ("UINT64", "7", "UINT64 in JSON"),
        ("INT8", "-7", "INT8 in JSON"),
        ("INT16", "-7", "INT16 in JSON"),
        ("INT32", "-7", "INT32 in JSON"),
        ("INT64", "7", "INT64 in JSON"),
        ("FP16", "0.5", "FP16 in JSON"),
        ("BF16", "0.5", "BF16 in JSON"),
        ("FP32", "0.25", "FP32 in JSON"),
        ("FP64", "1", "FP64 in JSON"),
    ] {
        cases.push(Case::tensors::<Tensors>(name, tensor(datatype, &[COUNT], &list(element, COUNT))));
    }
    for (datatype, width, name) in [
        ("BOOL", 1, "BOOL in binary"),
        ("UINT8", 1, "UINT8 in binary"),
        ("INT16", 2, "INT16 in binary"),
        ("FP16", 2, "FP16 in binary"),
        ("BF16", 2, "BF16 in binary"),
        ("FP32", 4, "FP32 in binary"),
        ("INT64", 8, "INT64 in binary"),
        ("FP64", 8, "FP64 in binary"),
    ] {
        let (headers, body) = binary(datatype, &[COUNT], &vec![0; COUNT * width]);
        cases.push(Case::tensors::<Tensors>(name, body).headers(headers));
    }
    let (headers, body) = binary("FP16", &[4 * COUNT], &vec![0; COUNT * 8]);
    cases.push(Case::tensors::<Numbers>("FP16 converted to FP32", body).headers(headers));
    let (headers, body) = binary("BF16", &[4 * COUNT], &vec![0; COUNT * 8]);
    cases.push(Case::tensors::<Numbers>("BF16 converted to FP32", body).headers(headers));
    let (headers, body) = binary("FP32", &[COUNT], &vec![0; COUNT * 4]);
    cases.push(Case::tensors::<Numbers>("a derived struct from binary", body).headers(headers));
    let numbers = tensor("INT64", &[COUNT], &list("7", COUNT));
    cases.push(Case::tensors::<Numbers>("a derived struct from JSON", numbers));
    let nested = tensor("FP32", &[COUNT / 100, 100], &list(&list("1", 100), COUNT / 100));
    cases.push(Case::tensors::<Tensors>("nested lists", nested));

    let words = |element: &str| tensor("BYTES", &[COUNT], &list(element, COUNT));
    cases.push(Case::tensors::<Tensors>("empty strings", words("\"\"")));
    cases.push(Case::tensors::<Tensors>("short strings", words("\"sixteen letters.\"")));
    cases.push(Case::tensors::<Tensors>("strings with escapes", words("\"\\n sixteen letters\"")));
    cases.push(Case::tensors::<Tensors>(
        "nested strings",
        tensor("BYTES", &[COUNT / 10, 10], &list(&list("\"\"", 10), COUNT / 10)),
    ));
    cases.push(Case::tensors::<Words>("a derived struct of strings", words("\"sixteen letters.\"")));
    let long = |escape: &str, length| format!("\"{escape}{}\"", "x".repeat(length));
    let escaped = tensor("BYTES", &[4], &list(&long("\\n", 1 << 20), 4));
    cases.push(Case::tensors::<Tensors>("long strings with escapes", escaped));
    cases.push(Case::tensors::<Tensors>("long strings", tensor("BYTES", &[4], &list(&long("", 1 << 19), 4))));
    let beside = format!(r#"{{"name":"n","datatype":"FP32","shape":[{COUNT}],"data":{}}}"#, list("0.12345678", COUNT));
    let mostly_numbers = tensor("BYTES", &[1], r#"["a"]"#).replacen('[', &format!("[{beside},"), 1);
    cases.push(Case::tensors::<Tensors>("a string beside many numbers", mostly_numbers));
    cases.push(Case::tensors::<InferRequest>("a whole request of strings", words("\"\"")));
    let (headers, body) = binary("BYTES", &[COUNT], &[&[16, 0, 0, 0][..], &[b'x'; 16]].concat().repeat(COUNT));
    cases.push(Case::tensors::<Tensors>("strings in binary", body.clone()).headers(headers.clone()));
    cases.push(Case::tensors::<Words>("a derived struct of strings in binary", body).headers(headers));

    let input = |index| {
        let metadata = "m".repeat(1000);
        format!(
            "{{\"name\":\"{index}{}\",\"datatype\":\"FP32\",\"shape\":[1],\"data\":[1],\"parameters\":{{\"metadata\":\"{metadata}\",\"own\":1}}}}",
            "n".repeat(1000)
        )
    };
    let inputs: Vec<String> = (0..1000).map(input).collect();
    let inputs = format!("{{\"inputs\":[{}]}}", inputs.join(","));
    cases.push(Case::tensors::<InferRequest>("many inputs", inputs.clone()));
    cases.push(Case::tensors::<Tensors>("many inputs as tensors", inputs));

    let json = tensor("FP32", &[COUNT * 4], &list("0.125", COUNT * 4)).into_bytes();
    for (coding, name) in [(Coding::Gzip, "gzip"), (Coding::Deflate, "deflate")] {
        let headers = format!("content-encoding: {}\r\n", coding.token());
        cases.push(Case::tensors::<Tensors>(name, coding.compress(&json).unwrap()).headers(headers));
    }
    let zstd = ruzstd::encoding::compress_to_vec(&json[..], ruzstd::encoding::CompressionLevel::Fastest);
    cases.push(Case::tensors::<Tensors>("zstd", zstd).headers("content-encoding: zstd\r\n"));
    cases
}
