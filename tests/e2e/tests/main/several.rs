//! Several models in one engine: each has its own routes, settings, limits and state, and the engine is ready when all
//! are.

use std::{collections::HashSet, sync::Arc};

use chariot_engine::{EngineBuilder, ModelOptions, StartError, prelude::*, settings::Environment, testing::TestEngine};
use e2e::{Messages, OpenApi, until};
use serde_json::{Value, json};

use crate::{
    scripted::Scripted,
    support::{Gate, Server, text},
};

/// A model that prefixes every text with a word.
fn says(word: &'static str) -> Scripted {
    Scripted::blocking(move |batch| batch.try_map(|text| Ok(Json(format!("{word} {}", text.as_str())))))
}

fn two() -> EngineBuilder {
    Engine::builder()
        .instance_with("a", says("hello"), ModelOptions::new().version("2"))
        .instance("b", says("bye"))
        .configure(|settings| settings.workers = Some(1))
}

fn with_default() -> EngineBuilder {
    Engine::builder()
        .instance("a", says("hello"))
        .instance_with("b", says("bye"), ModelOptions::new().default_model())
        .setting("CHARIOT_ENGINE_BASE_URL", "/base")
}

#[track_caller]
fn answer(server: &Server, path: &str) -> Value {
    let answer = server.ask("POST", path, &[], text("you")).ok();
    json!([answer["model_name"], answer["outputs"][0]["data"][0]])
}

