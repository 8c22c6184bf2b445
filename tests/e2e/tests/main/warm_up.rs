//! The start of the workers before an engine is ready, and the signature of a model that its file states.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use chariot_engine::{
    EngineBuilder, StartError, State,
    model::{Dim, Signature, TensorSpec},
    prelude::*,
    protocol::DataType,
    testing::TestEngine,
};

use crate::{
    scripted::{Scripted, Seen, echo},
    support::{Gate, Server, text},
};

/// The session of a worker: the number of the worker that made it, and of the calls that used it.
struct Session(usize, usize);

/// A model whose workers have sessions, and which fails as a test says.
#[derive(Default)]
struct Sessions {
    made: Arc<Mutex<BTreeSet<usize>>>,
    fails_on: Option<usize>,
    waits: Option<Arc<Gate>>,
}

impl Model for Sessions {
    type Settings = ();
    type Input = Text;
    type Output = Json<(usize, usize)>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Sessions::default())
    }

    async fn warm_up(&self, worker: &Worker) -> Result<()> {
        if self.fails_on == Some(worker.index()) {
            return Err("the file of the session is truncated".into());
        }
        if let Some(gate) = self.waits.as_ref().filter(|_| worker.index() == 1) {
            gate.pass("warming up");
        }
        assert_eq!(worker.threads(), 1);
        self.made.lock().unwrap().insert(worker.index());
        worker.scratch(|| Ok(Session(worker.index(), 0)))?;
        Ok(())
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<(usize, usize)>>> {
        let mut session = batch.scratch::<Session>(|| Err("no session was made for this worker".into()))?;
        session.1 += 1;
        batch.try_map(|_| Ok(Json((session.0, session.1))))
    }
}

fn workers(builder: EngineBuilder, workers: usize) -> EngineBuilder {
    builder.configure(move |settings| (settings.workers, settings.threads) = (Some(workers), Some(1)))
}

#[test]
fn every_worker_has_its_session_before_the_engine_is_ready() {
    let model = Sessions::default();
    let made = model.made.clone();
    let engine = TestEngine::start(workers(Engine::builder().instance("sessions", model), 3)).unwrap();
    assert_eq!(*made.lock().unwrap(), BTreeSet::from([0, 1, 2]));
    for _ in 0..8 {
        assert_eq!(engine.infer(text("a")).status, 200);
    }
}

#[test]
fn an_engine_is_not_ready_while_one_of_its_workers_warms_up() {
    let gate = Arc::new(Gate::default());
    let model = Sessions { waits: Some(gate.clone()), ..Sessions::default() };
    let server = Server::begin(workers(Engine::builder().instance("sessions", model), 2));
    gate.wait_for(1);
    assert_eq!(server.engine.state(), State::Starting);
    assert_eq!((server.get("/ready").status, server.infer(text("a")).status), (503, 503));
    gate.open();
    server.block_on(server.engine.ready()).unwrap();
    assert_eq!(server.infer(text("a")).status, 200);
}

#[test]
fn a_worker_that_cannot_warm_up_fails_the_start() {
    for worker in [0, 2] {
        let model = Sessions { fails_on: Some(worker), ..Sessions::default() };
        let started = TestEngine::start(workers(Engine::builder().instance("sessions", model), 3));
        let Err(StartError::Load(why)) = started else { panic!("worker {worker}: the engine starts") };
        assert!(why.contains("warming up: the file of the session is truncated"), "{why}");
    }
}

static CALLS: Seen = Seen::new();

/// A model with an example that it may reject.
struct WithExample;

#[derive(Settings)]
struct Example {
    /// Rejected text
    #[setting(default = "none")]
    rejected: String,
}

thread_local! {
    static REJECTED: std::cell::RefCell<String> = std::cell::RefCell::default();
}

impl Model for WithExample {
    type Settings = Example;
    type Input = Text;
    type Output = Result<Json<String>>;

    async fn load(ctx: &LoadContext<Example>) -> Result<Self> {
        assert_eq!((ctx.workers(), ctx.threads()), (1, 1));
        REJECTED.set(ctx.settings().rejected.clone());
        Ok(WithExample)
    }

