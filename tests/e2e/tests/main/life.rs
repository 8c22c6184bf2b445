//! An engine from its start to its end: loads that fail, health, shutdown, and what is left when it is dropped.

use std::{
    net::TcpStream,
    sync::{Arc, Mutex, Weak},
    time::{Duration, Instant},
};

use chariot_engine::{StartError, State, prelude::*, testing::TestEngine};
use e2e::{DEADLINE, until};
use http::Request;
use http_body_util::{BodyExt, Full};
use tower_service::Service;

use crate::{
    scripted::{Scripted, Seen, echo},
    support::{Gate, Server, text},
};

/// A model whose load goes wrong in the way that a setting says.
struct Doomed;

#[derive(Settings)]
struct Doom {
    /// What goes wrong
    doom: String,
}

#[derive(Debug)]
struct Weights(std::io::Error);

impl std::fmt::Display for Weights {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the weights are unreadable")
    }
}

impl std::error::Error for Weights {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

impl Model for Doomed {
    type Settings = Doom;
    type Input = Text;
    type Output = Json<String>;

    async fn load(ctx: &LoadContext<Doom>) -> Result<Self> {
        match &*ctx.settings().doom {
            "load fails" => Err(Error::from(Weights(std::io::Error::other("the disk is gone"))).context("layer 3")),
            "load panics" => panic!("index out of bounds in layer 3"),
            _ => Ok(Doomed),
        }
    }

    async fn warm_up(&self) -> Result<()> {
        panic!("no memory for a first inference")
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> {
        echo(batch)
    }
}

#[test]
fn a_load_that_fails_is_told_whole_to_whoever_started_the_engine_and_to_nobody_else() {
    for (doom, expected) in [
        ("load fails", &["layer 3", "the weights are unreadable", "the disk is gone"][..]),
        ("load panics", &["`load` panicked", "index out of bounds in layer 3"]),
        ("warm-up panics", &["warming up", "`warm_up` panicked", "no memory for a first inference"]),
    ] {
        let engine = TestEngine::begin(Engine::builder().model::<Doomed>("doomed").setting("DOOM", doom)).unwrap();
        let state = || Some(engine.engine().state()).filter(|state| *state != State::Starting);
        assert_eq!(until("the end of the load", state), State::Failed, "{doom}");

        for path in ["/ready", "/v2/health/ready"] {
            let ready = engine.get(path);
            assert_eq!((ready.status, ready.json()["ready"].as_bool()), (503, Some(false)), "{doom}");
            assert_eq!(ready.error(), "the model failed to load; see the log");
        }
        assert_eq!(engine.get("/v2/health/live").status, 200);
        let infer = engine.infer(text("a"));
        assert_eq!(infer.status, 503);
        assert_eq!(infer.error(), "the model failed to load; see the log");

        let builder = Engine::builder().model::<Doomed>("doomed").setting("DOOM", doom);
        let Err(StartError::Load(why)) = TestEngine::start(builder) else { panic!("{doom}: the engine starts") };
        for part in expected {
            assert!(why.contains(part), "{doom}: {why}");
        }
        assert_eq!(why.lines().count(), 1, "one line for the log: {why}");
        assert_eq!(StartError::Load(why).exit_code(), 1);
    }
}

/// A model that is loaded when the test says so.
struct Slow;

static LOADING: std::sync::LazyLock<Gate> = std::sync::LazyLock::new(Gate::default);

impl Model for Slow {
    type Settings = ();
    type Input = Text;
    type Output = Json<String>;

