//! Tensors by name as candle's `VarBuilder`, with errors that name the file, the tensor and both shapes. `weights`, `gguf`
//! and `pth` read the files.

use std::path::Path;

use candle_core::{DType, Device, Error, Shape, Tensor};
use candle_nn::{Init, VarBuilder, var_builder::SimpleBackend};

use crate::error::{Expected, Result, quoted};

/// The tensors of a file of weights.
pub(super) trait Source: Send + Sync {
    /// Reads a tensor that [`shape`](Self::shape) knows, in its own type.
    fn load(&self, name: &str, device: &Device) -> candle_core::Result<Tensor>;

    /// Returns the shape of a tensor; `None` if the file does not have it.
    fn shape(&self, name: &str) -> Option<Vec<usize>>;

    /// Returns the names of all tensors.
    fn names(&self) -> Vec<String>;

    /// Returns the name of the file that has this tensor, if the tensors are in several.
    fn file_of(&self, _name: &str) -> Option<&str> {
        None
    }

    /// Returns why an entry of the file is not a tensor, if there is one of this name.
    fn fault(&self, _name: &str) -> Option<String> {
        None
    }
}

/// Returns the tensors of a file as candle's `VarBuilder`, which converts each to `dtype` when it is requested.
pub(super) fn builder(
    path: &Path,
    tensors: impl Source + 'static,
    dtype: DType,
    device: &Device,
) -> VarBuilder<'static> {
    let named = Named { file: file_name(path), tensors };
    VarBuilder::from_backend(Box::new(named), dtype, device.clone())
}

/// Returns an error for a type that no model computes in.
///
/// # Errors
/// Returns an error for every type but `F32`, `F16`, `BF16` and `F64`.
pub(super) fn check_type(dtype: DType) -> Result<()> {
    match dtype {
        DType::F32 | DType::F16 | DType::BF16 | DType::F64 => Ok(()),
        other => Err(Expected::new("the type F32, F16, BF16 or F64", format!("{other:?}")).to_string().into()),
    }
}

/// Returns the name of a file without its folders, as messages show it.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// Returns the message about a tensor that a file does not have, with the name that is closest.
pub(super) fn not_found(file: &str, name: &str, mut names: Vec<String>) -> String {
    names.sort();
    let hint = match names.iter().min_by_key(|other| strsim::levenshtein(other, name)) {
        Some(closest) => format!("did you mean {}?", quoted(closest)),
        None => "the file has no tensors".into(),
    };
    format!("'{file}': tensor {} not found; {hint}", quoted(name))
}

/// Returns the text of candle's error without the path and the backtrace that it may carry.
pub(super) fn plain(error: Error) -> String {
    match error {
        Error::WithBacktrace { inner, .. } | Error::WithPath { inner, .. } => plain(*inner),
        other => other.to_string(),
    }
}

/// Tensors with the name of their file, for messages.
struct Named<T> {
    file: String,
    tensors: T,
}

impl<T: Source> Named<T> {
    /// Returns an error that names the file and the tensor.
    fn error(&self, name: &str, fault: impl std::fmt::Display) -> Error {
        let file = self.tensors.file_of(name).unwrap_or(&self.file);
        Error::Msg(format!("'{file}': tensor {}: {fault}", quoted(name)))
    }

    fn shape(&self, name: &str) -> candle_core::Result<Vec<usize>> {
        match (self.tensors.shape(name), self.tensors.fault(name)) {
            (Some(shape), _) => Ok(shape),
            (None, Some(fault)) => Err(self.error(name, fault)),
            (None, None) => Err(Error::Msg(not_found(&self.file, name, self.tensors.names()))),
        }
    }
}

impl<T: Source> SimpleBackend for Named<T> {
    fn get(&self, shape: Shape, name: &str, _: Init, dtype: DType, device: &Device) -> candle_core::Result<Tensor> {
        let found = self.shape(name)?;
        if found != shape.dims() {
            let what = format!("shape {:?}", shape.dims());
            return Err(self.error(name, Expected::new(what, format!("{found:?}"))));
        }
        self.get_unchecked(name, dtype, device)
    }

    fn get_unchecked(&self, name: &str, dtype: DType, device: &Device) -> candle_core::Result<Tensor> {
        self.shape(name)?;
        let tensor = self.tensors.load(name, device).and_then(|tensor| tensor.to_dtype(dtype));
        tensor.map_err(|error| self.error(name, plain(error)))
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.tensors.shape(name).is_some()
    }
}
