//! [`EngineBuilder::describe`]: the description of an engine for registration and deployment, made from its code alone.

use std::collections::BTreeSet;

use super::{
    builder::EngineBuilder,
    diagnostics::Diagnostics,
    error::StartError,
    model_plan::{batching, inflight_bytes},
    options::Change,
    path_segment::{check_name, check_version},
    plan,
    setting_names::SettingNames,
};
use crate::{
    model::Spec,
    protocol::Protocol,
    registration::{DescribeOptions, EngineDescription, EnvVar, Probe, Registration, operator_settings},
    server::{ModelRoute, Routes},
    settings::{EngineSettings, Environment, Reader, SettingSpec, SettingsError, predictor_env_schema, scoped_schema},
    tasks::ClassLabels,
};

/// The environment variable of the base URL.
const BASE_URL: &str = "CHARIOT_ENGINE_BASE_URL";

impl EngineBuilder {
    /// Describes the engine for Chariot and Kubernetes, from its code and these options. Reads no environment and no
    /// file, and needs no values for the author's required settings.
    ///
    /// With several models, the default model (or the first, without a default) gives the engine its name, its version
    /// and its task; the settings for operators are those of all models, and the bytes of requests in flight are their
    /// sum.
    ///
    /// # Errors
    /// A builder without a model; an invalid value that the code gives a setting of the runtime; an invalid base URL.
    pub fn describe(self, options: DescribeOptions) -> Result<EngineDescription, StartError> {
        self.described(options, None)
    }

    /// Describes the engine as [`describe`](Self::describe) does. Uses the labels `found` among the model's files if neither
    /// the options nor the code set any, as the engine itself does.
    pub(crate) fn described(
        &self,
        options: DescribeOptions,
        found: Option<ClassLabels>,
    ) -> Result<EngineDescription, StartError> {
        let offered = self.operator_schema(options.all_settings);
        let code: Environment = self.settings.iter().cloned().collect();
        let mut diagnostics = Diagnostics::default();
        let mut read = |prefix: Option<&str>, own: &[Change]| {
            let reader = Reader::new(&code).with_defaults(EngineSettings::PREFIX, self.defaults.iter().cloned());
            let mut settings = diagnostics.keep(reader.scoped(prefix.unwrap_or_default()).read::<EngineSettings>())?;
            self.configure.iter().chain(own).for_each(|change| change(&mut settings));
            Some(settings)
        };
        let prefixes = SettingNames::new(&self.sources).prefixes;
        // As in the plan: the process has the settings without changes for one model, unless there is only one model.
        let shared = if self.sources.len() == 1 { None } else { read(None, &[]) };
        let models = self.sources.iter().zip(&prefixes);
        let models = models.map(|(source, prefix)| read(prefix.as_deref(), &source.options.configure));
        let models: Vec<Option<EngineSettings>> = models.collect();
        if !diagnostics.faults.is_empty() {
            return Err(SettingsError { faults: diagnostics.faults }.into());
        }
        let models: Vec<EngineSettings> = models.into_iter().flatten().collect();
        let inflight_bytes = models.iter().map(inflight_bytes).fold(0, u64::saturating_add);
        let default = plan::default_model(&self.sources, &mut Diagnostics::default()).unwrap_or(0);
        let Some((source, of_model)) = self.sources.iter().zip(models).nth(default) else {
            return Err(plan::no_model());
        };
        let settings = shared.unwrap_or_else(|| of_model.clone());
        let version = source.options.version.as_ref().or(self.version.as_ref());
        let version = version.map_or_else(|| plan::DEFAULT_VERSION.into(), String::clone);
        let name = of_model.model_name.clone().unwrap_or_else(|| source.name.clone());
        check_name(&name).map_err(|text| StartError::Configuration(format!("model name: {text}")))?;
        check_version(&version).map_err(|text| StartError::Configuration(format!("model version: {text}")))?;
        let base_url = options.base_url.as_deref().unwrap_or(&settings.base_url);
        let route = ModelRoute { name: name.clone(), version: version.clone() };
        // The platform gives every model an id.
        Routes::new(base_url, vec![route], Some(0), Some("id"))
            .map_err(|text| StartError::Configuration(format!("base URL: {text}")))?;
        let base_url = normalized(base_url);
        // An empty value counts as not set, which would leave the base URL of the code.
        let or_root = |url: String| if url.is_empty() { "/".into() } else { url };
        let env = options.base_url.iter().map(|url| EnvVar::new(BASE_URL, or_root(normalized(url))));
        let placeholder = || options.image_gpu.is_none().then(|| format!("{name}:{version}"));
        let probe = Probe::new(settings.port);
        let placeholder_image = options.image_cpu.is_none() && options.image_gpu.is_none();
        let registration = Registration {
            container_image_cpu: options.image_cpu.clone().or_else(placeholder),
            supports_multi_gpu: options.image_gpu.is_some(),
            container_image_gpu: options.image_gpu,
            project_id: options.project_id,
            is_default: options.is_default,
            env: env.collect(),
            readiness_probe: match options.load_time {
                Some(time) => probe.for_load_time(time),
                None => probe,
            },
            predictor_env_schema: predictor_env_schema(&offered),
            enforce_predictor_env_schema: true,
            inference_protocol: Protocol::V2Kserve.name().into(),
            container_root_relative_base_url: (!base_url.is_empty()).then_some(base_url),
            entrypoint: None,
            command: None,
            name,
            version,
        };
        Ok(EngineDescription {
            registration,
            org_name: options.org_name,
            project_name: options.project_name,
            placeholder_image,
            load_time: options.load_time,
            task: source.spec.task_name().map(str::to_string),
            class_labels: options.class_labels.or_else(|| self.declared_labels().cloned()).or(found),
            drain_delay: settings.drain_delay,
            grace: settings.grace,
            inflight_bytes,
            concurrency: source.spec.concurrency,
            workers: of_model.workers,
            max_concurrency: of_model.max_concurrency,
            batches: batching(&of_model, &source.spec).across.is_some(),
            metrics: settings.metrics,
            own_settings: offered.into_iter().filter(|setting| !setting.runtime).collect(),
        })
    }

