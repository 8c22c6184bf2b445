//! Typed calls of a running engine within the process, and services beside the engine that make them.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes, HttpBody},
    extract::{Request, State as Models},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use chariot_engine::{EngineBuilder, ErrorKind, InferEvent, ServedModel, prelude::*, testing::TestEngine};
use futures_util::{StreamExt, stream};

use crate::{
    scripted::{Scripted, echo},
    support::{Gate, Server, head, text},
};

/// The output of a model that nothing can encode.
struct Unwritten(String, f32);

impl Output<chariot_engine::input::modality::Text> for Unwritten {
    fn encode(self, _: &chariot_engine::output::EncodeContext<'_>) -> Result<chariot_engine::protocol::JsonText> {
        Err("this output is never encoded".into())
    }
}

/// A model that emits the words of a text.
struct Speaks;

impl Model for Speaks {
    type Settings = ();
    type Input = Text;
    type Output = Unwritten;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Speaks)
    }

    fn spec() -> Spec {
        Spec::new::<Self>().actions(["say", "shout"]).streaming()
    }

    fn admit(&self, item: &mut Item<Text>) -> Result<BatchCost> {
        if item.as_str().is_empty() {
            reject!("expected a word, got none");
        }
        item.attach(item.as_str().len());
        Ok(BatchCost::default())
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Unwritten>> {
        batch.attached::<usize>()?;
        batch.try_map(|text| {
            for word in text.as_str().split(' ') {
                text.emit(word)?;
            }
            if text.as_str().ends_with("fail") {
                return Err("on command".into());
            }
            Ok(Unwritten(format!("{} {}", text.action(), text.as_str()), text.score_threshold()))
        })
    }
}

fn started(builder: EngineBuilder) -> (tokio::runtime::Runtime, Engine) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let engine = runtime.block_on(async {
        let engine = builder.start().unwrap();
        engine.ready().await.map(|()| engine)
    });
    (runtime, engine.unwrap())
}

#[test]
fn a_call_returns_the_output_without_encoding_it() {
    let (runtime, engine) = started(Engine::builder().model::<Speaks>("speaks"));
    let model = engine.model("speaks").unwrap();
    runtime.block_on(async {
        let Unwritten(said, threshold) = model.infer::<Speaks>(Text::from("a b")).await.unwrap();
        assert_eq!((&*said, threshold), ("say a b", 0.5));
        let call = model.infer::<Speaks>(Text::from("a")).action("shout").score_threshold(0.25);
        let Unwritten(said, threshold) = call.await.unwrap();
        assert_eq!((&*said, threshold), ("shout a", 0.25));
    });
}

#[test]
fn the_parts_of_a_call_precede_its_output_or_its_error() {
    let (runtime, engine) = started(Engine::builder().model::<Speaks>("speaks"));
    let model = engine.model("speaks").unwrap();
    let events = |text: &str| {
        let events = model.infer::<Speaks>(Text::from(text)).stream();
        let shown = events.map(|event| match event {
            Ok(InferEvent::Part(part)) => part.as_str().to_string(),
            Ok(InferEvent::Output(Unwritten(text, _))) => text,
            Err(error) => format!("{:?}", error.kind()),
        });
        runtime.block_on(shown.collect::<Vec<_>>())
    };
    assert_eq!(events("a b"), ["\"a\"", "\"b\"", "say a b"]);
    assert_eq!(events("a fail"), ["\"a\"", "\"fail\"", "Failed"]);
    assert_eq!(events(""), ["Rejected"]);
}

#[test]
fn the_error_of_a_call_is_that_of_a_request() {
    let (runtime, engine) = started(Engine::builder().model::<Speaks>("speaks"));
    let model = engine.model("speaks").unwrap();
    runtime.block_on(async {
        let unknown = model.infer::<Speaks>(Text::from("a")).action("sing").await.err().unwrap();
        assert_eq!(unknown.kind(), ErrorKind::Rejected);
        let other = model.infer::<Scripted>(Text::from("a")).await.err().unwrap();
        assert_eq!(other.kind(), ErrorKind::Failed);
        assert!(other.to_string().contains("Speaks") && other.to_string().contains("Scripted"), "{other}");
        engine.shutdown().await;
        let late = model.infer::<Speaks>(Text::from("a")).await.err().unwrap();
        assert_eq!(late.kind(), ErrorKind::Unavailable);
    });
}

