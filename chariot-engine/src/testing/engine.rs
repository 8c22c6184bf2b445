//! [`TestEngine`]: an engine in a test, without a socket.

use std::{
    sync::mpsc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Full};
use tokio::{
    runtime::{Handle, Runtime},
    task::JoinHandle,
};
use tower_service::Service;

use super::{clock::Clock, control::PATIENCE, infer::test_runtime};
use crate::{
    engine::{Engine, EngineBuilder, StartError},
    runtime::InFlight,
};

/// An engine in a test, without a socket. Call it from a test that is not `async`.
#[derive(Debug)]
pub struct TestEngine {
    engine: Engine,
    /// `None` only while it is dropped.
    stage: Option<Stage>,
}

/// The runtime that the engine of a test runs on.
#[derive(Debug)]
enum Stage {
    Runtime(Runtime),
    Clock(Clock),
}

impl Stage {
    fn handle(&self) -> &Handle {
        match self {
            Stage::Runtime(runtime) => runtime.handle(),
            Stage::Clock(clock) => clock.handle(),
        }
    }
}

/// The response of an engine.
///
/// ```
/// # use chariot_engine::testing::TestResponse;
/// fn is_rejected(response: &TestResponse) -> bool {
///     response.status == 400 && response.error().contains("input 'a'")
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TestResponse {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl TestResponse {
    /// Returns the body as JSON.
    ///
    /// # Panics
    /// Panics if the body is not JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    /// Returns the text of an error, or an empty string if the response is not an error.
    ///
    /// # Panics
    /// Panics if the body is not JSON.
    pub fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_default().to_string()
    }
}

impl TestEngine {
    /// Starts an engine and waits until its models are loaded.
    ///
    /// # Errors
    /// An engine that does not start, or a model that fails to load.
    ///
    /// # Panics
    /// Panics if no tokio runtime can be started.
    pub fn start(builder: EngineBuilder) -> Result<Self, StartError> {
        Self::begin(builder)?.loaded()
    }

    /// Starts an engine as [`start`](Self::start) does, on a clock that stands still until [`advance`](Self::advance)
    /// is called: deadlines, batch delays and timeouts.
    ///
    /// ```
    /// # use chariot_engine::prelude::*;
    /// # struct Shout;
    /// # impl Model for Shout {
    /// #     type Settings = ();
    /// #     type Input = Text;
    /// #     type Output = Json<String>;
    /// #     async fn load(_: &LoadContext) -> Result<Self> { Ok(Shout) }
    /// #     async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> { batch.try_map(|t| Ok(Json(t.as_str().to_uppercase()))) }
    /// # }
    /// use std::time::Duration;
    /// use chariot_engine::testing::{TestEngine, controlled};
    ///
    /// let (model, control) = controlled(Shout);
    /// control.hold();
    /// let builder = Engine::builder().instance("shout", model);
    /// let engine = TestEngine::start_with_clock(builder.setting("CHARIOT_ENGINE_TIMEOUT", "5s"))?;
    /// let call = engine.ask(r#"{"inputs": [{"name": "a", "data": ["hello"]}]}"#);
    /// control.wait_for_calls(1);
    /// engine.advance(Duration::from_secs(5));
    /// assert_eq!(call.answer().status, 504);
    /// control.release();
    /// # Ok::<(), chariot_engine::StartError>(())
    /// ```
    ///
    /// # Errors
    /// An engine that does not start, or a model that fails to load.
    ///
    /// # Panics
    /// Panics if no tokio runtime can be started.
    pub fn start_with_clock(builder: EngineBuilder) -> Result<Self, StartError> {
        Self::on(Stage::Clock(Clock::start()), builder)?.loaded()
    }

    /// Starts an engine and does not wait for its models.
    ///
    /// # Errors
    /// An engine that does not start.
    ///
    /// # Panics
    /// Panics if no tokio runtime can be started.
    pub fn begin(builder: EngineBuilder) -> Result<Self, StartError> {
        Self::on(Stage::Runtime(test_runtime()), builder)
    }

    fn on(stage: Stage, builder: EngineBuilder) -> Result<Self, StartError> {
        let engine = {
            let _entered = stage.handle().enter();
            builder.start()?
        };
        Ok(TestEngine { engine, stage: Some(stage) })
    }

    /// Waits until the models are loaded.
    fn loaded(self) -> Result<Self, StartError> {
        let engine = self.engine.clone();
        self.wait(async move { engine.ready().await })?;
        Ok(self)
    }

