//! What an engine's code says of it before it runs: [`EngineBuilder::describe`].

use std::collections::BTreeSet;

use super::{EngineBuilder, StartError, builder::Change, names::Names, notes::Notes, part, plan};
use crate::{
    model::Spec,
    protocol::Protocol,
    registration::{DescribeOptions, EngineDescription, EnvVar, Probe, Registration, operator_settings},
    server::{ModelRoute, Routes},
    settings::{EngineSettings, Environment, Reader, SettingSpec, SettingsError, predictor_env_schema, scoped_schema},
};

/// The variable of the base URL.
const BASE_URL: &str = "CHARIOT_ENGINE_BASE_URL";

impl EngineBuilder {
    /// What Chariot and Kubernetes must be told of the engine, from its code and these options. It reads no environment
    /// and no file, and the author's required settings need no value.
    ///
    /// Of several models the default one gives the engine its name, its version and its task, or the first if there is no
    /// default; an operator is asked for the settings of all. The bytes of requests in flight are those of all together.
    ///
    /// # Errors
    /// No model; a value that the code gives for a setting of the runtime and that cannot be read; a base URL that is
    /// none.
    pub fn describe(self, options: DescribeOptions) -> Result<EngineDescription, StartError> {
        let asked = self.operator_schema(options.all_settings);
        let code: Environment = self.settings.iter().cloned().collect();
        let mut notes = Notes::default();
        let mut read = |prefix: Option<&str>, own: &[Change]| {
            let reader = Reader::new(&code).with_defaults(EngineSettings::PREFIX, self.defaults.iter().cloned());
            let mut settings = notes.keep(reader.scoped(prefix.unwrap_or_default()).read::<EngineSettings>())?;
            self.configure.iter().chain(own).for_each(|change| change(&mut settings));
            Some(settings)
        };
        let prefixes = Names::of(&self.sources).prefixes;
        // As the plan does it: those of the process are what is said of no model alone, unless there is only one.
        let shared = if self.sources.len() == 1 { None } else { read(None, &[]) };
        let models = self.sources.iter().zip(&prefixes);
        let models = models.map(|(source, prefix)| read(prefix.as_deref(), &source.options.configure));
        let models: Vec<Option<EngineSettings>> = models.collect();
        if !notes.faults.is_empty() {
            return Err(SettingsError { faults: notes.faults }.into());
        }
        let models: Vec<EngineSettings> = models.into_iter().flatten().collect();
        let inflight_bytes = models.iter().map(part::inflight_bytes).fold(0, u64::saturating_add);
        let default = plan::default_model(&self.sources, &mut Notes::default()).unwrap_or(0);
        let Some((source, of_model)) = self.sources.into_iter().zip(models).nth(default) else {
            return Err(plan::no_model());
        };
        let settings = shared.unwrap_or_else(|| of_model.clone());
        let version = source.options.version.or(self.version).unwrap_or_else(|| plan::DEFAULT_VERSION.into());
        let name = of_model.model_name.clone().unwrap_or(source.name);
        part::check_name(&name).map_err(|text| StartError::Configuration(format!("the model's name: {text}")))?;
        let base_url = options.base_url.as_deref().unwrap_or(&settings.base_url);
        let route = ModelRoute { name: name.clone(), version: version.clone() };
        // The platform has an id for every model.
        Routes::new(base_url, vec![route], Some(0), Some("id"))
            .map_err(|text| StartError::Configuration(format!("the base URL: {text}")))?;
        let base_url = one_form(base_url);
        // One that is empty would be none, and would leave the code's.
        let or_root = |url: String| if url.is_empty() { "/".into() } else { url };
        let told = options.base_url.iter().map(|url| EnvVar::new(BASE_URL, or_root(one_form(url))));
        let assumed = || options.image_gpu.is_none().then(|| format!("{name}:{version}"));
        let registration = Registration {
            container_image_cpu: options.image_cpu.clone().or_else(assumed),
            supports_multi_gpu: options.image_gpu.is_some(),
            container_image_gpu: options.image_gpu,
            project_id: options.project_id,
            is_default: options.is_default,
            env: told.collect(),
            readiness_probe: Probe::new(settings.port),
            predictor_env_schema: predictor_env_schema(&asked),
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
            task: source.spec.task_name().map(str::to_string),
            class_labels: options.class_labels.or(source.options.class_labels).or(self.class_labels),
            drain_delay: settings.drain_delay,
            grace: settings.grace,
            inflight_bytes,
            concurrency: source.spec.concurrency,
            workers: of_model.workers,
            max_concurrency: of_model.max_concurrency,
            batches: part::batching(&of_model, &source.spec).across.is_some(),
            metrics: settings.metrics,
            own_settings: asked.into_iter().filter(|setting| !setting.runtime).collect(),
        })
    }

    /// Returns the settings that an operator is offered, those of the models first: all that an operator can change, or the
    /// commonly changed ones.
    pub(crate) fn operator_schema(&self, all: bool) -> Vec<SettingSpec> {
        let own = Names::of(&self.sources).beside.into_iter().filter(|setting| !setting.runtime);
        let specs: Vec<&Spec> = self.sources.iter().map(|source| &source.spec).collect();
        let runtime = operator_settings(&specs, all).into_iter().map(|setting| self.with_default(setting));
        let fixed = |setting: &SettingSpec| self.settings.iter().any(|(name, _)| setting.is_read_from(name));
        let runtime: Vec<SettingSpec> = runtime.filter(|setting| !fixed(setting)).collect();
        let prefixes = Names::of(&self.sources).prefixes;
        let mut scoped = Vec::new();
        for (source, prefix) in self.sources.iter().zip(&prefixes) {
            let Some(prefix) = prefix else { continue };
            let wanted: BTreeSet<String> =
                operator_settings(&[&source.spec], all).into_iter().map(|of| of.name).collect();
            let of_model = runtime.iter().filter(|of| EngineSettings::is_of_a_model(of) && wanted.contains(&of.name));
            // Without a default, which a form would send, and which would go over what is said for all.
            let of_model: Vec<_> = of_model
                .map(|of| SettingSpec {
                    default: None,
                    label: format!("{} of model '{}'", of.label, source.name),
                    ..of.clone()
                })
                .collect();
            scoped.extend(scoped_schema(&of_model, prefix));
        }
        let own = own.filter(|setting| !fixed(setting));
        let scoped = scoped.into_iter().filter(|setting| !fixed(setting));
        own.chain(runtime.iter().cloned()).chain(scoped).collect()
    }

    /// One of the runtime's settings with the default that the code gives it.
    pub(super) fn with_default(&self, mut setting: SettingSpec) -> SettingSpec {
        let bare = setting.name.strip_prefix(EngineSettings::PREFIX).unwrap_or(&setting.name);
        if let Some((_, value)) = self.defaults.iter().rev().find(|(name, _)| name == bare) {
            setting.default = Some(value.clone());
        }
        setting
    }
}

/// A path with a slash before each of its segments and none at its end, as the platform joins it with others; the root is
/// empty.
fn one_form(path: &str) -> String {
    path.trim().split('/').filter(|segment| !segment.is_empty()).map(|segment| format!("/{segment}")).collect()
}
