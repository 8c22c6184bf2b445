//! [`EngineBuilder`]: the models, the environment and the settings of an engine. The `main` that `#[chariot_engine]`
//! generates uses it and nothing else. `start` is in `plan`, `run` in `run`.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{
    options::{Change, ModelOptions},
    served::ServedModels,
    source::{Devices, ReadSettings, Source},
};
use crate::{
    device::{Device, Inventory, Machine},
    error::BoxError,
    model::Model,
    runtime::{instance, loader},
    server::{Fallback, RequestBody},
    settings::{EngineSettings, Environment},
    tasks::ClassLabels,
};

/// A function that makes the service for what the engine does not route, within the engine's runtime.
pub(super) type MakeFallback = Box<dyn FnOnce(ServedModels) -> Fallback + Send>;

/// Builds an [`Engine`](super::Engine). [`Engine::builder`](super::Engine::builder) returns one.
///
/// It reads nothing from the process by itself: pass it [`Environment::process`], or values of your own. Values set by
/// [`configure`](Self::configure) and [`setting`](Self::setting) take precedence over the environment, the environment
/// over [`default_setting`](Self::default_setting), and that over the setting's own default. [`run`](Self::run) is for
/// a process that is nothing but the engine: it reads the process's environment unless the builder was given one.
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
    /// The environment variables that were set by a flag of the command line, each with its flag. Faults name the flag.
    pub(super) flags: Vec<(String, &'static str)>,
    pub(super) defaults: Vec<(String, String)>,
    pub(super) configure: Vec<Change>,
    pub(super) class_labels: Option<ClassLabels>,
    pub(super) base_url_routing: bool,
    pub(super) inventory: Devices,
    pub(super) fallback: Option<MakeFallback>,
    /// The crate of the engine, as the targets of its log lines begin.
    pub(super) own_crate: Option<&'static str>,
}

impl EngineBuilder {
    pub(super) fn new() -> Self {
        EngineBuilder {
            sources: Vec::new(),
            version: None,
            description: None,
            environment: None,
            settings: Vec::new(),
            flags: Vec::new(),
            defaults: Vec::new(),
            configure: Vec::new(),
            class_labels: None,
            base_url_routing: true,
            inventory: Box::new(Machine),
            fallback: None,
            own_crate: None,
        }
    }

    /// Adds a model under this name: letters, digits, `-`, `_` and `.`. Overridden by `CHARIOT_ENGINE_MODEL_NAME`.
    ///
    /// One engine can serve several models, each with its own settings, limits, state and routes under
    /// `/v2/models/{name}`; [`model_with`](Self::model_with) takes options for one of them. The engine is ready when
    /// all of them are.
    pub fn model<M: Model>(self, name: impl Into<String>) -> Self {
        self.model_with::<M>(name, ModelOptions::new())
    }

    /// Adds a model under this name, with options that apply to it alone.
    pub fn model_with<M: Model>(self, name: impl Into<String>, options: ModelOptions) -> Self {
        let spec = M::spec();
        let loader_spec = spec.clone();
        let read: ReadSettings = Box::new(move |reader| {
            let (engine, own) = reader.read::<(EngineSettings, M::Settings)>()?;
            Ok((engine, loader::<M>(own, loader_spec)))
        });
        self.source(Source { name: name.into(), options, spec, read })
    }

    /// Adds a model value that exists already, instead of loading one: for tests, and for models that share something.
    pub fn instance<M: Model>(self, name: impl Into<String>, model: M) -> Self {
        self.instance_with(name, model, ModelOptions::new())
    }

    /// Adds a model value as [`instance`](Self::instance) does, with options that apply to it alone.
    pub fn instance_with<M: Model>(self, name: impl Into<String>, model: M, options: ModelOptions) -> Self {
        let spec = M::spec();
        let loader_spec = spec.clone();
        let read: ReadSettings = Box::new(move |reader| {
            let (engine, ()) = reader.read::<(EngineSettings, ())>()?;
            Ok((engine, instance(model, loader_spec)))
        });
        self.source(Source { name: name.into(), options, spec, read })
    }

    fn source(mut self, source: Source) -> Self {
        self.sources.push(source);
        self
    }

    /// Sets the version of the models in routes and responses. Default: `1`.
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

    /// Sets the crate of the engine by the path of one of its modules: `own_crate(module_path!())`. Other crates then log
    /// warnings and errors only, unless `CHARIOT_ENGINE_LOG_LEVEL` says otherwise. `#[chariot_engine]` sets it.
    pub fn own_crate(mut self, module: &'static str) -> Self {
        self.own_crate = module.split("::").next();
        self
    }

