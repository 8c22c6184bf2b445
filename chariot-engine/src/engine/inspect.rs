//! The queries of the command line to an engine that does not run: to its builder and to its plan.

use std::path::{Path, PathBuf};

use super::{
    builder::EngineBuilder,
    diagnostics::Diagnostics,
    error::StartError,
    model_plan::{ModelPlan, inflight_bytes, model_dir},
    plan::{self, Plan},
    setting_names::SettingNames,
};
use crate::{
    device::{self, DeviceError},
    model::{Spec, file_if_any, read_labels},
    openapi,
    protocol::Protocol,
    settings::{EngineSettings, Environment, Explained, SettingSpec, Settings},
    tasks::ClassLabels,
};

impl EngineBuilder {
    /// Reads and checks the configuration with the process's environment, and changes nothing in the process. Adds to
    /// `warnings` even if it fails.
    ///
    /// # Errors
    /// A builder without a model; every fault of the settings.
    #[cfg(all(feature = "dev", unix))]
    pub(crate) fn plan(self, warnings: &mut Vec<String>) -> Result<Plan, StartError> {
        let builder = if self.environment.is_some() { self } else { self.environment(Environment::process()) };
        Plan::new(builder, warnings)
    }

    /// Returns the name and the version of the default model as far as the code sets them, and its declared task.
    /// Uses the first model if there is no default model.
    pub(crate) fn identity(&self) -> (Option<&str>, Option<&str>, Option<&str>) {
        let default = plan::default_model(&self.sources, &mut Diagnostics::default()).unwrap_or(0);
        let source = self.sources.get(default);
        let version = source.and_then(|source| source.options.version.as_deref()).or(self.version.as_deref());
        (source.map(|source| source.name.as_str()), version, source.and_then(|source| source.spec.task_name()))
    }

    /// Returns the first paragraph of the description, if there is one.
    pub(crate) fn summary(&self) -> Option<String> {
        let first = self.description.as_deref()?.split("\n\n").next()?;
        let words: Vec<&str> = first.split_whitespace().collect();
        (!words.is_empty()).then(|| words.join(" "))
    }

    /// Returns all settings: those of the models, then those of the runtime, with the code's defaults.
    pub(crate) fn schema(&self) -> Vec<SettingSpec> {
        let own = SettingNames::new(&self.sources).beside.into_iter().filter(|setting| !setting.runtime);
        own.chain(EngineSettings::schema().into_iter().map(|setting| self.with_default(setting))).collect()
    }

    /// Returns all settings with their values in the builder's environment, or in this one if the builder has none; the
    /// warnings; and the error that a start would return. Includes the runtime's settings under a model's prefix only if
    /// they are set.
    pub(crate) fn explain(self, environment: Environment) -> (Vec<Explained>, Vec<String>, Option<StartError>) {
        let builder = if self.environment.is_some() { self } else { self.environment(environment) };
        let mut warnings = Vec::new();
        let (plan, explained) = Plan::explained(builder, &mut warnings);
        (explained, warnings, plan.err())
    }

    /// Returns the directory of the files of all models that this environment sets.
    pub(crate) fn model_root(&self, environment: &Environment) -> PathBuf {
        const NAME: &str = "MODEL_DIR";
        let variable = format!("{}{NAME}", EngineSettings::PREFIX);
        let last = |given: &[(String, String)], variable: &str| {
            given.iter().rev().find(|(name, _)| name == variable).map(|(_, value)| value.clone())
        };
        let set = environment.get(&variable).map(|value| value.trim().to_string()).filter(|value| !value.is_empty());
        let dir = last(&self.settings, &variable).or(set).or_else(|| last(&self.defaults, NAME)).map(PathBuf::from);
        model_dir(dir.as_deref(), environment, None)
    }

    /// Returns `true` if the engine has more than one model.
    pub(crate) fn has_several_models(&self) -> bool {
        self.sources.len() > 1
    }

    /// Returns `true` if this is the name of the folder of one of several models.
    pub(crate) fn is_model_folder(&self, name: &str) -> bool {
        self.has_several_models() && self.sources.iter().any(|source| source.name == name)
    }

    /// Returns the class labels of the default model in the directory of all models' files; `None` without such a file.
    ///
    /// # Errors
    /// A file that cannot be read, or is not a list of labels.
    pub(crate) fn class_labels_in(&self, root: &Path) -> Option<Result<ClassLabels, String>> {
        let models: Vec<String> = self.sources.iter().map(|source| source.name.clone()).collect();
        let several = self.identity().0.filter(|_| models.len() > 1).map(|name| (&models[..], name));
        labels_in(&model_dir(Some(root), &Environment::default(), several))
    }

