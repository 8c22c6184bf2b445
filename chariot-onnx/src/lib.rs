//! An engine of any ONNX file. Without a description it serves named tensors; with an `engine.json` beside the file it is an
//! engine of a task: Image Classification, Object Detection or Text Embedding.
//!
//! The crate is the library of the program `chariot-onnx`. Its models can be part of an engine of your own too:
//!
//! ```no_run
//! use chariot_engine::Engine;
//! use chariot_onnx::{OnnxDetector, OnnxModel};
//!
//! fn main() -> std::process::ExitCode {
//!     Engine::builder().model::<OnnxModel>("scores").model::<OnnxDetector>("boxes").command_line()
//! }
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `message` | the form of messages |
//! | `class_names` | the names of classes that an ONNX file states |
//! | `command` | the command line of the program |
//! | `engine_file` | `engine.json` |
//! | `settings` | the settings of all models |
//! | `network` | an ONNX file with one main input, as the models of tasks use it |
//! | `pictures` | images as the input of a network |
//! | `named` | [`OnnxModel`], any file as named tensors |
//! | `classifier` | [`OnnxClassifier`] |
//! | `detector`, `boxes` | [`OnnxDetector`], and the boxes of YOLO's outputs |
//! | `embedder` | [`OnnxEmbedder`] |

mod boxes;
mod class_names;
mod classifier;
mod command;
mod detector;
mod embedder;
mod engine_file;
mod message;
mod named;
mod network;
mod pictures;
mod settings;

pub use classifier::OnnxClassifier;
pub use command::run;
pub use detector::OnnxDetector;
pub use embedder::OnnxEmbedder;
pub use named::OnnxModel;
pub use settings::OnnxSettings;
