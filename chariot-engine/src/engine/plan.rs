//! [`Plan`]: an engine that is read and checked, and not started. The builder and `run` make one, and start it.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::runtime::Handle;

use super::{Engine, EngineBuilder, StartError, builder::Devices, threads};
use crate::{
    device::{self, Device, DeviceId},
    model::{LoadCommon, Spec},
    openapi,
    protocol::Protocol,
    runtime::{Batching, Host, HostOptions, Loader, Placement, available_cores},
    server::Routes,
    settings::{
        EngineSettings, Environment, OutputEncoding, OutputLayout, Reader, SettingFault, SettingSpec, SettingValue,
        Settings, SettingsError,
    },
    tasks::{ClassLabels, same_task},
    telemetry::metrics::{AuthorMetrics, Metrics},
};

/// Where the platform unpacks the model's files.
const PLATFORM_MODEL_DIR: &str = "/mnt/models";

/// What the platform sets itself.
const PLATFORM_VARIABLES: [&str; 4] =
    ["CHARIOT_MODEL_ID", "CHARIOT_TASK_TYPE", "CHARIOT_INFERENCE_PROTOCOL", "CARGO_MANIFEST_DIR"];

/// An engine that is read and checked, and not started.
pub(super) struct Plan {
    pub(super) settings: EngineSettings,
    routes: Routes,
    spec: Spec,
    loader: Loader,
    class_labels: Option<ClassLabels>,
    inventory: Devices,
    model_id: Option<String>,
    task_type: Option<String>,
    /// The one protocol to speak; both if absent.
    protocol: Option<Protocol>,
    name: String,
    version: String,
    model_dir: PathBuf,
}

impl Plan {
    /// Reads and checks everything, and starts nothing. What only looks wrong is added to `warnings`, also when there are
    /// faults.
    ///
    /// # Errors
    /// No model; every fault of the settings, all at once.
    pub(super) fn new(builder: EngineBuilder, warnings: &mut Vec<String>) -> Result<Plan, StartError> {
        let Some(source) = builder.source else {
            return Err(StartError::Configuration(
                "an engine needs a model: Engine::builder().model::<M>(name)".into(),
            ));
        };
        let mut faults = check_given(&builder.settings, source.spec.settings());
        let mut environment = builder.environment.unwrap_or_default();
        for (name, value) in builder.settings {
            environment.set(name, value);
        }
        warnings.extend(EngineSettings::unknown(&environment, source.spec.settings()));
        let platform =
            |name| environment.get(name).map(str::trim).filter(|value| !value.is_empty()).map(str::to_string);
        let model_id = platform("CHARIOT_MODEL_ID");
        let task_type = platform("CHARIOT_TASK_TYPE");
        if let (Some(declared), Some(asked)) = (source.spec.task_name(), &task_type)
            && !same_task(declared, asked)
        {
            warnings.push(format!("CHARIOT_TASK_TYPE is '{asked}', and this engine does '{declared}'"));
        }
        let protocol = platform("CHARIOT_INFERENCE_PROTOCOL").map(|name| protocol(&name, &source.spec)).transpose();
        let protocol = protocol.unwrap_or_else(|text| {
            faults.push(fault("CHARIOT_INFERENCE_PROTOCOL", text));
            None
        });

        let mut reader = Reader::new(&environment).with_defaults(EngineSettings::PREFIX, builder.defaults);
        let read = (source.read)(&mut reader);
        warnings.extend(reader.warnings().iter().cloned());
        let (mut settings, loader) = match read {
            Ok(read) => read,
            Err(mut error) => {
                error.faults.append(&mut faults);
                return Err(error.into());
            }
        };
        for change in builder.configure {
            change(&mut settings);
        }
        if let Some(layout) = settings.output_layout
            && !source.spec.layouts.contains(&layout)
        {
            faults.push(fault("CHARIOT_ENGINE_OUTPUT_LAYOUT", no_such_layout(layout, source.spec.layouts)));
        }
        if settings.output_encoding == OutputEncoding::String && source.spec.element.is_none() {
            warnings.push("CHARIOT_ENGINE_OUTPUT_ENCODING does nothing in an engine of named tensors".into());
        }
        if let Some(Err(text)) = source.spec.given_example().map(openapi::check_example) {
            faults.push(fault("the engine's example of a request", text.to_string()));
        }
        let of_name = if settings.model_name.is_some() { "CHARIOT_ENGINE_MODEL_NAME" } else { "the model's name" };
        let name = settings.model_name.clone().unwrap_or(source.name);
        if let Err(text) = check_name(&name) {
            faults.push(fault(of_name, text));
        }
        let version = builder.version.unwrap_or_else(|| "1".into());
        let routes = Routes::new(&settings.base_url, &name, &version, model_id.as_deref())
            .map_err(|text| faults.push(fault("CHARIOT_ENGINE_BASE_URL", text)));
        let routes = match routes {
            Ok(routes) if faults.is_empty() => routes,
            _ => return Err(SettingsError { faults }.into()),
        };
        let model_dir = settings.model_dir.clone().unwrap_or_else(|| default_model_dir(&environment));
        Ok(Plan {
            routes: if builder.base_url_routing { routes } else { routes.without_base() },
            spec: source.spec,
            class_labels: builder.class_labels,
            inventory: builder.inventory,
            // Messages then name a place that can be found.
            model_dir: std::path::absolute(&model_dir).unwrap_or(model_dir),
            settings,
            loader,
            model_id,
            task_type,
            protocol,
            name,
            version,
        })
    }

