//! The engine inside another service: as a tower service of any body, mounted in axum, several in one process.

use std::convert::Infallible;

use axum::{Router, routing::get};
use bytes::Bytes;
use chariot_engine::{EngineBuilder, prelude::*, server::EngineService};
use e2e::DEADLINE;
use futures_util::stream;
use http::{Request, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use serde_json::Value;
use tower_service::Service;

use crate::{scripted::Scripted, support::text};

/// An engine that prefixes every text with a word.
fn says(word: &'static str) -> EngineBuilder {
    let model = Scripted::blocking(move |batch| batch.try_map(|text| Ok(Json(format!("{word} {}", text.as_str())))));
    Engine::builder().instance(word, model).configure(|settings| settings.workers = Some(1))
}

async fn started(builder: EngineBuilder) -> Engine {
    let engine = builder.start().unwrap();
    engine.ready().await.unwrap();
    engine
}

/// Sends a request to a service and reads its response.
async fn ask<S, B, R>(mut service: S, request: Request<B>) -> (StatusCode, Value)
where
    S: Service<Request<B>, Response = http::Response<R>, Error = Infallible>,
    R: Body<Data = Bytes>,
    R::Error: std::fmt::Debug,
{
    std::future::poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
    let answer = service.call(request).await.unwrap();
    let (head, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head.status, serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into_owned().into()))
}

fn post<B>(path: &str, body: B) -> Request<B> {
    Request::post(path).body(body).unwrap()
}

fn value((status, answer): (StatusCode, Value)) -> Value {
    assert_eq!(status, 200, "{answer}");
    answer["outputs"][0]["data"][0].clone()
}

#[tokio::test]
async fn a_service_accepts_requests_of_any_body_type() {
    let engine = started(says("hello")).await;
    let service: EngineService = engine.service();
    assert_eq!(value(ask(service.clone(), post("/infer", Full::<Bytes>::from(text("full")))).await), "hello full");
    assert_eq!(value(ask(service.clone(), post("/infer", text("a string"))).await), "hello a string");
    let body = axum::body::Body::from(text("axum"));
    assert_eq!(value(ask(service.clone(), post("/infer", body)).await), "hello axum");

    let body = text("pieces");
    let pieces = body.as_bytes().chunks(7).map(|piece| Ok::<_, Infallible>(Frame::data(Bytes::copy_from_slice(piece))));
    let body = StreamBody::new(stream::iter(pieces.collect::<Vec<_>>()));
    assert_eq!(value(ask(service.clone(), post("/infer", body)).await), "hello pieces");

    let breaks = stream::iter([Ok(Frame::data(Bytes::from("{"))), Err(std::io::Error::other("a secret of the body"))]);
    let (status, answer) = ask(service.clone(), post("/infer", StreamBody::new(breaks))).await;
    let error = answer["error"].as_str().unwrap();
    assert!(status.as_u16() == 400 && !error.contains("secret"), "{answer}");
    insta::assert_snapshot!("broken_body", error);

    let (status, answer) = ask(service, Request::get("/ready").body(Empty::<Bytes>::new()).unwrap()).await;
    assert_eq!((status.as_u16(), &answer["name"]), (200, &"hello".into()));
}

#[tokio::test]
async fn a_service_is_also_a_hyper_service_and_can_move_to_other_tasks() {
    let engine = started(says("hello")).await;
    let service = engine.service();
    let asked = tokio::spawn(async move {
        hyper::service::Service::call(&service, post("/infer", Full::<Bytes>::from(text("hyper"))))
            .await
            .unwrap()
            .status()
    });
    assert_eq!(asked.await.unwrap(), 200);
}

#[tokio::test]
async fn engines_are_mounted_in_axum_under_prefixes_beside_its_own_routes() {
    let (first, second) = (started(says("one").base_url_routing(false)).await, started(says("two")).await);
    let app = Router::new()
        .route("/", get(async || "\"hello from the service\""))
        .nest_service("/one", first.service())
        .nest_service("/two", second.service());
    assert_eq!(
        ask(app.clone(), Request::get("/").body(axum::body::Body::empty()).unwrap()).await.1,
        "hello from the service"
    );
    for (path, expected) in [
        ("/one/infer", "one a"),
        ("/one/v2/models/one/infer", "one a"),
        ("/two/infer", "two a"),
        ("/two/v2/models/two/versions/1/infer", "two a"),
    ] {
        assert_eq!(value(ask(app.clone(), post(path, axum::body::Body::from(text("a")))).await), expected, "{path}");
    }
    for path in ["/one/v2/models/two/infer", "/infer", "/one/nowhere"] {
        assert_eq!(ask(app.clone(), post(path, axum::body::Body::from(text("a")))).await.0, 404, "{path}");
    }
    first.shutdown().await;
    assert_eq!(ask(app.clone(), post("/one/infer", axum::body::Body::from(text("a")))).await.0, 503);
    assert_eq!(
        value(ask(app, post("/two/infer", axum::body::Body::from(text("b")))).await),
        "two b",
        "only one engine has stopped"
    );
}

