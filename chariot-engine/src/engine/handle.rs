//! [`Engine`]: an engine that runs. Embedders hold it; `run` does too.

use std::future::Future;

use futures_util::{StreamExt, future::try_join_all, stream::FuturesUnordered};
use tokio::net::TcpListener;

use super::{EngineBuilder, StartError};
use crate::{
    runtime::{Host, InFlight, Models, State, Status},
    server::{Connections, EngineService, ListenerOptions, Served, accept},
    settings::EngineSettings,
};

/// An engine that runs: its models are being loaded or are served. Cheap to clone; when the last clone, the
/// last [`EngineService`] and the last [`ServedModel`](super::ServedModel) are dropped, its workers end.
///
/// ```
/// use chariot_engine::{Engine, State, testing};
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
    /// Starts to make an engine.
    pub fn builder() -> EngineBuilder {
        EngineBuilder::new()
    }

    pub(super) fn new(served: Served, settings: EngineSettings) -> Self {
        Engine { models: served.models.clone(), service: EngineService::new(served), settings }
    }

    pub(super) fn all(&self) -> &Models {
        &self.models
    }

    /// The engine as a service of tower and of hyper, to be mounted in a router or served.
    pub fn service(&self) -> EngineService {
        self.service.clone()
    }

    /// The runtime's settings, as they were read: those of the process, and of the models what is said of none alone.
    /// [`ServedModel::settings`](super::ServedModel::settings) has those of one.
    pub fn settings(&self) -> &EngineSettings {
        &self.settings
    }

    /// What the engine has in hand at this moment.
    pub fn in_flight(&self) -> InFlight {
        self.models.in_flight()
    }

    /// Where the engine is in its life; of several models, where the one is that is farthest from being ready.
    pub fn state(&self) -> State {
        self.models.state()
    }

    /// Waits until all models are loaded.
    ///
    /// # Errors
    /// One could not be loaded, or the engine was stopped meanwhile.
    pub async fn ready(&self) -> Result<(), StartError> {
        try_join_all(self.models.iter().map(|model| self.loaded(&model.host))).await.map(drop)
    }

    async fn loaded(&self, host: &Host) -> Result<(), StartError> {
        let mut watch = host.watch();
        let Ok(status) = watch.wait_for(|status| status.state != State::Starting).await else {
            return Err(StartError::Stopped);
        };
        match status.state {
            State::Ready => Ok(()),
            _ => Err(self.why(host, &status).unwrap_or(StartError::Stopped)),
        }
    }

    /// Waits until a model could not be loaded or its device is lost; `None` if the engine stops without either.
    pub(super) async fn failure(&self) -> Option<StartError> {
        let failure = async |host: &Host| {
            let mut watch = host.watch();
            let ends = |status: &Status| matches!(status.state, State::Failed | State::Stopped);
            let status = watch.wait_for(ends).await.ok()?.clone();
            self.why(host, &status)
        };
        let mut failures: FuturesUnordered<_> = self.models.iter().map(|model| failure(&model.host)).collect();
        while let Some(failed) = failures.next().await {
            if failed.is_some() {
                return failed;
            }
        }
        None
    }

    /// Why a model does not serve, if it failed.
    fn why(&self, host: &Host, status: &Status) -> Option<StartError> {
        let why = status.failure.as_deref()?;
        let why = if self.models.len() > 1 { format!("model '{}': {why}", host.name()) } else { why.to_string() };
        Some(if status.lost { StartError::DeviceLost(why) } else { StartError::Load(why) })
    }

    /// Says that no more requests should come: readiness answers 503, and requests are served on.
    pub fn drain(&self) {
        self.models.drain();
    }

    /// Stops the engine: admits nothing more, and waits for what is in flight, at most as long as the setting `grace`.
    /// Returns how many requests it had to give up.
    pub async fn shutdown(&self) -> usize {
        self.models.stop(self.settings.grace).await
    }

    /// Serves the engine on a port until `stop` is ready; then closes the port, waits for what is in flight, and stops
    /// the engine. Returns how many requests it had to give up.
    ///
    /// To let a load balancer notice first, call [`drain`](Self::drain) and wait before `stop` is ready.
    pub async fn serve(&self, listener: TcpListener, stop: impl Future<Output = ()>) -> usize {
        let options = ListenerOptions {
            header_timeout: self.settings.header_timeout,
            write_timeout: self.settings.write_timeout,
            max_connections: self.settings.max_connections,
        };
        let connections = accept(listener, self.service.closing_connections(), options, stop).await;
        self.finish(connections).await
    }

    /// Ends what is in flight and the connections, within the grace.
    async fn finish(&self, connections: Connections) -> usize {
        self.models.drain();
        let begin = tokio::time::Instant::now();
        // Connections first: what has arrived on one that is open is still served.
        connections.close(self.settings.grace).await;
        self.models.stop(self.settings.grace.saturating_sub(begin.elapsed())).await
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
