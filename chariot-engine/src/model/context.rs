//! [`LoadContext`]: the argument of `load`, with the settings, the device, and the model's files.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::de::DeserializeOwned;

use super::model_files::{self, file_in};
#[cfg(feature = "candle")]
use super::{gguf::Gguf, pth, weights};
#[cfg(any(feature = "onnx", feature = "onnx-tract"))]
use crate::onnx::{Onnx, OnnxOptions};
use crate::{
    device::Device,
    error::{Context, Result},
    tasks::ClassLabels,
    telemetry::metrics::{AuthorMetrics, Counter, Gauge, Histogram},
};

/// The settings of the engine, the device, the files of the model, and its metrics.
///
/// ```no_run
/// use chariot_engine::{Result, model::LoadContext};
///
/// # #[cfg(feature = "candle")]
/// fn load(ctx: &LoadContext) -> Result<()> {
///     let weights = ctx.safetensors("model.safetensors")?;
///     let bias = weights.get(10, "bias")?;
///     let labels = ctx.class_labels()?;
///     # let _ = (bias, labels);
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct LoadContext<S = ()> {
    settings: Arc<S>,
    common: LoadCommon,
}

impl<S> LoadContext<S> {
    pub(crate) fn new(settings: Arc<S>, common: LoadCommon) -> Self {
        LoadContext { settings, common }
    }

    /// Returns the settings of the engine.
    pub fn settings(&self) -> &S {
        &self.settings
    }

    /// Returns the device that this model computes on.
    pub fn device(&self) -> &Device {
        &self.common.device
    }

    /// Returns the number of workers that share the model that this call loads: those of [`device`](Self::device).
    pub fn workers(&self) -> usize {
        self.common.workers
    }

    /// Returns the number of threads that each worker computes with. candle uses them by itself; other libraries must be told.
    pub fn threads(&self) -> usize {
        self.common.threads
    }

    /// Returns the directory of the model's files, which is read-only.
    ///
    /// If it contains a single folder and nothing else (apart from system files such as `__MACOSX`),
    /// [`file`](Self::file) searches that folder too.
    pub fn model_dir(&self) -> &Path {
        &self.common.model_dir
    }

    /// Returns the name of the model in its routes.
    pub fn model_name(&self) -> &str {
        &self.common.model_name
    }

    /// Returns the platform's id of the model (`CHARIOT_MODEL_ID`).
    pub fn model_id(&self) -> Option<&str> {
        self.common.model_id.as_deref()
    }

    /// Returns the platform's name of the task (`CHARIOT_TASK_TYPE`).
    pub fn task_type(&self) -> Option<&str> {
        self.common.task_type.as_deref()
    }

    /// Registers a counter of your own, which `/metrics` shows with the label `model`.
    ///
    /// # Errors
    /// Returns an error if Prometheus does not allow the name, or if it is the name of a metric of the runtime or of a
    /// metric of another type.
    pub fn counter(&self, name: &str, help: &str) -> Result<Counter> {
        self.common.metrics.counter(name, help)
    }

    /// Registers a gauge of your own, which `/metrics` shows with the label `model`.
    ///
    /// # Errors
    /// Returns the errors of [`counter`](Self::counter).
    pub fn gauge(&self, name: &str, help: &str) -> Result<Gauge> {
        self.common.metrics.gauge(name, help)
    }

    /// Registers a histogram of your own with these upper bounds of its buckets, which `/metrics` shows with the label
    /// `model`.
    ///
    /// # Errors
    /// Returns the errors of [`counter`](Self::counter), and an error if the bounds do not increase.
    pub fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Result<Histogram> {
        self.common.metrics.histogram(name, help, buckets)
    }

    /// Returns the path of one of the model's files from its path inside the model directory.
    ///
    /// # Errors
    /// Returns an error if the file does not exist, or if it is not a regular file: nothing waits for a named pipe. The
    /// message has the directory and the first of its contents.
    pub fn file(&self, name: impl AsRef<Path>) -> Result<PathBuf> {
        file_in(&self.common.model_dir, name.as_ref())
    }