    async fn load(_: &LoadContext) -> Result<Self> {
        LOADING.pass("load");
        Ok(Slow)
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> {
        echo(batch)
    }
}

#[test]
fn while_a_model_is_loaded_the_port_answers_that_it_is() {
    let server = Server::begin(Engine::builder().model::<Slow>("slow"));
    LOADING.wait_for(1);
    assert_eq!(server.engine.state(), State::Starting);
    assert_eq!(server.get("/v2/health/live").ok(), serde_json::json!({"live": true}));
    assert_eq!(server.get("/v2/models/slow").status, 200, "what it is, is known before it is loaded");
    let why = "the model is loading";
    let ready = serde_json::json!({"name": "slow", "status": "starting", "ready": false, "error": why});
    for path in ["/ready", "/v2/models/slow/ready"] {
        let answer = server.get(path);
        assert_eq!((answer.status, answer.json()), (503, ready.clone()), "{path}");
    }
    let answer = server.get("/v2/health/ready");
    assert_eq!((answer.status, answer.json()), (503, serde_json::json!({"ready": false, "live": true, "error": why})));
    let refused = server.infer(text("a"));
    assert_eq!(refused.error(503), why);
    assert!(refused.header("retry-after").is_some());

    LOADING.open();
    server.block_on(server.engine.ready()).unwrap();
    assert_eq!(server.get("/ready").ok(), serde_json::json!({"name": "slow", "status": "ready", "ready": true}));
    assert_eq!(server.infer(text("a")).values(), ["a"]);
}

/// A model that says whether it is well when it is asked, or that says nothing.
struct Moody(Arc<Mutex<Mood>>);

#[derive(Clone, Copy)]
enum Mood {
    Well,
    Sick,
    Silent,
}

impl Model for Moody {
    type Settings = ();
    type Input = Text;
    type Output = Json<String>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Err("the test gives an instance".into())
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> {
        echo(batch)
    }

