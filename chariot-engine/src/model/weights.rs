//! Weights from safetensors files, whole or in shards, as candle's `VarBuilder`. `LoadContext` calls it.

use std::path::{Path, PathBuf};

use candle_core::{
    DType, Device, Tensor,
    safetensors::{BufferedSafetensors, MmapedSafetensors},
};
use candle_nn::VarBuilder;

use super::{
    mapped, model_files,
    named::{self, Source, file_name, plain},
    shards::{self, Shards},
};
use crate::error::{Context, Result};

/// Returns the weights of a memory-mapped file of the model directory, or of its shards.
pub(super) fn map(dir: &Path, name: &Path, dtype: DType, device: &Device) -> Result<VarBuilder<'static>> {
    open(dir, name, dtype, device, |path| mapped::map(path).map_err(plain).context(unreadable(path)))
}

/// Returns the weights of a file of the model directory that is read into memory, or of its shards.
pub(super) fn read(dir: &Path, name: &Path, dtype: DType, device: &Device) -> Result<VarBuilder<'static>> {
    open(dir, name, dtype, device, |path| {
        let bytes = std::fs::read(path).context(unreadable(path))?;
        BufferedSafetensors::new(bytes).map_err(plain).context(unreadable(path))
    })
}

fn open<T: Source + 'static>(
    dir: &Path,
    name: &Path,
    dtype: DType,
    device: &Device,
    open: impl Fn(&Path) -> Result<T>,
) -> Result<VarBuilder<'static>> {
    named::check_type(dtype)?;
    let path = find(dir, name)?;
    if shards::is_index(&path) {
        let tensors = Shards::open(&path, open)?;
        return Ok(named::builder(&path, tensors, dtype, device));
    }
    Ok(named::builder(&path, open(&path)?, dtype, device))
}

/// Returns the path of the file, or of the index of its shards if only that is there.
fn find(dir: &Path, name: &Path) -> Result<PathBuf> {
    match model_files::file_if_any(dir, name) {
        Some(found) => found,
        None => {
            model_files::file_if_any(dir, &shards::index_of(name)).unwrap_or_else(|| model_files::file_in(dir, name))
        }
    }
}

