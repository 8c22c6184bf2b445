//! [`Engine`]: a running engine. Embedders hold it, and so does `run`.

use std::{
    future::Future,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt, future::try_join_all, stream::FuturesUnordered};
use tokio::net::TcpListener;

use super::{builder::EngineBuilder, error::StartError, model_plan::model_dir, served::ServedModel};
use crate::{
    inflight::PaceLimit,
    runtime::{CoreThreads, Host, InFlight, Models, State, Status},
    server::{Connections, EngineService, ListenerOptions, Served, accept},
    settings::{EngineSettings, Environment},
};

/// The time after the grace period in which callers that still wait can read the error that they get.
const LAST_RESPONSES: Duration = Duration::from_secs(2);

/// A running engine, whose models are being loaded or are served. Cheap to clone. Its workers stop when the last clone,
/// the last [`EngineService`] and the last [`ServedModel`](super::ServedModel) are dropped.
///
/// ```
/// use chariot_engine::{Engine, State};
///
/// # async fn example(engine: Engine) -> Result<(), chariot_engine::StartError> {
/// engine.ready().await?;
/// assert_eq!(engine.state(), State::Ready);
/// engine.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Engine {
    models: Models,
    service: EngineService,
    settings: EngineSettings,
}

impl Engine {
    /// Returns a builder without models.
    pub fn builder() -> EngineBuilder {
        EngineBuilder::new()
    }

    /// Returns the directory of model files that an engine of one model reads in an environment:
    /// `CHARIOT_ENGINE_MODEL_DIR`, or its default.
    pub fn model_dir(environment: &Environment) -> PathBuf {
        let given = environment.get("CHARIOT_ENGINE_MODEL_DIR").map(str::trim).filter(|dir| !dir.is_empty());
        model_dir(given.map(Path::new), environment, None)
    }

    pub(super) fn new(served: Served, settings: EngineSettings) -> Self {
        Engine { models: served.models.clone(), service: EngineService::new(served), settings }
    }

    /// Returns all models.
    pub(super) fn all(&self) -> &Models {
        &self.models
    }

    /// Returns the engine as a service for tower and hyper, to mount in a router or to serve.
    pub fn service(&self) -> EngineService {
        self.service.clone()
    }

    /// Returns the runtime's settings: those of the process, and those of the models without changes for one model
    /// alone. [`ServedModel::settings`](super::ServedModel::settings) returns those of one model.
    pub fn settings(&self) -> &EngineSettings {
        &self.settings
    }

    /// Returns the models, in the order in which they were added to the builder.
    pub fn models(&self) -> impl Iterator<Item = ServedModel> {
        self.all().iter().cloned().map(ServedModel::new)
    }

    /// Returns the model of this name.
    pub fn model(&self, name: &str) -> Option<ServedModel> {
        self.models().find(|model| model.name() == name)
    }

    /// Returns the number of requests and items that are in flight now.
    pub fn in_flight(&self) -> InFlight {
        self.models.in_flight()
    }

    /// Returns the state of the engine; with several models, the state of the one that is farthest from ready.
    pub fn state(&self) -> State {
        self.models.state()
    }

    /// Waits until all models are loaded.
    ///
    /// # Errors
    /// A model that failed to load, or a shutdown in the meantime.
    pub async fn ready(&self) -> Result<(), StartError> {
        try_join_all(self.models.iter().map(|model| self.loaded(&model.host))).await.map(drop)
    }

    /// Waits until one model is loaded.
    async fn loaded(&self, host: &Host) -> Result<(), StartError> {
        let mut watch = host.watch();
        let Ok(status) = watch.wait_for(|status| status.state != State::Starting).await else {
            return Err(StartError::Stopped);
        };
        match status.state {
            State::Ready => Ok(()),
            _ => Err(self.failure_of(host, &status).unwrap_or(StartError::Stopped)),
        }
    }

    /// Waits until a model fails to load or loses its device. Returns `None` if the engine stops without either.
    pub(super) async fn failure(&self) -> Option<StartError> {
        let failure = async |host: &Host| {
            let mut watch = host.watch();
            let ends = |status: &Status| matches!(status.state, State::Failed | State::Stopped);
            let status = watch.wait_for(ends).await.ok()?.clone();
            self.failure_of(host, &status)
        };
        let mut failures: FuturesUnordered<_> = self.models.iter().map(|model| failure(&model.host)).collect();
        while let Some(failed) = failures.next().await {
            if failed.is_some() {
                return failed;
            }
        }
        None
    }

    /// Returns the error of a model that failed.
    fn failure_of(&self, host: &Host, status: &Status) -> Option<StartError> {
        let why = status.failure.as_deref()?;
        let why = if self.models.len() > 1 { format!("model '{}': {why}", host.name()) } else { why.to_string() };
        Some(if status.lost { StartError::DeviceLost(why) } else { StartError::Load(why) })
    }

    /// Starts to drain: readiness becomes 503, so that no more requests are sent, and requests are still served.
    pub fn drain(&self) {
        self.models.drain();
    }

    /// Stops the engine: admits no more requests, and waits for those in flight, at most for the grace period (the
    /// setting `grace`). Those that still wait then get a 503. Returns their number.
    pub async fn shutdown(&self) -> usize {
        self.models.stop(self.settings.grace).await
    }

    /// Serves the engine on a port until `stop` completes; then closes the port, waits for the requests in flight, and
    /// stops the engine. Returns the number of requests that were abandoned.
    ///
    /// To let a load balancer notice first, call [`drain`](Self::drain) and wait before you complete `stop`.
    pub async fn serve(&self, listener: TcpListener, stop: impl Future<Output = ()>) -> usize {
        self.serve_on(listener, None, stop).await
    }

    /// Serves the engine on a port, with connections that begin with an inference on core threads if there are any.
    pub(super) async fn serve_on(
        &self,
        listener: TcpListener,
        core_threads: Option<Arc<CoreThreads>>,
        stop: impl Future<Output = ()>,
    ) -> usize {
        let options = ListenerOptions {
            max_head: self.settings.max_head.as_u64(),
            header_timeout: self.settings.header_timeout,
            idle_timeout: self.settings.idle_timeout,
            write_pace: PaceLimit::new(self.settings.write_timeout, self.settings.min_rate.as_u64()),
            max_connections: self.settings.max_connections,
        };
        let connections = accept(listener, self.service.closing_connections(), options, core_threads, stop).await;
        self.finish(connections).await
    }

    /// Finishes the connections and the requests in flight, within the grace period.
    async fn finish(&self, connections: Connections) -> usize {
        self.models.drain();
        let begin = tokio::time::Instant::now();
        // Connections first: a request that has arrived on an open one is still served.
        connections.close(self.settings.grace).await;
        let abandoned = self.models.stop(self.settings.grace.saturating_sub(begin.elapsed())).await;
        if !connections.close(LAST_RESPONSES).await {
            tracing::warn!("connections still open after the grace period");
        }
        abandoned
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("models", &self.models.names())
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
