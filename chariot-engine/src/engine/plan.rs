//! [`Plan`]: an engine whose configuration has been read and checked, and which has not been started. The builder,
//! `run` and the command line make one and start it.

#[cfg(feature = "openai")]
use std::time::{SystemTime, UNIX_EPOCH};
use std::{cell::RefCell, collections::HashMap, net::SocketAddr, sync::Arc};

use tokio::runtime::Handle;

use super::{
    builder::{EngineBuilder, MakeFallback},
    diagnostics::Diagnostics,
    error::StartError,
    handle::Engine,
    model_plan::{ModelPlan, Platform, inflight_bytes, model_dir},
    profile,
    served::ServedModels,
    setting_names::SettingNames,
    source::{Devices, Source},
    threads::Cores,
};
#[cfg(all(feature = "dev", unix))]
use crate::dev::LoopStatus;
use crate::{
    device::{Device, DeviceId, Inventory},
    error::{BoxError, Expected, listed, quoted},
    inflight::PaceLimit,
    openapi,
    runtime::{Models, OneModel, State, available_cores},
    server::{BearerToken, BodyLimits, Cors, LazyDocument, ModelRoute, Routes, Served},
    settings::{EngineSettings, Reader, SettingsError},
    tasks::same_task,
    telemetry::{Traces, metrics::Metrics},
};
#[cfg(feature = "page")]
use crate::{server::PageState, settings::Explained};

/// The name of an engine of several models without a default model.
const SEVERAL: &str = "chariot-engine";

/// The version of models that declare none.
pub(super) const DEFAULT_VERSION: &str = "1";

/// An engine whose configuration has been read and checked, and which has not been started.
pub(crate) struct Plan {
    pub(super) settings: EngineSettings,
    pub(super) models: Vec<ModelPlan>,
    routes: Routes,
    /// The index of the default model.
    pub(super) default: Option<usize>,
    pub(super) inventory: Devices,
    platform: Platform,
    pub(super) name: String,
    pub(super) version: String,
    description: String,
    fallback: Option<MakeFallback>,
    /// The status of the development loop that has started the engine.
    #[cfg(all(feature = "dev", unix))]
    pub(super) dev: Option<LoopStatus>,
    /// All settings with their values and sources, which the page shows; empty in a plan that does not start.
    #[cfg(feature = "page")]
    explained: Vec<Explained>,
    /// The export of spans, if `run` has begun one.
    pub(super) traces: Option<Traces>,
}

impl Plan {
    /// Makes the plan of an engine that starts, as [`Plan::new`] does, and keeps what the page shows of it.
    ///
    /// # Errors
    /// Those of [`Plan::new`].
    #[cfg(feature = "page")]
    pub(super) fn for_start(builder: EngineBuilder, warnings: &mut Vec<String>) -> Result<Plan, StartError> {
        let (plan, explained) = Plan::explained(builder, warnings);
        plan.map(|plan| Plan { explained, ..plan })
    }

    /// Makes the plan of an engine that starts.
    ///
    /// # Errors
    /// Those of [`Plan::new`].
    #[cfg(not(feature = "page"))]
    pub(super) fn for_start(builder: EngineBuilder, warnings: &mut Vec<String>) -> Result<Plan, StartError> {
        Plan::new(builder, warnings)
    }