    /// Opens the device and starts the workers, within a tokio runtime.
    pub(super) fn start(self, runtime: &Handle) -> Result<Engine, StartError> {
        let _entered = runtime.enter();
        let selection = device::select(self.settings.device, &*self.inventory)?;
        let tried: Vec<String> = selection.tried.iter().map(|(id, why)| format!("{id}: {why}")).collect();
        let tried = (!tried.is_empty()).then(|| tried.join("; "));
        let ids: Vec<String> = selection.devices.iter().map(|(id, _)| id.to_string()).collect();
        let first = selection.devices.first().map_or(DeviceId::Cpu, |(id, _)| *id);
        let devices: Vec<Device> = selection.devices.into_iter().map(|(_, device)| device).collect();
        let threads::Threads { workers, threads } =
            threads::divide(&self.settings, first, devices.len(), available_cores());
        let most = devices.len().saturating_mul(workers).saturating_mul(self.spec.concurrency);
        let max_concurrency = self.settings.max_concurrency.unwrap_or(most).min(most);
        tracing::info!(
            model = self.name,
            version = self.version,
            device = ids.join(" "),
            tried = tried.as_deref(),
            workers,
            threads,
            max_concurrency,
            base_url = self.routes.base_url(),
            "an engine starts"
        );
        let metrics = Metrics::new();
        let common = LoadCommon {
            metrics: AuthorMetrics::new(&metrics, &self.name),
            device: devices.first().cloned().unwrap_or(Device::Cpu),
            model_dir: self.model_dir,
            model_name: self.name.clone(),
            model_id: self.model_id,
            task_type: self.task_type,
            class_labels: self.class_labels,
        };
        let options = HostOptions {
            name: self.name.clone(),
            version: self.version,
            placement: Placement { devices, workers, threads },
            max_concurrency,
            batching: batching(&self.settings, &self.spec),
            queue_size: self.settings.queue_size,
            score_threshold: self.settings.score_threshold,
            max_pixels: self.settings.max_pixels,
            layout: self.settings.output_layout,
            encoding: self.settings.output_encoding,
            protocol: self.protocol,
            timeout: self.settings.timeout,
            stall_timeout: self.settings.stall_timeout,
            max_inflight_bytes: inflight_bytes(&self.settings),
        };
        let figures = metrics.model(&self.name);
        let host = Host::start(options, figures, self.spec, self.loader, common).map_err(StartError::Thread)?;
        Ok(Engine::new(host, self.routes, self.settings, metrics))
    }
}

/// Room for a few of the largest bodies at least, where the operator does not say.
fn inflight_bytes(settings: &EngineSettings) -> u64 {
    const DEFAULT: u64 = 1 << 30;
    const BODIES: u64 = 4;
    let largest = settings.max_body.as_u64();
    settings.max_inflight_bytes.map_or_else(|| DEFAULT.max(largest.saturating_mul(BODIES)), |bytes| bytes.as_u64())
}

/// What one call is given, and whether requests share calls: as the operator says, else the engine. Naming a size is
/// asking for batches.
fn batching(settings: &EngineSettings, spec: &Spec) -> Batching {
    let by_size = settings.max_batch.map(|_| Duration::ZERO);
    Batching {
        max_cost: settings.max_batch.unwrap_or(spec.max_batch),
        across: settings.batch_delay.or(spec.batch_delay).or(by_size),
    }
}

fn fault(name: &str, text: String) -> SettingFault {
    SettingFault { name: name.into(), text }
}

