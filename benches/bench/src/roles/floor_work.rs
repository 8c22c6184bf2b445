//! The work of bare hyper's routes: what an author would write by hand with `serde_json` and `image`, and no more. No
//! shape is checked against its data, no limit is kept, and no fault has a location.

use std::fmt::Write;

use bytes::Bytes;
use image::imageops::FilterType;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::alike::SIDE;

type Done<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[derive(Deserialize)]
struct Request<T> {
    id: Option<String>,
    inputs: Vec<Tensor<T>>,
}

#[derive(Deserialize, Serialize)]
struct Tensor<T> {
    name: String,
    datatype: String,
    shape: Vec<usize>,
    data: Vec<T>,
}

#[derive(Serialize)]
struct Response<T> {
    model_name: &'static str,
    id: Option<String>,
    outputs: Vec<Tensor<T>>,
}

impl<T> Response<T> {
    fn new(id: Option<String>, outputs: Vec<Tensor<T>>) -> Self {
        Response { model_name: "floor", id, outputs }
    }
}

#[derive(Deserialize)]
struct Line {
    input: String,
}

#[derive(Serialize)]
struct LineOut {
    output: String,
}

/// Reads tensors into typed values and writes them back.
pub(super) fn tensors<T: DeserializeOwned + Serialize>(body: &[u8]) -> Done<Vec<u8>> {
    let request: Request<T> = serde_json::from_slice(body)?;
    Ok(serde_json::to_vec(&Response::new(request.id, request.inputs))?)
}

/// Reads lines of texts and writes them back.
pub(super) fn lines(body: &[u8]) -> Done<Vec<u8>> {
    let mut answer = Vec::with_capacity(body.len());
    for line in body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let Line { input } = serde_json::from_slice(line)?;
        serde_json::to_writer(&mut answer, &LineOut { output: input })?;
        answer.push(b'\n');
    }
    Ok(answer)
}

/// Decodes pictures, resizes them and returns their mean brightness.
pub(super) fn picture(body: &[u8]) -> Done<Vec<u8>> {
    let request: Request<String> = serde_json::from_slice(body)?;
    let mut outputs = Vec::new();
    for tensor in request.inputs {
        let data = tensor.data.iter().map(|text| brightness(text)).collect::<Done<Vec<f32>>>()?;
        outputs.push(Tensor { name: tensor.name, datatype: "FP32".to_string(), shape: vec![data.len()], data });
    }
    Ok(serde_json::to_vec(&Response::new(request.id, outputs))?)
}

fn brightness(text: &str) -> Done<f32> {
    let file = base64_simd::STANDARD.decode_to_vec(text)?;
    let picture = image::load_from_memory(&file)?.into_rgb8();
    let small = image::imageops::resize(&picture, SIDE, SIDE, FilterType::Triangle);
    let values: Vec<f32> = small.as_raw().iter().map(|value| f32::from(*value) / 255.0).collect();
    Ok(values.iter().sum::<f32>() / values.len() as f32)
}

/// Returns as many events as the text of the first element says.
pub(super) fn events(body: &[u8]) -> Done<Vec<Bytes>> {
    let request: Request<String> = serde_json::from_slice(body)?;
    let count: usize = request.inputs.first().and_then(|input| input.data.first()).ok_or("no element")?.parse()?;
    let event = |index: usize| {
        let mut text = String::from("data: ");
        let _ = write!(text, r#"{{"name":"text","index":0,"part":"part {index}"}}"#);
        text.push_str("\n\n");
        Bytes::from(text)
    };
    Ok((0..count).map(event).collect())
}
