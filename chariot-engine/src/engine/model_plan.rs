//! [`ModelPlan`]: one model whose configuration has been read and checked, and which has not been started. The plan
//! makes one for each model.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    diagnostics::Diagnostics,
    error::StartError,
    path_segment::{check_name, check_version},
    threads::{self, Cores, Threads},
};
#[cfg(feature = "openai")]
use crate::openai;
use crate::{
    device::{self, Device, DeviceId, Inventory},
    error::{Expected, quoted},
    model::{LoadCommon, Spec},
    openapi,
    protocol::Protocol,
    runtime::{Batching, Host, HostOptions, Loader, Placement},
    settings::{EngineSettings, Environment, OutputEncoding, OutputLayout, SettingSpec, SettingValue, scoped_variable},
    tasks::ClassLabels,
    telemetry::metrics::{AuthorMetrics, Metrics},
};

/// The directory into which the platform unpacks the model's files.
const PLATFORM_MODEL_DIR: &str = "/mnt/models";

/// The environment variables that the platform sets.
pub(super) struct Platform {
    pub(super) model_id: Option<String>,
    pub(super) task_type: Option<String>,
    protocol: Option<String>,
}

impl Platform {
    pub(super) fn from_environment(environment: &Environment) -> Self {
        let given = |name| environment.get(name).map(str::trim).filter(|value| !value.is_empty()).map(str::to_string);
        Platform {
            model_id: given("CHARIOT_MODEL_ID"),
            task_type: given("CHARIOT_TASK_TYPE"),
            protocol: given("CHARIOT_INFERENCE_PROTOCOL"),
        }
    }

    /// Returns the only protocol to serve, or `None` for all.
    ///
    /// # Errors
    /// A protocol that is unknown, or that an engine with this input cannot serve.
    pub(super) fn protocol(&self, spec: &Spec) -> Result<Option<Protocol>, String> {
        let Some(name) = &self.protocol else { return Ok(None) };
        let [kserve, v2, openai] = Protocol::ALL.map(Protocol::name);
        match name.parse().ok() {
            None => Err(Expected::new(format!("{kserve}, {v2} or {openai}"), quoted(name)).into()),
            Some(Protocol::V2) if spec.element.is_none() => {
                Err(Expected::new(format!("{kserve} for an engine that takes named tensors"), quoted(name)).into())
            }
            Some(Protocol::OpenAiV1) if !speaks_openai(spec) => {
                let what = format!("{kserve} or {v2} for an engine that neither generates text nor embeds texts");
                Err(Expected::new(what, quoted(name)).into())
            }
            Some(protocol) => Ok(Some(protocol)),
        }
    }
}

/// A model whose configuration has been read and checked, and which has not been started.
pub(crate) struct ModelPlan {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) settings: EngineSettings,
    pub(super) spec: Spec,
    pub(super) loader: Loader,
    pub(super) class_labels: Option<ClassLabels>,
    pub(super) model_dir: PathBuf,
    /// The only protocol to serve; `None` for all.
    pub(super) protocol: Option<Protocol>,
}

/// Returns `true` if a model can serve OpenAI's API.
#[cfg(feature = "openai")]
fn speaks_openai(spec: &Spec) -> bool {
    openai::Task::ALL.iter().any(|task| task.is_served_by(spec))
}

#[cfg(not(feature = "openai"))]
fn speaks_openai(_: &Spec) -> bool {
    false
}

impl ModelPlan {
    /// Returns `true` if the model serves OpenAI's API.
    #[cfg(feature = "openai")]
    pub(super) fn serves_openai(&self) -> bool {
        self.protocol.is_none_or(|only| only == Protocol::OpenAiV1) && speaks_openai(&self.spec)
    }