#[test]
fn calls_are_queued_limited_and_timed_out_like_requests() {
    let gate = Arc::new(Gate::default());
    let held = gate.clone();
    let model = Scripted::blocking(move |batch| {
        held.pass("a call");
        echo(batch)
    });
    let (runtime, engine) = started(Engine::builder().instance("echo", model).configure(|settings| {
        settings.workers = Some(1);
        settings.queue_size = 1;
    }));
    let model = engine.model("echo").unwrap();
    let call = |text: &str| model.infer::<Scripted>(Text::from(text)).into_future();
    let first = runtime.spawn(call("first"));
    gate.wait_for(1);
    let late =
        runtime.block_on(model.infer::<Scripted>(Text::from("b")).timeout(Duration::from_millis(5)).into_future());
    assert_eq!(late.unwrap_err().kind(), ErrorKind::TimedOut);
    let second = runtime.spawn(call("second"));
    e2e::until("the second call", || (engine.in_flight().requests == 2).then_some(()));
    assert_eq!(runtime.block_on(call("third")).unwrap_err().kind(), ErrorKind::Unavailable);
    // A call that is dropped leaves the queue.
    second.abort();
    e2e::until("the end of the second call", || (engine.in_flight().requests == 1).then_some(()));
    gate.open();
    assert_eq!(runtime.block_on(first).unwrap().unwrap(), Json("first".to_string()));
    assert_eq!(gate.arrivals().len(), 1);
}

async fn shout(Models(model): Models<ServedModel>, text: String) -> String {
    match model.infer::<Scripted>(Text(text)).await {
        Ok(Json(text)) => text,
        Err(error) => error.to_string(),
    }
}

async fn broken() -> Body {
    let first = Ok::<_, std::io::Error>(Bytes::from("the first part"));
    Body::from_stream(stream::iter([first, Err(std::io::Error::other("the disk is gone"))]))
}

async fn panics() -> &'static str {
    panic!("in the other service")
}

