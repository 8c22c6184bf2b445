//! [`Plan`]: an engine that is read and checked, and not started. The builder and `run` make one, and start it.

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use tokio::runtime::Handle;

use super::{
    Engine, EngineBuilder, StartError,
    builder::{Devices, Source},
    names::Names,
    notes::Notes,
    part::{Part, Platform, model_dir},
    threads,
};
use crate::{
    device::{Device, DeviceId, Inventory},
    error::BoxError,
    openapi,
    runtime::{Models, OneModel, available_cores},
    server::{ModelRoute, Routes, Served},
    settings::{EngineSettings, Reader, SettingsError},
    tasks::same_task,
    telemetry::metrics::Metrics,
};

/// What an engine of several models calls itself, where none of them is the default one.
const SEVERAL: &str = "chariot-engine";

/// The version of models that have none.
pub(super) const DEFAULT_VERSION: &str = "1";

/// An engine that is read and checked, and not started.
pub(crate) struct Plan {
    pub(super) settings: EngineSettings,
    pub(super) parts: Vec<Part>,
    routes: Routes,
    /// The model that answers where none is named.
    pub(super) default: Option<usize>,
    pub(super) inventory: Devices,
    platform: Platform,
    name: String,
    version: String,
    description: String,
}

impl Plan {
    /// Reads and checks everything, and starts nothing. What only looks wrong is added to `warnings`, also when there are
    /// faults.
    ///
    /// # Errors
    /// No model; every fault of the settings, all at once.
    pub(super) fn new(builder: EngineBuilder, warnings: &mut Vec<String>) -> Result<Plan, StartError> {
        if builder.sources.is_empty() {
            return Err(no_model());
        }
        let mut notes = Notes::default();
        let names = Names::of(&builder.sources);
        let several = builder.sources.len() > 1;
        let mut environment = builder.environment.unwrap_or_default();
        names.set(&builder.settings, &mut environment);
        notes.warn(EngineSettings::unknown(&environment, &names.beside));
        let platform = Platform::of(&environment);
        warn_of_task(&platform, &builder.sources, &mut notes);
        let default = default_model(&builder.sources, &mut notes);
        let version = builder.version.unwrap_or_else(|| DEFAULT_VERSION.into());

        let reader = |prefix: Option<&str>| {
            Reader::new(&environment).with_defaults(EngineSettings::PREFIX, names.defaults(&builder.defaults, prefix))
        };
        let mut shared = None;
        if several {
            let mut reader = reader(None);
            shared = notes.keep(reader.read::<EngineSettings>());
            notes.warn(reader.warnings().iter().cloned());
        }
        builder.configure.iter().for_each(|change| shared.iter_mut().for_each(change));
        let models: Vec<String> = builder.sources.iter().map(|source| source.name.clone()).collect();
        let mut parts = Vec::new();
        for (source, prefix) in builder.sources.into_iter().zip(&names.prefixes) {
            let mut reader = match prefix {
                Some(prefix) => reader(Some(prefix)).scoped(prefix),
                None => reader(None),
            };
            let read = notes.keep((source.read)(&mut reader));
            notes.warn(reader.warnings().iter().cloned());
            // What the platform says is looked at whatever becomes of the settings: all faults are told at once.
            let protocol = platform.protocol(&source.spec).unwrap_or_else(|text| {
                notes.fault("CHARIOT_INFERENCE_PROTOCOL", text);
                None
            });
            let Some((mut settings, loader)) = read else { continue };
            builder.configure.iter().for_each(|change| change(&mut settings));
            // What is said of one model alone is not the process's.
            let of_all = shared.get_or_insert_with(|| settings.clone());
            source.options.configure.iter().for_each(|change| change(&mut settings));
            let of_several = several && settings.model_dir == of_all.model_dir;
            let of_several = of_several.then_some((&models[..], &*source.name));
            let part = Part {
                model_dir: model_dir(settings.model_dir.as_deref(), &environment, of_several),
                name: settings.model_name.clone().unwrap_or(source.name),
                version: source.options.version.unwrap_or_else(|| version.clone()),
                class_labels: source.options.class_labels.or_else(|| builder.class_labels.clone()),
                settings,
                spec: source.spec,
                loader,
                protocol,
            };
            part.check(&environment, prefix.as_deref(), &mut notes);
            parts.push(part);
        }
        names.check(&parts, &mut notes);
        names.check_given(&builder.settings, &mut notes);
        let models = parts.iter().map(|part| ModelRoute { name: part.name.clone(), version: part.version.clone() });
        let base_url = shared.as_ref().map_or("", |settings| &settings.base_url);
        let routes = Routes::new(base_url, models.collect(), default, platform.model_id.as_deref());
        let routes = routes.map_err(|text| notes.fault("CHARIOT_ENGINE_BASE_URL", text));
        warnings.append(&mut notes.warnings);
        let (Ok(routes), Some(settings), true) = (routes, shared, notes.faults.is_empty()) else {
            return Err(SettingsError { faults: notes.faults }.into());
        };
        Ok(Plan {
            routes: if builder.base_url_routing { routes } else { routes.without_base() },
            name: default.map_or_else(|| SEVERAL.into(), |index| parts[index].name.clone()),
            version: default.map_or(version, |index| parts[index].version.clone()),
            description: builder.description.unwrap_or_default(),
            inventory: builder.inventory,
            settings,
            parts,
            default,
            platform,
        })
    }

