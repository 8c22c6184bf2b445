//! What tests of whole engines share: processes that are started and stopped, their logs, and clients that speak to
//! them. A test reaches a binary of its own package only, so the tests stand beside the engines and this beside them.
//!
//! | file | holds |
//! |---|---|
//! | `process` | an engine as a process of its own: its address, its signals, its end |
//! | `output` | the lines that a process writes, as they come |
//! | `answer` | what a server answered, and how tests look at it |
//! | `connection` | HTTP/1.1 on one connection, of which a test decides every byte |
//! | `openapi` | the OpenAPI document of an engine, held against what the engine does |
//! | `script` | a script as a test |
//! | `wait` | waiting for a condition, at most so long |

mod answer;
mod connection;
mod openapi;
mod output;
mod process;
mod script;
mod wait;

pub use answer::Answer;
pub use connection::Connection;
pub use openapi::OpenApi;
pub use process::{Process, Shared, Signal};
pub use script::run_script;
pub use wait::{DEADLINE, until};

/// The base64 text of some bytes, as a picture stands in a request.
pub fn base64(bytes: impl AsRef<[u8]>) -> String {
    base64_simd::STANDARD.encode_to_string(bytes)
}
