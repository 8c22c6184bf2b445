//! An engine that a command starts for itself, and asks as the server would, without a socket.

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use serde::Deserialize;
use tokio::runtime::Runtime;
use tower_service::Service;

use crate::engine::{Engine, Plan, StartError, io_runtime};

/// An engine whose model is loaded.
pub(super) struct Asking {
    engine: Engine,
    /// `None` when it is dropped.
    runtime: Option<Runtime>,
}

impl Asking {
    /// Starts the engine and waits until its model is loaded, warm-up included.
    pub(super) fn start(plan: Plan) -> Result<Self, StartError> {
        let runtime = io_runtime()?;
        let engine = runtime.block_on(async {
            let engine = plan.start(runtime.handle())?;
            engine.ready().await.map(|()| engine)
        });
        match engine {
            Ok(engine) => Ok(Asking { engine, runtime: Some(runtime) }),
            Err(error) => {
                runtime.shutdown_background();
                Err(error)
            }
        }
    }

    /// Asks a model for an inference, and returns the body of the answer.
    ///
    /// # Errors
    /// A refusal or a failure.
    pub(super) fn infer(&self, model: &str, body: impl Into<Bytes>) -> Result<Bytes, Refused> {
        let request = Request::post(format!("/v2/models/{model}/infer")).body(Full::new(body.into()));
        let request = request.map_err(|error| Refused { status: StatusCode::BAD_REQUEST, text: error.to_string() })?;
        let Some(runtime) = &self.runtime else {
            let text = "the engine has stopped".into();
            return Err(Refused { status: StatusCode::SERVICE_UNAVAILABLE, text });
        };
        let (status, body) = runtime.block_on(async {
            let response = self.engine.service().call(request).await.unwrap_or_else(|never| match never {});
            let (head, body) = response.into_parts();
            (head.status, body.collect().await.unwrap_or_else(|never| match never {}).to_bytes())
        });
        if status == StatusCode::OK {
            return Ok(body);
        }
        let envelope = serde_json::from_slice::<Envelope>(&body);
        let text = envelope.map_or_else(|_| format!("the answer has the status {status}"), |envelope| envelope.error);
        Err(Refused { status, text })
    }
}

/// What is no answer of the model.
pub(super) struct Refused {
    /// Whose fault it is: of 500 and above it is not the request's.
    pub(super) status: StatusCode,
    /// What a caller reads.
    pub(super) text: String,
}

/// How every fault is told.
#[derive(Deserialize)]
struct Envelope {
    error: String,
}

impl Drop for Asking {
    fn drop(&mut self) {
        // A model that blocks must not keep the process.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