    /// Returns the class labels that the code sets for the default model.
    pub(crate) fn declared_labels(&self) -> Option<&ClassLabels> {
        let default = plan::default_model(&self.sources, &mut Diagnostics::default()).unwrap_or(0);
        let own = self.sources.get(default).and_then(|source| source.options.class_labels.as_ref());
        own.or(self.class_labels.as_ref())
    }
}

impl Plan {
    /// Returns the settings of the process.
    pub(crate) fn settings(&self) -> &EngineSettings {
        &self.settings
    }

    /// Returns the models.
    pub(crate) fn models(&self) -> &[ModelPlan] {
        &self.models
    }

    /// Returns the default model.
    pub(crate) fn default_model(&self) -> Option<&ModelPlan> {
        self.models.get(self.default?)
    }

    /// Returns the limit of the bytes of requests in flight, of all models together.
    pub(crate) fn inflight_bytes(&self) -> u64 {
        self.models.iter().map(|model| inflight_bytes(&model.settings)).fold(0, u64::saturating_add)
    }

    /// Opens the devices of a model for a moment. Returns their names, and the devices that could not be opened, with
    /// the reasons.
    ///
    /// # Errors
    /// A device that was asked for by name and cannot be opened.
    pub(crate) fn devices(&self, model: &ModelPlan) -> Result<(String, String), DeviceError> {
        let selection = device::select(model.settings.device, &*self.inventory)?;
        let devices: Vec<String> = selection.devices.iter().map(|(id, _)| id.to_string()).collect();
        let tried: Vec<String> = selection.tried.iter().map(|(id, why)| format!("{id}: {why}")).collect();
        Ok((devices.join(" "), tried.join("; ")))
    }
}

impl ModelPlan {
    /// Returns the name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the declaration.
    pub(crate) fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Returns the only protocol that is served; `None` for both.
    pub(crate) fn protocol(&self) -> Option<Protocol> {
        self.protocol
    }

    /// Returns the directory of the files.
    pub(crate) fn model_dir(&self) -> &Path {
        &self.model_dir
    }

    /// Returns an example request, if there is one, and `true` if the author has written it.
    pub(crate) fn example(&self) -> (Option<String>, bool) {
        (openapi::example(&self.spec, self.protocol), self.spec.given_example().is_some())
    }

    /// Returns the class labels; `None` if there are none.
    ///
    /// # Errors
    /// A file that cannot be read, or is not a list of labels.
    pub(crate) fn class_labels(&self) -> Option<Result<ClassLabels, String>> {
        self.class_labels.clone().map(Ok).or_else(|| labels_in(&self.model_dir))
    }
}