    /// The threads that a worker computes with: the most of any model, where they differ.
    pub(super) fn threads(&self, device: impl Fn(&EngineSettings) -> DeviceId) -> usize {
        let of = |part: &Part| threads::divide(&part.settings, device(&part.settings), 1, self.cores()).threads;
        self.parts.iter().map(of).max().unwrap_or(1)
    }

    /// The cores of each model.
    pub(super) fn cores(&self) -> usize {
        (available_cores() / self.parts.len().max(1)).max(1)
    }

    /// Opens the devices and starts the workers, within a tokio runtime.
    pub(crate) fn start(self, runtime: &Handle) -> Result<Engine, StartError> {
        let _entered = runtime.enter();
        tracing::info!(
            engine = self.name,
            models = self.parts.len(),
            base_url = self.routes.base_url(),
            "an engine starts"
        );
        let (cores, metrics) = (self.cores(), Metrics::new());
        let inventory = Opened { inventory: self.inventory, open: RefCell::default() };
        let mut models = Vec::with_capacity(self.parts.len());
        for part in self.parts {
            let settings = Arc::new(part.settings.clone());
            let host = part.start(&self.platform, &inventory, cores, &metrics)?;
            models.push(OneModel { host, settings });
        }
        let models = Models::new(models);
        let openapi = document([&self.name, &self.version, &self.description], &models, self.default, &self.routes);
        let served = Served {
            models,
            routes: self.routes,
            name: self.name,
            version: self.version,
            shows_metrics: self.settings.metrics,
            metrics,
            closes_connections: false,
            openapi: openapi.into(),
        };
        Ok(Engine::new(served, self.settings))
    }
}

/// That nobody has said what to serve.
pub(super) fn no_model() -> StartError {
    StartError::Configuration("an engine needs a model: Engine::builder().model::<M>(name)".into())
}

/// The OpenAPI document of an engine.
fn document(
    [name, version, description]: [&str; 3],
    models: &Models,
    default: Option<usize>,
    routes: &Routes,
) -> Vec<u8> {
    let names = models.iter().map(|model| model.host.name()).collect();
    let servers = routes.servers();
    let engine = openapi::EngineInfo { name, version, description, models: names, default, servers };
    let described = models.iter().map(|OneModel { host, settings }| openapi::ModelInfo {
        engine: &engine,
        name: host.name(),
        version: host.version(),
        spec: host.spec(),
        takes: host.accepts(),
        layout: settings.output_layout,
        encoding: settings.output_encoding,
        score_threshold: settings.score_threshold,
    });
    openapi::document(&engine, &described.collect::<Vec<_>>())
}

/// The model that answers where none is named: the only one, or the one that is marked.
pub(super) fn default_model(sources: &[Source], notes: &mut Notes) -> Option<usize> {
    let marked: Vec<usize> = (0..sources.len()).filter(|&index| sources[index].options.default).collect();
    match marked[..] {
        [] => (sources.len() == 1).then_some(0),
        [only] => Some(only),
        _ => {
            let names: Vec<&str> = marked.iter().map(|&index| &*sources[index].name).collect();
            let text = format!("one default model at most is expected, '{}' are marked as such", names.join("' and '"));
            notes.fault("the default model", text);
            None
        }
    }
}

/// Warns if no model does the task that the platform asks for, as far as they say what they do.
fn warn_of_task(platform: &Platform, sources: &[Source], notes: &mut Notes) {
    let Some(asked) = &platform.task_type else { return };
    let declared: Option<Vec<&str>> = sources.iter().map(|source| source.spec.task_name()).collect();
    if let Some(declared) = declared.filter(|tasks| !tasks.iter().any(|task| same_task(task, asked))) {
        notes.warn([format!("CHARIOT_TASK_TYPE is '{asked}', and this engine does '{}'", declared.join("', '"))]);
    }
}

/// The devices of an inventory, each opened once: two that are opened for one GPU are two to candle.
struct Opened {
    inventory: Devices,
    open: RefCell<HashMap<DeviceId, Device>>,
}

impl Inventory for Opened {
    type Device = Device;

    fn open(&self, id: DeviceId) -> Result<Device, BoxError> {
        if let Some(device) = self.open.borrow().get(&id) {
            return Ok(device.clone());
        }
        let device = self.inventory.open(id)?;
        self.open.borrow_mut().insert(id, device.clone());
        Ok(device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{prelude::*, protocol::Protocol, settings::Environment};

    struct Echo;

    impl Model for Echo {
        type Settings = ();
        type Input = Text;
        type Output = Json<String>;

        async fn load(_: &LoadContext) -> Result<Self> {
            Ok(Echo)
        }

        async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> {
            batch.try_map(|text| Ok(Json(text.to_string())))
        }

        fn spec() -> Spec {
            Spec::new::<Self>().task("Text Classification")
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
        let Err(unread) = plan(&[("CHARIOT_ENGINE_GRACE", "soon"), ("CHARIOT_INFERENCE_PROTOCOL", "chariot-v9")])
        else {
            panic!("two faults were taken");
        };
        assert!(unread.to_string().starts_with("2 invalid settings"), "{unread}");
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
        assert!(warnings.iter().any(|text| text.contains("CHARIOT_ENGINE_WORKERS")), "{warnings:?}");
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
            (Plan::new(builder, &mut warnings).map(|plan| plan.parts[0].protocol), warnings)
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
        let of = |name: &str| plan(&[("CHARIOT_INFERENCE_PROTOCOL", name)]).unwrap().parts[0].protocol;
        assert_eq!(of(" "), None);
        assert_eq!(of(" chariot-v2-kserve "), Some(Protocol::V2Kserve));
        assert_eq!(of("chariot-v2"), Some(Protocol::V2));
    }
}
