//! ONNX models behind both backends. `models/make.py` made the files, `install` installs ONNX Runtime.
//!
//! | file | tests |
//! |---|---|
//! | `models` | runs of models, their declarations, and the faults of calls |
//! | `types` | every data type |
//! | `refused` | files that a backend cannot run |
//! | `hostile` | files that are broken or claim too much |
//! | `library` | the search for ONNX Runtime's library |
//! | `streams` | a model with a state, for many streams at once |

mod hostile;
mod library;
mod models;
mod refused;
mod streams;
mod types;

use std::path::{Path, PathBuf};

use chariot_engine::{
    Error,
    input::Tensors,
    onnx::{Onnx, OnnxBackend, OnnxOptions, OnnxSession},
};

/// Returns the path of a model of the folder `models`.
fn path(model: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(format!("{model}.onnx"))
}

/// Returns the path of ONNX Runtime's library, in a test that has made sure of it.
fn library_path() -> PathBuf {
    e2e::onnx_runtime().expect("the test is skipped without it").to_owned()
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

fn options(backend: OnnxBackend) -> OnnxOptions {
    let options = OnnxOptions::new().backend(backend);
    match backend {
        OnnxBackend::OnnxRuntime => options.library(library_path()),
        _ => options,
    }
}

/// Opens a file that must open.
#[track_caller]
fn open(model: &str, backend: OnnxBackend) -> Onnx {
    match Onnx::open(&path(model), &options(backend)) {
        Ok(onnx) => onnx,
        Err(error) => panic!("{model}, {backend}: {}", error.log_message()),
    }
}

#[track_caller]
fn session(model: &str, backend: OnnxBackend) -> OnnxSession {
    open(model, backend).session().expect("a session")
}

/// Returns the message about a file that must not open.
#[track_caller]
fn refusal(path: &Path, backend: OnnxBackend) -> String {
    match Onnx::open(path, &options(backend)) {
        Ok(_) => panic!("{}, {backend}: opened", path.display()),
        Err(error) => error.log_message(),
    }
}

/// Runs a test for each backend.
fn for_each_backend(mut test: impl FnMut(OnnxBackend)) {
    for backend in OnnxBackend::ALL {
        test(*backend);
    }
}

/// Returns the message of a run that must fail. It is never one for the caller of an engine.
#[track_caller]
fn failure(result: Result<Tensors, Error>) -> String {
    let error = result.expect_err("the run fails");
    assert_eq!(error.public_message(), None);
    error.log_message()
}
