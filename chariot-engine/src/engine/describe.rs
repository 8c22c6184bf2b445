//! What an engine's code says of it before it runs: [`EngineBuilder::describe`].

use super::{EngineBuilder, StartError, plan};
use crate::{
    protocol::Protocol,
    registration::{DescribeOptions, Description, Environ, Probe, Registration, operator_settings},
    server::Routes,
    settings::{EngineSettings, Environment, Reader},
};

/// The variable of the base URL.
const BASE_URL: &str = "CHARIOT_ENGINE_BASE_URL";

impl EngineBuilder {
    /// What Chariot and Kubernetes must be told of the engine, from its code and these options. It reads no environment
    /// and no file, and the author's required settings need no value.
    ///
    /// # Errors
    /// No model; a value that the code gives for a setting of the runtime and that cannot be read; a base URL that is
    /// none.
    pub fn describe(self, options: DescribeOptions) -> Result<Description, StartError> {
        let Some(source) = self.source else { return Err(plan::no_model()) };
        let version = self.version.unwrap_or_else(|| plan::DEFAULT_VERSION.into());
        let code: Environment = self.settings.iter().cloned().collect();
        let mut reader = Reader::new(&code).with_defaults(EngineSettings::PREFIX, self.defaults.iter().cloned());
        let mut settings: EngineSettings = reader.read()?;
        for change in self.configure {
            change(&mut settings);
        }
        let name = settings.model_name.clone().unwrap_or(source.name);
        plan::check_name(&name).map_err(|text| StartError::Configuration(format!("the model's name: {text}")))?;
        let base_url = options.base_url.as_deref().unwrap_or(&settings.base_url);
        // The platform has an id for every model.
        Routes::new(base_url, &name, &version, Some("id"))
            .map_err(|text| StartError::Configuration(format!("the base URL: {text}")))?;
        let told = options.base_url.iter().map(|url| Environ { name: BASE_URL.into(), value: url.clone() });
        let assumed = || options.image_gpu.is_none().then(|| format!("{name}:{version}"));
        let is_required = |name: &str| source.spec.settings().iter().any(|of| of.name == name && of.required);
        let predictor_env_schema = operator_settings(&source.spec, &self.defaults, &self.settings);
        let required =
            predictor_env_schema.iter().map(|setting| &setting.name).filter(|name| is_required(name)).cloned().collect();
        let registration = Registration {
            container_image_cpu: options.image_cpu.clone().or_else(assumed),
            supports_multi_gpu: options.image_gpu.is_some(),
            container_image_gpu: options.image_gpu,
            project_id: options.project_id,
            is_default: options.is_default,
            env: told.collect(),
            readiness_probe: Probe::new(settings.port),
            predictor_env_schema,
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
            class_labels: options.class_labels.or(self.class_labels),
            drain_delay: settings.drain_delay,
            grace: settings.grace,
            inflight_bytes: plan::inflight_bytes(&settings),
            metrics: settings.metrics,
            required,
        })
    }
}
