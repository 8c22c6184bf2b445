//! The life of an engine: failing loads, health, shutdown, and the release of its resources on drop.

use std::{
    net::TcpStream,
    sync::{Arc, Mutex, Weak},
    time::{Duration, Instant},
};

use chariot_engine::{StartError, State, prelude::*, testing::TestEngine};
use e2e::{DEADLINE, Messages, until};
use http::Request;
use http_body_util::{BodyExt, Full};
use tower_service::Service;

use crate::{
    scripted::{Scripted, Seen, echo},
    support::{Gate, Server, http2, text},
};

/// A model whose load fails in the way that a setting names.
struct Doomed;

#[derive(Settings)]
struct Doom {
    /// Failure to provoke
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

    async fn warm_up(&self, _: &Worker) -> Result<()> {
        panic!("no memory for a first inference")
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> {
        echo(batch)
    }
}

#[test]
fn the_cause_of_a_failed_load_reaches_whoever_started_the_engine_and_nobody_else() {
    let (mut public, mut log) = (Messages::new(), Messages::new());
    for (doom, expected) in [
        ("load fails", &["layer 3", "the weights are unreadable", "the disk is gone"][..]),
        ("load panics", &["load", "index out of bounds in layer 3"]),
        ("warm-up panics", &["warm_up", "no memory for a first inference"]),
    ] {
        let engine = TestEngine::begin(Engine::builder().model::<Doomed>("doomed").setting("DOOM", doom)).unwrap();
        let state = || Some(engine.engine().state()).filter(|state| *state != State::Starting);
        assert_eq!(until("the end of the load", state), State::Failed, "{doom}");

        assert_eq!(engine.get("/v2/health/live").status, 200);
        let infer = engine.infer(text("a"));
        assert_eq!(infer.status, 503);
        for path in ["/ready", "/v2/health/ready"] {
            let ready = engine.get(path);
            assert_eq!((ready.status, ready.json()["ready"].as_bool()), (503, Some(false)), "{doom}");
            assert_eq!(ready.error(), infer.error());
        }
        let cause = expected.last().expect("the innermost cause");
        assert!(!infer.error().contains(cause), "{doom}: {}", infer.error());
        public.add(doom, infer.error());

        let builder = Engine::builder().model::<Doomed>("doomed").setting("DOOM", doom);
        let Err(StartError::Load(why)) = TestEngine::start(builder) else { panic!("{doom}: the engine starts") };
        for part in expected {
            assert!(why.contains(part), "{doom}: {why}");
        }
        assert_eq!(why.lines().count(), 1, "one line for the log: {why}");
        log.add(doom, &why);
        assert_eq!(StartError::Load(why).exit_code(), 1);
    }
    insta::assert_snapshot!("failed_load", public);
    insta::assert_snapshot!("failed_load_log", log);
}

/// A model whose load waits for the test.
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
fn a_loading_engine_answers_that_it_is_not_ready() {
    let server = Server::begin(Engine::builder().model::<Slow>("slow"));
    LOADING.wait_for(1);
    assert_eq!(server.engine.state(), State::Starting);
    assert_eq!(server.get("/v2/health/live").ok(), serde_json::json!({"live": true}));
    assert_eq!(server.get("/v2/models/slow").status, 200, "metadata is available before the model is loaded");
    let rejected = server.infer(text("a"));
    let why = rejected.error(503);
    assert!(rejected.header("retry-after").is_some());
    insta::assert_snapshot!("loading", why);
    let ready = serde_json::json!({"name": "slow", "status": "starting", "ready": false, "error": why});
    for path in ["/ready", "/v2/models/slow/ready"] {
        let answer = server.get(path);
        assert_eq!((answer.status, answer.json()), (503, ready.clone()), "{path}");
    }
    let answer = server.get("/v2/health/ready");
    assert_eq!((answer.status, answer.json()), (503, serde_json::json!({"ready": false, "live": true, "error": why})));

    LOADING.open();
    server.block_on(server.engine.ready()).unwrap();
    assert_eq!(server.get("/ready").ok(), serde_json::json!({"name": "slow", "status": "ready", "ready": true}));
    assert_eq!(server.infer(text("a")).values(), ["a"]);
}

/// A model whose health check succeeds, fails, never returns, blocks its thread, or panics when it is given up.
struct Moody(Arc<Mutex<Mood>>, Arc<Gate>);

#[derive(Clone, Copy)]
enum Mood {
    Well,
    Sick,
    Silent,
    Blocked,
    Fragile,
}

/// Panics when it is dropped.
struct Fragile;

impl Drop for Fragile {
    fn drop(&mut self) {
        panic!("on drop");
    }
}

impl Model for Moody {
    type Settings = ();
    type Input = Text;
    type Output = Json<String>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Err("the test passes an instance".into())
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
            Mood::Blocked => {
                self.1.pass("health");
                Ok(())
            }
            Mood::Fragile => {
                let _fragile = Fragile;
                std::future::pending().await
            }
        }
    }
}