    /// Reads and checks the whole configuration, and starts nothing. Adds to `warnings` even if it fails.
    ///
    /// # Errors
    /// A builder without a model; every fault of the settings, all at once.
    pub(super) fn new(builder: EngineBuilder, warnings: &mut Vec<String>) -> Result<Plan, StartError> {
        if builder.sources.is_empty() {
            return Err(no_model());
        }
        let mut diagnostics = Diagnostics::default();
        let names = SettingNames::new(&builder.sources);
        let several = builder.sources.len() > 1;
        let mut environment = builder.environment.unwrap_or_default();
        names.set(&builder.settings, &mut environment);
        diagnostics.warn(profile::warning(cfg!(panic = "abort")));
        diagnostics.warn(EngineSettings::unknown(&environment, &names.beside));
        let platform = Platform::from_environment(&environment);
        check_task(&platform, &builder.sources, &mut diagnostics);
        let default = default_model(&builder.sources, &mut diagnostics);
        let version = builder.version.unwrap_or_else(|| DEFAULT_VERSION.into());

        let reader = |prefix: Option<&str>| {
            Reader::new(&environment).with_defaults(EngineSettings::PREFIX, names.defaults(&builder.defaults, prefix))
        };
        let mut shared = None;
        if several {
            let mut reader = reader(None);
            shared = diagnostics.keep(reader.read::<EngineSettings>());
            diagnostics.warn(reader.warnings().iter().cloned());
        }
        builder.configure.iter().for_each(|change| shared.iter_mut().for_each(change));
        let model_names: Vec<String> = builder.sources.iter().map(|source| source.name.clone()).collect();
        let mut models = Vec::new();
        for (source, prefix) in builder.sources.into_iter().zip(&names.prefixes) {
            let mut reader = match prefix {
                Some(prefix) => reader(Some(prefix)).scoped(prefix),
                None => reader(None),
            };
            let read = diagnostics.keep((source.read)(&mut reader));
            diagnostics.warn(reader.warnings().iter().cloned());
            // Checked even if the settings have faults, so that all faults are reported at once.
            let protocol = platform.protocol(&source.spec).unwrap_or_else(|text| {
                diagnostics.fault("CHARIOT_INFERENCE_PROTOCOL", text);
                None
            });
            let Some((mut settings, loader)) = read else { continue };
            builder.configure.iter().for_each(|change| change(&mut settings));
            // The process's settings are taken before the changes for this model alone.
            let process = shared.get_or_insert_with(|| settings.clone());
            source.options.configure.iter().for_each(|change| change(&mut settings));
            let shares_dir = several && settings.model_dir == process.model_dir;
            let folders = shares_dir.then_some((&model_names[..], &*source.name));
            let model = ModelPlan {
                model_dir: model_dir(settings.model_dir.as_deref(), &environment, folders),
                name: settings.model_name.clone().unwrap_or(source.name),
                version: source.options.version.unwrap_or_else(|| version.clone()),
                class_labels: source.options.class_labels.or_else(|| builder.class_labels.clone()),
                settings,
                spec: source.spec,
                loader,
                protocol,
            };
            model.check(&environment, prefix.as_deref(), &mut diagnostics);
            models.push(model);
        }
        names.check(&models, &mut diagnostics);
        names.check_given(&builder.settings, &mut diagnostics);
        let routes = models.iter().map(|model| ModelRoute { name: model.name.clone(), version: model.version.clone() });
        let base_url = shared.as_ref().map_or("", |settings| &settings.base_url);
        let routes = Routes::new(base_url, routes.collect(), default, platform.model_id.as_deref());
        #[cfg(feature = "openai")]
        let routes = match models.iter().any(ModelPlan::serves_openai) {
            true => routes.map(Routes::with_openai),
            false => routes,
        };
        let routes = routes.map_err(|text| diagnostics.fault("CHARIOT_ENGINE_BASE_URL", text));
        warnings.append(&mut diagnostics.warnings);
        diagnostics.name_flags(&builder.flags);
        let (Ok(routes), Some(settings), true) = (routes, shared, diagnostics.faults.is_empty()) else {
            return Err(SettingsError { faults: diagnostics.faults }.into());
        };
        Ok(Plan {
            routes: if builder.base_url_routing { routes } else { routes.without_base() },
            name: default.map_or_else(|| SEVERAL.into(), |index| models[index].name.clone()),
            version: default.map_or(version, |index| models[index].version.clone()),
            description: builder.description.unwrap_or_default(),
            inventory: builder.inventory,
            fallback: builder.fallback,
            traces: None,
            settings,
            models,
            default,
            platform,
            #[cfg(all(feature = "dev", unix))]
            dev: None,
            #[cfg(feature = "page")]
            explained: Vec::new(),
        })
    }

    /// Returns the number of threads that a worker computes with; the largest of all models.
    pub(super) fn threads(&self, device: impl Fn(&EngineSettings) -> DeviceId) -> usize {
        let threads = |model: &ModelPlan| model.threads(device(&model.settings), 1, self.cores()).threads;
        self.models.iter().map(threads).max().unwrap_or(1)
    }

