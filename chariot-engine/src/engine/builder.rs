//! [`EngineBuilder`]: what an engine is made of. `#[chariot_engine]` generates a `main` that uses it and nothing more.

use std::process::ExitCode;

use tokio::runtime::Handle;

use super::{Engine, ModelOptions, StartError, plan::Plan, run};
use crate::{
    device::{Device, Inventory, Machine},
    model::{Model, Spec},
    runtime::{Loader, instance, loader},
    settings::{EngineSettings, Environment, Reader, SettingsError},
    tasks::ClassLabels,
};

pub(super) type ReadSettings =
    Box<dyn FnOnce(&mut Reader<'_>) -> Result<(EngineSettings, Loader), SettingsError> + Send>;

pub(super) type Change = Box<dyn Fn(&mut EngineSettings) + Send>;

pub(super) type Devices = Box<dyn Inventory<Device = Device> + Send>;

/// A model that an engine serves, without its type.
pub(super) struct Source {
    pub(super) name: String,
    pub(super) options: ModelOptions,
    pub(super) spec: Spec,
    pub(super) read: ReadSettings,
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
/// #     async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> { batch.try_map(|t| Ok(Json(t.as_str().to_uppercase()))) }
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
    pub(super) sources: Vec<Source>,
    pub(super) version: Option<String>,
    pub(super) description: Option<String>,
    pub(super) environment: Option<Environment>,
    pub(super) settings: Vec<(String, String)>,
    pub(super) defaults: Vec<(String, String)>,
    pub(super) configure: Vec<Change>,
    pub(super) class_labels: Option<ClassLabels>,
    pub(super) base_url_routing: bool,
    pub(super) inventory: Devices,
}

impl EngineBuilder {
    pub(super) fn new() -> Self {
        EngineBuilder {
            sources: Vec::new(),
            version: None,
            description: None,
            environment: None,
            settings: Vec::new(),
            defaults: Vec::new(),
            configure: Vec::new(),
            class_labels: None,
            base_url_routing: true,
            inventory: Box::new(Machine),
        }
    }

    /// A model to serve, and its name: letters, digits, `-`, `_` and `.`. `CHARIOT_ENGINE_MODEL_NAME` goes over it.
    ///
    /// An engine may have several models, each with its own settings, limits, state and routes under
    /// `/v2/models/{name}`; [`model_with`](Self::model_with) says more of one of them. The engine is ready when all of
    /// them are.
    pub fn model<M: Model>(self, name: impl Into<String>) -> Self {
        self.model_with::<M>(name, ModelOptions::new())
    }

    /// A model to serve, its name, and what is said of it alone.
    pub fn model_with<M: Model>(self, name: impl Into<String>, options: ModelOptions) -> Self {
        let spec = M::spec();
        let of_loader = spec.clone();
        let read: ReadSettings = Box::new(move |reader| {
            let (engine, own) = reader.read::<(EngineSettings, M::Settings)>()?;
            Ok((engine, loader::<M>(own, of_loader)))
        });
        self.source(Source { name: name.into(), options, spec, read })
    }

    /// A model that is there already, in place of one that is loaded: for tests, and for models that share something.
    pub fn instance<M: Model>(self, name: impl Into<String>, model: M) -> Self {
        self.instance_with(name, model, ModelOptions::new())
    }

    /// As [`instance`](Self::instance), with what is said of this model alone.
    pub fn instance_with<M: Model>(self, name: impl Into<String>, model: M, options: ModelOptions) -> Self {
        let spec = M::spec();
        let of_loader = spec.clone();
        let read: ReadSettings = Box::new(move |reader| {
            let (engine, ()) = reader.read::<(EngineSettings, ())>()?;
            Ok((engine, instance(model, of_loader)))
        });
        self.source(Source { name: name.into(), options, spec, read })
    }

    fn source(mut self, source: Source) -> Self {
        self.sources.push(source);
        self
    }

    /// The version of the models, as routes and answers name it (default: `1`).
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Sets the description of the engine in `/openapi.json`, as Markdown. `#[chariot_engine]` passes the doc comment of the
    /// engine's struct. Default: none.
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// Where settings are read from (default: nowhere; for [`run`](Self::run) the process's environment).
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environment = Some(environment);
        self
    }

    /// Sets a variable, over the environment, by its whole name: `setting("TOP_K", "5")`,
    /// `setting("CHARIOT_ENGINE_PORT", "0")`. One that the engine does not have is an error when it starts.
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// A default for one of the runtime's settings, below the environment: `default_setting("PORT", "9000")`. The prefix
    /// `CHARIOT_ENGINE_` may be there.
    pub fn default_setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        let bare = name.strip_prefix(EngineSettings::PREFIX).unwrap_or(&name).to_string();
        self.defaults.push((bare, value.into()));
        self
    }

    /// Changes the runtime's settings after everything else has been read; with several models, those of each.
    pub fn configure(mut self, change: impl Fn(&mut EngineSettings) + Send + 'static) -> Self {
        self.configure.push(Box::new(change));
        self
    }

    /// Class labels, in place of `class_labels.json` among the model's files.
    pub fn class_labels<S: Into<String>>(mut self, labels: impl IntoIterator<Item = S>) -> Self {
        self.class_labels = Some(labels.into_iter().collect());
        self
    }

    /// The devices that there are, in place of this machine's: for an embedder that has opened them already, and for tests
    /// of several.
    ///
    /// ```
    /// use chariot_engine::{Engine, device::{Device, DeviceId, Inventory}};
    ///
    /// /// Two GPUs that compute on the CPU.
    /// struct Two;
    ///
    /// impl Inventory for Two {
    ///     type Device = Device;
    ///
    ///     fn open(&self, id: DeviceId) -> Result<Device, chariot_engine::BoxError> {
    ///         if matches!(id, DeviceId::Cuda(0 | 1)) { Ok(Device::cpu()) } else { Err("there are two".into()) }
    ///     }
    /// }
    ///
    /// let builder = Engine::builder().inventory(Two).setting("CHARIOT_ENGINE_DEVICE", "cuda");
    /// # let _ = builder;
    /// ```
    pub fn inventory(mut self, inventory: impl Inventory<Device = Device> + Send + 'static) -> Self {
        self.inventory = Box::new(inventory);
        self
    }

    /// Whether the service's paths have the base URL before them (default: yes). Say no behind a router that takes the
    /// prefix off, as axum's `nest_service` does.
    pub fn base_url_routing(mut self, on: bool) -> Self {
        self.base_url_routing = on;
        self
    }

    /// Starts the engine: opens the devices, starts the workers, and loads the models behind the returned handle.
    /// [`Engine::ready`] waits for it. No port is opened: [`Engine::service`] and [`Engine::serve`] are there for that.
    ///
    /// # Errors
    /// What is wrong with the configuration, all settings at once; a device that cannot be opened; a thread that cannot
    /// be started; no tokio runtime to be called in. That runtime needs its timers (`enable_all` or `enable_time`): without
    /// them requests with a limit of time panic.
    pub fn start(self) -> Result<Engine, StartError> {
        let runtime = Handle::try_current()
            .map_err(|_| StartError::Configuration("an engine is started within a tokio runtime".into()))?;
        let mut warnings = Vec::new();
        let plan = Plan::new(self, &mut warnings);
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        plan?.start(&runtime)
    }

    /// Runs the engine as a process of its own until it is told to stop, and returns its exit code: 0 after a drain, 78
    /// for a fault of configuration, 1 for a model that cannot be loaded or for requests that had to be given up.
    ///
    /// It reads the process's environment, logs to standard output, listens on `CHARIOT_ENGINE_HOST` and `_PORT`, and
    /// catches SIGTERM and SIGINT. Call it first in `main`: it sets variables, which is safe before any thread exists.
    pub fn run(self) -> ExitCode {
        run::run(self)
    }

    pub(super) fn has_environment(&self) -> bool {
        self.environment.is_some()
    }
}

impl std::fmt::Debug for EngineBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let models: Vec<&str> = self.sources.iter().map(|of| &*of.name).collect();
        f.debug_struct("EngineBuilder").field("models", &models).finish_non_exhaustive()
    }
}