#[test]
fn every_model_has_its_own_routes() {
    let server = Server::start(two());
    assert_eq!(answer(&server, "/v2/models/a/infer"), json!(["a", "hello you"]));
    assert_eq!(answer(&server, "/v2/models/a/versions/2/infer"), json!(["a", "hello you"]));
    assert_eq!(answer(&server, "/v2/models/b/versions/1/infer"), json!(["b", "bye you"]));
    assert_eq!(server.get("/v2/models").ok(), json!({"models": ["a", "b"]}));
    assert_eq!(server.get("/v2/models/a").ok()["versions"], json!(["2"]));
    assert_eq!(server.get("/v2/models/b/ready").ok()["name"], "b");
    assert_eq!(server.get("/v2").ok()["name"], "chariot-engine");
    assert_eq!(server.get("/ready").ok(), json!({"name": "chariot-engine", "status": "ready", "ready": true}));
    let names: Vec<_> = server.engine.models().map(|model| model.name().to_string()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(server.engine.model("a").unwrap().version(), "2");

    let mut messages = Messages::new();
    for (path, name) in [("/v2/models/c", "'c'"), ("/v2/models/b/versions/2", "'2'")] {
        let error = server.get(path).error(404);
        assert!(error.contains(name), "{error}");
        messages.add(path, error);
    }
    insta::assert_snapshot!("not_found", messages);
}

#[test]
fn routes_without_a_name_belong_to_the_default_model() {
    let server = Server::start(with_default());
    for path in ["/infer", "/base/infer", "/base/v2/models/b/infer", "/v2/models/m-2ABCdefGHIjklMNOpqrSTUvwxYZ/infer"] {
        assert_eq!(answer(&server, path), json!(["b", "bye you"]), "{path}");
    }
    assert_eq!(answer(&server, "/base/v2/models/a/infer"), json!(["a", "hello you"]));
    assert_eq!(server.get("/base/v2").ok()["name"], "b");
}

#[test]
fn without_a_default_model_infer_is_a_404_that_names_the_models() {
    let server = Server::start(two());
    let errors = ["/infer", "/infer/"].map(|path| server.ask("POST", path, &[], text("you")).error(404));
    assert_eq!(errors[0], errors[1]);
    assert!(errors[0].contains("/v2/models/{name}/infer"), "{}", errors[0]);
    insta::assert_snapshot!("no_default_model", errors[0]);
    let platform = server.ask("POST", "/v2/models/m-2ABCdefGHIjklMNOpqrSTUvwxYZ/infer", &[], text("you"));
    assert_eq!(platform.status, 404);
}

/// A model whose load waits for the test.
struct Slow;

static LOADING: Gate = Gate::new();

impl Model for Slow {
    type Settings = ();
    type Input = Text;
    type Output = Json<String>;

    async fn load(_: &LoadContext) -> Result<Self> {
        LOADING.pass("load");
        Ok(Slow)
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> {
        batch.try_map(|text| Ok(Json(text.to_string())))
    }
}

/// Returns the names and states of the repository index, in order.
fn index(server: &Server, body: &str) -> Vec<(String, String)> {
    let answer = server.ask("POST", "/v2/repository/index", &[], body).ok();
    let entries = answer.as_array().expect("a list").iter();
    entries.map(|of| (of["name"].as_str().unwrap().into(), of["state"].as_str().unwrap().into())).collect()
}

#[test]
fn an_engine_is_ready_when_all_of_its_models_are() {
    let mut server = Server::begin(Engine::builder().instance("a", says("hello")).model::<Slow>("slow"));
    LOADING.wait_for(1);
    until("the first model is ready", || (server.get("/v2/models/a/ready").status == 200).then_some(()));
    let ready = server.get("/ready");
    assert_eq!(ready.status, 503);
    let why = server.get("/v2/models/slow/ready").json()["error"].as_str().unwrap().to_string();
    let whole = format!("model 'slow': {why}");
    assert_eq!(ready.json(), json!({"name": "chariot-engine", "status": "starting", "ready": false, "error": whole}));
    assert_eq!(server.get("/v2/health/ready").status, 503);
    assert_eq!(answer(&server, "/v2/models/a/infer"), json!(["a", "hello you"]));
    assert_eq!(server.ask("POST", "/v2/models/slow/infer", &[], text("you")).status, 503);
    let pair = |name: &str, state: &str| (name.to_string(), state.to_string());
    assert_eq!(index(&server, ""), [pair("a", "READY"), pair("slow", "LOADING")]);
    assert_eq!(index(&server, r#"{"ready": true}"#), [pair("a", "READY")]);

    LOADING.open();
    server.block_on(server.engine.ready()).unwrap();
    assert_eq!(server.get("/ready").status, 200);
    assert_eq!(index(&server, r#"{"ready": false}"#), [pair("a", "READY"), pair("slow", "READY")]);
    server.engine.drain();
    assert_eq!(server.get("/ready").status, 503);
    assert_eq!(index(&server, "{}"), [pair("a", "UNLOADING"), pair("slow", "UNLOADING")]);
    let serving = server.stop();
    assert_eq!(server.block_on(serving).unwrap(), 0);
}

#[test]
fn the_index_accepts_an_object_or_no_body() {
    let server = Server::start(two());
    let mut messages = Messages::new();
    for body in ["[", "3", "[true]", r#"{"ready": "yes"}"#] {
        messages.add(body, server.ask("POST", "/v2/repository/index", &[], body).error(400));
    }
    insta::assert_snapshot!("index", messages);
    assert_eq!(server.ask("POST", "/v2/repository/index", &[], vec![b' '; 2 << 20]).status, 413);
    assert_eq!(server.ask("POST", "/v2/repository/index", &["Content-Encoding: gzip"], "{}").status, 415);
    let wrong = server.get("/v2/repository/index");
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("POST, OPTIONS")));
}

/// A model that cannot be loaded.
struct Broken;

impl Model for Broken {
    type Settings = ();
    type Input = Text;
    type Output = Json<String>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Err("the weights are gone".into())
    }

    async fn infer(&self, _: Batch<Text>) -> Result<Vec<Json<String>>> {
        Ok(vec![])
    }
}

#[test]
fn a_model_that_fails_to_load_fails_the_engine_and_is_named() {
    let server = Server::begin(Engine::builder().instance("a", says("hello")).model::<Broken>("broken"));
    let error = server.block_on(server.engine.ready()).unwrap_err();
    assert!(matches!(&error, StartError::Load(_)), "{error:?}");
    assert!(error.to_string().contains("'broken'") && error.to_string().contains("the weights are gone"), "{error}");
    insta::assert_snapshot!("failed_load", error);
    let ready = server.get("/ready");
    assert_eq!((ready.status, ready.json()["status"].as_str()), (503, Some("failed")));
    assert!(!ready.text.contains("weights"), "{}", ready.text);
}

#[test]
fn every_model_has_its_own_queue() {
    let gate = Arc::new(Gate::default());
    let held = {
        let gate = gate.clone();
        Scripted::blocking(move |batch| {
            gate.pass("held");
            batch.try_map(|text| Ok(Json(text.to_string())))
        })
    };
    let server = Server::start(
        Engine::builder()
            .instance("held", held)
            .instance("free", says("hello"))
            .setting("CHARIOT_ENGINE_WORKERS", "1")
            .setting("CHARIOT_ENGINE_HELD_QUEUE_SIZE", "0"),
    );
    assert_eq!(server.engine.model("free").unwrap().settings().queue_size, 100);
    let mut running = server.connect();
    assert_eq!(running.post_admitted("/v2/models/held/infer", &text("you")).unwrap(), None);
    gate.wait_for(1);
    server.ask("POST", "/v2/models/held/infer", &[], text("you")).error(503);
    assert_eq!(answer(&server, "/v2/models/free/infer"), json!(["free", "hello you"]));
    assert_eq!(server.engine.in_flight().requests, 1);
    assert_eq!(server.engine.model("free").unwrap().in_flight().requests, 0);
    let metrics = server.get("/metrics").text;
    for line in [
        r#"chariot_rejections_total{model="held",reason="queue_full"} 1"#,
        r#"chariot_rejections_total{model="free",reason="queue_full"} 0"#,
        r#"chariot_requests_total{model="free",status="200"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    gate.open();
    assert_eq!(running.answer().unwrap().status, 200);
}

/// A model that returns what its `LoadContext` contained.
struct Loaded(String);

#[derive(Settings)]
struct LoadedSettings {
    /// Word to return
    #[setting(default = "nothing")]
    word: String,
}

impl Model for Loaded {
    type Settings = LoadedSettings;
    type Input = Text;
    type Output = Json<String>;

    async fn load(ctx: &LoadContext<LoadedSettings>) -> Result<Self> {
        let dir = ctx.model_dir().file_name().unwrap_or_default().to_string_lossy().into_owned();
        let labels = ctx.class_labels()?.iter().map(str::to_string).collect::<Vec<_>>().join(",");
        Ok(Loaded(format!("{} {} {dir} {labels}", ctx.model_name(), ctx.settings().word)))
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> {
        batch.try_map(|_| Ok(Json(self.0.clone())))
    }
}

fn loaded() -> EngineBuilder {
    Engine::builder()
        .model::<Loaded>("my-first")
        .model_with::<Loaded>("second", ModelOptions::new().settings_prefix("TWO_").class_labels(["yes", "no"]))
        .class_labels(["cat"])
}

#[test]
fn every_model_has_its_own_settings_and_files() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("second")).unwrap();
    let empty = dir.path().join("empty");
    std::fs::write(&empty, "\n").unwrap();
    let environment = Environment::from_iter([
        ("CHARIOT_ENGINE_MODEL_DIR", dir.path().to_str().unwrap()),
        ("MY_FIRST_WORD", "hello"),
        ("TWO_WORD", "bye"),
        ("WORD", "of nobody"),
        ("CHARIOT_ENGINE_TWO_TIMEOUT", "7s"),
        ("CHARIOT_ENGINE_TIMEOUT", "9s"),
        // An empty file sets no value, like an empty variable.
        ("CHARIOT_ENGINE_TWO_QUEUE_SIZE_FILE", empty.to_str().unwrap()),
        ("CHARIOT_ENGINE_QUEUE_SIZE", "7"),
    ]);
    let engine = TestEngine::start(loaded().environment(environment)).unwrap();
    let says = |model: &str| engine.infer_with(model, text("you")).json()["outputs"][0]["data"][0].clone();
    // One model has a folder in the model directory, so every model reads a folder of its own.
    assert_eq!(says("my-first"), "my-first hello my-first cat");
    assert_eq!(says("second"), "second bye second yes,no");
    let timeout = |name| engine.engine().model(name).unwrap().settings().timeout.unwrap().as_secs();
    assert_eq!((timeout("my-first"), timeout("second")), (9, 7));
    assert_eq!(engine.engine().model("second").unwrap().settings().queue_size, 7);
}

#[test]
fn the_builder_overrides_the_environment_of_every_model() {
    let environment = Environment::from_iter([
        ("CHARIOT_ENGINE_TWO_QUEUE_SIZE", "1"),
        ("CHARIOT_ENGINE_WORKERS_FILE", "/nowhere"),
        ("CHARIOT_ENGINE_TWO_MAX_BATCH", "8"),
    ]);
    let builder = loaded()
        .environment(environment)
        .setting("CHARIOT_ENGINE_QUEUE_SIZE", "2")
        .setting("CHARIOT_ENGINE_WORKERS", "1")
        .default_setting("TWO_MAX_BATCH", "4")
        .default_setting("MY_FIRST_MAX_BATCH", "3")
        .default_setting("TWO_MAX_PIXELS", "5");
    let engine = TestEngine::start(builder).unwrap();
    let of = |name: &str| {
        let model = engine.engine().model(name).unwrap();
        let settings = model.settings();
        (settings.queue_size, settings.workers, settings.max_batch, settings.max_pixels)
    };
    assert_eq!(of("my-first"), (2, Some(1), Some(3), 50_000_000));
    assert_eq!(of("second"), (2, Some(1), Some(8), 5));
    assert!(fault(loaded().default_setting("THREE_WORKERS", "1")).contains("CHARIOT_ENGINE_THREE_WORKERS"));
}

/// Returns the configuration error of an engine that must not start.
fn fault(builder: EngineBuilder) -> String {
    let Err(error) = TestEngine::begin(builder) else { panic!("the engine starts") };
    assert_eq!(error.exit_code(), 78);
    error.to_string()
}

#[test]
fn configuration_errors_name_the_variables_of_their_models() {
    let error = fault(
        loaded()
            .setting("CHARIOT_ENGINE_PORT", "many")
            .setting("CHARIOT_ENGINE_TWO_WORKERS", "0")
            .setting("TWO_WORD", "\u{20}")
            .setting("CHARIOT_ENGINE_SECOND_WORKERS", "1"),
    );
    for name in ["CHARIOT_ENGINE_PORT: ", "CHARIOT_ENGINE_TWO_WORKERS: ", "CHARIOT_ENGINE_SECOND_WORKERS: "] {
        assert_eq!(error.matches(name).count(), 1, "{name} in {error}");
    }
    assert!(!error.contains("TWO_WORD"), "{error}");
    insta::assert_snapshot!("configuration", error);
    let layout = |name: &str| fault(loaded().setting(name, "objects"));
    for name in ["CHARIOT_ENGINE_MY_FIRST_OUTPUT_LAYOUT", "CHARIOT_ENGINE_OUTPUT_LAYOUT"] {
        assert_eq!(layout(name).matches(&format!("{name}: ")).count(), 1, "{}", layout(name));
    }
}

#[test]
fn names_and_variables_of_models_must_be_unique() {
    let pair = |first, second| Engine::builder().instance(first, says("x")).instance(second, says("y"));
    let default = || ModelOptions::new().default_model();
    let defaults = Engine::builder().instance_with("a", says("x"), default()).instance_with("b", says("y"), default());
    let mut messages = Messages::new();
    for (case, builder, name) in [
        ("one name twice", pair("a", "a"), "'a'"),
        ("one prefix twice", pair("a-b", "a_b"), "CHARIOT_ENGINE_A_B_MODEL_DIR"),
        ("a prefix that forms another setting", pair("body", "b"), "CHARIOT_ENGINE_BODY_TIMEOUT"),
        ("two default models", defaults, "'b'"),
        ("one name for two", pair("a", "b").setting("CHARIOT_ENGINE_MODEL_NAME", "c"), "'c'"),
    ] {
        let error = fault(builder);
        assert!(error.contains(name), "{case}: {error}");
        messages.add(case, error);
    }
    insta::assert_snapshot!("not_unique", messages);
}

/// A model that returns the sum of a named tensor.
struct Numbers;

#[derive(TensorInput, Clone)]
struct Named {
    #[tensor(shape = [n, 2])]
    numbers: Vec<f32>,
}

#[derive(TensorOutput)]
struct Sum {
    #[tensor(shape = [1])]
    sum: Vec<f32>,
}

impl Model for Numbers {
    type Settings = ();
    type Input = Named;
    type Output = Sum;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Numbers)
    }

    async fn infer(&self, batch: Batch<Named>) -> Result<Vec<Sum>> {
        batch.try_map(|named| Ok(Sum { sum: vec![named.numbers.iter().sum()] }))
    }
}

#[test]
fn the_document_describes_every_model() {
    for (builder, default) in [(two(), false), (with_default(), true)] {
        let server = Server::start(builder.model::<Numbers>("t"));
        let document = OpenApi::from_answer(&server.get("/openapi.json"));
        document.check_routes(|method, path, body| server.ask(method, path, &[], body));
        let paths = document.json()["paths"].as_object().unwrap();
        assert_eq!(paths.contains_key("/infer"), default);
        for model in ["a", "b", "t"] {
            assert!(paths.contains_key(&format!("/v2/models/{model}/infer")), "{model}");
        }
        let components = document.json()["components"]["schemas"].as_object().unwrap();
        assert!(components.contains_key("t.InferRequest") && components.contains_key("Error"), "{components:?}");
        assert!(!components.contains_key("t.Error"));
        let operations = paths.values().flat_map(|item| item.as_object().unwrap().values());
        let ids: Vec<_> = operations.filter_map(|operation| operation["operationId"].as_str()).collect();
        let once: HashSet<_> = ids.iter().collect();
        assert_eq!(once.len(), ids.len(), "{ids:?}");
    }
}