    async fn health(&self) -> Result<()> {
        let mood = *self.0.lock().unwrap();
        match mood {
            Mood::Well => Ok(()),
            Mood::Sick => Err("a secret of the model".into()),
            Mood::Silent => std::future::pending().await,
        }
    }
}

/// The clock of this runtime goes on by itself as soon as nothing else is to be done, so that nobody waits for the
/// interval between two checks.
#[tokio::test(start_paused = true)]
async fn an_engine_is_not_ready_while_its_health_check_fails() {
    let mood = Arc::new(Mutex::new(Mood::Well));
    let builder = Engine::builder().instance("moody", Moody(mood.clone()));
    let engine = builder.configure(|settings| settings.workers = Some(1)).start().unwrap();
    engine.ready().await.unwrap();
    let ask = async |expected: u16| {
        let begin = Instant::now();
        loop {
            let request = Request::get("/ready").body(Full::<bytes::Bytes>::default()).unwrap();
            let answer = engine.service().call(request).await.unwrap();
            if answer.status() == expected {
                let body = answer.into_body().collect().await.unwrap().to_bytes();
                return serde_json::from_slice::<serde_json::Value>(&body).unwrap();
            }
            assert!(begin.elapsed() < DEADLINE, "readiness does not come to {expected}");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    assert_eq!(ask(200).await["status"], "ready");
    for bad in [Mood::Sick, Mood::Silent] {
        *mood.lock().unwrap() = bad;
        let sick = ask(503).await;
        assert_eq!(sick["status"], "unhealthy");
        assert_eq!(sick["error"], "the health check of the model fails; see the log");
        *mood.lock().unwrap() = Mood::Well;
        assert_eq!(ask(200).await["ready"], true);
    }
    let request = Request::post("/infer").body(Full::<bytes::Bytes>::from(text("a"))).unwrap();
    assert_eq!(engine.service().call(request).await.unwrap().status(), 200, "a check that did not end is given up");
}

/// Nobody holds the model any more: its workers have ended.
fn wait_for_the_end(model: &Weak<()>) {
    until("the workers end", || (model.strong_count() == 0).then_some(()));
}

/// A model that echoes, and a sign of whether it is still there.
fn alive() -> (Scripted, Weak<()>) {
    let alive = Arc::new(());
    let sign = Arc::downgrade(&alive);
    let model = Scripted::blocking(move |batch| {
        let _held = &alive;
        echo(batch)
    });
    (model, sign)
}

#[test]
fn the_workers_of_an_engine_that_is_dropped_end() {
    let (model, sign) = alive();
    let engine = TestEngine::start(Engine::builder().instance("alive", model).configure(|of| of.workers = Some(3)));
    let engine = engine.unwrap();
    let (clone, service) = (engine.engine().clone(), engine.engine().service());
    drop(engine);
    drop(clone);
    assert_eq!(sign.strong_count(), 1, "a service holds its engine");
    drop(service);
    wait_for_the_end(&sign);
}

#[test]
fn workers_outlive_the_runtime_of_their_embedder_without_a_panic() {
    static PANICS: Seen = Seen::new();
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        PANICS.add(&info.to_string());
        before(info);
    }));
    let (model, sign) = alive();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let engine = runtime.block_on(async { Engine::builder().instance("alive", model).start().unwrap() });
    runtime.block_on(engine.ready()).unwrap();
    drop(runtime);
    drop(engine);
    wait_for_the_end(&sign);
    let of_tokio: Vec<_> = PANICS.all().into_iter().filter(|text| text.contains("tokio")).collect();
    assert_eq!(of_tokio, [""; 0]);
}

#[test]
fn shutdown_waits_for_what_runs_and_what_is_queued() {
    let (gate, sign) = (Arc::new(Gate::default()), Arc::new(()));
    let (at, alive) = (gate.clone(), sign.clone());
    let sign = Arc::downgrade(&{ sign });
    let model = Scripted::blocking(move |batch| {
        let _held = &alive;
        at.pass("model");
        echo(batch)
    });
    let server = Server::start(Engine::builder().instance("held", model).configure(|settings| {
        settings.workers = Some(1);
        settings.grace = DEADLINE;
    }));
    let mut waiting = ["runs", "waits"].map(|word| server.admitted(&text(word)));
    gate.wait_for(1);
    let engine = server.engine.clone();
    let shutdown = server.runtime().spawn(async move { engine.shutdown().await });
    until("the shutdown begins", || (server.engine.state() == State::Draining).then_some(()));
    until("nothing more is admitted", || (server.infer(text("late")).status == 503).then_some(()));
    assert_eq!(server.infer(text("late")).error(503), "the engine is shutting down");
    assert!(!shutdown.is_finished());
    gate.open();
    for (connection, word) in waiting.iter_mut().zip(["runs", "waits"]) {
        assert_eq!(connection.answer().unwrap().values(), [word]);
    }
    assert_eq!(server.block_on(shutdown).unwrap(), 0, "nothing was given up");
    assert_eq!(server.engine.state(), State::Stopped);
    assert_eq!(server.get("/ready").json()["status"], "stopped");
    drop(server);
    wait_for_the_end(&sign);
}

#[test]
fn shutdown_gives_up_what_does_not_end_within_the_grace() {
    let gate = Arc::new(Gate::default());
    let at = gate.clone();
    let model = Scripted::blocking(move |batch| {
        at.pass("model");
        echo(batch)
    });
    let server = Server::start(Engine::builder().instance("held", model).configure(|settings| {
        settings.workers = Some(1);
        settings.grace = Duration::from_millis(50);
    }));
    let waiting = [server.admitted(&text("runs")), server.admitted(&text("waits"))];
    gate.wait_for(1);
    assert_eq!(server.block_on(server.engine.shutdown()), 2);
    assert_eq!(server.engine.state(), State::Stopped);
    gate.open();
    drop(waiting);
}

#[test]
fn a_server_that_stops_closes_its_port_and_answers_what_it_has_begun() {
    let gate = Arc::new(Gate::default());
    let at = gate.clone();
    let model = Scripted::blocking(move |batch| {
        at.pass("model");
        echo(batch)
    });
    let mut server = Server::start(Engine::builder().instance("held", model).configure(|settings| {
        settings.workers = Some(1);
        settings.grace = DEADLINE;
    }));
    let (mut idle, mut silent) = (server.connect(), server.connect());
    idle.write("GET /ready HTTP/1.1\r\nHost: engine\r\n\r\n").unwrap();
    assert_eq!(idle.answer().unwrap().status, 200);
    let mut waiting = ["runs", "waits"].map(|word| server.admitted(&text(word)));
    gate.wait_for(1);

    let serving = server.stop();
    until("the port is closed", || TcpStream::connect(server.address).is_err().then_some(()));
    idle.closed().expect("an idle connection ends");
    silent.closed().expect("a connection on which nothing came ends");
    assert!(!serving.is_finished());
    gate.open();
    for (connection, word) in waiting.iter_mut().zip(["runs", "waits"]) {
        assert_eq!(connection.answer().unwrap().values(), [word]);
        connection.closed().expect("a connection ends with its answer");
    }
    assert_eq!(server.block_on(serving).unwrap(), 0, "nothing was given up");
    assert_eq!(server.engine.state(), State::Stopped);
}

#[test]
fn an_engine_that_drains_serves_on_and_is_not_ready() {
    let server = Server::start(Engine::builder().instance("drains", alive().0));
    server.engine.drain();
    let ready = server.get("/ready");
    assert_eq!((ready.status, ready.json()["status"].clone()), (503, "draining".into()));
    assert_eq!(server.get("/v2/health/ready").status, 503);
    assert_eq!(server.get("/v2/health/live").status, 200);
    assert_eq!(server.infer(text("a")).values(), ["a"]);
}

#[test]
fn a_shutdown_while_the_model_is_loaded_stands() {
    let gate = Arc::new(Gate::default());
    let held = gate.clone();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    struct Never(Arc<Gate>);
    impl Model for Never {
        type Settings = ();
        type Input = Text;
        type Output = Json<String>;
        async fn load(_: &LoadContext) -> Result<Self> {
            Err("the test gives an instance".into())
        }
        async fn warm_up(&self) -> Result<()> {
            self.0.pass("warm-up");
            Ok(())
        }
        async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> {
            echo(batch)
        }
    }
    let engine = runtime.block_on(async { Engine::builder().instance("never", Never(held)).start().unwrap() });
    gate.wait_for(1);
    assert_eq!(runtime.block_on(engine.shutdown()), 0);
    assert!(matches!(runtime.block_on(engine.ready()), Err(StartError::Stopped)));
    gate.open();
    assert_eq!(engine.state(), State::Stopped);
}

#[test]
fn whoever_has_connected_before_the_port_closes_is_answered() {
    let model = Scripted::blocking(echo);
    let mut server = Server::start(Engine::builder().instance("echo", model));
    let body = text("a");
    let connections: Vec<_> = (0..40)
        .map(|_| {
            let mut connection = server.connect();
            connection.write(crate::support::head("POST", "/infer", &[], body.len())).unwrap();
            connection
        })
        .collect();
    let serving = server.stop();
    let answers = connections.into_iter().map(|mut connection| {
        connection.write(&body).unwrap();
        connection.answer().expect("an answer").status
    });
    assert_eq!(answers.collect::<Vec<_>>(), [200; 40]);
    assert_eq!(server.block_on(serving).unwrap(), 0);
}

/// A model that owns a runtime, which must not be dropped where others run.
struct Owner {
    _runtime: tokio::runtime::Runtime,
    _alive: Arc<()>,
}

impl Model for Owner {
    type Settings = ();
    type Input = Text;
    type Output = Json<String>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Err("the test gives an instance".into())
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> {
        echo(batch)
    }
}

#[test]
fn a_model_is_dropped_by_its_worker() {
    let alive = Arc::new(());
    let sign = Arc::downgrade(&alive);
    let model = Owner { _runtime: tokio::runtime::Runtime::new().unwrap(), _alive: alive };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let engine = Engine::builder().instance("owner", model).start().unwrap();
        engine.ready().await.unwrap();
        assert_eq!(engine.shutdown().await, 0);
        drop(engine);
    });
    wait_for_the_end(&sign);
}