    /// Checks the configuration. `prefix` is the prefix of the model's variables.
    pub(super) fn check(&self, environment: &Environment, prefix: Option<&str>, diagnostics: &mut Diagnostics) {
        // The variable that sets this setting of the model.
        let variable = |name: &str| {
            let given = |name: &str| environment.get(name).is_some_and(|value| !value.trim().is_empty());
            let is_set = |own: &String| given(own) || given(&format!("{own}{}", SettingSpec::FILE_SUFFIX));
            let own = prefix.map(|prefix| scoped_variable(prefix, name, true));
            own.filter(is_set).unwrap_or_else(|| name.to_string())
        };
        if let Some(layout) = self.settings.output_layout
            && !self.spec.layouts.contains(&layout)
        {
            diagnostics.fault(variable("CHARIOT_ENGINE_OUTPUT_LAYOUT"), unknown_layout(layout, self.spec.layouts));
        }
        if self.settings.output_encoding == OutputEncoding::String && self.spec.element.is_none() {
            let name = variable("CHARIOT_ENGINE_OUTPUT_ENCODING");
            diagnostics.warn([format!("{name} has no effect: the engine takes named tensors")]);
        }
        if let Some(Err(text)) = self.spec.given_example().map(openapi::check_example) {
            diagnostics.fault("example request", text.to_string());
        }
        if let Err(text) = check_name(&self.name) {
            let is_set = self.settings.model_name.is_some();
            let name = if is_set { variable("CHARIOT_ENGINE_MODEL_NAME") } else { "model name".into() };
            diagnostics.fault(name, text);
        }
        if let Err(text) = check_version(&self.version) {
            diagnostics.fault("model version", text);
        }
    }

    /// Returns the numbers of workers and threads on devices of this kind.
    pub(super) fn threads(&self, device: DeviceId, devices: usize, cores: Cores) -> Threads {
        let per_core = device == DeviceId::Cpu && !self.spec.one_worker;
        threads::divide(&self.settings, per_core, devices, cores)
    }

    /// Opens the devices and starts the workers, on this number of cores. `core_threads` serve connections besides.
    /// `infer_url` is logged when the model is ready. It must be called within a tokio runtime.
    pub(super) fn start(
        self,
        platform: &Platform,
        inventory: &impl Inventory<Device = Device>,
        cores: Cores,
        core_threads: usize,
        metrics: &Metrics,
        infer_url: String,
    ) -> Result<Host, StartError> {
        let settings = &self.settings;
        let selection = device::select(settings.device, inventory)?;
        for (device, why) in &selection.tried {
            // A build without GPU support opens no GPU, so it is not worth a line.
            if cfg!(any(feature = "cuda", feature = "metal")) {
                tracing::info!(model = self.name, %device, "device not available: {why}");
            } else {
                tracing::debug!(model = self.name, %device, "device not available: {why}");
            }
        }
        let ids: Vec<String> = selection.devices.iter().map(|(id, _)| id.to_string()).collect();
        let first = selection.devices.first().map_or(DeviceId::Cpu, |(id, _)| *id);
        let devices: Vec<Device> = selection.devices.into_iter().map(|(_, device)| device).collect();
        let Threads { workers, threads } = self.threads(first, devices.len(), cores);
        let most = devices.len().saturating_mul(workers).saturating_mul(self.spec.concurrency);
        let max_concurrency = settings.max_concurrency.unwrap_or(most).min(most);
        tracing::info!(
            model = self.name,
            version = self.version,
            device = ids.join(" "),
            workers,
            threads,
            max_concurrency,
            "loading model"
        );
        let common = LoadCommon {
            metrics: AuthorMetrics::new(metrics, &self.name),
            device: devices.first().cloned().unwrap_or_else(Device::cpu),
            workers,
            threads,
            model_dir: self.model_dir,
            model_name: self.name.clone(),
            model_id: platform.model_id.clone(),
            task_type: platform.task_type.clone(),
            class_labels: self.class_labels,
        };
        let figures = metrics.model(&self.name);
        let options = HostOptions {
            infer_url,
            name: self.name,
            version: self.version,
            placement: Placement { devices, device_names: ids.join(" "), workers, threads },
            core_threads: if settings.inline { core_threads } else { 0 },
            max_concurrency,
            batching: batching(settings, &self.spec),
            queue_size: settings.queue_size,
            warm_up: settings.warm_up.unwrap_or(self.spec.warms_up),
            score_threshold: settings.score_threshold,
            max_pixels: settings.max_pixels,
            max_text: settings.max_text.as_u64(),
            layout: settings.output_layout,
            encoding: settings.output_encoding,
            protocol: self.protocol,
            timeout: settings.timeout,
            stall_timeout: settings.stall_timeout,
            max_inflight_bytes: inflight_bytes(settings),
            max_request_bytes: request_bytes(settings),
        };
        Host::start(options, figures, self.spec, self.loader, common).map_err(StartError::Thread)
    }
}

/// Returns the limit of the bytes of requests in flight. Default: 1 GiB, or four of the largest bodies if that is more.
pub(super) fn inflight_bytes(settings: &EngineSettings) -> u64 {
    const DEFAULT: u64 = 1 << 30;
    const BODIES: u64 = 4;
    let largest = settings.max_body.as_u64();
    settings.max_inflight_bytes.map_or_else(|| DEFAULT.max(largest.saturating_mul(BODIES)), |bytes| bytes.as_u64())
}