/// Passes a body on as a proxy does, which reads its declared length first.
async fn passes_on(request: Request) -> Response {
    let declared = request.body().size_hint().exact();
    match axum::body::to_bytes(request.into_body(), 1024).await {
        Ok(body) => ([("x-declared", format!("{declared:?}"))], body).into_response(),
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

async fn upgrades(request: Request) -> &'static str {
    match hyper::upgrade::on(request).await {
        Ok(_) => "upgraded",
        Err(_) => "not upgraded",
    }
}

fn beside() -> Server {
    let builder = Engine::builder().instance("echo", Scripted::blocking(echo)).fallback_with(|models| {
        let routes = Router::new()
            .route("/shout", post(shout))
            .route("/broken", get(broken))
            .route("/panic", get(panics))
            .route("/pass", post(passes_on))
            .route("/upgrade", get(upgrades))
            .route("/switch", get(|| async { StatusCode::SWITCHING_PROTOCOLS }))
            .route("/infer", post(|| async { "the engine's own route" }));
        routes.with_state(models.get("echo").unwrap())
    });
    Server::start(builder.setting("CHARIOT_ENGINE_MAX_BODY", "1KiB"))
}

#[test]
fn a_service_beside_the_engine_serves_what_the_engine_does_not() {
    let server = beside();
    let shouted = server.ask("POST", "/shout", &[], "hello");
    assert_eq!((shouted.status, &*shouted.text), (200, "hello"));
    assert_eq!(server.infer(text("a")).values(), ["a"]);
    assert_eq!(server.get("/ready").status, 200);
    assert_eq!((server.get("/nothing").status, server.get("/shout").status), (404, 405));
    assert_eq!(server.get("/v2/models/other").status, 404);
    // A model's 404 has the envelope of the engine, and a path that only the service could have does not.
    assert!(server.get("/v2/models/other").error(404).contains("'other'"));
    assert_eq!(server.get("/nothing").text, "");
}

#[test]
fn faults_of_a_service_beside_the_engine_are_its_own() {
    let server = beside();
    assert_eq!(server.get("/panic").status, 500);
    assert_eq!(server.ask("POST", "/shout", &[], "a".repeat(1025)).status, 413);
    let mut connection = server.connect();
    connection.write("GET /broken HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    assert!(connection.answer().is_err(), "a response that ends early must not look complete");
    assert_eq!(server.infer(text("a")).values(), ["a"]);
}

#[test]
fn a_body_that_arrives_too_slowly_ends_for_the_other_service_too() {
    let builder = Engine::builder()
        .instance("echo", Scripted::blocking(echo))
        .fallback_with(|models| Router::new().route("/shout", post(shout)).with_state(models.get("echo").unwrap()));
    let server = Server::start(builder.setting("CHARIOT_ENGINE_BODY_TIMEOUT", "100ms"));
    let mut connection = server.connect();
    connection.write(head("POST", "/shout", &[], 5)).unwrap();
    connection.write("h").unwrap();
    let answer = connection.answer().unwrap();
    assert_eq!(answer.status, 400, "{answer:?}");
}

#[test]
fn a_body_keeps_its_declared_length_both_ways() {
    let server = beside();
    let passed = server.ask("POST", "/pass", &[], "hello");
    assert_eq!((passed.status, &*passed.text), (200, "hello"));
    assert_eq!((passed.header("x-declared"), passed.header("content-length")), (Some("Some(5)"), Some("5")));
    let mut connection = server.connect();
    connection
        .write("POST /pass HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
        .unwrap();
    let passed = connection.answer().unwrap();
    assert_eq!((&*passed.text, passed.header("x-declared")), ("hello", Some("None")));
}

#[test]
fn a_client_that_has_finished_sending_gets_the_response_of_another_service() {
    let server = beside();
    let mut connection = server.connect();
    connection.write(head("POST", "/pass", &[], 5) + "hello").unwrap();
    connection.finish_sending().unwrap();
    assert_eq!(connection.answer().unwrap().text, "hello");
    connection.closed().unwrap();
    // Half of a body is not taken for a whole one.
    let mut connection = server.connect();
    connection.write(head("POST", "/pass", &[], 5) + "hel").unwrap();
    connection.finish_sending().unwrap();
    assert_eq!(connection.answer().unwrap().status, 502);
}

#[test]
fn a_service_that_waits_for_an_upgrade_waits_for_nothing() {
    let server = beside();
    let ask = |path: &str| {
        let mut connection = server.connect();
        let lines = "connection: upgrade\r\nupgrade: websocket\r\n";
        connection.write(format!("GET {path} HTTP/1.1\r\nhost: a\r\n{lines}\r\n")).unwrap();
        let answer = connection.answer().unwrap();
        (connection, answer)
    };
    let (mut connection, answer) = ask("/upgrade");
    assert_eq!((answer.status, &*answer.text), (200, "not upgraded"));
    // Nobody speaks another protocol on the connection of a service that says so.
    let (mut switched, _) = ask("/switch");
    switched.closed().unwrap();
    connection.write(head("POST", "/pass", &[], 5) + "hello").unwrap();
    assert_eq!(connection.answer().unwrap().text, "hello");
}

#[test]
fn the_body_of_a_head_response_is_not_sent() {
    let server = beside();
    for path in ["/panic", "/nothing"] {
        let mut connection = server.connect();
        connection.write(format!("HEAD {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")).unwrap();
        let text = String::from_utf8(connection.rest().unwrap()).unwrap();
        assert!(text.ends_with("\r\n\r\n"), "{text}");
    }
}

#[test]
fn a_fallback_keeps_no_engine_alive() {
    let marker = Arc::new(());
    let kept = Arc::downgrade(&marker);
    let model = Scripted::blocking(move |batch| {
        let _ = &marker;
        echo(batch)
    });
    let builder = Engine::builder().instance("echo", model);
    let engine =
        TestEngine::start(builder.fallback_with(|models| {
            Router::new().route("/shout", post(shout)).with_state(models.get("echo").unwrap())
        }));
    drop(engine.unwrap());
    e2e::until("the end of the workers", || kept.upgrade().is_none().then_some(()));
}
