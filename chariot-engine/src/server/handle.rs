//! What is answered on each route. The service calls it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Body;
use serde::Serialize;

use super::{
    body::{self, BodyFault},
    respond::{self, ResponseBody},
    route::{NoRoute, Route, Routes},
};
use crate::{
    error::{Kind, Rejection},
    protocol::{self, DataType, ModelMetadata, TensorMetadata, quote},
    runtime::{Failure, Host, Refusal, State},
    settings::EngineSettings,
    signature::TensorSpec,
};

/// What the service serves.
#[derive(Clone)]
pub(crate) struct Served {
    pub(crate) host: Host,
    pub(crate) routes: Routes,
    pub(crate) settings: EngineSettings,
    /// Asks clients of HTTP/1 to come again by another connection while the engine drains: its port closes soon.
    pub(crate) closes_connections: bool,
}

/// How messages name the platform's side of this engine in the metadata.
const PLATFORM: &str = "chariot-engine";

/// The longest request id that is echoed.
const MAX_REQUEST_ID: usize = 128;

/// The extensions of the protocol that this server has.
const EXTENSIONS: &[&str] = &["binary_tensor_data"];

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const JSON_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");
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
    if served.closes_connections && http1 && served.host.status().state == State::Draining {
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
        Ok(route) => route,
        Err(none) => {
            let text = match none {
                NoRoute::Path => "there is no such route; GET /v2 says what this server is".to_string(),
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
        Route::Infer => request.method() == Method::POST,
        _ => matches!(*request.method(), Method::GET | Method::HEAD),
    };
    if !method_fits {
        linger(request);
        return respond::method_not_allowed(route.allowed());
    }
    match route {
        Route::Infer => infer(served, request, request_id).await,
        Route::Live => respond::json(StatusCode::OK, r#"{"live":true}"#),
        Route::Ready => ready(served),
        Route::ServerReady => server_ready(served),
        Route::Server => server(served),
        Route::Models => respond::value(StatusCode::OK, &Models { models: [served.host.name()] }),
        Route::Model => respond::value(StatusCode::OK, &metadata(served)),
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
    let state = if status.state == State::Ready && error.is_some() { "unhealthy" } else { status.state.as_str() };
    let body = Ready { name: served.host.name(), status: state, ready: error.is_none(), error };
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
    let body = Server { name: served.host.name(), version: served.host.version(), extensions: EXTENSIONS };
    respond::value(StatusCode::OK, &body)
}

fn metadata(served: &Served) -> ModelMetadata {
    let spec = served.host.spec();
    let tensors = |specs: &[TensorSpec]| specs.iter().map(TensorSpec::metadata).collect();
    let (mut inputs, mut outputs): (Vec<_>, Vec<_>) = (tensors(&spec.inputs), tensors(&spec.outputs));
    if let Some(element) = spec.element {
        // Inputs of any number and name, whose elements are the items; every output has the name of its input.
        let items = TensorMetadata { name: element.to_string(), datatype: DataType::Bytes, shape: vec![-1] };
        inputs.push(items.clone());
        outputs.push(items);
    }
    ModelMetadata {
        name: served.host.name().to_string(),
        versions: vec![served.host.version().to_string()],
        platform: PLATFORM.to_string(),
        inputs,
        outputs,
    }
}

async fn infer<B>(served: &Served, request: Request<B>, request_id: Option<&HeaderValue>) -> Response<ResponseBody>
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    let arrived = Instant::now();
    let (head, body) = request.into_parts();
    if let Some(refused) = refuse_by_head(served, &head.headers, &body) {
        body::linger(&head.headers, body);
        return refused;
    }
    let json_length = match json_length(&head.headers) {
        Ok(json_length) => json_length,
        Err(fault) => {
            body::linger(&head.headers, body);
            return respond::error(StatusCode::BAD_REQUEST, fault.text());
        }
    };
    let place = match served.host.admit() {
        Ok(place) => place,
        Err(refusal) => {
            body::linger(&head.headers, body);
            let text = match refusal {
                Refusal::NotServing(why) => why,
                Refusal::Full => "the queue is full",
            };
            return respond::unavailable(text, served.host.retry_after());
        }
    };
    let limit = served.settings.max_body.as_u64();
    let mut body = Box::pin(body);
    let bytes = match body::read(body.as_mut(), limit, body_time(&served.settings)).await {
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
    match served.host.infer(place, bytes, json_length, request_id, arrived).await {
        Ok(response) => respond::inference(response),
        Err(failure) => failed(served, &failure),
    }
}

/// Refuses what the head alone shows to be wrong, before a byte of the body is read.
fn refuse_by_head(served: &Served, headers: &HeaderMap, body: &impl Body) -> Option<Response<ResponseBody>> {
    if let Some(coding) = headers.get(header::CONTENT_ENCODING)
        && !coding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        let mut response = respond::error(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Content-Encoding: a body without a content coding is expected",
        );
        response.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        return Some(response);
    }
    if body.size_hint().lower() > served.settings.max_body.as_u64() {
        return Some(body_fault(served, &BodyFault::TooLarge));
    }
    None
}

/// How long the JSON is that binary tensors follow; `None` where the body is nothing else.
fn json_length(headers: &HeaderMap) -> Result<Option<usize>, Rejection> {
    let mut values = headers.get_all(JSON_LENGTH).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => protocol::json_length(value.as_bytes()).map(Some),
        (Some(_), Some(_)) => {
            Err(Rejection::new("one length is expected, several came").at(protocol::JSON_LENGTH_HEADER))
        }
    }
}

/// How long a body may take: no longer than the whole request.
fn body_time(settings: &EngineSettings) -> Duration {
    settings.timeout.map_or(settings.body_timeout, |whole| whole.min(settings.body_timeout))
}

fn body_fault(served: &Served, fault: &BodyFault) -> Response<ResponseBody> {
    match fault {
        BodyFault::TooLarge => respond::error(
            StatusCode::PAYLOAD_TOO_LARGE,
            &format!("a body of at most {} bytes is expected", served.settings.max_body.as_u64()),
        ),
        BodyFault::TooSlow => respond::error(
            StatusCode::REQUEST_TIMEOUT,
            &format!("the body is expected within {}", humantime::format_duration(body_time(&served.settings))),
        ),
        BodyFault::Broken => respond::error(StatusCode::BAD_REQUEST, "the body ended before its end"),
    }
}

fn failed(served: &Served, failure: &Failure) -> Response<ResponseBody> {
    let Failure { id, error } = failure;
    let text = error.public().unwrap_or_else(|| format!("the model failed (request {id})"));
    match error.kind() {
        Kind::Rejected => respond::error(StatusCode::BAD_REQUEST, &text),
        Kind::Unavailable | Kind::Cancelled => respond::unavailable(&text, served.host.retry_after()),
        Kind::TimedOut => respond::error(StatusCode::GATEWAY_TIMEOUT, &text),
        Kind::Failed => respond::error(StatusCode::INTERNAL_SERVER_ERROR, &text),
    }
}