fn unreadable(path: &Path) -> String {
    format!("'{}' is not a complete safetensors file", file_name(path))
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

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, fs};

    use serde_json::json;

    use super::*;

    const FILE: &str = "model.safetensors";
    const INDEX: &str = "model.safetensors.index.json";
    const SHARDS: [&str; 2] = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];

    fn save(path: PathBuf, tensors: &[(&str, &[f32])]) {
        let tensor = |values: &[f32]| Tensor::new(values, &Device::Cpu).unwrap();
        let tensors: HashMap<_, _> = tensors.iter().map(|(name, values)| (*name, tensor(values))).collect();
        candle_core::safetensors::save(&tensors, path).unwrap();
    }

    fn whole() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let tensor = Tensor::zeros((2, 3), DType::F32, &Device::Cpu).unwrap();
        candle_core::safetensors::save(&HashMap::from([("fc.weight", tensor)]), dir.path().join(FILE)).unwrap();
        dir
    }

    /// A model of two files. The second file has a tensor of the first one too, with other values.
    fn sharded() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        save(dir.path().join(SHARDS[0]), &[("a", &[1.0, 2.0])]);
        save(dir.path().join(SHARDS[1]), &[("b", &[3.0]), ("a", &[9.0, 9.0])]);
        index(&dir, json!({"a": SHARDS[0], "b": SHARDS[1]}));
        dir
    }

    fn index(dir: &tempfile::TempDir, map: serde_json::Value) {
        let index = json!({"metadata": {"total_size": 12}, "weight_map": map});
        fs::write(dir.path().join(INDEX), index.to_string()).unwrap();
    }

    fn both(dir: &tempfile::TempDir, name: &str, dtype: DType) -> [Result<VarBuilder<'static>>; 2] {
        let (dir, name) = (dir.path(), Path::new(name));
        [map(dir, name, dtype, &Device::Cpu), read(dir, name, dtype, &Device::Cpu)]
    }

    #[track_caller]
    fn fault(dir: &tempfile::TempDir, name: &str) -> String {
        let [mapped, read] = both(dir, name, DType::F32).map(|weights| match weights {
            Ok(_) => panic!("the files were accepted"),
            Err(error) => error.to_string().replace(&dir.path().display().to_string(), "/model"),
        });
        assert_eq!(mapped, read);
        mapped
    }

    #[test]
    fn errors_name_file_tensor_and_shapes() {
        for weights in both(&whole(), FILE, DType::F32).map(Result::unwrap) {
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
        let dir = whole();
        let path = dir.path().join(FILE);
        let bytes = fs::read(&path).unwrap();
        for length in [0, 4, bytes.len() / 2, bytes.len() - 1] {
            fs::write(&path, &bytes[..length]).unwrap();
            for result in both(&dir, FILE, DType::F32) {
                let Err(error) = result else { panic!("{length} bytes were accepted as a file") };
                assert!(
                    error.to_string().starts_with("'model.safetensors' is not a complete safetensors file"),
                    "{error}"
                );
            }
        }
    }

    #[test]
    fn tensors_are_converted_to_the_type_that_is_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let on_cpu = |values: &[f64], dtype| Tensor::new(values, &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
        let tensors = HashMap::from([
            ("double", on_cpu(&[0.1, 2.0], DType::F64)),
            ("half", on_cpu(&[0.5, 3.0], DType::F16)),
            ("integer", on_cpu(&[7.0, 8.0], DType::I64)),
        ]);
        candle_core::safetensors::save(&tensors, dir.path().join(FILE)).unwrap();
        for dtype in [DType::F32, DType::F16, DType::BF16, DType::F64] {
            for weights in both(&dir, FILE, dtype).map(Result::unwrap) {
                assert_eq!(weights.dtype(), dtype);
                for (name, tensor) in &tensors {
                    let read = weights.get(2, name).unwrap();
                    assert_eq!(read.dtype(), dtype);
                    let values = |tensor: &Tensor| tensor.to_dtype(DType::F64).unwrap().to_vec1::<f64>().unwrap();
                    assert_eq!(values(&read), values(&tensor.to_dtype(dtype).unwrap()), "{name} as {dtype:?}");
                }
            }
        }
        for result in both(&dir, FILE, DType::U8) {
            let Err(error) = result else { panic!("weights of integers were accepted") };
            assert_eq!(error.to_string(), "expected the type F32, F16, BF16 or F64, got U8");
        }
    }

    #[test]
    fn shards_are_one_model_by_either_name() {
        let dir = sharded();
        for name in [FILE, INDEX] {
            for weights in both(&dir, name, DType::F32).map(Result::unwrap) {
                let values = |name, size: usize| weights.get(size, name).unwrap().to_vec1::<f32>().unwrap();
                assert_eq!(values("a", 2), [1.0, 2.0], "the index decides which file a tensor is read from");
                assert_eq!(values("b", 1), [3.0]);
                let shape = weights.get(2, "b").unwrap_err().to_string();
                assert!(shape.starts_with(&format!("'{}': tensor 'b': ", SHARDS[1])), "{shape}");
                let name = weights.get(2, "c").unwrap_err().to_string();
                assert!(name.starts_with(&format!("'{INDEX}': tensor 'c' not found")), "{name}");
            }
        }
        save(dir.path().join(FILE), &[("a", &[5.0, 5.0])]);
        for weights in both(&dir, FILE, DType::F32).map(Result::unwrap) {
            assert_eq!(weights.get(2, "a").unwrap().to_vec1::<f32>().unwrap(), [5.0, 5.0], "a whole file comes first");
        }
    }

    #[test]
    fn faulty_shards_are_named() {
        let mut messages = String::new();
        let mut add = |case: &str, dir: &tempfile::TempDir| {
            let fault = fault(dir, FILE);
            assert!(fault.contains(INDEX), "{fault}");
            messages += &format!("{case} → {fault}\n");
        };
        let dir = sharded();
        index(&dir, json!({"a": SHARDS[0], "b": "model-00003-of-00002.safetensors"}));
        add("no such shard", &dir);
        let inner = dir.path().join("inner");
        fs::create_dir(&inner).unwrap();
        for outside in ["../model.safetensors", "/etc/passwd", "inner/../../x", "."] {
            index(&dir, json!({"a": outside}));
            add(outside, &dir);
        }
        index(&dir, json!({"a": "inner"}));
        add("a folder", &dir);
        index(&dir, json!({"a": SHARDS[0], "b": SHARDS[0], "c\n": SHARDS[0]}));
        add("a tensor that its shard lacks", &dir);
        index(&dir, json!({}));
        add("no tensors", &dir);
        fs::write(dir.path().join(INDEX), r#"{"weight_map": {"a": 3}}"#).unwrap();
        add("another form", &dir);
        fs::write(dir.path().join(INDEX), "").unwrap();
        add("an empty index", &dir);
        let dir = sharded();
        fs::write(dir.path().join(SHARDS[1]), "").unwrap();
        add("an empty shard", &dir);
        insta::assert_snapshot!("shards", messages);
    }
}
