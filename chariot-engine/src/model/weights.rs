//! Weights from safetensors files as candle's `VarBuilder`, with errors that name the file, the tensor and both shapes.

use std::path::Path;

use candle_core::{
    DType, Device, Error, Shape, Tensor,
    safetensors::{BufferedSafetensors, MmapedSafetensors},
};
use candle_nn::{Init, VarBuilder, var_builder::SimpleBackend};

use super::mapped;
use crate::error::{Context, Expected, Result, quoted};

/// Returns the weights of a memory-mapped file.
pub(super) fn map(path: &Path, device: &Device) -> Result<VarBuilder<'static>> {
    let tensors = mapped::map(path).context(unreadable(path))?;
    Ok(builder(path, tensors, device))
}

/// Returns the weights of a file that is read into memory.
pub(super) fn read(path: &Path, device: &Device) -> Result<VarBuilder<'static>> {
    let bytes = std::fs::read(path).context(unreadable(path))?;
    let tensors = BufferedSafetensors::new(bytes).context(unreadable(path))?;
    Ok(builder(path, tensors, device))
}

fn unreadable(path: &Path) -> String {
    format!("'{}' is not a complete safetensors file", file_name(path))
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn builder(path: &Path, tensors: impl Source + 'static, device: &Device) -> VarBuilder<'static> {
    let named = Named { file: file_name(path), tensors };
    VarBuilder::from_backend(Box::new(named), DType::F32, device.clone())
}

/// The operations that both forms of a safetensors file have.
trait Source: Send + Sync {
    fn load(&self, name: &str, device: &Device) -> candle_core::Result<Tensor>;
    fn shape(&self, name: &str) -> Option<Vec<usize>>;
    fn names(&self) -> Vec<String>;
}

macro_rules! source {
    ($($kind:ty),*) => { $(
        impl Source for $kind {
            fn load(&self, name: &str, device: &Device) -> candle_core::Result<Tensor> {
                <$kind>::load(self, name, device)
            }

            fn shape(&self, name: &str) -> Option<Vec<usize>> {
                self.get(name).ok().map(|view| view.shape().to_vec())
            }

            fn names(&self) -> Vec<String> {
                self.tensors().into_iter().map(|(name, _)| name).collect()
            }
        }
    )* };
}
source!(MmapedSafetensors, BufferedSafetensors);

/// Tensors with the name of their file, for messages.
struct Named<T> {
    file: String,
    tensors: T,
}

impl<T: Source> Named<T> {
    fn missing(&self, name: &str) -> Error {
        let mut names = self.tensors.names();
        names.sort();
        let hint = match names.iter().min_by_key(|other| strsim::levenshtein(other, name)) {
            Some(closest) => format!("did you mean {}?", quoted(closest)),
            None => "the file has no tensors".into(),
        };
        Error::Msg(format!("'{}': tensor {} not found; {hint}", self.file, quoted(name)))
    }
}

impl<T: Source> SimpleBackend for Named<T> {
    fn get(&self, shape: Shape, name: &str, _: Init, dtype: DType, device: &Device) -> candle_core::Result<Tensor> {
        match self.tensors.shape(name) {
            None => Err(self.missing(name)),
            Some(found) if found != shape.dims() => {
                let (what, got) = (format!("shape {:?}", shape.dims()), format!("{found:?}"));
                Err(Error::Msg(format!("'{}': tensor '{name}': {}", self.file, Expected::new(what, got))))
            }
            Some(_) => self.get_unchecked(name, dtype, device),
        }
    }

    fn get_unchecked(&self, name: &str, dtype: DType, device: &Device) -> candle_core::Result<Tensor> {
        if self.tensors.shape(name).is_none() {
            return Err(self.missing(name));
        }
        self.tensors.load(name, device)?.to_dtype(dtype)
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.tensors.shape(name).is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, path::PathBuf};

    use super::*;

    fn file(dir: &tempfile::TempDir) -> PathBuf {
        let path = dir.path().join("model.safetensors");
        let tensor = Tensor::zeros((2, 3), DType::F32, &Device::Cpu).unwrap();
        candle_core::safetensors::save(&HashMap::from([("fc.weight", tensor)]), &path).unwrap();
        path
    }

    #[test]
    fn errors_name_file_tensor_and_shapes() {
        let dir = tempfile::tempdir().unwrap();
        let path = file(&dir);
        for weights in [map(&path, &Device::Cpu).unwrap(), read(&path, &Device::Cpu).unwrap()] {
            assert_eq!(weights.pp("fc").get((2, 3), "weight").unwrap().dims(), [2, 3]);
            let shape = weights.pp("fc").get((3, 2), "weight").unwrap_err().to_string();
            let name = weights.get((3, 2), "fc.weigth").unwrap_err().to_string();
            assert!(shape.starts_with("'model.safetensors': tensor 'fc.weight': "), "{shape}");
            assert!(
                name.starts_with("'model.safetensors': tensor 'fc.weigth'") && name.contains("'fc.weight'"),
                "{name}"
            );
            insta::assert_snapshot!("weights", format!("another shape → {shape}\nanother name → {name}\n"));
        }
    }

    #[test]
    fn a_truncated_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = file(&dir);
        let bytes = std::fs::read(&path).unwrap();
        for length in [0, 4, bytes.len() / 2, bytes.len() - 1] {
            std::fs::write(&path, &bytes[..length]).unwrap();
            for result in [map(&path, &Device::Cpu), read(&path, &Device::Cpu)] {
                let Err(error) = result else { panic!("{length} bytes were accepted as a file") };
                assert!(
                    error.to_string().starts_with("'model.safetensors' is not a complete safetensors file"),
                    "{error}"
                );
            }
        }
    }
}