    /// Returns the settings that are offered to an operator, the models' own first: all that an operator can change, or
    /// the common ones.
    pub(crate) fn operator_schema(&self, all: bool) -> Vec<SettingSpec> {
        let own = SettingNames::new(&self.sources).beside.into_iter().filter(|setting| !setting.runtime);
        let specs: Vec<&Spec> = self.sources.iter().map(|source| &source.spec).collect();
        let runtime = operator_settings(&specs, all).into_iter().map(|setting| self.with_default(setting));
        let fixed = |setting: &SettingSpec| self.settings.iter().any(|(name, _)| setting.is_read_from(name));
        let runtime: Vec<SettingSpec> = runtime.filter(|setting| !fixed(setting)).collect();
        let prefixes = SettingNames::new(&self.sources).prefixes;
        let mut scoped = Vec::new();
        for (source, prefix) in self.sources.iter().zip(&prefixes) {
            let Some(prefix) = prefix else { continue };
            let wanted: BTreeSet<String> =
                operator_settings(&[&source.spec], all).into_iter().map(|setting| setting.name).collect();
            let of_model = runtime
                .iter()
                .filter(|setting| EngineSettings::is_of_a_model(setting) && wanted.contains(&setting.name));
            // Without a default: a form would send it, and it would override the setting for all models.
            let of_model: Vec<_> = of_model
                .map(|setting| SettingSpec {
                    default: None,
                    label: format!("{} of model '{}'", setting.label, source.name),
                    ..setting.clone()
                })
                .collect();
            scoped.extend(scoped_schema(&of_model, prefix));
        }
        let own = own.filter(|setting| !fixed(setting));
        let scoped = scoped.into_iter().filter(|setting| !fixed(setting));
        own.chain(runtime.iter().cloned()).chain(scoped).collect()
    }

    /// Returns one of the runtime's settings with the default that the code gives it.
    pub(super) fn with_default(&self, mut setting: SettingSpec) -> SettingSpec {
        let bare = setting.name.strip_prefix(EngineSettings::PREFIX).unwrap_or(&setting.name);
        if let Some((_, value)) = self.defaults.iter().rev().find(|(name, _)| name == bare) {
            setting.default = Some(value.clone());
        }
        setting
    }
}

/// Returns the path with a slash before each segment and none at the end, as the platform joins it with others. The
/// root is empty.
fn normalized(path: &str) -> String {
    path.trim().split('/').filter(|segment| !segment.is_empty()).map(|segment| format!("/{segment}")).collect()
}
