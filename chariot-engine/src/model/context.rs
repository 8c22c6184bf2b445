//! [`LoadContext`]: what `load` is given: settings, device, and the model's files.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    device::Device,
    error::{Context, Result},
    tasks::ClassLabels,
    telemetry::metrics::{AuthorMetrics, Counter, Gauge, Histogram},
};

/// Gives `load` the settings of the engine, the device, and the files of the model.
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

    /// What the operator has set, or the defaults.
    pub fn settings(&self) -> &S {
        &self.settings
    }

    /// The device that this model computes on.
    pub fn device(&self) -> &Device {
        &self.common.device
    }

    /// The directory that holds the model's files; it is read-only. If the unpacked archive has a single folder and
    /// nothing else at its top (but for what systems leave there, such as `__MACOSX`), [`file`](Self::file) looks there
    /// too.
    pub fn model_dir(&self) -> &Path {
        &self.common.model_dir
    }

    /// The model's name, as its routes have it.
    pub fn model_name(&self) -> &str {
        &self.common.model_name
    }

    /// The platform's id of the model (`CHARIOT_MODEL_ID`).
    pub fn model_id(&self) -> Option<&str> {
        self.common.model_id.as_deref()
    }

    /// The platform's name of the task (`CHARIOT_TASK_TYPE`).
    pub fn task_type(&self) -> Option<&str> {
        self.common.task_type.as_deref()
    }

    /// A counter of your own at `/metrics`, with the label `model`.
    ///
    /// # Errors
    /// The name is none that Prometheus takes, is the runtime's, or is that of a metric of another type.
    pub fn counter(&self, name: &str, help: &str) -> Result<Counter> {
        self.common.metrics.counter(name, help)
    }

    /// A gauge of your own at `/metrics`, with the label `model`.
    ///
    /// # Errors
    /// Those of [`counter`](Self::counter).
    pub fn gauge(&self, name: &str, help: &str) -> Result<Gauge> {
        self.common.metrics.gauge(name, help)
    }

    /// A histogram of your own at `/metrics`, with the label `model` and these upper bounds of its buckets.
    ///
    /// # Errors
    /// Those of [`counter`](Self::counter), and bounds that do not grow.
    pub fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Result<Histogram> {
        self.common.metrics.histogram(name, help, buckets)
    }

    /// The path of one of the model's files, by its path inside the model directory.
    ///
    /// # Errors
    /// It is not there; the message names the directory and what it holds.
    pub fn file(&self, name: impl AsRef<Path>) -> Result<PathBuf> {
        file_in(&self.common.model_dir, name.as_ref())
    }

    /// The contents of one of the model's text files.
    ///
    /// # Errors
    /// It is not there, or it is not UTF-8.
    pub fn read_to_string(&self, name: impl AsRef<Path>) -> Result<String> {
        let path = self.file(&name)?;
        std::fs::read_to_string(&path).context(format_args!("reading '{}'", path.display()))
    }

    /// The labels of the model's classes, from `class_labels.json`.
    ///
    /// # Errors
    /// The file is not there, or it is not an object of label to id or a list of labels; see
    /// [`ClassLabels::from_json`].
    pub fn class_labels(&self) -> Result<ClassLabels> {
        if let Some(labels) = &self.common.class_labels {
            return Ok(labels.clone());
        }
        let labels = ClassLabels::from_json(&self.read_to_string(ClassLabels::FILE)?);
        labels.context(format_args!("reading '{}'", ClassLabels::FILE))
    }

    /// The weights in a safetensors file as candle's `VarBuilder` of `F32`, memory-mapped, on [`device`](Self::device).
    ///
    /// The file must not change while the engine runs; the platform mounts it read-only. Where that cannot be promised,
    /// [`safetensors_buffered`](Self::safetensors_buffered) reads it into memory first.
    ///
    /// # Errors
    /// The file is missing, cut short or no safetensors file. Asking the builder for a tensor that is not there, or of
    /// another shape, is an error that names file, tensor, expected and found.
    #[cfg(feature = "candle")]
    pub fn safetensors(&self, name: impl AsRef<Path>) -> Result<candle_nn::VarBuilder<'static>> {
        super::weights::mapped(&self.file(name)?, self.common.device.as_candle())
    }

    /// As [`safetensors`](Self::safetensors), read into memory instead of mapped.
    ///
    /// # Errors
    /// As [`safetensors`](Self::safetensors).
    #[cfg(feature = "candle")]
    pub fn safetensors_buffered(&self, name: impl AsRef<Path>) -> Result<candle_nn::VarBuilder<'static>> {
        super::weights::buffered(&self.file(name)?, self.common.device.as_candle())
    }
}