    /// Returns the bytes that the requests in flight of a model may hold, of the model that may hold least.
    pub(super) fn least_inflight_bytes(&self) -> u64 {
        self.models.iter().map(|model| inflight_bytes(&model.settings)).min().unwrap_or(0)
    }

    /// Returns the cores that the models share.
    pub(super) fn cores(&self) -> Cores {
        Cores::new(available_cores(), self.models.len())
    }

    /// Opens the devices and starts the workers, within a tokio runtime. `address` is where the engine listens, if it
    /// has a port of its own.
    pub(crate) fn start(
        self,
        runtime: &Handle,
        address: Option<SocketAddr>,
        core_threads: usize,
    ) -> Result<Engine, StartError> {
        let _entered = runtime.enter();
        #[cfg(feature = "page")]
        let page = self.page_state();
        let (cores, metrics) = (self.cores(), Metrics::new());
        let inventory = OpenDevices { inventory: self.inventory, open: RefCell::default() };
        let mut models = Vec::with_capacity(self.models.len());
        for (index, model) in self.models.into_iter().enumerate() {
            let settings = Arc::new(model.settings.clone());
            let name = (self.default != Some(index)).then_some(&*model.name);
            let url = infer_url(address, &self.routes.base_url(), name);
            let host = model.start(&self.platform, &inventory, cores, core_threads, &metrics, url)?;
            models.push(OneModel { host, settings });
        }
        let models = Models::new(models);
        #[cfg(all(feature = "dev", unix))]
        let is_in_loop = self.dev.is_some();
        #[cfg(not(all(feature = "dev", unix)))]
        let is_in_loop = false;
        let cors = match Cors::new(&self.settings.cors_origins, self.fallback.is_some()) {
            None if is_in_loop => Some(Cors::of_this_machine(self.fallback.is_some())),
            cors => cors,
        };
        let openapi = {
            let (name, version, description) = (self.name.clone(), self.version.clone(), self.description);
            let (loaded, models, routes) = (models.clone(), models.clone(), self.routes.clone());
            let needs_token = self.settings.token.is_some();
            let make = move || {
                let engine = [&name, &version, &description].map(String::as_str);
                document(engine, &models, self.default, &routes, needs_token, is_in_loop).into()
            };
            Arc::new(LazyDocument::new(make, move || loaded.state() != State::Starting))
        };
        #[cfg(feature = "page")]
        let routes = if page.is_some() { self.routes.with_page() } else { self.routes };
        #[cfg(not(feature = "page"))]
        let routes = self.routes;
        let served = Served {
            routes,
            name: self.name,
            version: self.version,
            shows_metrics: self.settings.metrics,
            #[cfg(feature = "page")]
            page,
            metrics,
            closes_connections: false,
            token: self.settings.token.clone().map(BearerToken::new),
            request_log: self.settings.request_log,
            traces: self.traces,
            cors,
            #[cfg(all(feature = "dev", unix))]
            dev: self.dev,
            #[cfg(feature = "openai")]
            started: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
            fallback: self.fallback.map(|make| {
                let fallback = make(ServedModels::new(models.clone()));
                let pace = PaceLimit::new(self.settings.body_timeout, self.settings.min_rate.as_u64());
                (Arc::new(fallback), BodyLimits { bytes: self.settings.max_body.as_u64(), pace })
            }),
            models,
            openapi,
        };
        Ok(Engine::new(served, self.settings))
    }

    /// Returns what the page shows beside the document and the metrics; `None` if there is no page.
    #[cfg(feature = "page")]
    fn page_state(&self) -> Option<Arc<PageState>> {
        (self.settings.page == Some(true)).then(|| {
            let mut settings = self.explained.clone();
            // What is known only now, such as whether there is a page.
            self.fill_in_computed(&mut settings);
            Arc::new(PageState::new(settings))
        })
    }

    /// Returns the URL of the page of an engine that listens at an address.
    pub(crate) fn page_url(&self, address: SocketAddr) -> String {
        format!("{}{}/", origin(address), self.routes.base_url().trim_end_matches('/'))
    }

