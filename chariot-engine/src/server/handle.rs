//! What is answered on each route. The service calls it.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Body;
use serde::Serialize;
use tokio::time::Instant;

use super::{
    body::{self, BodyFault},
    coding, events, form,
    respond::{self, ResponseBody},
    route::{NoRoute, Route, Routes},
    timeout,
};
use crate::{
    error::Kind,
    model::OVER_BUDGET,
    openapi::{self, Described},
    protocol::{ModelMetadata, Protocol, quote},
    runtime::{Failure, Host, Refusal},
    settings::EngineSettings,
    telemetry::metrics::{Metrics, OPEN_METRICS, Rejected, Stage},
};

/// What the service serves.
#[derive(Clone)]
pub(crate) struct Served {
    pub(crate) host: Host,
    pub(crate) routes: Routes,
    pub(crate) settings: EngineSettings,
    pub(crate) metrics: Metrics,
    /// Asks clients of HTTP/1 to come again by another connection while the engine drains: its port closes soon.
    pub(crate) closes_connections: bool,
    /// What `/openapi.json` answers: it never changes.
    pub(super) openapi: Bytes,
}

impl Served {
    pub(crate) fn new(host: Host, routes: Routes, settings: EngineSettings, metrics: Metrics) -> Self {
        let document = openapi::document(&Described {
            name: host.name(),
            version: host.version(),
            spec: host.spec(),
            takes: host.takes(),
            layout: settings.output_layout,
            encoding: settings.output_encoding,
            score_threshold: settings.score_threshold,
            servers: routes.servers(),
        });
        Served { host, routes, settings, metrics, closes_connections: false, openapi: document.into() }
    }
}

const NO_ROUTE: &str = "there is no such route; GET /v2 says what this server is";

/// How messages name the platform's side of this engine in the metadata.
const PLATFORM: &str = "chariot-engine";

/// The longest request id that is echoed.
const MAX_REQUEST_ID: usize = 128;

/// The extensions of the Open Inference Protocol that this server has.
const EXTENSIONS: &[&str] = &["binary_tensor_data"];

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const BASE_ID: HeaderName = HeaderName::from_static("chariot-inference-base-id");

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
    if served.closes_connections && http1 && served.host.is_draining() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if head { respond::without_body(response) } else { response }
}

fn is_request_id(id: &HeaderValue) -> bool {
    let id = id.as_bytes();
    !id.is_empty() && id.len() <= MAX_REQUEST_ID && id.iter().all(u8::is_ascii_graphic)
}