    /// Sets the environment that settings are read from. Default: an empty one; for [`run`](Self::run) the process's
    /// environment.
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environment = Some(environment);
        self
    }

    /// Sets an environment variable, by its full name, with precedence over the environment: `setting("TOP_K", "5")`,
    /// `setting("CHARIOT_ENGINE_PORT", "0")`. A name that is no setting of the engine is an error at start.
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// Sets an environment variable from a flag of the command line. Faults of its value name the flag.
    #[cfg(feature = "cli")]
    pub(crate) fn flag(mut self, flag: &'static str, name: &str, value: impl Into<String>) -> Self {
        self.flags.push((name.into(), flag));
        self.setting(name, value)
    }

    /// Sets a default of one of the runtime's settings, which the environment overrides: `default_setting("PORT",
    /// "9000")`. The prefix `CHARIOT_ENGINE_` is optional.
    pub fn default_setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        let bare = name.strip_prefix(EngineSettings::PREFIX).unwrap_or(&name).to_string();
        self.defaults.push((bare, value.into()));
        self
    }

    /// Changes the runtime's settings after everything else has been read. With several models, those of each.
    pub fn configure(mut self, change: impl Fn(&mut EngineSettings) + Send + 'static) -> Self {
        self.configure.push(Box::new(change));
        self
    }

    /// Sets the class labels, in place of `class_labels.json` among the model's files.
    pub fn class_labels<S: Into<String>>(mut self, labels: impl IntoIterator<Item = S>) -> Self {
        self.class_labels = Some(labels.into_iter().collect());
        self
    }

    /// Sets the devices that the engine can open, in place of those of the machine: for an embedder that has opened
    /// them already, and for tests with several devices.
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

    /// Adds a service (an axum `Router`, say) that serves what the engine does not route: paths without a route of its own.
    /// The command line, the connections and their limits, the logs and the shutdown stay those of the engine.
    ///
    /// The service is cloned for each request. Its future runs on the engine's runtime, and the body of its response on the
    /// thread of the connection; neither may block. A panic of the future is a 500. The body of a request has the limits of
    /// size and pace of an inference; the others do not apply, and calls of a model have them all
    /// ([`fallback_with`](Self::fallback_with)). Connections are not upgraded: there are no WebSockets.
    ///
    /// ```
    /// use chariot_engine::{Engine, EngineBuilder};
    ///
    /// fn with_about(builder: EngineBuilder) -> EngineBuilder {
    ///     builder.fallback(axum::Router::new().route("/about", axum::routing::get(|| async { "an engine" })))
    /// }
    /// # let _ = with_about(Engine::builder());
    /// ```
    pub fn fallback<S, B>(self, service: S) -> Self
    where
        S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible> + Clone + Send + Sync + 'static,
        S::Future: Send,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.fallback_with(|_| service)
    }

    /// Adds a service as [`fallback`](Self::fallback) does, made when the engine starts, with its models to call.
    ///
    /// ```
    /// use axum::{Router, extract::State, http::StatusCode, routing::post};
    /// use chariot_engine::{EngineBuilder, ServedModel, prelude::*};
    ///
    /// # struct Shout;
    /// # impl Model for Shout {
    /// #     type Settings = ();
    /// #     type Input = Text;
    /// #     type Output = Json<String>;
    /// #     async fn load(_: &LoadContext) -> Result<Self> { Ok(Shout) }
    /// #     async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> { batch.try_map(|t| Ok(Json(t.as_str().to_uppercase()))) }
    /// # }
    /// async fn shout(State(model): State<ServedModel>, text: String) -> Result<String, StatusCode> {
    ///     let output = model.infer::<Shout>(Text(text)).await;
    ///     output.map(|Json(text)| text).map_err(|_| StatusCode::SERVICE_UNAVAILABLE)
    /// }
    ///
    /// fn builder() -> EngineBuilder {
    ///     Engine::builder().model::<Shout>("shout").fallback_with(|models| {
    ///         let model = models.get("shout").expect("it was added above");
    ///         Router::new().route("/shout", post(shout)).with_state(model)
    ///     })
    /// }
    /// # let _ = builder();
    /// ```
    pub fn fallback_with<S, B>(mut self, make: impl FnOnce(ServedModels) -> S + Send + 'static) -> Self
    where
        S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible> + Clone + Send + Sync + 'static,
        S::Future: Send,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.fallback = Some(Box::new(|models| Fallback::new(make(models))));
        self
    }

    /// Enables the base URL in the service's paths. Default: `true`. Disable it behind a router that strips the prefix,
    /// as axum's `nest_service` does.
    pub fn base_url_routing(mut self, on: bool) -> Self {
        self.base_url_routing = on;
        self
    }
}

impl std::fmt::Debug for EngineBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let models: Vec<&str> = self.sources.iter().map(|source| &*source.name).collect();
        f.debug_struct("EngineBuilder").field("models", &models).finish_non_exhaustive()
    }
}