/// Reads the file of class labels in a directory.
fn labels_in(dir: &Path) -> Option<Result<ClassLabels, String>> {
    let read = file_if_any(dir, Path::new(ClassLabels::FILE))?.and_then(|path| read_labels(&path));
    Some(read.map_err(|error| error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ModelOptions, prelude::*};

    #[derive(Settings)]
    #[expect(dead_code, reason = "read by the command line only")]
    struct OwnSettings {
        /// Number of labels
        #[setting(default = 3)]
        top_k: u8,
    }

    struct Echo;

    impl Model for Echo {
        type Settings = OwnSettings;
        type Input = Text;
        type Output = Json<String>;

        async fn load(_: &LoadContext<OwnSettings>) -> Result<Self> {
            Ok(Echo)
        }

        async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> {
            batch.try_map(|text| Ok(Json(text.to_string())))
        }
    }

    /// Returns names, values and origins, and the error.
    fn explained(builder: EngineBuilder, variables: &[(&str, &str)]) -> (Vec<[String; 3]>, Option<StartError>) {
        let (explained, _, error) = builder.explain(variables.iter().copied().collect());
        let row = |explained: Explained| {
            [explained.setting.name, explained.value.unwrap_or_default(), explained.origin.to_string()]
        };
        (explained.into_iter().map(row).collect(), error)
    }

    fn has(rows: &[[String; 3]], row: [&str; 3]) -> bool {
        rows.iter().any(|other| *other == row)
    }

    #[test]
    fn settings_are_explained_the_models_own_first() {
        let builder = || Engine::builder().model::<Echo>("echo").default_setting("PORT", "9000");
        let builder = || builder().setting("CHARIOT_ENGINE_QUEUE_SIZE", "7");
        let (rows, error) = explained(builder(), &[("TOP_K", "5"), ("CHARIOT_ENGINE_QUEUE_SIZE", "8")]);
        assert_eq!(rows[0], ["TOP_K", "5", "TOP_K"]);
        assert!(error.is_none(), "{error:?}");
        assert_eq!(rows.len(), 1 + EngineSettings::schema().len());
        assert!(has(&rows, ["CHARIOT_ENGINE_PORT", "9000", "the engine's default"]), "{rows:?}");
        assert!(has(&rows, ["CHARIOT_ENGINE_QUEUE_SIZE", "7", "CHARIOT_ENGINE_QUEUE_SIZE"]), "{rows:?}");
        let cores = crate::runtime::available_cores().to_string();
        for computed in [
            ["CHARIOT_ENGINE_WORKERS", &*cores, "computed"],
            ["CHARIOT_ENGINE_THREADS", "1", "computed"],
            ["CHARIOT_ENGINE_MODEL_NAME", "echo", "computed"],
            ["CHARIOT_ENGINE_MAX_INFLIGHT_BYTES", "1GiB", "computed"],
            ["CHARIOT_ENGINE_TIMEOUT", "", "not set"],
            ["CHARIOT_ENGINE_OUTPUT_LAYOUT", "", "not set"],
        ] {
            assert!(has(&rows, computed) || cfg!(any(feature = "cuda", feature = "metal")), "{rows:?}");
        }
        let (rows, error) = explained(builder(), &[("TOP_K", "many"), ("CHARIOT_ENGINE_GRACE", "soon")]);
        assert!(has(&rows, ["TOP_K", "", "TOP_K"]), "{rows:?}");
        assert!(matches!(error, Some(StartError::Settings(error)) if error.faults.len() == 2));
    }

    #[test]
    fn each_of_several_models_has_its_own_settings() {
        let options = ModelOptions::new().default_model();
        let builder = Engine::builder().model::<Echo>("one").model_with::<Echo>("two", options);
        assert_eq!(builder.identity().0, Some("two"));
        let names: Vec<String> = builder.schema().into_iter().map(|setting| setting.name).collect();
        assert_eq!(names[..2], ["ONE_TOP_K", "TWO_TOP_K"]);
        let (rows, error) = explained(builder, &[("TWO_TOP_K", "5"), ("CHARIOT_ENGINE_ONE_WORKERS", "9")]);
        assert!(error.is_none(), "{error:?}");
        for expected in [
            ["ONE_TOP_K", "3", "the default"],
            ["TWO_TOP_K", "5", "TWO_TOP_K"],
            ["CHARIOT_ENGINE_WORKERS", "", "not set"],
            ["CHARIOT_ENGINE_ONE_WORKERS", "9", "CHARIOT_ENGINE_ONE_WORKERS"],
        ] {
            assert!(has(&rows, expected), "{expected:?}: {rows:?}");
        }
        assert_eq!(rows.len(), 2 + EngineSettings::schema().len() + 1);
    }

    #[test]
    fn a_file_for_one_model_counts_as_set() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("workers");
        std::fs::write(&path, "2\n").unwrap();
        let path = path.to_str().unwrap();
        let builder = Engine::builder().model::<Echo>("one").model::<Echo>("two");
        let (rows, error) = explained(builder, &[("CHARIOT_ENGINE_ONE_WORKERS_FILE", path)]);
        assert!(error.is_none(), "{error:?}");
        let origin = format!("CHARIOT_ENGINE_ONE_WORKERS_FILE ({path})");
        assert!(has(&rows, ["CHARIOT_ENGINE_ONE_WORKERS", "2", &origin]), "{rows:?}");
    }

    #[test]
    fn the_error_is_that_of_a_start() {
        let builder = || Engine::builder().model::<Echo>("echo");
        let explain = |builder: EngineBuilder, name, value| builder.explain([(name, value)].into_iter().collect());
        for (name, value) in [
            ("CHARIOT_ENGINE_BASE_URL", "/m-{model_id}"),
            ("CHARIOT_ENGINE_OUTPUT_LAYOUT", "columns"),
            ("CHARIOT_INFERENCE_PROTOCOL", "chariot-v9"),
            ("CHARIOT_ENGINE_MODEL_NAME", "a b"),
        ] {
            let (rows, _, error) = explain(builder(), name, value);
            let error = error.unwrap_or_else(|| panic!("{name}={value} was accepted"));
            assert!(error.to_string().contains(name) && error.exit_code() == 78, "{error}");
            assert_eq!(rows.len(), 1 + EngineSettings::schema().len());
        }
        let (_, warnings, error) = explain(builder(), "CHARIOT_ENGINE_WORKER", "1");
        assert!(error.is_none() && warnings[0].contains("CHARIOT_ENGINE_WORKERS"), "{warnings:?}");
    }
}