    /// Logs the start of the engine.
    pub(super) fn log_start(&self) {
        tracing::info!(
            name = self.name,
            version = self.version,
            models = self.models.len(),
            base_url = self.routes.base_url(),
            "starting engine"
        );
    }
}

impl EngineBuilder {
    /// Starts the engine: opens the devices, starts the workers, and loads the models in the background.
    /// [`Engine::ready`] waits until they are loaded. No port is opened: use [`Engine::service`] or [`Engine::serve`].
    ///
    /// # Errors
    /// All faults of the configuration, at once; a device that cannot be opened; a thread that cannot be started; a
    /// call outside of a tokio runtime. The runtime needs its timers (`enable_all` or `enable_time`): without them,
    /// requests with a deadline panic.
    pub fn start(self) -> Result<Engine, StartError> {
        let runtime = Handle::try_current()
            .map_err(|_| StartError::Configuration(Expected::new("a call within a tokio runtime", "none").into()))?;
        let mut warnings = Vec::new();
        let plan = Plan::for_start(self, &mut warnings);
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        let plan = plan?;
        plan.log_start();
        plan.start(&runtime, None, 0)
    }
}

/// Returns the URL to which requests for a model are posted; `name` is `None` for the default model. Without an
/// address, it is a path.
fn infer_url(address: Option<SocketAddr>, base_url: &str, name: Option<&str>) -> String {
    let path = match name {
        // The tree of `/v2` is also served beside the base URL.
        Some(name) => format!("/v2/models/{name}/infer"),
        None => format!("{}/infer", base_url.trim_end_matches('/')),
    };
    address.map(origin).unwrap_or_default() + &path
}

/// Returns the URL of an address that this machine can open.
fn origin(address: SocketAddr) -> String {
    match address.ip().is_unspecified() {
        true => format!("http://localhost:{}", address.port()),
        false => format!("http://{address}"),
    }
}

/// Returns the error of a builder without a model.
pub(super) fn no_model() -> StartError {
    let fault = Expected::new("at least one model", "none; add one with EngineBuilder::model");
    StartError::Configuration(fault.into())
}

