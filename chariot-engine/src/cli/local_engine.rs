//! [`LocalEngine`]: an engine that a command starts for itself, and calls as the server would, without a socket.

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use serde::Deserialize;
use tokio::runtime::Runtime;
use tower_service::Service;

use crate::engine::{Engine, Plan, StartError, io_runtime};

/// An engine whose models are loaded.
pub(super) struct LocalEngine {
    engine: Engine,
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
}

impl LocalEngine {
    /// Starts the engine and waits until its models are loaded and warmed up.
    ///
    /// # Errors
    /// An engine that does not start, or a model that fails to load.
    pub(super) fn start(plan: Plan) -> Result<Self, StartError> {
        let runtime = io_runtime()?;
        let engine = runtime.block_on(async {
            let engine = plan.start(runtime.handle(), None, 0)?;
            engine.ready().await.map(|()| engine)
        });
        match engine {
            Ok(engine) => Ok(LocalEngine { engine, runtime: Some(runtime) }),
            Err(error) => {
                runtime.shutdown_background();
                Err(error)
            }
        }
    }

    /// Sends an inference request to a model, and returns the body of the response.
    ///
    /// # Errors
    /// A response with another status than 200.
    pub(super) fn infer(&self, model: &str, body: impl Into<Bytes>) -> Result<Bytes, ErrorResponse> {
        let mut request = Request::post(format!("/v2/models/{model}/infer"));
        if let Some(token) = &self.engine.settings().token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.expose()));
        }
        let request = request.body(Full::new(body.into()));
        let request =
            request.map_err(|error| ErrorResponse { status: StatusCode::BAD_REQUEST, text: error.to_string() })?;
        let Some(runtime) = &self.runtime else {
            let text = "engine has stopped".into();
            return Err(ErrorResponse { status: StatusCode::SERVICE_UNAVAILABLE, text });
        };
        let (status, body) = runtime.block_on(async {
            let response = self.engine.service().call(request).await.unwrap_or_else(|never| match never {});
            let (head, body) = response.into_parts();
            // The bodies of an engine's own routes have no errors.
            (head.status, body.collect().await.map(|body| body.to_bytes()).unwrap_or_default())
        });
        if status == StatusCode::OK {
            return Ok(body);
        }
        let envelope = serde_json::from_slice::<Envelope>(&body);
        let text = envelope.map_or_else(|_| format!("response has status {status}"), |envelope| envelope.error);
        Err(ErrorResponse { status, text })
    }
}

impl Drop for LocalEngine {
    fn drop(&mut self) {
        // A model that blocks must not keep the process alive.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A response that is an error.
pub(super) struct ErrorResponse {
    /// The status; 500 and above if the request is not at fault.
    pub(super) status: StatusCode,
    /// The text for the caller.
    pub(super) text: String,
}

/// The body of every error response.
#[derive(Deserialize)]
struct Envelope {
    error: String,
}
