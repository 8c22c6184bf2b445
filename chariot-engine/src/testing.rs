//! Driving an engine in a test: its model alone, or the whole of it without a socket.
//!
//! [`infer`] and [`Batch::of`] ask a model directly. [`TestEngine`] starts an engine and gives it requests as the server
//! would: routes, decoding, admission, workers and encoding are the real ones.
//!
//! ```
//! use chariot_engine::{prelude::*, testing::TestEngine};
//!
//! # struct Shout;
//! # impl Model for Shout {
//! #     type Settings = ();
//! #     type Input = Text;
//! #     type Output = Json<String>;
//! #     async fn load(_: &LoadContext) -> Result<Self> { Ok(Shout) }
//! #     async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> { batch.try_map(|t| Ok(Json(t.as_str().to_uppercase()))) }
//! # }
//! let engine = TestEngine::start(Engine::builder().model::<Shout>("shout")).unwrap();
//! let answer = engine.infer(r#"{"inputs": [{"name": "a", "data": ["hello"]}]}"#);
//! assert_eq!(answer.status, 200);
//! assert_eq!(answer.json()["outputs"][0]["data"][0], "HELLO");
//!
//! let answer = engine.infer(r#"{"inputs": [{"name": "a", "data": [7]}]}"#);
//! assert_eq!((answer.status, answer.error()), (400, "input 'a': a string is expected, a number came".into()));
//! ```

#[cfg(feature = "test-util")]
mod clock;
mod control;
mod devices;

use std::{
    rc::Rc,
    sync::Arc,
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

use control::PATIENCE;
pub use control::{Control, Controlled, controlled};
pub use devices::Gpus;

use crate::{
    device::Device,
    engine::{Engine, EngineBuilder, StartError},
    error::Result,
    inflight::RequestToken,
    input::Slot,
    model::{Batch, ErrorLocation, Item, ItemInfo, Model, ScratchPool},
    protocol::{Origin, Parameters},
    runtime::{InFlight, block_on},
    settings::EngineSettings,
};

impl<I> Batch<I> {
    /// A batch of plain values, on the CPU, for a test of a model alone. The items are called `input-0`, `input-1`, ...
    /// and have no parameters.
    pub fn new(values: impl IntoIterator<Item = I>) -> Self {
        Batch::from_items(values.into_iter().enumerate().map(|(index, value)| item(index, value)))
    }

    /// A batch of items, on the CPU, for a test of a model alone.
    pub fn from_items(items: impl IntoIterator<Item = Item<I>>) -> Self {
        Batch::from_parts(items.into_iter().collect(), Device::cpu(), Rc::new(ScratchPool::default()))
    }
}

/// An item of a plain value, as if it were the input of this index, for a test of a model alone.
///
/// ```
/// use chariot_engine::{input::Text, testing};
///
/// let item = testing::item(0, Text("hello".into())).with_action("predict_proba").with_score_threshold(0.25);
/// assert_eq!((item.name(), item.action(), item.score_threshold()), ("input-0", "predict_proba", 0.25));
/// ```
pub fn item<I>(index: usize, value: I) -> Item<I> {
    let slot = Slot { input: index, element: 0, name: format!("input-{index}").into(), origin: Origin::Inputs };
    let info = ItemInfo {
        slot,
        index,
        action: "".into(),
        parameters: Parameters::default(),
        score_threshold: EngineSettings::default().score_threshold,
        token: Arc::new(RequestToken::default()),
        location: ErrorLocation::Input,
    };
    Item::new(value, info)
}

impl<I> Item<I> {
    /// With this action, for a test.
    #[must_use]
    pub fn with_action(mut self, action: &str) -> Self {
        self.info_mut().action = action.into();
        self
    }

    /// With this name of its input, for a test.
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        self.info_mut().slot.name = name.into();
        self
    }

    /// With these parameters as they would have come, for a test. What they say of action and score threshold counts
    /// only when a request is decoded.
    #[must_use]
    pub fn with_parameters(mut self, parameters: Parameters) -> Self {
        self.info_mut().parameters = parameters;
        self
    }

    /// With this score threshold, for a test.
    #[must_use]
    pub fn with_score_threshold(mut self, score_threshold: f32) -> Self {
        self.info_mut().score_threshold = score_threshold;
        self
    }
}

/// Runs `admit` on every value and `infer` on all of them, as a worker would, for the engine's default action.
///
/// # Errors
/// Those of `admit` and of `infer`.
///
/// # Panics
/// No tokio runtime can be started.
pub fn infer<M: Model>(model: &M, values: impl IntoIterator<Item = M::Input>) -> Result<Vec<M::Output>> {
    let spec = M::spec();
    let action = spec.default_action();
    let admitted = values.into_iter().enumerate().map(|(index, value)| {
        let mut item = item(index, value).with_action(action);
        model.admit(&mut item)?;
        Ok(item)
    });
    let batch = Batch::from_items(admitted.collect::<Result<Vec<_>>>()?);
    let runtime = runtime();
    let outputs = block_on(runtime.handle(), model.infer(batch));
    // Dropping it would panic within another runtime, where the caller may be.
    runtime.shutdown_background();
    outputs
}

/// What tests run on; one that stands for as long as the engine does.
fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime for a test")
}

/// An engine in a test, without a socket. Call it from a test that is not `async`.
#[derive(Debug)]
pub struct TestEngine {
    engine: Engine,
    stage: Option<Stage>,
}

/// What a test's engine runs on.
#[derive(Debug)]
enum Stage {
    Runtime(Runtime),
    #[cfg(feature = "test-util")]
    Clock(clock::Clock),
}

impl Stage {
    fn handle(&self) -> &Handle {
        match self {
            Stage::Runtime(runtime) => runtime.handle(),
            #[cfg(feature = "test-util")]
            Stage::Clock(clock) => clock.handle(),
        }
    }
}