/// The paused clock advances automatically when all tasks are idle, so that the test does not wait for the interval
/// between two checks.
#[tokio::test(start_paused = true)]
async fn an_engine_is_not_ready_while_its_health_check_fails() {
    let mood = Arc::new(Mutex::new(Mood::Well));
    let gate = Arc::new(Gate::default());
    let builder = Engine::builder().instance("moody", Moody(mood.clone(), gate.clone()));
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
            assert!(begin.elapsed() < DEADLINE, "the readiness status does not become {expected}");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    assert_eq!(ask(200).await["status"], "ready");
    let mut messages = Messages::new();
    for (name, bad) in [
        ("the check fails", Mood::Sick),
        ("the check does not return", Mood::Silent),
        ("the check blocks the only worker", Mood::Blocked),
        ("the check panics when it is given up", Mood::Fragile),
    ] {
        *mood.lock().unwrap() = bad;
        let sick = ask(503).await;
        gate.open();
        assert_eq!(sick["status"], "unhealthy");
        assert!(!sick["error"].as_str().unwrap().contains("secret"), "{sick}");
        messages.add(name, sick["error"].as_str().unwrap());
        *mood.lock().unwrap() = Mood::Well;
        assert_eq!(ask(200).await["ready"], true);
    }
    let request = Request::post("/infer").body(Full::<bytes::Bytes>::from(text("a"))).unwrap();
    assert_eq!(
        engine.service().call(request).await.unwrap().status(),
        200,
        "a check that does not return is abandoned"
    );
    insta::assert_snapshot!("unhealthy", messages);
}

/// The paused clock stands still while the pool is busy, so the test advances it.
#[tokio::test(start_paused = true)]
async fn an_engine_is_not_ready_while_all_its_decoders_hang() {
    let gate = Arc::new(Gate::default());
    let at = gate.clone();
    let model = Scripted::blocking(echo).admit(move |_| {
        at.pass("admit");
        Ok(BatchCost::default())
    });
    let engine = Engine::builder().instance("hangs", model).start().unwrap();
    engine.ready().await.unwrap();
    let call = |request: http::request::Builder, body: String| {
        engine.service().call(request.body(Full::<bytes::Bytes>::from(body)).unwrap())
    };
    let ready = async || call(Request::get("/ready"), String::new()).await.unwrap().status();
    let decoders = std::thread::available_parallelism().map_or(1, usize::from);
    let hang: Vec<_> =
        (0..decoders).map(|index| tokio::spawn(call(Request::post("/infer"), text(&format!("{index}"))))).collect();
    while gate.arrivals().len() < decoders {
        tokio::task::yield_now().await;
    }
    assert_eq!(ready().await, 200);
    tokio::time::advance(Duration::from_secs(20)).await;
    assert_eq!(ready().await, 200, "no picture takes so long, and a slow machine can");
    tokio::time::advance(Duration::from_secs(20)).await;
    assert_eq!(ready().await, 503);
    gate.open();
    for hung in hang {
        assert_eq!(hung.await.unwrap().unwrap().status(), 200);
    }
    assert_eq!(ready().await, 200);
}

/// Waits until the model is dropped, with its workers.
fn wait_for_the_end(model: &Weak<()>) {
    until("the workers have stopped", || (model.strong_count() == 0).then_some(()));
}