/// Returns the OpenAPI document of the engine.
fn document(
    [name, version, description]: [&str; 3],
    models: &Models,
    default: Option<usize>,
    routes: &Routes,
    needs_token: bool,
    is_in_loop: bool,
) -> Vec<u8> {
    let names = models.iter().map(|model| model.host.name()).collect();
    let servers = routes.servers();
    let engine =
        openapi::EngineInfo { name, version, description, models: names, default, servers, needs_token, is_in_loop };
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

/// Returns the index of the default model: the only one, or the one that is marked.
pub(super) fn default_model(sources: &[Source], diagnostics: &mut Diagnostics) -> Option<usize> {
    let marked: Vec<usize> = (0..sources.len()).filter(|&index| sources[index].options.default).collect();
    match marked[..] {
        [] => (sources.len() == 1).then_some(0),
        [only] => Some(only),
        _ => {
            let names = marked.iter().map(|&index| quoted(&sources[index].name));
            diagnostics.fault("default model", Expected::new("at most one", listed(names, " and ")));
            None
        }
    }
}

/// Warns if no model has the task that the platform asks for. Models without a declared task can have any.
fn check_task(platform: &Platform, sources: &[Source], diagnostics: &mut Diagnostics) {
    let Some(asked) = &platform.task_type else { return };
    let declared: Option<Vec<&str>> = sources.iter().map(|source| source.spec.task_name()).collect();
    if let Some(declared) = declared.filter(|tasks| !tasks.iter().any(|task| same_task(task, asked))) {
        let declared = listed(declared.into_iter().map(quoted), " or ");
        let fault = Expected::new(format!("the engine's task {declared}"), quoted(asked));
        diagnostics.warn([format!("CHARIOT_TASK_TYPE: {fault}")]);
    }
}

/// The devices of an inventory, each opened once: to candle, one GPU opened twice is two devices.
struct OpenDevices {
    inventory: Devices,
    open: RefCell<HashMap<DeviceId, Device>>,
}

impl Inventory for OpenDevices {
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
    use crate::{ModelOptions, prelude::*, protocol::Protocol, settings::Environment};

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

    /// Returns the names of the settings with a fault.
    #[track_caller]
    fn faults(plan: std::result::Result<Plan, StartError>) -> Vec<String> {
        match plan.map(drop) {
            Err(StartError::Settings(error)) => error.faults.into_iter().map(|fault| fault.name).collect(),
            other => panic!("expected faults of settings, got {other:?}"),
        }
    }

    #[test]
    fn builder_overrides_environment_overrides_attribute_overrides_default() {
        let settings = |variables: &[(&str, &str)]| plan(variables).unwrap().settings;
        assert_eq!(settings(&[]).port, 9000);
        assert_eq!(settings(&[("CHARIOT_ENGINE_PORT", "9001")]).port, 9001);
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
    fn a_fault_of_configuration_names_its_setting() {
        let mut messages = String::new();
        // The messages of those that are checked here are in the snapshot.
        for (name, value, is_own) in [
            ("CHARIOT_ENGINE_MODEL_NAME", "a b", true),
            ("CHARIOT_ENGINE_MODEL_NAME", "..", true),
            ("CHARIOT_INFERENCE_PROTOCOL", "chariot-v9", true),
            ("CHARIOT_ENGINE_OUTPUT_LAYOUT", "columns", true),
            ("CHARIOT_ENGINE_BASE_URL", "/m-{model_id}", false),
            ("CHARIOT_ENGINE_PORT", "many", false),
        ] {
            let Err(error) = plan(&[(name, value)]) else { panic!("{name}={value} was accepted") };
            if is_own {
                messages += &format!("{name}={value} → {error}\n");
            }
            assert_eq!(error.exit_code(), 78);
            assert_eq!(faults(Err(error)), [name]);
        }
        messages += &format!("no model → {}\n", no_model());
        insta::assert_snapshot!("faults_of_configuration", messages);
    }

    #[test]
    fn all_faults_are_reported_at_once() {
        let four = plan(&[
            ("CHARIOT_ENGINE_MODEL_NAME", "a b"),
            ("CHARIOT_ENGINE_BASE_URL", "/m-{model_id}"),
            ("CHARIOT_INFERENCE_PROTOCOL", "chariot-v9"),
            ("CHARIOT_ENGINE_OUTPUT_LAYOUT", "columns"),
        ]);
        let mut four = faults(four);
        four.sort();
        let names = ["ENGINE_BASE_URL", "ENGINE_MODEL_NAME", "ENGINE_OUTPUT_LAYOUT", "INFERENCE_PROTOCOL"];
        assert_eq!(four, names.map(|name| format!("CHARIOT_{name}")));
        let two = plan(&[("CHARIOT_ENGINE_GRACE", "soon"), ("CHARIOT_INFERENCE_PROTOCOL", "chariot-v9")]);
        assert_eq!(faults(two), ["CHARIOT_ENGINE_GRACE", "CHARIOT_INFERENCE_PROTOCOL"]);
    }

    #[test]
    fn a_setting_of_the_builder_must_exist() {
        let port = |name: &str| {
            let builder = Engine::builder().model::<Echo>("echo").setting(name, "1");
            Plan::new(builder, &mut Vec::new()).map(|plan| plan.settings.port)
        };
        assert_eq!(port("CHARIOT_ENGINE_PORT").unwrap(), 1);
        insta::assert_snapshot!(port("PORT").unwrap_err(), @"PORT: unknown setting; did you mean CHARIOT_ENGINE_PORT?");
        for name in ["PORT", "CHARIOT_ENGINE_PORT"] {
            let builder = Engine::builder().model::<Echo>("echo").default_setting(name, "9");
            assert_eq!(Plan::new(builder, &mut Vec::new()).unwrap().settings.port, 9);
        }
    }

    #[cfg(feature = "cli")]
    #[test]
    fn a_flag_overrides_the_environment_and_its_faults_name_it() {
        let plan = |value: &str| {
            let environment = Environment::from_iter([("CHARIOT_ENGINE_PORT", "9001")]);
            let builder = Engine::builder().model::<Echo>("echo").environment(environment);
            Plan::new(builder.flag("--port", "CHARIOT_ENGINE_PORT", value), &mut Vec::new())
        };
        assert_eq!(plan("9002").unwrap().settings.port, 9002);
        assert_eq!(faults(plan("many")), ["--port"]);
    }

    #[test]
    fn warnings_are_kept_when_there_are_faults() {
        let variables = [
            ("CHARIOT_TASK_TYPE", "Object Detection"),
            ("CHARIOT_ENGINE_WORKER", "1"),
            ("CHARIOT_ENGINE_PORT", "many"),
        ];
        let (plan, warnings) = with_warnings(&variables);
        assert!(plan.is_err());
        assert!(warnings.iter().any(|text| text.contains("CHARIOT_ENGINE_WORKERS")), "{warnings:?}");
        let task = warnings.iter().find(|text| text.starts_with("CHARIOT_TASK_TYPE: ")).unwrap();
        insta::assert_snapshot!(task, @"CHARIOT_TASK_TYPE: expected the engine's task 'Text Classification', got 'Object Detection'");
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
    fn an_engine_of_named_tensors_serves_no_items() {
        let plan = |name: &str, value: &str| {
            let builder = Engine::builder().model::<Tensorial>("tensorial").setting(name, value);
            let mut warnings = Vec::new();
            (Plan::new(builder, &mut warnings), warnings)
        };
        let name = "CHARIOT_INFERENCE_PROTOCOL";
        let protocol = plan(name, "chariot-v2-kserve").0.unwrap().models[0].protocol;
        assert_eq!(protocol, Some(Protocol::V2Kserve));
        let (error, _) = plan(name, "chariot-v2");
        let error = error.map(drop).unwrap_err();
        let warnings = plan("CHARIOT_ENGINE_OUTPUT_ENCODING", "string").1;
        assert_eq!(warnings.len(), 1);
        insta::assert_snapshot!("named_tensors", format!("{error}\n{}", warnings[0]));
        assert_eq!(faults(Err(error)), [name]);
    }

    #[test]
    fn models_must_differ_in_name_and_variables() {
        let default = || ModelOptions::new().default_model();
        let mut messages = String::new();
        for (builder, name) in [
            (Engine::builder().model::<Echo>("a-b").model::<Echo>("a_b"), "settings prefix"),
            (Engine::builder().model::<Echo>("body").model::<Echo>("b"), "settings prefix"),
            (Engine::builder().model_with::<Echo>("a", default()).model_with::<Echo>("b", default()), "default model"),
            (Engine::builder().model::<Echo>("a b"), "model name"),
            (Engine::builder().model::<Echo>("a").model::<Echo>(".."), "model name"),
            (Engine::builder().model::<Echo>("a").version("."), "model version"),
            (Engine::builder().model_with::<Echo>("a", ModelOptions::new().version("1/2")), "model version"),
            (
                Engine::builder()
                    .model_with::<Echo>("a", ModelOptions::new().settings_prefix("ONE_"))
                    .model_with::<Echo>("a", ModelOptions::new().settings_prefix("TWO_")),
                "model name",
            ),
        ] {
            let error = Plan::new(builder, &mut Vec::new()).map(drop).unwrap_err();
            messages += &format!("{error}\n");
            assert_eq!(faults(Err(error)), [name]);
        }
        insta::assert_snapshot!("several_models", messages);
    }

    #[test]
    fn the_platform_can_restrict_the_engine_to_one_protocol() {
        let protocol = |name: &str| plan(&[("CHARIOT_INFERENCE_PROTOCOL", name)]).unwrap().models[0].protocol;
        assert_eq!(protocol(" "), None);
        assert_eq!(protocol(" chariot-v2-kserve "), Some(Protocol::V2Kserve));
        assert_eq!(protocol("chariot-v2"), Some(Protocol::V2));
    }

    #[test]
    fn the_logged_url_can_be_posted_to() {
        let url = |address: &str, base: &str, name| infer_url(Some(address.parse().unwrap()), base, name);
        assert_eq!(url("0.0.0.0:8080", "/", None), "http://localhost:8080/infer");
        assert_eq!(url("127.0.0.1:1", "/base", None), "http://127.0.0.1:1/base/infer");
        assert_eq!(url("[::1]:1", "/base", Some("a")), "http://[::1]:1/v2/models/a/infer");
        assert_eq!(infer_url(None, "/", None), "/infer");
    }
}
