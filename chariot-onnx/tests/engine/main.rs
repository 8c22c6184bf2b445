//! The program `chariot-onnx` with real ONNX files, behind both backends.
//!
//! | file | tests |
//! |---|---|
//! | `tasks` | what each kind of engine responds |
//! | `tiles` | detectors of large images and of those that do not stand upright |
//! | `starts` | files that fail the start, and the command line |
//! | `minilm` | the vectors of a real model |

mod minilm;
mod starts;
mod tasks;
mod tiles;

use std::path::{Path, PathBuf};

use e2e::{Process, base64};
use image::{ExtendedColorType, ImageEncoder, Rgb, RgbImage, codecs::png::PngEncoder};
use serde_json::{Value, json};

/// The program.
const ONNX: &str = env!("CARGO_BIN_EXE_chariot-onnx");

const BACKENDS: [&str; 2] = ["onnx-runtime", "tract"];

/// Returns the path of ONNX Runtime's library, in a test that has made sure of it.
fn library() -> String {
    e2e::onnx_runtime().expect("the test is skipped without it").display().to_string()
}

/// Returns from a test if ONNX Runtime cannot be had, with a word.
macro_rules! needs_onnx_runtime {
    () => {
        if e2e::onnx_runtime().is_none() {
            return;
        }
    };
}
use needs_onnx_runtime;

fn model(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/onnx/models").join(name)
}

/// A directory with a model as `model.onnx`, and with other files beside it.
fn folder(of: &str, files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(model(of), folder.path().join("model.onnx")).unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// Adds a property to the model of a directory. A message of protobuf may go on after its end.
fn add_property(folder: &tempfile::TempDir, key: &str, value: &str) {
    let field = |tag: u8, payload: &[u8]| {
        let length = u8::try_from(payload.len()).ok().filter(|length| *length < 128).expect("a short text");
        [&[tag, length], payload].concat()
    };
    let entry = [field(0x0a, key.as_bytes()), field(0x12, value.as_bytes())].concat();
    let path = folder.path().join("model.onnx");
    let model = std::fs::read(&path).unwrap();
    std::fs::write(&path, [model, field(0x72, &entry)].concat()).unwrap();
}

/// Starts the program with a model and arguments, and does not wait for it.
fn begin(path: &Path, backend: &str, arguments: &[&str]) -> Process {
    let path = path.display().to_string();
    let arguments = [&["--model", &path][..], arguments].concat();
    let library = library();
    let env = [("ONNX_BACKEND", backend), ("ORT_DYLIB_PATH", &library)];
    Process::start_with(ONNX, &arguments, &env)
}

/// Starts an engine of a directory, and waits until it is ready.
fn ready(folder: &tempfile::TempDir, backend: &str) -> Process {
    let process = begin(&folder.path().join("model.onnx"), backend, &[]);
    process.wait_until_ready();
    process
}

/// Returns an image as an element of an input: a PNG in base64.
fn picture(width: u32, height: u32, color: [u8; 3]) -> String {
    png(&RgbImage::from_pixel(width, height, Rgb(color)), 1)
}

/// Returns an image with an EXIF orientation as an element of an input: a PNG in base64.
fn png(image: &RgbImage, orientation: u8) -> String {
    let mut png = Vec::new();
    let mut encoder = PngEncoder::new(&mut png);
    // EXIF with one entry.
    let exif = [b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0", &[orientation, 0, 0, 0, 0, 0, 0, 0][..]].concat();
    encoder.set_exif_metadata(exif).unwrap();
    encoder.write_image(image.as_raw(), image.width(), image.height(), ExtendedColorType::Rgb8).unwrap();
    base64(png)
}

/// Returns the output for each of some elements.
fn outputs(process: &Process, elements: &[String], parameters: Value) -> Vec<Value> {
    let input = json!({"name": "a", "data": elements, "parameters": parameters});
    let response = process.infer(&json!({"inputs": [input]})).ok();
    response["outputs"][0]["data"].as_array().expect("a list").clone()
}