/// What an engine answered.
///
/// ```
/// # use chariot_engine::testing::TestResponse;
/// fn is_refused(answer: &TestResponse) -> bool {
///     answer.status == 400 && answer.error().contains("input 'a'")
/// }
/// ```
#[derive(Clone, Debug)]
pub struct TestResponse {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl TestResponse {
    /// The body as JSON.
    ///
    /// # Panics
    /// It is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("the answer's body is JSON")
    }

    /// The text of an error; empty if the answer is none.
    pub fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_default().to_string()
    }
}

impl TestEngine {
    /// Starts an engine and waits until its model is loaded.
    ///
    /// # Errors
    /// It does not start, or the model cannot be loaded.
    ///
    /// # Panics
    /// No tokio runtime can be started.
    pub fn start(builder: EngineBuilder) -> Result<Self, StartError> {
        Self::begin(builder)?.loaded()
    }

    fn loaded(self) -> Result<Self, StartError> {
        let engine = self.engine.clone();
        self.wait(async move { engine.ready().await })?;
        Ok(self)
    }

    fn on(stage: Stage, builder: EngineBuilder) -> Result<Self, StartError> {
        let engine = {
            let _entered = stage.handle().enter();
            builder.start()?
        };
        Ok(TestEngine { engine, stage: Some(stage) })
    }

    /// Starts an engine and does not wait for its model.
    ///
    /// # Errors
    /// It does not start.
    ///
    /// # Panics
    /// No tokio runtime can be started.
    pub fn begin(builder: EngineBuilder) -> Result<Self, StartError> {
        Self::on(Stage::Runtime(runtime()), builder)
    }

    /// The engine itself.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Asks for an inference, at `/infer`.
    ///
    /// # Panics
    /// As [`send`](Self::send).
    pub fn infer(&self, body: impl Into<Bytes>) -> TestResponse {
        let request = Request::builder().method(Method::POST).uri("/infer").body(body.into());
        self.send(request.expect("a request"))
    }

    /// Asks one of several models for an inference.
    ///
    /// # Panics
    /// The name is none that a model can have, and as [`send`](Self::send).
    pub fn infer_with(&self, model: &str, body: impl Into<Bytes>) -> TestResponse {
        let path = format!("/v2/models/{model}/infer");
        self.send(Request::post(path).body(body.into()).expect("the name of a model"))
    }

    /// Asks a path by GET.
    ///
    /// # Panics
    /// It is no path, and as [`send`](Self::send).
    pub fn get(&self, path: &str) -> TestResponse {
        self.send(Request::get(path).body(Bytes::new()).expect("a path"))
    }

    /// Gives the engine a request, and waits for the answer.
    ///
    /// # Panics
    /// The engine panics.
    pub fn send(&self, request: Request<Bytes>) -> TestResponse {
        self.wait(answering(&self.engine, request))
    }

    /// Asks for an inference at `/infer`, and does not wait for the answer.
    ///
    /// # Panics
    /// As [`send`](Self::send).
    pub fn ask(&self, body: impl Into<Bytes>) -> Pending {
        let request = Request::builder().method(Method::POST).uri("/infer").body(body.into()).expect("a request");
        let (answered, answer) = std::sync::mpsc::channel();
        let answering = answering(&self.engine, request);
        let task = self.handle().spawn(async move {
            let _ = answered.send(answering.await);
        });
        Pending { answer, task }
    }

    /// What the engine has in hand.
    pub fn now(&self) -> InFlight {
        self.engine.in_flight()
    }

    /// Waits until what the engine has in hand is as `is_so` says.
    ///
    /// # Panics
    /// It is not within a minute.
    #[track_caller]
    pub fn wait_until(&self, is_so: impl Fn(&InFlight) -> bool) {
        let begin = Instant::now();
        while !is_so(&self.now()) {
            assert!(begin.elapsed() < PATIENCE, "what the engine has in hand stays {:?}", self.now());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn handle(&self) -> &Handle {
        self.stage.as_ref().expect("the runtime stands until the engine is dropped").handle()
    }

    /// Runs a future on the engine's runtime and waits for it.
    fn wait<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> T {
        let (sender, receiver) = std::sync::mpsc::channel();
        self.handle().spawn(async move {
            let _ = sender.send(future.await);
        });
        receiver.recv().expect("the engine answers")
    }
}

/// A request that has been sent. When it is dropped, it goes on, and nobody reads its answer.
#[derive(Debug)]
#[must_use = "a request that nobody asks for its answer is just sent"]
pub struct Pending {
    answer: std::sync::mpsc::Receiver<TestResponse>,
    task: JoinHandle<()>,
}

impl Pending {
    /// Waits for the answer.
    ///
    /// # Panics
    /// There is none within a minute.
    pub fn answer(self) -> TestResponse {
        self.answer.recv_timeout(PATIENCE).expect("the engine answers")
    }

    /// Goes away without waiting for the answer, as a client whose connection breaks.
    pub fn hang_up(self) {
        self.task.abort();
    }
}

fn answering(engine: &Engine, request: Request<Bytes>) -> impl Future<Output = TestResponse> + Send + 'static {
    let mut service = engine.service();
    async move {
        let response = service.call(request.map(Full::new)).await.unwrap_or_else(|never| match never {});
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap_or_else(|never| match never {}).to_bytes();
        TestResponse { status: head.status.as_u16(), headers: head.headers, body }
    }
}

impl Drop for TestEngine {
    fn drop(&mut self) {
        // A model that a test left blocking must not block the test's end.
        if let Some(Stage::Runtime(runtime)) = self.stage.take() {
            runtime.shutdown_background();
        }
    }
}