#[tokio::test]
async fn an_engine_with_a_base_url_is_the_fallback_of_a_router() {
    let builder = || says("base").setting("CHARIOT_ENGINE_BASE_URL", "/models/base");
    let engine = started(builder()).await;
    let app = Router::new().route("/metrics", get(async || "1")).fallback_service(engine.service());
    for path in ["/models/base/infer", "/models/base/v2/models/base/infer", "/infer"] {
        assert_eq!(value(ask(app.clone(), post(path, axum::body::Body::from(text("a")))).await), "base a", "{path}");
    }
    assert_eq!(ask(app.clone(), Request::get("/metrics").body(axum::body::Body::empty()).unwrap()).await.1, 1);
    let (status, answer) = ask(app, post("/nowhere", axum::body::Body::empty())).await;
    assert_eq!(status, 404);
    assert!(answer["error"].is_string(), "the response of the engine itself: {answer}");

    // Behind a router that strips the base URL, the engine must not expect it.
    let engine = started(builder().base_url_routing(false)).await;
    let app = Router::new().nest_service("/models/base", engine.service());
    let asked = |path| ask(app.clone(), post(path, axum::body::Body::from(text("a"))));
    assert_eq!(value(asked("/models/base/infer").await), "base a");
    assert_eq!(asked("/models/base/models/base/infer").await.0, 404);
}

#[tokio::test]
async fn dropping_the_response_future_cancels_the_call() {
    let (sender, dropped) = tokio::sync::oneshot::channel::<()>();
    let (began, begun) = tokio::sync::oneshot::channel::<()>();
    let once = std::sync::Mutex::new(Some((sender, began)));
    let model = <Scripted>::new(move |_| {
        let once = once.lock().unwrap().take();
        Box::pin(async move {
            if let Some((_until_dropped, began)) = once {
                let _ = began.send(());
                std::future::pending::<()>().await;
            }
            Ok(vec![Json("second".to_string())])
        })
    });
    let engine = started(Engine::builder().instance("waits", model).configure(|of| of.workers = Some(1))).await;
    let answer = tokio::spawn(engine.service().call(post("/infer", Full::<Bytes>::from(text("a")))));
    begun.await.unwrap();
    answer.abort();
    let dropped = tokio::time::timeout(DEADLINE, dropped).await.expect("the call is cancelled");
    assert!(dropped.is_err(), "the sender is dropped with the call");
    assert_eq!(value(ask(engine.service(), post("/infer", Full::<Bytes>::from(text("b")))).await), "second");
}

/// A model that returns what its `LoadContext` contained.
struct Loaded(String);

impl Model for Loaded {
    type Settings = ();
    type Input = Text;
    type Output = Json<String>;

    async fn load(ctx: &LoadContext) -> Result<Self> {
        let labels: Vec<_> = ctx.class_labels()?.iter().map(str::to_string).collect();
        let (id, task) = (ctx.model_id().unwrap_or("none"), ctx.task_type().unwrap_or("none"));
        Ok(Loaded(format!("{} {id} {task} {}", ctx.model_name(), labels.join(","))))
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> {
        batch.try_map(|_| Ok(Json(self.0.clone())))
    }
}

#[test]
fn load_gets_the_values_of_the_platform_and_the_builder() {
    let loaded = |builder: EngineBuilder| {
        let engine = chariot_engine::testing::TestEngine::start(builder.model::<Loaded>("loaded")).unwrap();
        engine.infer(text("a")).json()["outputs"][0]["data"][0].clone()
    };
    let builder = || Engine::builder().class_labels(["cat", "dog"]);
    assert_eq!(loaded(builder()), "loaded none none cat,dog");
    let platform = builder().setting("CHARIOT_MODEL_ID", "2AbC").setting("CHARIOT_TASK_TYPE", "Anything");
    assert_eq!(loaded(platform), "loaded 2AbC Anything cat,dog");
}
