//! [`EngineBuilder`]: what an engine is made of. `#[chariot_engine]` generates a `main` that uses it and nothing more.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use tokio::runtime::Handle;

use super::{Engine, StartError, run, threads};
use crate::{
    device::{self, Machine},
    model::{LoadCommon, Model, Spec},
    runtime::{Host, HostOptions, Loader, Placement, available_cores, instance, loader},
    server::Routes,
    settings::{EngineSettings, Environment, Reader, SettingsError},
    tasks::{ClassLabels, same_task},
};

/// Where the platform unpacks the model's files.
const PLATFORM_MODEL_DIR: &str = "/mnt/models";

/// The protocol that this engine speaks, as `CHARIOT_INFERENCE_PROTOCOL` names it.
const PROTOCOL: &str = "chariot-v2-kserve";

type ReadSettings = Box<dyn FnOnce(&mut Reader<'_>) -> Result<(EngineSettings, Loader), SettingsError> + Send>;

type Change = Box<dyn FnOnce(&mut EngineSettings) + Send>;

/// The model that an engine serves, without its type.
struct Source {
    name: String,
    spec: Spec,
    read: ReadSettings,
}

/// Makes an [`Engine`]. [`Engine::builder`] starts one.
///
/// It reads nothing from the process by itself: give it [`Environment::process`] for that, or values of your own. What
/// is set by [`configure`](Self::configure) and [`setting`](Self::setting) comes first, then the environment, then
/// [`default_setting`](Self::default_setting), then the setting's own default. [`run`](Self::run) is for a process that
/// is nothing but the engine: it reads the process's environment, unless it was given one.
///
/// ```
/// use chariot_engine::prelude::*;
///
/// # struct Shout;
/// # impl Model for Shout {
/// #     type Settings = ();
/// #     type Input = Text;
/// #     type Output = Json<String>;
/// #     async fn load(_: &LoadContext) -> Result<Self> { Ok(Shout) }
/// #     async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> { batch.map(|t| Ok(Json(t.to_uppercase()))) }
/// # }
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let engine = Engine::builder()
///     .model::<Shout>("shout")
///     .configure(|settings| settings.workers = Some(1))
///     .start()?;
/// engine.ready().await?;
/// let service = engine.service();
/// # let _ = service;
/// engine.shutdown().await;
/// # Ok::<(), chariot_engine::StartError>(())
/// # }).unwrap();
/// ```
#[must_use = "a builder does nothing until it is started"]
pub struct EngineBuilder {
    source: Option<Source>,
    version: Option<String>,
    environment: Option<Environment>,
    settings: Vec<(String, String)>,
    defaults: Vec<(String, String)>,
    configure: Vec<Change>,
    class_labels: Option<ClassLabels>,
    base_url_routing: bool,
}

impl EngineBuilder {
    pub(super) fn new() -> Self {
        EngineBuilder {
            source: None,
            version: None,
            environment: None,
            settings: Vec::new(),
            defaults: Vec::new(),
            configure: Vec::new(),
            class_labels: None,
            base_url_routing: true,
        }
    }

    /// The model to serve, and its name: letters, digits, `-`, `_` and `.`. `CHARIOT_ENGINE_MODEL_NAME` goes over it.
    pub fn model<M: Model>(mut self, name: impl Into<String>) -> Self {
        let spec = M::spec();
        let of_loader = spec.clone();
        self.source = Some(Source {
            name: name.into(),
            spec,
            read: Box::new(move |reader| {
                let (engine, own) = reader.read::<(EngineSettings, M::Settings)>()?;
                Ok((engine, loader::<M>(own, of_loader)))
            }),
        });
        self
    }

    /// A model that is there already, in place of one that is loaded: for tests, and for models that share something.
    pub fn instance<M: Model>(mut self, name: impl Into<String>, model: M) -> Self {
        let spec = M::spec();
        let of_loader = spec.clone();
        self.source = Some(Source {
            name: name.into(),
            spec,
            read: Box::new(move |reader| {
                let (engine, ()) = reader.read::<(EngineSettings, ())>()?;
                Ok((engine, instance(model, of_loader)))
            }),
        });
        self
    }

    /// The model's version, as routes and answers name it (default: `1`).
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Where settings are read from (default: nowhere; for [`run`](Self::run) the process's environment).
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environment = Some(environment);
        self
    }

    /// Sets a variable, over the environment: `setting("TOP_K", "5")`, `setting("CHARIOT_ENGINE_PORT", "0")`.
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// A default for one of the runtime's settings, below the environment: `default_setting("PORT", "9000")`.
    pub fn default_setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.defaults.push((name.into(), value.into()));
        self
    }

    /// Changes the runtime's settings after everything else has been read.
    pub fn configure(mut self, change: impl FnOnce(&mut EngineSettings) + Send + 'static) -> Self {
        self.configure.push(Box::new(change));
        self
    }

    /// Class labels, in place of `class_labels.json` among the model's files.
    pub fn class_labels<S: Into<String>>(mut self, labels: impl IntoIterator<Item = S>) -> Self {
        self.class_labels = Some(labels.into_iter().collect());
        self
    }

    /// Whether the service's paths have the base URL before them (default: yes). Say no behind a router that takes the
    /// prefix off, as axum's `nest_service` does.
    pub fn base_url_routing(mut self, on: bool) -> Self {
        self.base_url_routing = on;
        self
    }

    /// Starts the engine: opens the device, starts the workers, and loads the model behind the returned handle.
    /// [`Engine::ready`] waits for it. No port is opened: [`Engine::service`] and [`Engine::serve`] are there for that.
    ///
    /// # Errors
    /// What is wrong with the configuration, all settings at once; a device that cannot be opened; a thread that cannot
    /// be started; no tokio runtime to be called in.
    pub fn start(self) -> Result<Engine, StartError> {
        let runtime = Handle::try_current()
            .map_err(|_| StartError::Configuration("an engine is started within a tokio runtime".into()))?;
        self.plan()?.start(&runtime, false)
    }

    /// Runs the engine as a process of its own until it is told to stop, and returns its exit code: 0 after a drain, 78
    /// for a fault of configuration, 1 for a model that cannot be loaded or for requests that had to be given up.
    ///
    /// It reads the process's environment, logs to standard output, listens on `CHARIOT_ENGINE_HOST` and `_PORT`, and
    /// catches SIGTERM and SIGINT. Call it first in `main`: it sets variables, which is safe before any thread exists.
    pub fn run(self) -> ExitCode {
        run::run(self)
    }

    /// Reads and checks everything, and starts nothing.
    pub(super) fn plan(self) -> Result<Plan, StartError> {
        let Some(source) = self.source else {
            return Err(StartError::Configuration(
                "an engine needs a model: Engine::builder().model::<M>(name)".into(),
            ));
        };
        let mut environment = self.environment.unwrap_or_default();
        for (name, value) in self.settings {
            environment.set(name, value);
        }
        let mut reader = Reader::new(&environment).with_defaults(EngineSettings::PREFIX, self.defaults);
        let read = (source.read)(&mut reader);
        let mut warnings = reader.warnings().to_vec();
        let (mut settings, loader) = read?;
        for change in self.configure {
            change(&mut settings);
        }
        warnings.extend(EngineSettings::unknown(&environment, source.spec.settings()));
        let platform =
            |name| environment.get(name).map(str::trim).filter(|value| !value.is_empty()).map(str::to_string);
        let model_id = platform("CHARIOT_MODEL_ID");
        let task_type = platform("CHARIOT_TASK_TYPE");
        if let Some(protocol) = platform("CHARIOT_INFERENCE_PROTOCOL").filter(|name| name != PROTOCOL) {
            let text = format!("CHARIOT_INFERENCE_PROTOCOL: this engine speaks {PROTOCOL}, '{protocol}' came");
            return Err(StartError::Configuration(text));
        }
        if let (Some(declared), Some(asked)) = (source.spec.task_name(), &task_type)
            && !same_task(declared, asked)
        {
            warnings.push(format!("CHARIOT_TASK_TYPE is '{asked}', and this engine does '{declared}'"));
        }
        if let Some(layout) = settings.output_layout
            && !source.spec.layouts.contains(&layout)
        {
            let text =
                "CHARIOT_ENGINE_OUTPUT_LAYOUT: the answers of this engine's task have no such layout".to_string();
            return Err(StartError::Configuration(text));
        }
        let name = settings.model_name.clone().unwrap_or(source.name);
        check_name(&name)?;
        let version = self.version.unwrap_or_else(|| "1".into());
        let routes = Routes::new(&settings.base_url, &name, &version, model_id.as_deref())?;
        let model_dir = settings.model_dir.clone().unwrap_or_else(|| default_model_dir(&environment));
        Ok(Plan {
            routes: if self.base_url_routing { routes } else { routes.without_base() },
            spec: source.spec,
            class_labels: self.class_labels,
            settings,
            loader,
            warnings,
            model_id,
            task_type,
            name,
            version,
            model_dir,
        })
    }

    pub(super) fn has_environment(&self) -> bool {
        self.environment.is_some()
    }
}