    fn spec() -> Spec {
        Spec::new::<Self>().example(r#"{"inputs": [{"name": "a", "data": ["one", "two"]}]}"#)
    }

    fn admit(&self, item: &mut Item<Text>) -> Result<BatchCost> {
        item.attach(item.as_str().len());
        Ok(BatchCost::new(1))
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Self::Output>> {
        let lengths: Vec<usize> = batch.attached::<usize>()?.into_iter().copied().collect();
        let mut lengths = lengths.into_iter();
        batch.map_each(|item| {
            CALLS.add(&format!("{} {}", item.as_str(), lengths.next().unwrap_or_default()));
            if REJECTED.with_borrow(|rejected| item.as_str() == rejected) {
                reject!("no {}", item.as_str());
            }
            Ok(Json(item.as_str().to_uppercase()))
        })
    }
}

#[test]
fn each_worker_runs_the_example_of_the_author_unless_it_is_switched_off() {
    let start = |rejected: &str, warm_up: Option<&str>| {
        let builder = workers(Engine::builder().model::<WithExample>("example"), 1).setting("REJECTED", rejected);
        let builder = match warm_up {
            Some(value) => builder.setting("CHARIOT_ENGINE_WARM_UP", value),
            None => builder,
        };
        let before = CALLS.all().len();
        let started = TestEngine::start(builder).map(drop);
        (started.map_err(|error| error.to_string()), CALLS.all().split_off(before))
    };
    let both = vec!["one 3".to_string(), "two 3".to_string()];
    assert_eq!(start("none", None), (Ok(()), both.clone()));
    assert_eq!(start("none", Some("false")), (Ok(()), vec![]));
    assert_eq!(start("two", Some("false")), (Ok(()), vec![]));
    let (started, calls) = start("two", None);
    let why = started.unwrap_err();
    assert!(why.contains("warming up: the engine's own example") && why.ends_with("no two"), "{why}");
    assert_eq!(calls, both);
}

/// A model whose author has switched the example off.
struct WithoutWarmUp;

impl Model for WithoutWarmUp {
    type Settings = ();
    type Input = Text;
    type Output = Json<String>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(WithoutWarmUp)
    }

    fn spec() -> Spec {
        Spec::new::<Self>().example(r#"{"inputs": [{"name": "a", "data": ["one"]}]}"#).warm_up_by_example(false)
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> {
        batch.iter().for_each(|item| OTHER_CALLS.add(item.as_str()));
        echo(batch)
    }
}

static OTHER_CALLS: Seen = Seen::new();

#[test]
fn an_author_can_switch_the_example_off() {
    let builder =
        || Engine::builder().model::<WithoutWarmUp>("example").configure(|settings| settings.workers = Some(1));
    let engine = TestEngine::start(builder()).unwrap();
    assert_eq!(engine.infer(text("two")).status, 200);
    assert_eq!(OTHER_CALLS.all(), ["two"]);
    // An operator has the last word.
    TestEngine::start(builder().setting("CHARIOT_ENGINE_WARM_UP", "true")).map(drop).unwrap();
    assert_eq!(OTHER_CALLS.all(), ["two", "one"]);
}

/// A model of named tensors, whose names are in its file.
struct FromFile(String);

impl Model for FromFile {
    type Settings = ();
    type Input = Tensors;
    type Output = Tensors;

    async fn load(ctx: &LoadContext) -> Result<Self> {
        LOADING.pass("load");
        Ok(FromFile(ctx.json("names.json")?))
    }

    fn signature(&self) -> Option<Signature> {
        let of = |width| TensorSpec::new(self.0.clone(), DataType::Fp32, &[Dim::Batch("n"), Dim::Fixed(width)], "");
        Some(Signature::new([of(2)], [of(2)]))
    }

    async fn infer(&self, batch: Batch<Tensors>) -> Result<Vec<Tensors>> {
        batch.try_map(|item| Ok(item.into_value()))
    }
}

static LOADING: Gate = Gate::new();

#[test]
fn the_signature_of_a_loaded_model_is_in_metadata_document_and_checks() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("names.json"), r#""pair""#).unwrap();
    let builder = || {
        let dir = dir.path().display().to_string();
        Engine::builder().model::<FromFile>("file").setting("CHARIOT_ENGINE_MODEL_DIR", dir)
    };
    let engine = TestEngine::begin(builder()).unwrap();
    // A document that somebody asks for too early is not the last one.
    assert_eq!(engine.get("/openapi.json").status, 200);
    LOADING.open();
    e2e::until("the engine is ready", || (engine.engine().state() == State::Ready).then_some(()));
    let metadata = engine.get("/v2/models/file").json();
    let declared = serde_json::json!([{"name": "pair", "datatype": "FP32", "shape": [-1, 2]}]);
    assert_eq!((&metadata["inputs"], &metadata["outputs"]), (&declared, &declared));
    assert!(engine.get("/openapi.json").json()["components"].to_string().contains("\"pair\""));
    let body = |name: &str, shape: &str| {
        format!(r#"{{"inputs": [{{"name": "{name}", "datatype": "FP32", "shape": {shape}, "data": [1.5, 2.5]}}]}}"#)
    };
    assert_eq!(engine.infer(body("pair", "[1, 2]")).status, 200);
    // One input can be the whole body, which only a server that knows its type can read.
    for (name, shape) in [("other", "[1, 2]"), ("pair", "[2, 1]")] {
        let response = engine.infer(body(name, shape));
        assert_eq!(response.status, 400, "{name} {shape}");
        assert!(response.error().starts_with("input '"), "{}", response.error());
    }

    std::fs::write(dir.path().join("names.json"), "{\n\"pair\": 1}").unwrap();
    let Err(StartError::Load(why)) = TestEngine::start(builder()) else { panic!("the engine starts") };
    assert!(why.contains("'names.json'") && why.contains("line 1"), "{why}");
}

#[test]
fn a_text_over_the_limit_is_rejected_before_it_reaches_the_model() {
    let builder = Engine::builder().instance("echo", Scripted::blocking(echo)).setting("CHARIOT_ENGINE_MAX_TEXT", "5");
    let engine = TestEngine::start(builder).unwrap();
    // Two bytes each, and a line break that is two bytes in JSON.
    assert_eq!(engine.infer(text("\u{e9}\u{e9}\n")).status, 200);
    let response = engine.infer(text("\u{e9}\u{e9}\u{e9}"));
    assert_eq!(response.status, 400);
    assert_eq!(response.error(), "input 'text': expected at most 5 bytes of text (CHARIOT_ENGINE_MAX_TEXT), got 6");
}