    /// Returns the path of the only one of the model's files whose name ends with this extension: `only_file("onnx")`.
    ///
    /// # Errors
    /// Returns an error if there is none or if there are several.
    pub fn only_file(&self, extension: &str) -> Result<PathBuf> {
        model_files::only_file_in(&self.common.model_dir, extension)
    }

    /// Reads one of the model's text files, without a byte order mark at its start.
    ///
    /// # Errors
    /// Returns an error if the file does not exist, or if it is not UTF-8.
    pub fn read_to_string(&self, name: impl AsRef<Path>) -> Result<String> {
        let path = self.file(&name)?;
        let text = std::fs::read_to_string(&path).context(format_args!("reading '{}'", path.display()))?;
        Ok(match text.strip_prefix('\u{feff}') {
            Some(rest) => rest.to_owned(),
            None => text,
        })
    }

    /// Reads one of the model's JSON files (`config.json`, say) as a type of yours.
    ///
    /// ```no_run
    /// use chariot_engine::{Result, model::LoadContext};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Config {
    ///     hidden_size: usize,
    /// }
    ///
    /// fn hidden_size(ctx: &LoadContext) -> Result<usize> {
    ///     Ok(ctx.json::<Config>("config.json")?.hidden_size)
    /// }
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`read_to_string`](Self::read_to_string), and an error with the file, the line and the column if
    /// the text is no JSON of this type.
    pub fn json<T: DeserializeOwned>(&self, name: impl AsRef<Path>) -> Result<T> {
        let text = self.read_to_string(&name)?;
        serde_json::from_str(&text).context(format_args!("reading '{}'", name.as_ref().display()))
    }

    /// Reads the labels of the model's classes from `class_labels.json`.
    ///
    /// # Errors
    /// Returns an error if the file does not exist, or if it is neither an object from label to id nor a list of labels;
    /// see [`ClassLabels::from_json`].
    pub fn class_labels(&self) -> Result<ClassLabels> {
        if let Some(labels) = &self.common.class_labels {
            return Ok(labels.clone());
        }
        model_files::read_labels(&self.file(ClassLabels::FILE)?)
            .context(format_args!("reading '{}'", ClassLabels::FILE))
    }

    /// Opens an ONNX file for the device and the workers of this model, with [`onnx_options`](Self::onnx_options).
    ///
    /// Make a session for each worker in [`Model::warm_up`](super::Model::warm_up), and return the file's tensors from
    /// [`Model::signature`](super::Model::signature).
    ///
    /// ```no_run
    /// use chariot_engine::{model::Signature, onnx::Onnx, prelude::*};
    ///
    /// struct Scores {
    ///     onnx: Onnx,
    /// }
    ///
    /// impl Model for Scores {
    ///     type Settings = ();
    ///     type Input = Tensors;
    ///     type Output = Tensors;
    ///
    ///     async fn load(ctx: &LoadContext) -> Result<Self> {
    ///         Ok(Scores { onnx: ctx.onnx("model.onnx")? })
    ///     }
    ///
    ///     fn signature(&self) -> Option<Signature> {
    ///         Some(self.onnx.signature())
    ///     }
    ///
    ///     async fn warm_up(&self, worker: &Worker) -> Result<()> {
    ///         worker.scratch(|| self.onnx.session()).map(drop)
    ///     }
    ///
    ///     async fn infer(&self, batch: Batch<Tensors>) -> Result<Vec<Tensors>> {
    ///         let mut session = batch.scratch(|| self.onnx.session())?;
    ///         batch.try_map(|tensors| session.run(&tensors))
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`file`](Self::file) and of [`Onnx::open`](crate::onnx::Onnx::open).
    #[cfg(any(feature = "onnx", feature = "onnx-tract"))]
    pub fn onnx(&self, name: impl AsRef<Path>) -> Result<Onnx> {
        self.onnx_with(name, self.onnx_options())
    }

    /// Opens an ONNX file with options of your own. Otherwise like [`onnx`](Self::onnx).
    ///
    /// # Errors
    /// Returns the errors of [`onnx`](Self::onnx).
    #[cfg(any(feature = "onnx", feature = "onnx-tract"))]
    pub fn onnx_with(&self, name: impl AsRef<Path>, options: OnnxOptions) -> Result<Onnx> {
        Onnx::open(&self.file(name)?, &options)
    }

    /// Returns the options of an ONNX file for this model: its device, its workers, and their threads.
    #[cfg(any(feature = "onnx", feature = "onnx-tract"))]
    pub fn onnx_options(&self) -> OnnxOptions {
        OnnxOptions::new().device(self.device().clone()).threads(self.threads()).sessions(self.workers())
    }

    /// Maps the weights of a safetensors file as candle's `VarBuilder` of `F32`, on [`device`](Self::device).
    ///
    /// The file must not change while the engine runs. The platform mounts it read-only. Where that is not guaranteed, use
    /// [`safetensors_buffered`](Self::safetensors_buffered).
    ///
    /// A model in shards is one model: if `model.safetensors` does not exist and `model.safetensors.index.json` does, the
    /// files that this index names are mapped together. The index can also be requested by its own name.
    ///
    /// # Errors
    /// Returns an error if the file does not exist, is truncated, or is not a safetensors file; for shards also if one is
    /// missing, lacks a tensor that the index names for it, or is outside the folder of the index. Requesting a tensor
    /// that does not exist or has another shape is an error that names the file, the tensor and both shapes.
    #[cfg(feature = "candle")]
    pub fn safetensors(&self, name: impl AsRef<Path>) -> Result<candle_nn::VarBuilder<'static>> {
        self.safetensors_as(name, candle_core::DType::F32)
    }

    /// Maps the weights of a safetensors file as candle's `VarBuilder` of this type: `F32`, `F16`, `BF16` or `F64`.
    /// Otherwise like [`safetensors`](Self::safetensors).
    ///
    /// Each tensor is converted when it is requested, whatever its type in the file, integers too. This is also what candle's
    /// `VarBuilder::from_mmaped_safetensors` does. A tensor that has the type already is not converted.
    ///
    /// ```no_run
    /// use chariot_engine::{Result, candle::{DType, Tensor}, model::LoadContext};
    ///
    /// fn load(ctx: &LoadContext) -> Result<Tensor> {
    ///     let dtype = if ctx.device().as_candle().is_cpu() { DType::F32 } else { DType::BF16 };
    ///     Ok(ctx.safetensors_as("model.safetensors", dtype)?.get((10, 64), "fc.weight")?)
    /// }
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`safetensors`](Self::safetensors), and an error for any other type.
    #[cfg(feature = "candle")]
    pub fn safetensors_as(
        &self,
        name: impl AsRef<Path>,
        dtype: candle_core::DType,
    ) -> Result<candle_nn::VarBuilder<'static>> {
        weights::map(&self.common.model_dir, name.as_ref(), dtype, self.common.device.as_candle())
    }

    /// Reads the weights of a safetensors file into memory. Otherwise like [`safetensors`](Self::safetensors).
    ///
    /// # Errors
    /// Returns the errors of [`safetensors`](Self::safetensors).
    #[cfg(feature = "candle")]
    pub fn safetensors_buffered(&self, name: impl AsRef<Path>) -> Result<candle_nn::VarBuilder<'static>> {
        let (dir, device) = (&self.common.model_dir, self.common.device.as_candle());
        weights::read(dir, name.as_ref(), candle_core::DType::F32, device)
    }

    /// Opens a GGUF file: its metadata, and its quantized tensors on [`device`](Self::device). See [`Gguf`].
    ///
    /// The file must not change while the returned value is in use.
    ///
    /// # Errors
    /// Returns an error that names the file if it does not exist, is truncated or damaged, is no GGUF file of version 1 to 3,
    /// or is one part of several.
    #[cfg(feature = "candle")]
    pub fn gguf(&self, name: impl AsRef<Path>) -> Result<Gguf> {
        Gguf::open(&self.file(name)?, self.common.device.as_candle())
    }

    /// Opens the tensors of a PyTorch file as candle's `VarBuilder` of `F32`, on [`device`](Self::device).
    ///
    /// It reads what `torch.save` writes for a `state_dict()` and for dictionaries that contain one, in the zip form and
    /// in the form before PyTorch 1.6. The names of nested dictionaries are joined with dots: the tensors of
    /// `{"state_dict": {"fc.weight": ...}}` are under `pp("state_dict")`. A tensor is read from the file when it is
    /// requested, so the file must not change while the `VarBuilder` is in use. No code of the file is run.
    ///
    /// ```no_run
    /// use chariot_engine::{Result, candle, model::LoadContext};
    ///
    /// fn load(ctx: &LoadContext) -> Result<candle::Tensor> {
    ///     let checkpoint = ctx.pth("model.pt")?;
    ///     Ok(checkpoint.pp("state_dict").get((10, 64), "fc.weight")?)
    /// }
    /// ```
    ///
    /// # Errors
    /// Returns an error that names the file if it does not exist, is truncated or damaged, has compressed entries, or holds
    /// no tensors: a whole module or a TorchScript program is refused with the line of Python that saves its tensors.
    /// Requesting a tensor that does not exist, has another shape, or is of a type that candle does not have (such as a
    /// sparse or a quantized one) is an error that names the file and the tensor.
    #[cfg(feature = "candle")]
    pub fn pth(&self, name: impl AsRef<Path>) -> Result<candle_nn::VarBuilder<'static>> {
        pth::open(&self.file(name)?, candle_core::DType::F32, self.common.device.as_candle())
    }
}