/// A variable that the embedder sets and the engine does not have would do nothing, silently.
fn check_given(given: &[(String, String)], own: &[SettingSpec]) -> Vec<SettingFault> {
    let mut known: Vec<String> = EngineSettings::schema().into_iter().map(|setting| setting.name).collect();
    known.extend(own.iter().map(|setting| setting.name.clone()));
    let unknown =
        |name: &&str| !known.iter().any(|of| of == name) && !PLATFORM_VARIABLES.contains(name) && *name != "LOG_LEVEL";
    let names = given.iter().map(|(name, _)| name.as_str());
    names
        .filter(unknown)
        .map(|name| {
            let nearest = known.iter().max_by(|a, b| {
                let alike =
                    |of: &str| strsim::jaro_winkler(name, of.strip_prefix(EngineSettings::PREFIX).unwrap_or(of));
                alike(a).total_cmp(&alike(b))
            });
            let nearest = nearest.map(|nearest| format!("; {nearest} is the nearest")).unwrap_or_default();
            fault(name, format!("there is no such setting{nearest}"))
        })
        .collect()
}

/// The protocol of this name, which an engine must be able to speak.
fn protocol(name: &str, spec: &Spec) -> Result<Protocol, String> {
    let [kserve, v2] = Protocol::ALL.map(Protocol::name);
    match Protocol::named(name) {
        None => Err(format!("{kserve} or {v2} is expected, '{name}' came")),
        Some(Protocol::V2) if spec.element.is_none() => {
            Err(format!("{kserve} is expected for an engine of named tensors, '{name}' came"))
        }
        Some(protocol) => Ok(protocol),
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

fn check_name(name: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !name.is_empty() && name.chars().all(fits) {
        return Ok(());
    }
    Err(format!("letters, digits, '-', '_' and '.' are expected, '{name}' came"))
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
    use crate::prelude::*;

    struct Echo;

    impl Model for Echo {
        type Settings = ();
        type Input = Text;
        type Output = Json<String>;

        async fn load(_: &LoadContext) -> Result<Self> {
            Ok(Echo)
        }

        async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> {
            batch.map(|text| Ok(Json(text.to_string())))
        }

        fn spec() -> Spec {
            Spec::of::<Self>().task("Text Classification")
        }
    }

    fn with_warnings(variables: &[(&str, &str)]) -> (std::result::Result<Plan, StartError>, Vec<String>) {
        let builder = Engine::builder()
            .model::<Echo>("echo")
            .environment(Environment::from_iter(variables.iter().copied()))
            .default_setting("PORT", "9000");
        let mut warnings = Vec::new();
        (Plan::new(builder, &mut warnings), warnings)
    }

    fn plan(variables: &[(&str, &str)]) -> std::result::Result<Plan, StartError> {
        with_warnings(variables).0
    }

    #[test]
    fn builder_goes_over_environment_over_attribute_over_default() {
        let of = |variables: &[(&str, &str)]| plan(variables).unwrap().settings;
        assert_eq!(of(&[]).port, 9000);
        assert_eq!(of(&[("CHARIOT_ENGINE_PORT", "9001")]).port, 9001);
        let builder = Engine::builder()
            .model::<Echo>("echo")
            .environment(Environment::from_iter([("CHARIOT_ENGINE_PORT", "9001")]))
            .configure(|settings| settings.port = 9002);
        let settings = Plan::new(builder, &mut Vec::new()).unwrap().settings;
        assert_eq!(settings.port, 9002);
        assert_eq!(plan(&[]).unwrap().name, "echo");
        assert_eq!(plan(&[("CHARIOT_ENGINE_MODEL_NAME", "other")]).unwrap().name, "other");
    }

    #[test]
    fn faults_of_configuration_say_what_to_change() {
        for (name, value, expected) in [
            ("CHARIOT_ENGINE_MODEL_NAME", "a b", "letters, digits"),
            ("CHARIOT_ENGINE_BASE_URL", "/m-{model_id}", "CHARIOT_MODEL_ID is not set"),
            ("CHARIOT_INFERENCE_PROTOCOL", "chariot-v9", "chariot-v2-kserve or chariot-v2 is expected"),
            ("CHARIOT_ENGINE_OUTPUT_LAYOUT", "columns", "have one form"),
            ("CHARIOT_ENGINE_PORT", "many", "CHARIOT_ENGINE_PORT"),
        ] {
            let Err(error) = plan(&[(name, value)]) else { panic!("{name}={value} was taken") };
            assert!(error.to_string().contains(expected), "{error}");
            assert_eq!(error.exit_code(), 78);
        }
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let Err(error) = plan(&[
            ("CHARIOT_ENGINE_MODEL_NAME", "a b"),
            ("CHARIOT_ENGINE_BASE_URL", "/m-{model_id}"),
            ("CHARIOT_INFERENCE_PROTOCOL", "chariot-v9"),
            ("CHARIOT_ENGINE_OUTPUT_LAYOUT", "columns"),
        ]) else {
            panic!("four faults were taken");
        };
        let text = error.to_string();
        for name in ["MODEL_NAME", "BASE_URL", "INFERENCE_PROTOCOL", "OUTPUT_LAYOUT"] {
            assert!(text.contains(name), "{text}");
        }
    }

    #[test]
    fn what_an_embedder_sets_must_be_there() {
        let of = |name: &str| {
            let builder = Engine::builder().model::<Echo>("echo").setting(name, "1");
            Plan::new(builder, &mut Vec::new()).map(|plan| plan.settings.port)
        };
        assert_eq!(of("CHARIOT_ENGINE_PORT").unwrap(), 1);
        let error = of("PORT").unwrap_err().to_string();
        assert_eq!(error, "PORT: there is no such setting; CHARIOT_ENGINE_PORT is the nearest");
        for name in ["PORT", "CHARIOT_ENGINE_PORT"] {
            let builder = Engine::builder().model::<Echo>("echo").default_setting(name, "9");
            assert_eq!(Plan::new(builder, &mut Vec::new()).unwrap().settings.port, 9);
        }
    }

    #[test]
    fn what_looks_wrong_is_warned_of_also_beside_faults() {
        let variables = [
            ("CHARIOT_TASK_TYPE", "Object Detection"),
            ("CHARIOT_ENGINE_WORKER", "1"),
            ("CHARIOT_ENGINE_PORT", "many"),
        ];
        let (plan, warnings) = with_warnings(&variables);
        assert!(plan.is_err());
        assert!(warnings.iter().any(|text| text.contains("'Text Classification'")), "{warnings:?}");
        assert!(warnings.iter().any(|text| text.contains("CHARIOT_ENGINE_WORKERS is the nearest")), "{warnings:?}");
        assert!(with_warnings(&[("CHARIOT_TASK_TYPE", "text_classification")]).1.is_empty());
        assert!(with_warnings(&[("CHARIOT_ENGINE_OUTPUT_ENCODING", "string")]).1.is_empty());
    }

    struct Tensorial;

    impl Model for Tensorial {
        type Settings = ();
        type Input = InferRequest;
        type Output = Tensors;

        async fn load(_: &LoadContext) -> Result<Self> {
            Ok(Tensorial)
        }

        async fn infer(&self, _: Batch<InferRequest>) -> Result<Vec<Tensors>> {
            Ok(vec![])
        }
    }

    #[test]
    fn an_engine_of_named_tensors_has_no_items_to_speak_of() {
        let plan = |name: &str, value: &str| {
            let builder = Engine::builder().model::<Tensorial>("tensorial").setting(name, value);
            let mut warnings = Vec::new();
            (Plan::new(builder, &mut warnings).map(|plan| plan.protocol), warnings)
        };
        let protocol = "CHARIOT_INFERENCE_PROTOCOL";
        let error = plan(protocol, "chariot-v2").0.unwrap_err().to_string();
        let expected = "chariot-v2-kserve is expected for an engine of named tensors, 'chariot-v2' came";
        assert!(error.contains(expected), "{error}");
        assert_eq!(plan(protocol, "chariot-v2-kserve").0.unwrap(), Some(Protocol::V2Kserve));
        let warnings = plan("CHARIOT_ENGINE_OUTPUT_ENCODING", "string").1;
        assert_eq!(warnings, ["CHARIOT_ENGINE_OUTPUT_ENCODING does nothing in an engine of named tensors"]);
    }

    #[test]
    fn the_platform_names_one_protocol_or_none() {
        let of = |name: &str| plan(&[("CHARIOT_INFERENCE_PROTOCOL", name)]).unwrap().protocol;
        assert_eq!(of(" "), None);
        assert_eq!(of(" chariot-v2-kserve "), Some(Protocol::V2Kserve));
        assert_eq!(of("chariot-v2"), Some(Protocol::V2));
    }

    #[test]
    fn under_cargo_the_model_is_beside_the_manifest() {
        let environment = Environment::from_iter([("CARGO_MANIFEST_DIR", "/crate")]);
        if !Path::new(PLATFORM_MODEL_DIR).is_dir() {
            assert_eq!(default_model_dir(&environment), Path::new("/crate/model"));
            assert_eq!(default_model_dir(&Environment::default()), Path::new("model"));
        }
    }
}
