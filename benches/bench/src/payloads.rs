//! The bodies of the requests, the same on every run.

use std::fmt::Write;

use bytes::Bytes;
use image::{ExtendedColorType, ImageEncoder, codecs::jpeg::JpegEncoder};
use serde_json::json;

use crate::Failure;

/// The shape of a picture of 224x224 pixels in three channels, as classifiers of images take it.
pub(crate) const PICTURE: [usize; 4] = [1, 3, 224, 224];

/// Numbers of a linear congruential generator: as irregular as measured values, and the same on every run.
struct Numbers(u32);

impl Numbers {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0 >> 8
    }

    /// Returns numbers from -3 to 3 with six decimals.
    fn floats(mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| ((self.next() % 6_000_001) as f32 - 3_000_000.0) / 1e6).collect()
    }

    fn bytes(mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| (self.next() >> 8) as u8).collect()
    }
}

/// Returns a request with one FP32 tensor as JSON.
pub(crate) fn numbers(shape: &[usize]) -> Bytes {
    let mut data = String::new();
    for value in Numbers(1).floats(shape.iter().product()) {
        let _ = write!(data, "{}{value}", if data.is_empty() { "" } else { ", " });
    }
    let shape = json!(shape);
    format!(r#"{{"id": "r", "inputs": [{{"name": "x", "shape": {shape}, "datatype": "FP32", "data": [{data}]}}]}}"#)
        .into()
}

/// A request with one FP32 tensor in binary form, which asks for the output in binary form.
pub(crate) struct Binary {
    pub(crate) body: Bytes,
    /// The length of the JSON in front of the tensor.
    pub(crate) head: usize,
    pub(crate) tensor: Bytes,
}

pub(crate) fn binary(shape: &[usize]) -> Binary {
    let tensor: Vec<u8> = Numbers(2).floats(shape.iter().product()).into_iter().flat_map(f32::to_le_bytes).collect();
    let input =
        json!({"name": "x", "shape": shape, "datatype": "FP32", "parameters": {"binary_data_size": tensor.len()}});
    let output = json!({"name": "x", "parameters": {"binary_data": true}});
    let head = json!({"id": "r", "inputs": [input], "outputs": [output]}).to_string();
    let body = [head.as_bytes(), &tensor].concat();
    Binary { body: body.into(), head: head.len(), tensor: tensor.into() }
}

/// Returns a request with texts, one element each.
pub(crate) fn texts(texts: &[String]) -> Bytes {
    let input = json!({"name": "text", "shape": [texts.len()], "datatype": "BYTES", "data": texts});
    json!({"id": "r", "inputs": [input]}).to_string().into()
}

/// Returns a request with one element of this many bytes that mean nothing, in base64.
pub(crate) fn blob(bytes: usize) -> Bytes {
    texts(&[base64(&Numbers(3).bytes(bytes))])
}

/// Returns numbered texts.
pub(crate) fn items(count: usize) -> Vec<String> {
    (0..count).map(|index| format!("a text of some words, number {index}")).collect()
}

/// Returns a request with rows, one JSON object each.
pub(crate) fn rows(count: usize) -> Bytes {
    let mut numbers = Numbers(4);
    let mut next = || f64::from(numbers.next() % 10_000) / 1e3;
    let row =
        |index: usize| json!({"length": next(), "width": next(), "color": "yellow", "ripe": index.is_multiple_of(2)});
    let rows: Vec<_> = (0..count).map(row).collect();
    let input = json!({"name": "row", "shape": [count], "datatype": "BYTES", "data": rows});
    json!({"id": "r", "inputs": [input]}).to_string().into()
}

/// Returns texts as lines of `chariot-v2`.
pub(crate) fn lines(count: usize) -> Bytes {
    items(count).into_iter().map(|text| format!("{}\n", json!({ "input": text }))).collect::<String>().into()
}

/// Returns a request with one JPEG of 640x480 pixels, in base64.
pub(crate) fn picture() -> Result<Bytes, Failure> {
    const WIDTH: u32 = 640;
    const HEIGHT: u32 = 480;
    let mut numbers = Numbers(5);
    let mut pixels = Vec::with_capacity((WIDTH * HEIGHT * 3) as usize);
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            // A gradient with some noise, so that the file has the size of a photograph.
            let noise = numbers.next() % 32;
            pixels.extend([x * 224 / WIDTH + noise, y * 224 / HEIGHT + noise, 96 + noise].map(|value| value as u8));
        }
    }
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, 85).write_image(&pixels, WIDTH, HEIGHT, ExtendedColorType::Rgb8)?;
    Ok(texts(&[base64(&file)]))
}

fn base64(bytes: &[u8]) -> String {
    base64_simd::STANDARD.encode_to_string(bytes)
}
