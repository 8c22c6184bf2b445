//! The engine `chariot-onnx`: serves the ONNX file that `--model` names, or the one in the model directory.

use std::process::ExitCode;

fn main() -> ExitCode {
    chariot_onnx::run(std::env::args_os())
}