/// Returns the memory limit of one request. Default: half of the limit of all requests in flight, or two of the largest
/// bodies if that is more.
fn request_bytes(settings: &EngineSettings) -> u64 {
    let bodies = settings.max_body.as_u64().saturating_mul(2);
    settings.max_request_bytes.map_or_else(|| (inflight_bytes(settings) / 2).max(bodies), |bytes| bytes.as_u64())
}

/// Returns the batch size, and the delay if requests share batches: as the operator sets them, else as the engine
/// declares them. Setting a size enables batching.
pub(super) fn batching(settings: &EngineSettings, spec: &Spec) -> Batching {
    let by_size = settings.max_batch.map(|_| Duration::ZERO);
    Batching {
        max_cost: settings.max_batch.unwrap_or(spec.max_batch),
        across: settings.batch_delay.or(spec.batch_delay).or(by_size),
    }
}

/// Returns the fault of a layout that the outputs of the engine do not have.
fn unknown_layout(given: OutputLayout, known: &[OutputLayout]) -> Expected<String, String> {
    let what = match known {
        [] => "no value, as the outputs of this engine have only one layout".into(),
        _ => {
            let known: Vec<String> = known.iter().map(SettingValue::show).collect();
            format!("{} for the task of this engine", known.join(" or "))
        }
    };
    Expected::new(what, quoted(&given.show()))
}

/// Returns the directory of a model's files: `given`, else the default of the platform or of cargo. With several models
/// (their names, and the name of this one), each has its own folder there if any of them has one.
pub(super) fn model_dir(
    given: Option<&Path>,
    environment: &Environment,
    several: Option<(&[String], &str)>,
) -> PathBuf {
    let shared = given.map_or_else(|| default_model_dir(environment), Path::to_path_buf);
    let own = several.and_then(|(models, name)| Some(folders(&shared, models)?.join(name)));
    let dir = own.unwrap_or(shared);
    // An absolute path in a message can be found.
    std::path::absolute(&dir).unwrap_or(dir)
}

/// Returns the directory that holds the folders of several models, if any of them has one: this directory, or the only
/// folder in it, as in an archive with a top-level folder. Then each model has its own folder, so that none reads
/// another's files.
fn folders(dir: &Path, models: &[String]) -> Option<PathBuf> {
    let has_folder = |dir: &Path| models.iter().any(|model| dir.join(model).is_dir());
    if has_folder(dir) {
        return Some(dir.to_path_buf());
    }
    let entries: Vec<_> = std::fs::read_dir(dir).ok()?.map_while(Result::ok).take(2).collect();
    let [only] = &entries[..] else { return None };
    Some(only.path()).filter(|only| has_folder(only))
}

/// Returns the platform's directory if it exists, else `model` beside the engine's `Cargo.toml` if cargo runs the
/// engine, else `model` in the working directory.
fn default_model_dir(environment: &Environment) -> PathBuf {
    if Path::new(PLATFORM_MODEL_DIR).is_dir() {
        return PLATFORM_MODEL_DIR.into();
    }
    match environment.get("CARGO_MANIFEST_DIR") {
        Some(crate_dir) => Path::new(crate_dir).join("model"),
        None => "model".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_model_dir_under_cargo_is_beside_the_manifest() {
        let environment = Environment::from_iter([("CARGO_MANIFEST_DIR", "/crate")]);
        if !Path::new(PLATFORM_MODEL_DIR).is_dir() {
            assert_eq!(model_dir(None, &environment, None), Path::new("/crate/model"));
            assert_eq!(default_model_dir(&Environment::default()), Path::new("model"));
        }
    }

    #[test]
    fn several_models_have_a_folder_each_if_any_of_them_has_one() {
        let dir = tempfile::tempdir().unwrap();
        let models = ["a".to_string(), "b".to_string()];
        assert_eq!(folders(dir.path(), &models), None);
        std::fs::create_dir_all(dir.path().join("top/b")).unwrap();
        assert_eq!(folders(dir.path(), &models), Some(dir.path().join("top")));
        std::fs::create_dir(dir.path().join("a")).unwrap();
        assert_eq!(folders(dir.path(), &models), Some(dir.path().into()));
        assert_eq!(folders(&dir.path().join("none"), &models), None);
    }
}
