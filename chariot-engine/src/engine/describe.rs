//! What an engine's code says of it before it runs: [`EngineBuilder::describe`].

use super::{EngineBuilder, StartError, names::Names, notes::Notes, part, plan};
use crate::{
    model::Spec,
    protocol::Protocol,
    registration::{DescribeOptions, Description, Environ, Probe, Registration, operator_settings},
    server::{ModelRoute, Routes},
    settings::{EngineSettings, Environment, Reader, SettingSpec, predictor_env_schema},
};

/// The variable of the base URL.
const BASE_URL: &str = "CHARIOT_ENGINE_BASE_URL";

impl EngineBuilder {
    /// What Chariot and Kubernetes must be told of the engine, from its code and these options. It reads no environment
    /// and no file, and the author's required settings need no value.
    ///
    /// Of several models the default one gives the engine its name, its version and its task, or the first if there is no
    /// default; an operator is asked for the settings of all.
    ///
    /// # Errors
    /// No model; a value that the code gives for a setting of the runtime and that cannot be read; a base URL that is
    /// none.
    pub fn describe(self, options: DescribeOptions) -> Result<Description, StartError> {
        let asked = self.operator_schema();
        let code: Environment = self.settings.iter().cloned().collect();
        let mut reader = Reader::new(&code).with_defaults(EngineSettings::PREFIX, self.defaults.iter().cloned());
        let mut settings: EngineSettings = reader.read()?;
        self.configure.iter().for_each(|change| change(&mut settings));
        let inflight = self.sources.iter().map(|source| {
            let mut of_model = settings.clone();
            source.options.configure.iter().for_each(|change| change(&mut of_model));
            part::inflight_bytes(&of_model)
        });
        let inflight_bytes = inflight.fold(0, u64::saturating_add);
        let default = plan::default_model(&self.sources, &mut Notes::default()).unwrap_or(0);
        let Some(source) = self.sources.into_iter().nth(default) else { return Err(plan::no_model()) };
        let version = source.options.version.or(self.version).unwrap_or_else(|| plan::DEFAULT_VERSION.into());
        let name = settings.model_name.clone().unwrap_or(source.name);
        part::check_name(&name).map_err(|text| StartError::Configuration(format!("the model's name: {text}")))?;
        let base_url = options.base_url.as_deref().unwrap_or(&settings.base_url);
        let route = ModelRoute { name: name.clone(), version: version.clone() };
        // The platform has an id for every model.
        Routes::new(base_url, vec![route], Some(0), Some("id"))
            .map_err(|text| StartError::Configuration(format!("the base URL: {text}")))?;
        let told = options.base_url.iter().map(|url| Environ { name: BASE_URL.into(), value: url.clone() });
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
            container_root_relative_base_url: (!base_url.is_empty()).then(|| base_url.into()),
            entrypoint: None,
            command: None,
            name,
            version,
        };
        Ok(Description {
            registration,
            task: source.spec.task_name().map(str::to_string),
            class_labels: options.class_labels.or(source.options.class_labels).or(self.class_labels),
            drain_delay: settings.drain_delay,
            grace: settings.grace,
            inflight_bytes,
            concurrency: source.spec.concurrency,
            workers: settings.workers,
            max_concurrency: settings.max_concurrency,
            batches: part::batching(&settings, &source.spec).across.is_some(),
            metrics: settings.metrics,
            own_settings: asked.into_iter().filter(|setting| !setting.runtime).collect(),
        })
    }

    /// The settings that an operator is asked for, those of the models first.
    pub(crate) fn operator_schema(&self) -> Vec<SettingSpec> {
        let own = Names::of(&self.sources).beside.into_iter().filter(|setting| !setting.runtime);
        let specs: Vec<&Spec> = self.sources.iter().map(|source| &source.spec).collect();
        let runtime = operator_settings(&specs).into_iter().map(|setting| self.with_default(setting));
        let fixed = |setting: &SettingSpec| self.settings.iter().any(|(name, _)| setting.is_read_from(name));
        own.chain(runtime).filter(|setting| !fixed(setting)).collect()
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
