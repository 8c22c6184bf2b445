//! Opens an ONNX file with a backend, runs nothing and prints what it finds: for tests of what a process loads only once.
//!
//!     open-onnx BACKEND FILE

use std::{path::Path, process::ExitCode};

use chariot_engine::onnx::{Onnx, OnnxBackend, OnnxOptions};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [backend, file] = &arguments[..] else {
        eprintln!("usage: open-onnx BACKEND FILE");
        return ExitCode::from(2);
    };
    let backend: OnnxBackend = match backend.parse() {
        Ok(backend) => backend,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    match Onnx::open(Path::new(file), &OnnxOptions::new().backend(backend)) {
        Ok(onnx) => {
            println!("opened {} inputs by {}", onnx.inputs().len(), onnx.backend());
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("{}", error.log_message());
            ExitCode::FAILURE
        }
    }
}
