//! [`Part`]: one model of an engine that is read and checked, and not started. The plan makes one for each.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{StartError, notes::Notes, threads};
use crate::{
    device::{self, Device, DeviceId, Inventory},
    model::{LoadCommon, Spec},
    openapi,
    protocol::Protocol,
    runtime::{Batching, Host, HostOptions, Loader, Placement},
    settings::{EngineSettings, Environment, OutputEncoding, OutputLayout, SettingSpec, SettingValue, scoped_variable},
    tasks::ClassLabels,
    telemetry::metrics::{AuthorMetrics, Metrics},
};

/// Where the platform unpacks the model's files.
const PLATFORM_MODEL_DIR: &str = "/mnt/models";

/// What the platform says of the process.
pub(super) struct Platform {
    pub(super) model_id: Option<String>,
    pub(super) task_type: Option<String>,
    protocol: Option<String>,
}

impl Platform {
    pub(super) fn of(environment: &Environment) -> Self {
        let given = |name| environment.get(name).map(str::trim).filter(|value| !value.is_empty()).map(str::to_string);
        Platform {
            model_id: given("CHARIOT_MODEL_ID"),
            task_type: given("CHARIOT_TASK_TYPE"),
            protocol: given("CHARIOT_INFERENCE_PROTOCOL"),
        }
    }

    /// The one protocol to speak; both if there is none. An engine must be able to speak it.
    pub(super) fn protocol(&self, spec: &Spec) -> Result<Option<Protocol>, String> {
        let Some(name) = &self.protocol else { return Ok(None) };
        let [kserve, v2] = Protocol::ALL.map(Protocol::name);
        match name.parse().ok() {
            None => Err(format!("{kserve} or {v2} is expected, '{name}' came")),
            Some(Protocol::V2) if spec.element.is_none() => {
                Err(format!("{kserve} is expected for an engine of named tensors, '{name}' came"))
            }
            Some(protocol) => Ok(Some(protocol)),
        }
    }
}

/// A model that is read and checked, and not started.
pub(crate) struct Part {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) settings: EngineSettings,
    pub(super) spec: Spec,
    pub(super) loader: Loader,
    pub(super) class_labels: Option<ClassLabels>,
    pub(super) model_dir: PathBuf,
    /// The one protocol to speak; both if absent.
    pub(super) protocol: Option<Protocol>,
}

impl Part {
    /// Checks what is read. `prefix` stands before the model's variables.
    pub(super) fn check(&self, environment: &Environment, prefix: Option<&str>, notes: &mut Notes) {
        let variable = |name: &str| {
            let given = |name: &str| environment.get(name).is_some_and(|value| !value.trim().is_empty());
            let is_set = |own: &String| given(own) || given(&format!("{own}{}", SettingSpec::FILE_SUFFIX));
            let own = prefix.map(|prefix| scoped_variable(prefix, name, true));
            own.filter(is_set).unwrap_or_else(|| name.to_string())
        };
        if let Some(layout) = self.settings.output_layout
            && !self.spec.layouts.contains(&layout)
        {
            notes.fault(variable("CHARIOT_ENGINE_OUTPUT_LAYOUT"), no_such_layout(layout, self.spec.layouts));
        }
        if self.settings.output_encoding == OutputEncoding::String && self.spec.element.is_none() {
            let name = variable("CHARIOT_ENGINE_OUTPUT_ENCODING");
            notes.warn([format!("{name} does nothing in an engine of named tensors")]);
        }
        if let Some(Err(text)) = self.spec.given_example().map(openapi::check_example) {
            notes.fault("the engine's example of a request", text.to_string());
        }
        if let Err(text) = check_name(&self.name) {
            let given = self.settings.model_name.is_some();
            notes.fault(if given { variable("CHARIOT_ENGINE_MODEL_NAME") } else { "the model's name".into() }, text);
        }
    }