/// A model that echoes, and a weak reference that tells whether it still exists.
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
fn dropping_an_engine_stops_its_workers() {
    let (model, sign) = alive();
    let engine = TestEngine::start(Engine::builder().instance("alive", model).configure(|of| of.workers = Some(3)));
    let engine = engine.unwrap();
    let (clone, service) = (engine.engine().clone(), engine.engine().service());
    drop(engine);
    drop(clone);
    assert_eq!(sign.strong_count(), 1, "a service keeps its engine alive");
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
fn shutdown_waits_for_running_and_queued_requests() {
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
    insta::assert_snapshot!("shutting_down", server.infer(text("late")).error(503));
    assert!(!shutdown.is_finished());
    gate.open();
    for (connection, word) in waiting.iter_mut().zip(["runs", "waits"]) {
        assert_eq!(connection.answer().unwrap().values(), [word]);
    }
    assert_eq!(server.block_on(shutdown).unwrap(), 0, "nothing was abandoned");
    assert_eq!(server.engine.state(), State::Stopped);
    assert_eq!(server.get("/ready").json()["status"], "stopped");
    drop(server);
    wait_for_the_end(&sign);
}

#[test]
fn shutdown_abandons_requests_that_outlast_the_grace_period() {
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
    for mut caller in waiting {
        caller.answer().expect("an answer").error(503);
    }
    gate.open();
}

#[test]
fn callers_of_http_2_get_an_error_at_the_end_of_the_grace_period() {
    let gate = Arc::new(Gate::default());
    let at = gate.clone();
    let model = Scripted::blocking(move |batch| {
        at.pass("model");
        echo(batch)
    });
    let mut server = Server::start(Engine::builder().instance("held", model).configure(|settings| {
        settings.workers = Some(1);
        settings.grace = Duration::from_millis(50);
    }));
    let mut client = server.block_on(http2(server.address));
    let ask = |word: &str| Request::post(format!("http://{}/infer", server.address)).body(text(word).into()).unwrap();
    let waiting = ["a", "b", "c"].map(|word| server.runtime().spawn(client.send_request(ask(word))));
    until("all of them wait", || (server.engine.in_flight().queued == 2).then_some(()));
    let serving = server.stop();
    for answer in waiting {
        assert_eq!(server.block_on(answer).unwrap().expect("an answer").status(), 503);
    }
    assert_eq!(server.block_on(serving).unwrap(), 3);
    gate.open();
}

#[test]
fn a_stopping_server_closes_its_port_and_finishes_its_requests() {
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
    idle.closed().expect("an idle connection is closed");
    silent.closed().expect("an unused connection is closed");
    assert!(!serving.is_finished());
    gate.open();
    for (connection, word) in waiting.iter_mut().zip(["runs", "waits"]) {
        assert_eq!(connection.answer().unwrap().values(), [word]);
        connection.closed().expect("a connection is closed after its response");
    }
    assert_eq!(server.block_on(serving).unwrap(), 0, "nothing was abandoned");
    assert_eq!(server.engine.state(), State::Stopped);
}

#[test]
fn a_draining_engine_serves_and_is_not_ready() {
    let server = Server::start(Engine::builder().instance("drains", alive().0));
    server.engine.drain();
    let ready = server.get("/ready");
    assert_eq!((ready.status, ready.json()["status"].clone()), (503, "draining".into()));
    assert_eq!(server.get("/v2/health/ready").status, 503);
    assert_eq!(server.get("/v2/health/live").status, 200);
    assert_eq!(server.infer(text("a")).values(), ["a"]);
}

#[test]
fn a_shutdown_while_the_model_loads_is_final() {
    let gate = Arc::new(Gate::default());
    let held = gate.clone();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    struct Never(Arc<Gate>);
    impl Model for Never {
        type Settings = ();
        type Input = Text;
        type Output = Json<String>;
        async fn load(_: &LoadContext) -> Result<Self> {
            Err("the test passes an instance".into())
        }
        async fn warm_up(&self, _: &Worker) -> Result<()> {
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
fn connections_opened_before_the_port_closes_are_served() {
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

/// A model that owns a tokio runtime, which must not be dropped inside another runtime.
struct Owner {
    _runtime: tokio::runtime::Runtime,
    _alive: Arc<()>,
}

impl Model for Owner {
    type Settings = ();
    type Input = Text;
    type Output = Json<String>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Err("the test passes an instance".into())
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