    /// Advances the clock, and everything that was due in the meantime happens.
    ///
    /// # Panics
    /// Panics if the engine was not started by [`start_with_clock`](Self::start_with_clock).
    pub fn advance(&self, by: Duration) {
        self.wait(async move {
            tokio::time::advance(by).await;
        });
    }

    /// Returns the engine itself.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Sends a request to `/infer`, and waits for the response.
    ///
    /// # Panics
    /// As [`send`](Self::send).
    pub fn infer(&self, body: impl Into<Bytes>) -> TestResponse {
        self.send(infer_request(body))
    }

    /// Sends a request to one of several models, and waits for the response.
    ///
    /// # Panics
    /// Panics if a model cannot have this name, and as [`send`](Self::send).
    pub fn infer_with(&self, model: &str, body: impl Into<Bytes>) -> TestResponse {
        let path = format!("/v2/models/{model}/infer");
        self.send(Request::post(path).body(body.into()).expect("a valid name of a model"))
    }

    /// Gets a path.
    ///
    /// # Panics
    /// Panics if the path is invalid, and as [`send`](Self::send).
    pub fn get(&self, path: &str) -> TestResponse {
        self.send(Request::get(path).body(Bytes::new()).expect("a valid path"))
    }

    /// Sends a request, and waits for the response.
    ///
    /// # Panics
    /// Panics if the engine panics.
    pub fn send(&self, request: Request<Bytes>) -> TestResponse {
        self.wait(respond(&self.engine, request))
    }

    /// Sends a request to `/infer`, and does not wait for the response.
    ///
    /// # Panics
    /// As [`send`](Self::send).
    pub fn ask(&self, body: impl Into<Bytes>) -> Pending {
        let (sender, response) = mpsc::channel();
        let responding = respond(&self.engine, infer_request(body));
        let task = self.handle().spawn(async move {
            let _ = sender.send(responding.await);
        });
        Pending { response, task }
    }

    /// Returns the number of requests and items that are in flight.
    pub fn now(&self) -> InFlight {
        self.engine.in_flight()
    }

    /// Waits until the requests in flight satisfy the condition.
    ///
    /// # Panics
    /// Panics if they do not within a minute.
    #[track_caller]
    pub fn wait_until(&self, condition: impl Fn(&InFlight) -> bool) {
        let begin = Instant::now();
        while !condition(&self.now()) {
            assert!(begin.elapsed() < PATIENCE, "condition not met within {PATIENCE:?}: {:?}", self.now());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn handle(&self) -> &Handle {
        self.stage.as_ref().expect("the runtime lives until the engine is dropped").handle()
    }

    /// Runs a future on the engine's runtime and waits for its result.
    fn wait<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> T {
        let (sender, receiver) = mpsc::channel();
        self.handle().spawn(async move {
            let _ = sender.send(future.await);
        });
        receiver.recv().expect("the engine responds")
    }
}

impl Drop for TestEngine {
    fn drop(&mut self) {
        // A model that is still blocked must not block the end of the test.
        if let Some(Stage::Runtime(runtime)) = self.stage.take() {
            runtime.shutdown_background();
        }
    }
}

/// A request that was sent, and whose response has not been read. If it is dropped, the request goes on.
#[derive(Debug)]
#[must_use = "call `answer` to read the response"]
pub struct Pending {
    response: mpsc::Receiver<TestResponse>,
    task: JoinHandle<()>,
}

impl Pending {
    /// Waits for the response.
    ///
    /// # Panics
    /// Panics if there is none within a minute.
    pub fn answer(self) -> TestResponse {
        self.response.recv_timeout(PATIENCE).expect("a response in time")
    }

    /// Cancels the request, like a client whose connection breaks.
    pub fn hang_up(self) {
        self.task.abort();
    }
}

fn infer_request(body: impl Into<Bytes>) -> Request<Bytes> {
    Request::builder().method(Method::POST).uri("/infer").body(body.into()).expect("a valid request")
}

fn respond(engine: &Engine, request: Request<Bytes>) -> impl Future<Output = TestResponse> + Send + 'static {
    let mut service = engine.service();
    async move {
        let response = service.call(request.map(Full::new)).await.unwrap_or_else(|never| match never {});
        let (head, body) = response.into_parts();
        let body = body.collect().await.expect("a body without an error").to_bytes();
        TestResponse { status: head.status.as_u16(), headers: head.headers, body }
    }
}