impl std::fmt::Debug for EngineBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineBuilder").field("model", &self.source.as_ref().map(|of| &of.name)).finish_non_exhaustive()
    }
}

/// An engine that is read and checked, and not started.
pub(super) struct Plan {
    pub(super) settings: EngineSettings,
    pub(super) warnings: Vec<String>,
    pub(super) routes: Routes,
    spec: Spec,
    loader: Loader,
    class_labels: Option<ClassLabels>,
    model_id: Option<String>,
    task_type: Option<String>,
    name: String,
    version: String,
    model_dir: PathBuf,
}

impl Plan {
    /// Logs what looks wrong, once.
    pub(super) fn warn(&mut self) {
        for warning in self.warnings.drain(..) {
            tracing::warn!("{warning}");
        }
    }

    /// Opens the device and starts the workers, within a tokio runtime.
    pub(super) fn start(mut self, runtime: &Handle, closes_connections: bool) -> Result<Engine, StartError> {
        let _entered = runtime.enter();
        self.warn();
        let selection = device::select(self.settings.device, &Machine)?;
        for (id, why) in &selection.tried {
            tracing::info!("the device {id} was tried: {why}");
        }
        let threads::Threads { workers, threads } = threads::divide(&self.settings, selection.id, available_cores());
        let most = workers.saturating_mul(self.spec.concurrency);
        let max_concurrency = self.settings.max_concurrency.unwrap_or(most).min(most);
        tracing::info!(
            model = self.name,
            version = self.version,
            device = %selection.id,
            workers,
            threads,
            max_concurrency,
            base_url = self.routes.base_url(),
            "an engine starts"
        );
        let common = LoadCommon {
            device: selection.device.clone(),
            model_dir: self.model_dir,
            model_name: self.name.clone(),
            model_id: self.model_id,
            task_type: self.task_type,
            class_labels: self.class_labels,
        };
        let options = HostOptions {
            name: self.name,
            version: self.version,
            placement: Placement { device: selection.device, workers, threads },
            max_concurrency,
            queue_size: self.settings.queue_size,
            score_threshold: self.settings.score_threshold,
            max_pixels: self.settings.max_pixels,
            layout: self.settings.output_layout,
            timeout: self.settings.timeout,
        };
        let host = Host::start(options, self.spec, self.loader, common).map_err(StartError::Thread)?;
        Ok(Engine::new(host, self.routes, self.settings, closes_connections))
    }
}