    /// Opens the devices and starts the workers, on so many cores. It must be called within a tokio runtime.
    pub(super) fn start(
        self,
        platform: &Platform,
        inventory: &impl Inventory<Device = Device>,
        cores: usize,
        metrics: &Metrics,
    ) -> Result<Host, StartError> {
        let settings = &self.settings;
        let selection = device::select(settings.device, inventory)?;
        let tried: Vec<String> = selection.tried.iter().map(|(id, why)| format!("{id}: {why}")).collect();
        let tried = (!tried.is_empty()).then(|| tried.join("; "));
        let ids: Vec<String> = selection.devices.iter().map(|(id, _)| id.to_string()).collect();
        let first = selection.devices.first().map_or(DeviceId::Cpu, |(id, _)| *id);
        let devices: Vec<Device> = selection.devices.into_iter().map(|(_, device)| device).collect();
        let threads::Threads { workers, threads } = threads::divide(settings, first, devices.len(), cores);
        let most = devices.len().saturating_mul(workers).saturating_mul(self.spec.concurrency);
        let max_concurrency = settings.max_concurrency.unwrap_or(most).min(most);
        tracing::info!(
            model = self.name,
            version = self.version,
            device = ids.join(" "),
            tried = tried.as_deref(),
            workers,
            threads,
            max_concurrency,
            "a model starts"
        );
        let common = LoadCommon {
            metrics: AuthorMetrics::new(metrics, &self.name),
            device: devices.first().cloned().unwrap_or_else(Device::cpu),
            model_dir: self.model_dir,
            model_name: self.name.clone(),
            model_id: platform.model_id.clone(),
            task_type: platform.task_type.clone(),
            class_labels: self.class_labels,
        };
        let figures = metrics.model(&self.name);
        let options = HostOptions {
            name: self.name,
            version: self.version,
            placement: Placement { devices, device_names: ids.join(" "), workers, threads },
            max_concurrency,
            batching: batching(settings, &self.spec),
            queue_size: settings.queue_size,
            score_threshold: settings.score_threshold,
            max_pixels: settings.max_pixels,
            layout: settings.output_layout,
            encoding: settings.output_encoding,
            protocol: self.protocol,
            timeout: settings.timeout,
            stall_timeout: settings.stall_timeout,
            max_inflight_bytes: inflight_bytes(settings),
        };
        Host::start(options, figures, self.spec, self.loader, common).map_err(StartError::Thread)
    }
}

/// Room for a few of the largest bodies at least, where the operator does not say.
pub(super) fn inflight_bytes(settings: &EngineSettings) -> u64 {
    const DEFAULT: u64 = 1 << 30;
    const BODIES: u64 = 4;
    let largest = settings.max_body.as_u64();
    settings.max_inflight_bytes.map_or_else(|| DEFAULT.max(largest.saturating_mul(BODIES)), |bytes| bytes.as_u64())
}

/// What one call is given, and whether requests share calls: as the operator says, else the engine. Naming a size is
/// asking for batches.
pub(super) fn batching(settings: &EngineSettings, spec: &Spec) -> Batching {
    let by_size = settings.max_batch.map(|_| Duration::ZERO);
    Batching {
        max_cost: settings.max_batch.unwrap_or(spec.max_batch),
        across: settings.batch_delay.or(spec.batch_delay).or(by_size),
    }
}

fn no_such_layout(came: OutputLayout, known: &[OutputLayout]) -> String {
    let came = came.show();
    match known {
        [] => format!("the answers of this engine have one form, '{came}' came"),
        _ => {
            let known: Vec<String> = known.iter().map(SettingValue::show).collect();
            format!("{} is expected for the task of this engine, '{came}' came", known.join(" or "))
        }
    }
}

pub(super) fn check_name(name: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !name.is_empty() && name.chars().all(fits) {
        return Ok(());
    }
    Err(format!("letters, digits, '-', '_' and '.' are expected, '{name}' came"))
}

/// Where a model's files are: in `given`, else where the platform or cargo has them. Of several models (their names, and
/// which of them it is) each has the folder of its name there, if any of them has one.
pub(super) fn model_dir(
    given: Option<&Path>,
    environment: &Environment,
    of_several: Option<(&[String], &str)>,
) -> PathBuf {
    let whole = given.map_or_else(|| default_model_dir(environment), Path::to_path_buf);
    let own = of_several.and_then(|(models, name)| Some(folders(&whole, models)?.join(name)));
    let dir = own.unwrap_or(whole);
    // Messages then name a place that can be found.
    std::path::absolute(&dir).unwrap_or(dir)
}

/// Where the folders of several models are, if any of them has one: in this directory, or in the only folder that it holds,
/// as in an archive with a top folder. Then each model has the folder of its name: none must read another's files.
fn folders(dir: &Path, models: &[String]) -> Option<PathBuf> {
    let within = |dir: &Path| models.iter().any(|model| dir.join(model).is_dir());
    if within(dir) {
        return Some(dir.to_path_buf());
    }
    let entries: Vec<_> = std::fs::read_dir(dir).ok()?.map_while(Result::ok).take(2).collect();
    let [only] = &entries[..] else { return None };
    Some(only.path()).filter(|only| within(only))
}

/// The platform's directory if it is there, else `model` beside the engine's `Cargo.toml` when cargo runs it, else
/// `model` where the process stands.
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
    fn under_cargo_the_model_is_beside_the_manifest() {
        let environment = Environment::from_iter([("CARGO_MANIFEST_DIR", "/crate")]);
        if !Path::new(PLATFORM_MODEL_DIR).is_dir() {
            assert_eq!(model_dir(None, &environment, None), Path::new("/crate/model"));
            assert_eq!(default_model_dir(&Environment::default()), Path::new("model"));
        }
    }

    #[test]
    fn of_several_models_each_has_its_folder_if_any_has_one() {
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
