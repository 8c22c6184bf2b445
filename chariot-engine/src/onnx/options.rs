//! [`OnnxOptions`]: how a file is run. `model` and the backends read them.

use std::path::PathBuf;

use super::backend::OnnxBackend;
use crate::{device::Device, signature::Dim};

/// Options of opening an ONNX file: the device, the threads, and the program that runs it.
///
/// ```
/// use chariot_engine::onnx::{OnnxBackend, OnnxOptions};
///
/// let options = OnnxOptions::new().threads(2).backend(OnnxBackend::Tract);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct OnnxOptions {
    pub(super) device: Device,
    pub(super) threads: usize,
    pub(super) sessions: usize,
    pub(super) backend: Option<OnnxBackend>,
    pub(super) library: Option<PathBuf>,
    /// Inputs with the lengths that are set for them.
    pub(super) shapes: Vec<(String, Vec<Dim>)>,
    /// Inputs with the greatest lengths that a call may have.
    pub(super) max_shapes: Vec<(String, Vec<usize>)>,
}

impl OnnxOptions {
    /// Creates the defaults: the CPU, one thread, and ONNX Runtime if it is built in, else tract. If both are built in, tract
    /// stands in for ONNX Runtime where its library is not found, and the log says so.
    pub fn new() -> Self {
        OnnxOptions {
            device: Device::cpu(),
            threads: 1,
            sessions: 1,
            backend: None,
            library: None,
            shapes: Vec::new(),
            max_shapes: Vec::new(),
        }
    }

    /// Sets the device. A CUDA device needs ONNX Runtime with its CUDA provider; operators that the provider lacks run on
    /// the CPU. No other GPU can be used.
    pub fn device(mut self, device: Device) -> Self {
        self.device = device;
        self
    }

    /// Sets the number of threads that a session computes with; 0 counts as 1. tract computes on the calling thread,
    /// whatever the number.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// Sets the number of sessions that will be made, one for each worker. Default: 1.
    ///
    /// A session of ONNX Runtime has weights of its own. From three sessions on, on a CPU, they share them instead: once
    /// as they are in the file, and once as the operators pack them. tract's sessions always share.
    pub fn sessions(mut self, sessions: usize) -> Self {
        self.sessions = sessions;
        self
    }

    /// Sets the program that runs the file.
    pub fn backend(mut self, backend: OnnxBackend) -> Self {
        self.backend = Some(backend);
        self
    }

    /// Sets lengths of an input that the file leaves open: [`Dim::Fixed`] sets one, any other dimension stays as it is in
    /// the file. Calls must then have these lengths, and the declaration has them too.
    ///
    /// tract can load many a file only if all lengths but that of the batch are fixed.
    ///
    /// ```
    /// use chariot_engine::{model::Dim, onnx::OnnxOptions};
    ///
    /// let shape = [Dim::Any, Dim::Fixed(3), Dim::Fixed(640), Dim::Fixed(640)];
    /// let options = OnnxOptions::new().shape("images", &shape);
    /// ```
    pub fn shape(mut self, input: impl Into<String>, shape: &[Dim]) -> Self {
        self.shapes.push((input.into(), shape.to_vec()));
        self
    }

    /// Limits the lengths of an input that the file leaves open: the greatest length of each of its dimensions, the batch
    /// included. A longer one is rejected before the model runs. By default nothing but the size of a request's body limits
    /// them, and a model can need far more memory than its input: attention, for one, the square of the length.
    ///
    /// ```
    /// use chariot_engine::onnx::OnnxOptions;
    ///
    /// // At most 8 texts of 512 tokens.
    /// let options = OnnxOptions::new().max_shape("input_ids", &[8, 512]);
    /// ```
    pub fn max_shape(mut self, input: impl Into<String>, lengths: &[usize]) -> Self {
        self.max_shapes.push((input.into(), lengths.to_vec()));
        self
    }

    /// Sets the path of ONNX Runtime's shared library, instead of the places where it is looked for: the path in the
    /// variable `ORT_DYLIB_PATH`; without it the folder of the executable, and then the folders of the system's loader.
    ///
    /// A process loads the library once, with the first file that ONNX Runtime opens. Later paths have no effect.
    pub fn library(mut self, path: impl Into<PathBuf>) -> Self {
        self.library = Some(path.into());
        self
    }
}

impl Default for OnnxOptions {
    fn default() -> Self {
        OnnxOptions::new()
    }
}