fn check_name(name: &str) -> Result<(), StartError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !name.is_empty() && name.chars().all(fits) {
        return Ok(());
    }
    Err(StartError::Configuration(format!(
        "CHARIOT_ENGINE_MODEL_NAME: a name of letters, digits, '-', '_' and '.' is expected, '{name}' came"
    )))
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

    fn plan(variables: &[(&str, &str)]) -> std::result::Result<Plan, StartError> {
        Engine::builder()
            .model::<Echo>("echo")
            .environment(Environment::from_iter(variables.iter().copied()))
            .default_setting("PORT", "9000")
            .plan()
    }

    #[test]
    fn builder_goes_over_environment_over_attribute_over_default() {
        let of = |variables: &[(&str, &str)]| plan(variables).unwrap().settings;
        assert_eq!(of(&[]).port, 9000);
        assert_eq!(of(&[("CHARIOT_ENGINE_PORT", "9001")]).port, 9001);
        let settings = Engine::builder()
            .model::<Echo>("echo")
            .environment(Environment::from_iter([("CHARIOT_ENGINE_PORT", "9001")]))
            .configure(|settings| settings.port = 9002)
            .plan()
            .unwrap()
            .settings;
        assert_eq!(settings.port, 9002);
        assert_eq!(plan(&[]).unwrap().name, "echo");
        assert_eq!(plan(&[("CHARIOT_ENGINE_MODEL_NAME", "other")]).unwrap().name, "other");
    }

    #[test]
    fn faults_of_configuration_say_what_to_change() {
        for (name, value, expected) in [
            ("CHARIOT_ENGINE_MODEL_NAME", "a b", "letters, digits"),
            ("CHARIOT_ENGINE_BASE_URL", "/m-{model_id}", "CHARIOT_MODEL_ID is not set"),
            ("CHARIOT_INFERENCE_PROTOCOL", "chariot-v9", "speaks chariot-v2-kserve"),
            ("CHARIOT_ENGINE_OUTPUT_LAYOUT", "columns", "no such layout"),
            ("CHARIOT_ENGINE_PORT", "many", "CHARIOT_ENGINE_PORT"),
        ] {
            let Err(error) = plan(&[(name, value)]) else { panic!("{name}={value} was taken") };
            assert!(error.to_string().contains(expected), "{error}");
            assert_eq!(error.exit_code(), 78);
        }
    }

    #[test]
    fn what_looks_wrong_is_warned_of() {
        let warnings =
            plan(&[("CHARIOT_TASK_TYPE", "Object Detection"), ("CHARIOT_ENGINE_WORKER", "1")]).unwrap().warnings;
        assert!(warnings.iter().any(|text| text.contains("'Text Classification'")), "{warnings:?}");
        assert!(warnings.iter().any(|text| text.contains("CHARIOT_ENGINE_WORKERS is the nearest")), "{warnings:?}");
        assert!(plan(&[("CHARIOT_TASK_TYPE", "text_classification")]).unwrap().warnings.is_empty());
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
