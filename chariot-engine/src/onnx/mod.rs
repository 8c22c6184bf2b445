//! ONNX models: files that are opened and checked once, sessions that run them, and two backends behind one form.
//!
//! [`Onnx::open`] reads and checks a file, [`Onnx::session`] makes what a worker runs. The programs that compute are
//! [ONNX Runtime](OnnxBackend::OnnxRuntime), behind the feature `onnx`, and [tract](OnnxBackend::Tract), behind the
//! feature `onnx-tract`.
//!
//! | file | holds |
//! |---|---|
//! | `backend`, `options` | [`OnnxBackend`] and [`OnnxOptions`]: what runs a file, and how |
//! | `schema` | the parts of ONNX's protobuf messages that the SDK reads itself |
//! | `ports` | the inputs and outputs of a file, with their types |
//! | `stored` | checks of the tensors in a file, and of the files beside it that hold tensors |
//! | `file` | a file, read and checked without a backend |
//! | `signature` | the declaration of tensors that a file implies, and the check of a call's inputs |
//! | `input` | [`OnnxInput`], a borrowed tensor |
//! | `program` | the form that both backends have |
//! | `library`, `weights`, `runtime` | ONNX Runtime: the search for its library, shared weights, and sessions |
//! | `tract` | tract |
//! | `model` | [`Onnx`] and [`OnnxSession`] |

mod backend;
mod file;
mod input;
#[cfg(feature = "onnx")]
mod library;
mod model;
mod options;
mod ports;
mod program;
#[cfg(feature = "onnx")]
mod runtime;
mod schema;
mod signature;
mod stored;
#[cfg(feature = "onnx-tract")]
mod tract;
#[cfg(feature = "onnx")]
mod weights;

pub use backend::{OnnxBackend, UnknownBackend};
pub use input::{OnnxElement, OnnxInput};
pub use model::{Onnx, OnnxSession};
pub use options::OnnxOptions;