/// The part of a [`LoadContext`] that does not depend on the type of the settings.
#[derive(Clone, Debug)]
pub(crate) struct LoadCommon {
    pub(crate) device: Device,
    pub(crate) workers: usize,
    pub(crate) threads: usize,
    pub(crate) model_dir: PathBuf,
    pub(crate) model_name: String,
    pub(crate) model_id: Option<String>,
    pub(crate) task_type: Option<String>,
    pub(crate) class_labels: Option<ClassLabels>,
    pub(crate) metrics: AuthorMetrics,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::metrics::Metrics;

    fn context(dir: &Path) -> LoadContext {
        let common = LoadCommon {
            device: Device::cpu(),
            workers: 1,
            threads: 1,
            model_dir: dir.to_path_buf(),
            model_name: "m".into(),
            model_id: None,
            task_type: None,
            class_labels: None,
            metrics: AuthorMetrics::new(&Metrics::new(), "m"),
        };
        LoadContext::new(Arc::new(()), common)
    }

    #[test]
    fn a_single_folder_is_searched() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("top")).unwrap();
        std::fs::write(dir.path().join("top/class_labels.json"), r#"["a"]"#).unwrap();
        assert_eq!(context(dir.path()).class_labels().unwrap().len(), 1);
    }

    #[test]
    fn system_files_beside_the_single_folder_are_ignored() {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["top", "__MACOSX", "lost+found"] {
            std::fs::create_dir(dir.path().join(folder)).unwrap();
        }
        std::fs::write(dir.path().join(".DS_Store"), "").unwrap();
        std::fs::write(dir.path().join("top/class_labels.json"), r#"["a"]"#).unwrap();
        assert_eq!(context(dir.path()).class_labels().unwrap().len(), 1);
        let error = context(dir.path()).file("model.safetensors").unwrap_err().to_string();
        assert!(error.ends_with("'top/class_labels.json'"), "{error}");

        std::fs::create_dir(dir.path().join("another")).unwrap();
        let error = context(dir.path()).class_labels().unwrap_err().to_string();
        assert!(error.contains("'another'") && error.contains("'top'"), "{error}");
    }

    #[test]
    fn a_missing_file_names_the_directory_and_its_contents() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("weights.bin"), "").unwrap();
        let place = dir.path().display().to_string();
        let message = |dir: &Path| context(dir).file("model.safetensors").unwrap_err().to_string();
        let beside = message(dir.path());
        assert!(beside.contains("'model.safetensors'") && beside.ends_with("'weights.bin'"), "{beside}");
        std::fs::create_dir(dir.path().join("top")).unwrap();
        std::fs::rename(dir.path().join("weights.bin"), dir.path().join("top/weights.bin")).unwrap();
        let within = message(dir.path());
        assert!(within.ends_with("'top/weights.bin'"), "{within}");
        let missing = message(&dir.path().join("none"));
        assert!(missing.contains("CHARIOT_ENGINE_MODEL_DIR"), "{missing}");
        let empty = message(tempfile::tempdir_in(dir.path()).unwrap().path());
        let cases = [("a file beside it", beside), ("a file in the only folder", within), ("no directory", missing)];
        let text: String = cases.iter().map(|(case, message)| format!("{case} → {message}\n")).collect();
        insta::assert_snapshot!("files", text.replace(&place, "/model"));
        assert!(empty.ends_with("which is empty"), "{empty}");
    }

    #[test]
    fn a_message_lists_ten_entries_in_order_and_counts_the_others() {
        let dir = tempfile::tempdir().unwrap();
        (0..1234).for_each(|number| std::fs::write(dir.path().join(format!("shard-{number:04}")), "").unwrap());
        std::fs::create_dir(dir.path().join("a\nfolder")).unwrap();
        let error = context(dir.path()).file("model.safetensors").unwrap_err().to_string();
        let listed = error.split_once("which contains ").unwrap().1;
        assert!(listed.starts_with(r"'a\nfolder' (a folder), 'shard-0000', "), "{listed}");
        assert!(listed.ends_with(", 'shard-0008' and 1,225 more"), "{listed}");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_is_not_regular_is_named_and_never_opened() {
        for (inside, kind) in [("", "pipe"), ("", "link"), ("top", "pipe"), ("top", "link")] {
            let dir = tempfile::tempdir().unwrap();
            std::fs::create_dir_all(dir.path().join(inside)).unwrap();
            for name in ["model.safetensors", "class_labels.json"] {
                let path = dir.path().join(inside).join(name);
                match kind {
                    "pipe" => assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success()),
                    _ => std::os::unix::fs::symlink("nothing", path).unwrap(),
                }
            }
            let context = context(dir.path());
            let errors = [
                #[cfg(feature = "candle")]
                context.safetensors("model.safetensors").err(),
                #[cfg(feature = "candle")]
                context.safetensors_buffered("model.safetensors").err(),
                #[cfg(feature = "candle")]
                context.safetensors_as("model.safetensors", candle_core::DType::F16).err(),
                #[cfg(feature = "candle")]
                context.gguf("model.safetensors").err(),
                #[cfg(feature = "candle")]
                context.pth("model.safetensors").err(),
                context.read_to_string("model.safetensors").err(),
                context.class_labels().err(),
            ];
            for error in errors.map(|error| error.unwrap().to_string()) {
                assert!(error.contains("expected a regular file, got a "), "{error}");
            }
        }
    }

    #[test]
    fn a_byte_order_mark_is_no_text() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("class_labels.json"), "\u{feff}[\"a\"]\r\n").unwrap();
        std::fs::write(dir.path().join("words.txt"), "\u{feff}one\u{feff}").unwrap();
        assert_eq!(context(dir.path()).class_labels().unwrap().len(), 1);
        assert_eq!(context(dir.path()).read_to_string("words.txt").unwrap(), "one\u{feff}");
    }

    #[test]
    fn invalid_labels_name_their_file() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("class_labels.json"), "3").unwrap();
        let error = context(dir.path()).class_labels().unwrap_err().to_string();
        assert!(error.contains("class_labels.json"), "{error}");
    }
}
