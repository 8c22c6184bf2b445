//! [`Engine`]: an engine that runs. Embedders hold it; `run` does too.

use std::future::Future;

use tokio::net::TcpListener;

use super::{EngineBuilder, StartError};
use crate::{
    runtime::{Host, InHand, State, Status},
    server::{Connections, EngineService, ListenerOptions, Routes, Served, accept},
    settings::EngineSettings,
    telemetry::metrics::Metrics,
};

/// An engine that runs: its model is being loaded or is served. Cheap to clone; when the last clone and the last
/// [`EngineService`] are dropped, its workers end.
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
    host: Host,
    service: EngineService,
    settings: EngineSettings,
}

impl Engine {
    /// Starts to make an engine.
    pub fn builder() -> EngineBuilder {
        EngineBuilder::new()
    }

    pub(super) fn new(host: Host, routes: Routes, settings: EngineSettings, metrics: Metrics) -> Self {
        let service = EngineService::new(Served::new(host.clone(), routes, settings.clone(), metrics));
        Engine { host, service, settings }
    }

    /// The engine as a service of tower and of hyper, to be mounted in a router or served.
    pub fn service(&self) -> EngineService {
        self.service.clone()
    }

    /// The runtime's settings, as they were read.
    pub fn settings(&self) -> &EngineSettings {
        &self.settings
    }

    /// What the engine has in hand at this moment.
    pub fn in_hand(&self) -> InHand {
        self.host.in_hand()
    }

    /// Where the engine is in its life.
    pub fn state(&self) -> State {
        self.host.status().state
    }

    /// Waits until the model is loaded.
    ///
    /// # Errors
    /// It could not be loaded, or the engine was stopped meanwhile.
    pub async fn ready(&self) -> Result<(), StartError> {
        let mut watch = self.host.watch();
        let Ok(status) = watch.wait_for(|status| status.state != State::Starting).await else {
            return Err(StartError::Stopped);
        };
        match (status.state, &status.failure) {
            (State::Ready, _) => Ok(()),
            (_, Some(why)) if status.lost => Err(StartError::DeviceLost(why.to_string())),
            (_, Some(why)) => Err(StartError::Load(why.to_string())),
            _ => Err(StartError::Stopped),
        }
    }

    /// Waits until the model could not be loaded or its device is lost; `None` if the engine stops without either.
    pub(super) async fn failure(&self) -> Option<StartError> {
        let mut watch = self.host.watch();
        let ends = |status: &Status| matches!(status.state, State::Failed | State::Stopped);
        let status = watch.wait_for(ends).await.ok()?.clone();
        let why = status.failure?.to_string();
        Some(if status.lost { StartError::DeviceLost(why) } else { StartError::Load(why) })
    }

    /// Says that no more requests should come: readiness answers 503, and requests are served on.
    pub fn drain(&self) {
        self.host.drain();
    }

    /// Stops the engine: admits nothing more, and waits for what is in flight, at most as long as the setting `grace`.
    /// Returns how many requests it had to give up.
    pub async fn shutdown(&self) -> usize {
        self.host.stop(self.settings.grace).await
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
        self.host.drain();
        let begin = tokio::time::Instant::now();
        // Connections first: what has arrived on one that is open is still served.
        connections.close(self.settings.grace).await;
        self.host.stop(self.settings.grace.saturating_sub(begin.elapsed())).await
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("model", &self.host.name()).field("state", &self.state()).finish_non_exhaustive()
    }
}
