//! The paths that are counted, and the requests that take them.

use std::{fs, path::Path};

use crate::{Failure, engine::Engine};

/// A way through the engine.
pub(crate) struct CountedPath {
    /// The name in the table, in the baseline and on the command line.
    pub(crate) name: &'static str,
    /// The kind of request, for the table.
    pub(crate) what: &'static str,
    pub(crate) engine: Engine,
    /// The numbers of requests of the two runs of a measurement, or of events in the two answers.
    pub(crate) few: u32,
    pub(crate) many: u32,
    request: fn(u32) -> Result<Vec<u8>, Failure>,
    /// Set if the number goes into one request, instead of the request being sent that many times.
    is_one_request: bool,
}

impl CountedPath {
    /// Returns a request of a run, and the number of times that it is sent.
    ///
    /// # Errors
    /// Returns an error if a file of the request cannot be read.
    pub(crate) fn traffic(&self, number: u32) -> Result<(Vec<u8>, u32), Failure> {
        Ok(((self.request)(number)?, if self.is_one_request { 1 } else { number }))
    }
}

/// Every counted path.
pub(crate) static PATHS: [CountedPath; 8] = [
    CountedPath {
        name: "json",
        what: "a request with 4 floats in JSON",
        engine: Engine::Counted,
        few: 100,
        many: 1_100,
        request: |_| Ok(json()),
        is_one_request: false,
    },
    CountedPath {
        name: "binary",
        what: "a request with 150,528 floats in binary, both ways",
        engine: Engine::Counted,
        few: 5,
        many: 55,
        request: |_| Ok(binary()),
        is_one_request: false,
    },
    CountedPath {
        name: "rows",
        what: "a request with a table of 100 rows of 4 floats in JSON",
        engine: Engine::Counted,
        few: 10,
        many: 110,
        request: |_| Ok(rows(100)),
        is_one_request: false,
    },
    CountedPath {
        name: "rows-10000",
        what: "a request with a table of 10,000 such rows",
        engine: Engine::Counted,
        few: 1,
        many: 4,
        request: |_| Ok(rows(10_000)),
        is_one_request: false,
    },
    CountedPath {
        name: "items",
        what: "a request with 64 texts",
        engine: Engine::Counted,
        few: 10,
        many: 110,
        request: |_| Ok(items()),
        is_one_request: false,
    },
    CountedPath {
        name: "lines",
        what: "a request with 100 texts, as lines of `chariot-v2`",
        engine: Engine::Counted,
        few: 10,
        many: 110,
        request: |_| Ok(lines()),
        is_one_request: false,
    },
    CountedPath {
        name: "picture",
        what: "a request with a picture of 8 x 8 in base64, to `digits`",
        engine: Engine::Digits,
        few: 5,
        many: 55,
        request: |_| picture(),
        is_one_request: false,
    },
    CountedPath {
        name: "event",
        what: "an event of a streamed response",
        engine: Engine::Counted,
        few: 50,
        many: 1_550,
        request: |parts| Ok(events(parts)),
        is_one_request: true,
    },
];

/// FP32 [1, 4], 105 bytes.
fn json() -> Vec<u8> {
    const BODY: &str = concat!(
        r#"{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 4], "#,
        r#""data": [0.12345678, 0.5, -0.25, 0.875]}]}"#
    );
    post("/infer", "", BODY.as_bytes())
}

fn binary() -> Vec<u8> {
    const JSON: &str = concat!(
        r#"{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 3, 224, 224], "#,
        r#""parameters": {"binary_data_size": 602112}}], "parameters": {"binary_data_output": true}}"#
    );
    let tensor = (0..3 * 224 * 224).flat_map(|index: u32| (index as f32 / 150_528.0).to_le_bytes());
    let body: Vec<u8> = JSON.bytes().chain(tensor).collect();
    post("/infer", &format!("Inference-Header-Content-Length: {}\r\n", JSON.len()), &body)
}

fn rows(rows: u32) -> Vec<u8> {
    let cells: Vec<String> = (0..4 * rows).map(|index| format!("{:.2}", f64::from(index % 97) * 0.07 + 0.1)).collect();
    let cells = cells.join(", ");
    let body =
        format!(r#"{{"inputs": [{{"name": "table", "datatype": "FP32", "shape": [{rows}, 4], "data": [{cells}]}}]}}"#);
    post("/v2/models/rows/infer", "", body.as_bytes())
}

fn text(index: u32) -> String {
    format!(r#""a text of some words, number {index}""#)
}

fn items() -> Vec<u8> {
    let texts: Vec<String> = (0..64).map(text).collect();
    let texts = texts.join(", ");
    let body = format!(r#"{{"inputs": [{{"name": "texts", "datatype": "BYTES", "shape": [64], "data": [{texts}]}}]}}"#);
    post("/v2/models/texts/infer", "", body.as_bytes())
}

fn lines() -> Vec<u8> {
    let lines: String = (0..100).map(|index| format!("{{\"input\": {}}}\n", text(index))).collect();
    post("/v2/models/texts/infer", "Content-Type: application/jsonl\r\n", lines.as_bytes())
}

fn picture() -> Result<Vec<u8>, Failure> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/digits/samples/3-59.png");
    let picture = base64_simd::STANDARD.encode_to_string(fs::read(file)?);
    let body =
        format!(r#"{{"inputs": [{{"name": "digit", "datatype": "BYTES", "shape": [1], "data": ["{picture}"]}}]}}"#);
    Ok(post("/infer", "", body.as_bytes()))
}

fn events(parts: u32) -> Vec<u8> {
    let body =
        format!(r#"{{"inputs": [{{"name": "parts", "datatype": "BYTES", "shape": [1], "data": ["{parts:04}"]}}]}}"#);
    post("/v2/models/parts/generate_stream", "", body.as_bytes())
}

/// Makes a POST with this body, and with header lines in addition.
fn post(path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("POST {path} HTTP/1.1\r\nHost: engine\r\nContent-Length: {length}\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}