/// The part of a [`LoadContext`] that does not depend on the type of the settings.
#[derive(Clone, Debug)]
pub(crate) struct LoadCommon {
    pub(crate) device: Device,
    pub(crate) model_dir: PathBuf,
    pub(crate) model_name: String,
    pub(crate) model_id: Option<String>,
    pub(crate) task_type: Option<String>,
    pub(crate) class_labels: Option<ClassLabels>,
    pub(crate) metrics: AuthorMetrics,
}

/// The path of a file by its path inside the model directory, or inside the only folder that this holds.
pub(crate) fn file_in(dir: &Path, name: &Path) -> Result<PathBuf> {
    let path = dir.join(name);
    if path.is_file() {
        return Ok(path);
    }
    let entries = match list(dir) {
        Ok(entries) => entries,
        Err(error) => {
            return Err(format!(
                "the file '{}' is expected in the model directory '{}', which cannot be read: {error}; set \
                 CHARIOT_ENGINE_MODEL_DIR to the folder with the model's files",
                name.display(),
                dir.display()
            )
            .into());
        }
    };
    let mut there = entries;
    let mut packed = there.iter().filter(|path| !is_left_by_a_system(path));
    if let (Some(only), None) = (packed.next(), packed.next()) {
        let path = only.join(name);
        if path.is_file() {
            return Ok(path);
        }
        // A single folder is as good as the top: what matters is what it holds.
        if let Ok(within) = list(only)
            && !within.is_empty()
        {
            there = within;
        }
    }
    let mut names: Vec<_> =
        there.iter().map(|path| format!("'{}'", path.strip_prefix(dir).unwrap_or(path).display())).collect();
    names.sort();
    let found = if names.is_empty() { "nothing".to_string() } else { names.join(", ") };
    Err(format!(
        "the file '{}' is expected in the model directory '{}', which holds {found}",
        name.display(),
        dir.display()
    )
    .into())
}

/// Whether an entry is none of the model's: the system on which the archive was packed, or the volume, has left it there.
fn is_left_by_a_system(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') || name == "__MACOSX" || name == "lost+found"
}

fn list(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    std::fs::read_dir(dir)?.map(|entry| entry.map(|entry| entry.path())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::metrics::Metrics;

    fn context(dir: &Path) -> LoadContext {
        let common = LoadCommon {
            device: Device::cpu(),
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
    fn a_single_top_folder_is_looked_into() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("top")).unwrap();
        std::fs::write(dir.path().join("top/class_labels.json"), r#"["a"]"#).unwrap();
        assert_eq!(context(dir.path()).class_labels().unwrap().len(), 1);
    }

    #[test]
    fn what_a_system_leaves_beside_the_top_folder_does_not_hide_it() {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["top", "__MACOSX", "lost+found"] {
            std::fs::create_dir(dir.path().join(folder)).unwrap();
        }
        std::fs::write(dir.path().join(".DS_Store"), "").unwrap();
        std::fs::write(dir.path().join("top/class_labels.json"), r#"["a"]"#).unwrap();
        assert_eq!(context(dir.path()).class_labels().unwrap().len(), 1);
        let error = context(dir.path()).file("model.safetensors").unwrap_err().to_string();
        assert!(error.ends_with("which holds 'top/class_labels.json'"), "{error}");

        std::fs::create_dir(dir.path().join("another")).unwrap();
        let error = context(dir.path()).class_labels().unwrap_err().to_string();
        assert!(error.contains("'another'") && error.contains("'top'"), "{error}");
    }

    #[test]
    fn a_missing_file_names_the_directory_and_what_it_holds() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("weights.bin"), "").unwrap();
        let error = context(dir.path()).file("model.safetensors").unwrap_err().to_string();
        assert!(error.contains("'model.safetensors' is expected"), "{error}");
        assert!(error.contains("which holds 'weights.bin'"), "{error}");
        std::fs::create_dir(dir.path().join("top")).unwrap();
        std::fs::rename(dir.path().join("weights.bin"), dir.path().join("top/weights.bin")).unwrap();
        let error = context(dir.path()).file("model.safetensors").unwrap_err().to_string();
        assert!(error.contains("which holds 'top/weights.bin'"), "{error}");
        let error = context(&dir.path().join("none")).file("x").unwrap_err().to_string();
        assert!(error.contains("CHARIOT_ENGINE_MODEL_DIR"), "{error}");
    }

    #[test]
    fn faulty_labels_name_their_file() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("class_labels.json"), "3").unwrap();
        let error = context(dir.path()).class_labels().unwrap_err().to_string();
        assert!(error.contains("class_labels.json"), "{error}");
    }
}