async fn answer<B>(served: &Served, request: Request<B>, request_id: Option<&HeaderValue>) -> Response<ResponseBody>
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    let route = match served.routes.find(request.uri().path()) {
        Ok(Route::GenerateStream) if !served.host.spec().streaming => Err(NoRoute::Path),
        found => found,
    };
    let route = match route {
        Ok(route) => route,
        Err(none) => {
            let text = match none {
                NoRoute::Path => NO_ROUTE.to_string(),
                NoRoute::Model(name) => {
                    format!("there is no model {}; this engine serves '{}'", quote(&name), served.host.name())
                }
                NoRoute::Version(version) => format!(
                    "there is no version {} of the model; this engine serves version '{}'",
                    quote(&version),
                    served.host.version()
                ),
            };
            linger(request);
            return respond::error(StatusCode::NOT_FOUND, &text);
        }
    };
    let method_fits = match route {
        Route::Infer | Route::GenerateStream => request.method() == Method::POST,
        _ => matches!(*request.method(), Method::GET | Method::HEAD),
    };
    if !method_fits {
        linger(request);
        return respond::method_not_allowed(route.allowed());
    }
    match route {
        Route::Infer | Route::GenerateStream => {
            let streams =
                route == Route::GenerateStream || (served.host.spec().streaming && events::asked(request.headers()));
            let arrived = Instant::now();
            let response = infer(served, request, request_id, streams, arrived).await;
            let metrics = served.host.metrics();
            metrics.answered(response.status().as_u16());
            metrics.took(Stage::Total, arrived.elapsed());
            response
        }
        Route::Metrics if !served.settings.metrics => respond::error(StatusCode::NOT_FOUND, NO_ROUTE),
        Route::Metrics => metrics(served),
        Route::Live => respond::json(StatusCode::OK, r#"{"live":true}"#),
        Route::Ready => ready(served),
        Route::ServerReady => server_ready(served),
        Route::Server => server(served),
        Route::Models => respond::value(StatusCode::OK, &Models { models: [served.host.name()] }),
        Route::Model => respond::value(StatusCode::OK, &metadata(served)),
        Route::OpenApi => respond::json(StatusCode::OK, served.openapi.clone()),
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
struct Models<'a> {
    models: [&'a str; 1],
}

fn ready(served: &Served) -> Response<ResponseBody> {
    #[derive(Serialize)]
    struct Ready<'a> {
        name: &'a str,
        status: &'a str,
        ready: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<&'a str>,
    }
    let status = served.host.status();
    let error = status.why_not_ready();
    let body = Ready { name: served.host.name(), status: status.name(), ready: error.is_none(), error };
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
    let error = served.host.status().why_not_ready();
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
    let extensions = if served.host.takes().speaks(Protocol::V2Kserve) { EXTENSIONS } else { &[] };
    let body = Server { name: served.host.name(), version: served.host.version(), extensions };
    respond::value(StatusCode::OK, &body)
}

fn metadata(served: &Served) -> ModelMetadata {
    let (inputs, outputs) = served.host.spec().announced();
    ModelMetadata {
        name: served.host.name().to_string(),
        versions: vec![served.host.version().to_string()],
        platform: PLATFORM.to_string(),
        inputs,
        outputs,
    }
}

fn metrics(served: &Served) -> Response<ResponseBody> {
    served.host.take_snapshot();
    match served.metrics.encode() {
        Ok(text) => respond::text(OPEN_METRICS, text),
        Err(error) => {
            tracing::error!("the figures of the engine cannot be written: {error}");
            respond::error(StatusCode::INTERNAL_SERVER_ERROR, "the engine failed")
        }
    }
}

/// Answers an inference; by events, if it `streams`.
async fn infer<B>(
    served: &Served,
    request: Request<B>,
    request_id: Option<&HeaderValue>,
    streams: bool,
    arrived: Instant,
) -> Response<ResponseBody>
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    let (head, body) = request.into_parts();
    // What the head alone shows to be wrong is refused before a byte of the body is read.
    let Ok(coding) = coding::of_request(&head.headers) else {
        body::linger(&head.headers, body);
        return coding::unsupported();
    };
    if body.size_hint().lower() > served.settings.max_body.as_u64() {
        body::linger(&head.headers, body);
        return body_fault(served, &BodyFault::TooLarge);
    }
    let form = match form::of(&head.headers) {
        Ok(form) => form,
        Err(fault) => {
            body::linger(&head.headers, body);
            return respond::error(StatusCode::BAD_REQUEST, fault.text());
        }
    };
    let time_limit = match timeout::own_limit(&head.headers) {
        Ok(time_limit) => time_limit,
        Err(fault) => {
            body::linger(&head.headers, body);
            return respond::error(StatusCode::BAD_REQUEST, fault.text());
        }
    };
    let place = match served.host.admit(arrived, time_limit, body.size_hint().lower()) {
        Ok(place) => place,
        Err(refusal) => {
            body::linger(&head.headers, body);
            let (text, reason) = match refusal {
                Refusal::NotServing(why) => (why, Rejected::NotReady),
                Refusal::Full => ("the queue is full", Rejected::QueueFull),
                Refusal::OverBudget => (OVER_BUDGET, Rejected::Memory),
            };
            served.host.metrics().rejected(reason);
            return respond::unavailable(text, served.host.retry_after());
        }
    };
    let deadline = place.deadline();
    let limit = served.settings.max_body.as_u64();
    let mut body = Box::pin(body);
    let charge = |bytes| place.charge(bytes).is_ok();
    let bytes = match body::read(body.as_mut(), limit, body_time(&served.settings, time_limit), charge).await {
        Ok(bytes) => bytes,
        Err(fault) => {
            body::linger(&HeaderMap::new(), body);
            return body_fault(served, &fault);
        }
    };
    let request_id = request_id.and_then(|id| id.to_str().ok()).map(str::to_string);
    if let Some(base_id) = head.headers.get(BASE_ID).filter(|id| is_request_id(id)) {
        tracing::debug!(request = request_id, base_id = ?base_id, "a request of the platform");
    }
    let id = request_id.clone();
    let bytes = match coding {
        None => bytes,
        Some(coding) => match coding::decompress(&served.host, coding, bytes, limit, id.as_deref(), deadline).await {
            Ok(Ok(bytes)) if place.charge(bytes.len()).is_err() => return body_fault(served, &BodyFault::OverBudget),
            Ok(Ok(bytes)) => bytes,
            Ok(Err(fault)) => return coding::fault(coding, &fault),
            Err(failure) => return failed(served, &failure),
        },
    };
    if streams {
        let host = served.host.clone();
        let work = |parts| async move { host.infer(place, bytes, form, request_id, arrived, Some(parts)).await };
        return events::answer(work).await.unwrap_or_else(|failure| failed(served, &failure));
    }
    let answer = match served.host.infer(place, bytes, form, request_id, arrived, None).await {
        Ok(response) if served.settings.compress_responses => {
            coding::compress(&served.host, &head.headers, response, id.as_deref(), deadline).await
        }
        answer => answer.map(respond::inference),
    };
    answer.unwrap_or_else(|failure| failed(served, &failure))
}

/// How long a body may take: no longer than the whole request.
fn body_time(settings: &EngineSettings, limit: Option<Duration>) -> Duration {
    [settings.timeout, limit].into_iter().flatten().fold(settings.body_timeout, Duration::min)
}

fn body_fault(served: &Served, fault: &BodyFault) -> Response<ResponseBody> {
    served.host.metrics().rejected(match fault {
        BodyFault::TooLarge => Rejected::TooLarge,
        BodyFault::TooSlow(_) => Rejected::TooSlow,
        BodyFault::Broken => Rejected::Invalid,
        BodyFault::OverBudget => Rejected::Memory,
    });
    match fault {
        BodyFault::TooLarge => respond::error(
            StatusCode::PAYLOAD_TOO_LARGE,
            &format!("a body of at most {} bytes is expected", served.settings.max_body.as_u64()),
        ),
        BodyFault::TooSlow(time) => respond::error(
            StatusCode::REQUEST_TIMEOUT,
            &format!("the body is expected within {}", humantime::format_duration(*time)),
        ),
        BodyFault::OverBudget => respond::unavailable(OVER_BUDGET, served.host.retry_after()),
        BodyFault::Broken => respond::error(StatusCode::BAD_REQUEST, "the body ended before its end"),
    }
}

fn failed(served: &Served, failure: &Failure) -> Response<ResponseBody> {
    let text = respond::failure_text(failure);
    match failure.error.kind() {
        Kind::Rejected => respond::error(StatusCode::BAD_REQUEST, &text),
        Kind::Unavailable | Kind::Cancelled => respond::unavailable(&text, served.host.retry_after()),
        Kind::TimedOut => respond::error(StatusCode::GATEWAY_TIMEOUT, &text),
        Kind::Failed => respond::error(StatusCode::INTERNAL_SERVER_ERROR, &text),
    }
}
