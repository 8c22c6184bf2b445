//! What is answered on each route. The service calls it.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Body;
use serde::Serialize;
use tokio::time::Instant;

use super::{
    body, events,
    infer::infer,
    repository,
    respond::{self, ResponseBody},
    route::{NoRoute, POST, Route, Routes},
};
use crate::{
    protocol::{ModelMetadata, Protocol},
    runtime::{Host, Models, Readiness},
    telemetry::metrics::{Metrics, OPEN_METRICS, Stage},
};

/// What the service serves.
#[derive(Clone)]
pub(crate) struct Served {
    pub(crate) models: Models,
    pub(crate) routes: Routes,
    /// What the server calls itself.
    pub(crate) name: String,
    pub(crate) version: String,
    /// Whether `/metrics` is served.
    pub(crate) shows_metrics: bool,
    pub(crate) metrics: Metrics,
    /// Asks clients of HTTP/1 to come again by another connection while the engine drains: its port closes soon.
    pub(crate) closes_connections: bool,
    /// What `/openapi.json` answers: it never changes.
    pub(crate) openapi: Bytes,
}

const NO_ROUTE: &str = "there is no such route; GET /v2 says what this server is";

/// How messages name the platform's side of this engine in the metadata.
const PLATFORM: &str = "chariot-engine";

/// The longest request id that is echoed.
const MAX_REQUEST_ID: usize = 128;

/// The extensions of the Open Inference Protocol that this server has.
const EXTENSIONS: &[&str] = &["binary_tensor_data"];

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Answers a request.
pub(super) async fn handle<B>(served: Arc<Served>, request: Request<B>) -> Response<ResponseBody>
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    let request_id = request.headers().get(REQUEST_ID).filter(|id| is_request_id(id)).cloned();
    let head = request.method() == Method::HEAD;
    let http1 = request.version() < http::Version::HTTP_2;
    let mut response = answer(&served, request, request_id.as_ref()).await;
    if let Some(id) = request_id {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    if served.closes_connections && http1 && served.models.is_draining() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if head { respond::without_body(response) } else { response }
}

pub(super) fn is_request_id(id: &HeaderValue) -> bool {
    let id = id.as_bytes();
    !id.is_empty() && id.len() <= MAX_REQUEST_ID && id.iter().all(u8::is_ascii_graphic)
}

async fn answer<B>(served: &Served, request: Request<B>, request_id: Option<&HeaderValue>) -> Response<ResponseBody>
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    let route = match served.routes.find(request.uri().path()) {
        Ok(Route::GenerateStream(model)) if !served.models[model].host.spec().streaming => Err(NoRoute::Path),
        found => found,
    };
    let route = match route {
        Ok(route) => route,
        Err(none) => {
            linger(request);
            return respond::error(StatusCode::NOT_FOUND, &no_route(served, &none));
        }
    };
    let method_fits = match route.allowed() {
        POST => request.method() == Method::POST,
        _ => matches!(*request.method(), Method::GET | Method::HEAD),
    };
    if !method_fits {
        linger(request);
        return respond::method_not_allowed(route.allowed());
    }
    match route {
        Route::Infer(index) | Route::GenerateStream(index) => {
            let model = &served.models[index];
            let streams = matches!(route, Route::GenerateStream(_))
                || (model.host.spec().streaming && events::asked(request.headers()));
            let arrived = Instant::now();
            let response = infer(model, request, request_id, streams, arrived).await;
            let metrics = model.host.metrics();
            metrics.answered(response.status().as_u16());
            metrics.took(Stage::Total, arrived.elapsed());
            response
        }
        Route::Metrics if !served.shows_metrics => respond::error(StatusCode::NOT_FOUND, NO_ROUTE),
        Route::Metrics => metrics(served),
        Route::Live => respond::json(StatusCode::OK, r#"{"live":true}"#),
        Route::Ready => ready(&served.name, &served.models.readiness()),
        Route::ModelReady(index) => {
            let host = &served.models[index].host;
            ready(host.name(), &Readiness::of(&host.status()))
        }
        Route::ServerReady => server_ready(served),
        Route::Server => server(served),
        Route::Models => {
            let models = served.models.iter().map(|model| model.host.name()).collect();
            respond::value(StatusCode::OK, &ModelNames { models })
        }
        Route::RepositoryIndex => repository::index(&served.models, request).await,
        Route::Model(index) => respond::value(StatusCode::OK, &metadata(&served.models[index].host)),
        Route::OpenApi => respond::json(StatusCode::OK, served.openapi.clone()),
    }
}

fn no_route(served: &Served, none: &NoRoute) -> String {
    let models = &served.models;
    match none {
        NoRoute::Path => NO_ROUTE.to_string(),
        NoRoute::Model(name) => {
            format!("there is no model {}; this engine serves {}", crate::error::quoted(name), models.names())
        }
        NoRoute::NoDefault => format!(
            "this engine serves several models, none of which is the default: one of {} is expected, at \
             /v2/models/{{name}}/infer",
            models.names()
        ),
        NoRoute::Version { model, version } => format!(
            "there is no version {} of the model; this engine serves version '{}'",
            crate::error::quoted(version),
            models[*model].host.version()
        ),
    }
}

fn linger<B>(request: Request<B>)
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    let (head, body) = request.into_parts();
    body::linger(&head.headers, body);
}

#[derive(Serialize)]
struct ModelNames<'a> {
    models: Vec<&'a str>,
}

fn ready(name: &str, readiness: &Readiness) -> Response<ResponseBody> {
    #[derive(Serialize)]
    struct Ready<'a> {
        name: &'a str,
        status: &'a str,
        ready: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<&'a str>,
    }
    let error = readiness.error.as_deref();
    let body = Ready { name, status: readiness.status, ready: error.is_none(), error };
    respond::value(ready_status(error), &body)
}

fn server_ready(served: &Served) -> Response<ResponseBody> {
    #[derive(Serialize)]
    struct Ready<'a> {
        ready: bool,
        live: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<&'a str>,
    }
    let readiness = served.models.readiness();
    let error = readiness.error.as_deref();
    let body = Ready { ready: error.is_none(), live: true, error };
    respond::value(ready_status(error), &body)
}

fn ready_status(error: Option<&str>) -> StatusCode {
    if error.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

fn server(served: &Served) -> Response<ResponseBody> {
    #[derive(Serialize)]
    struct Server<'a> {
        name: &'a str,
        version: &'a str,
        extensions: &'a [&'a str],
    }
    let speaks = served.models.iter().any(|model| model.host.takes().supports(Protocol::V2Kserve));
    let extensions = if speaks { EXTENSIONS } else { &[] };
    let body = Server { name: &served.name, version: &served.version, extensions };
    respond::value(StatusCode::OK, &body)
}

fn metadata(host: &Host) -> ModelMetadata {
    let (inputs, outputs) = host.spec().announced();
    ModelMetadata {
        name: host.name().to_string(),
        versions: vec![host.version().to_string()],
        platform: PLATFORM.to_string(),
        inputs,
        outputs,
    }
}

fn metrics(served: &Served) -> Response<ResponseBody> {
    served.models.iter().for_each(|model| model.host.take_snapshot());
    match served.metrics.encode() {
        Ok(text) => respond::text(OPEN_METRICS, text),
        Err(error) => {
            tracing::error!("the figures of the engine cannot be written: {error}");
            respond::error(StatusCode::INTERNAL_SERVER_ERROR, "the engine failed")
        }
    }
}
