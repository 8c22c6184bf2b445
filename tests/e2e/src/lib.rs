//! Code shared by the tests of whole engines: processes that are started and stopped, their logs, and clients that talk
//! to them. A test can only start a binary of its own package, so each test stands beside its engine and uses this
//! crate.
//!
//! | file | contents |
//! |---|---|
//! | `process` | an engine as a child process: its address, its signals, its exit |
//! | `output` | the lines that a process writes, read as they arrive |
//! | `answer` | a response of a server, and its inspection |
//! | `connection` | HTTP/1.1 on one connection of which a test controls every byte |
//! | `messages` | the wording of messages, collected for a snapshot |
//! | `onnx` | ONNX Runtime's shared library |
//! | `openapi` | the OpenAPI document of an engine, compared with its behavior |
//! | `script` | a script run as a test |
//! | `wait` | waiting for a condition with a deadline |
//! | `weights` | the fetched weights of an example |

mod answer;
mod connection;
mod messages;
mod onnx;
mod openapi;
mod output;
mod process;
mod script;
mod wait;
mod weights;

pub use answer::Answer;
pub use connection::Connection;
pub use messages::Messages;
pub use onnx::onnx_runtime;
pub use openapi::OpenApi;
pub use process::{Process, Shared, Signal};
pub use script::run_script;
pub use wait::{DEADLINE, until};
pub use weights::weights;

/// Encodes bytes as base64, the form of an image in a request.
pub fn base64(bytes: impl AsRef<[u8]>) -> String {
    base64_simd::STANDARD.encode_to_string(bytes)
}
