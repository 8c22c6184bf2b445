//! What the command line asks of an engine that does not run: of its builder, and of its plan.

use std::path::{Path, PathBuf};

use super::{
    EngineBuilder,
    plan::{Plan, default_model_dir},
};
use crate::{
    device::{self, DeviceError},
    model::{Spec, file_in},
    settings::{EngineSettings, Environment, SettingSpec},
    tasks::ClassLabels,
};

impl EngineBuilder {
    /// The model's name, if there is a model, and its version, if the code says one.
    pub(crate) fn identity(&self) -> (Option<&str>, Option<&str>) {
        (self.source.as_ref().map(|source| source.name.as_str()), self.version.as_deref())
    }

    /// The task that the engine declares.
    pub(crate) fn task(&self) -> Option<&str> {
        self.source.as_ref()?.spec.task_name()
    }

    /// The engine's own settings.
    pub(crate) fn own_settings(&self) -> &[SettingSpec] {
        self.source.as_ref().map_or(&[], |source| source.spec.settings())
    }

    /// The class labels among the files of the model that this environment names; `None` if there are none.
    ///
    /// # Errors
    /// The file is there and holds none.
    pub(crate) fn class_labels_in(&self, environment: &Environment) -> Option<Result<ClassLabels, String>> {
        const NAME: &str = "MODEL_DIR";
        let whole = format!("{}{NAME}", EngineSettings::PREFIX);
        let last = |given: &[(String, String)], of: &str| {
            given.iter().rev().find(|(name, _)| name == of).map(|(_, value)| value.clone())
        };
        let set = environment.get(&whole).map(|value| value.trim().to_string()).filter(|value| !value.is_empty());
        let dir = last(&self.settings, &whole).or(set).or_else(|| last(&self.defaults, NAME));
        labels_in(&dir.map_or_else(|| default_model_dir(environment), PathBuf::from))
    }
}

impl Plan {
    pub(crate) fn settings(&self) -> &EngineSettings {
        &self.settings
    }

    pub(crate) fn spec(&self) -> &Spec {
        &self.spec
    }

    pub(crate) fn model_dir(&self) -> &Path {
        &self.model_dir
    }

    /// The most bytes that requests in flight may hold.
    pub(crate) fn inflight_bytes(&self) -> u64 {
        super::plan::inflight_bytes(&self.settings)
    }

    /// The class labels that the model is given; `None` if there are none.
    ///
    /// # Errors
    /// The file is there and holds none.
    pub(crate) fn class_labels(&self) -> Option<Result<ClassLabels, String>> {
        self.class_labels.clone().map(Ok).or_else(|| labels_in(&self.model_dir))
    }

    /// Opens the devices for a moment, and says which they are, and what was tried before and why in vain.
    ///
    /// # Errors
    /// The one that was asked for cannot be opened.
    pub(crate) fn devices(&self) -> Result<(String, String), DeviceError> {
        let selection = device::select(self.settings.device, &*self.inventory)?;
        let devices: Vec<String> = selection.devices.iter().map(|(id, _)| id.to_string()).collect();
        let tried: Vec<String> = selection.tried.iter().map(|(id, why)| format!("{id}: {why}")).collect();
        Ok((devices.join(" "), tried.join("; ")))
    }
}

fn labels_in(dir: &Path) -> Option<Result<ClassLabels, String>> {
    let path = file_in(dir, Path::new(ClassLabels::FILE)).ok()?;
    let read = std::fs::read_to_string(path).map_err(|error| error.to_string());
    Some(read.and_then(|text| ClassLabels::from_json(&text).map_err(|error| error.to_string())))
}
