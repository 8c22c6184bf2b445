//! The handler of every request: finds its route and returns the response. The service calls it.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Version, header, request::Parts};
use http_body::Body;
use serde::Serialize;
use tokio::time::Instant;

#[cfg(all(feature = "dev", unix))]
use super::dev;
#[cfg(feature = "openai")]
use super::openai;
#[cfg(feature = "page")]
use super::{accept::accepts_html, page, page_state::PageState};
use super::{
    accept::{accepts_events, prefers_open_metrics},
    body::UnreadBody,
    caller::Caller,
    cors::Cors,
    fallback::{BodyLimits, Fallback},
    infer::{Arrival, infer},
    report::Report,
    repository,
    request_end::{self, Facts},
    request_id::is_request_id,
    request_log::{self, is_error, is_logged},
    respond::{self, ResponseBody},
    route::{Route, RouteError, Routes},
    token::BearerToken,
    trace::{RequestTrace, route_of},
};
#[cfg(all(feature = "dev", unix))]
use crate::dev::LoopStatus;
use crate::{
    error::quoted,
    protocol::{
        ModelMetadata, Protocol,
        routes::{Methods, ModelEndpoint, ServerEndpoint},
    },
    runtime::{Host, Models, Readiness},
    settings::RequestLog,
    telemetry::{
        Traces,
        metrics::{Metrics, MetricsFormat, Rejected},
    },
};

/// The state of the service.
#[derive(Clone)]
pub(crate) struct Served {
    pub(crate) models: Models,
    pub(crate) routes: Routes,
    /// The name of the server in its metadata.
    pub(crate) name: String,
    pub(crate) version: String,
    /// Serves `/metrics`.
    pub(crate) shows_metrics: bool,
    pub(crate) metrics: Metrics,
    /// The state that the page shows, to which errors are added; `None` if browsers do not get the page.
    #[cfg(feature = "page")]
    pub(crate) page: Option<Arc<PageState>>,
    /// Closes HTTP/1 connections after their response while the engine drains, because its port closes soon.
    pub(crate) closes_connections: bool,
    pub(crate) openapi: Arc<LazyDocument>,
    /// Refuses requests without the token.
    pub(crate) token: Option<BearerToken>,
    /// The requests that have a line in the log.
    pub(crate) request_log: RequestLog,
    /// The export of spans, if there is one.
    pub(crate) traces: Option<Traces>,
    /// Lets pages of other origins read responses.
    pub(crate) cors: Option<Cors>,
    /// The time of the start, in seconds since 1970.
    #[cfg(feature = "openai")]
    pub(crate) started: u64,
    /// The status of the development loop that has started the engine.
    #[cfg(all(feature = "dev", unix))]
    pub(crate) dev: Option<LoopStatus>,
    /// Serves what the engine does not route.
    pub(crate) fallback: Option<(Arc<Fallback>, BodyLimits)>,
}

/// The OpenAPI document, which is made when it is first requested: that takes longer than the rest of a start. It does not
/// change once all models are loaded.
pub(crate) struct LazyDocument {
    made: OnceLock<Bytes>,
    make: Box<dyn Fn() -> Bytes + Send + Sync>,
    /// Returns `true` once the document does not change any more.
    is_final: Box<dyn Fn() -> bool + Send + Sync>,
}

impl LazyDocument {
    pub(crate) fn new(
        make: impl Fn() -> Bytes + Send + Sync + 'static,
        is_final: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Self {
        LazyDocument { made: OnceLock::new(), make: Box::new(make), is_final: Box::new(is_final) }
    }

    /// Returns the document. It is made on the blocking pool. `None` if that fails.
    async fn get(self: &Arc<Self>) -> Option<Bytes> {
        if let Some(made) = self.made.get() {
            return Some(made.clone());
        }
        let own = self.clone();
        let make = move || match (own.is_final)() {
            true => own.made.get_or_init(&own.make).clone(),
            false => (own.make)(),
        };
        tokio::task::spawn_blocking(make).await.ok()
    }
}

const NO_ROUTE: &str = "route not found; GET /v2 describes this server";

/// The `platform` of a model in its metadata.
const PLATFORM: &str = "chariot-engine";

/// The extensions of the Open Inference Protocol that this server supports.
const EXTENSIONS: &[&str] = &["binary_tensor_data"];

/// The methods that some route of the server has.
const EVERY_METHOD: &str = "GET, HEAD, POST, OPTIONS";

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Serves a request of a connection.
#[expect(clippy::manual_async_fn, reason = "the future of an async function holds its arguments twice")]
pub(super) fn handle<B>(
    served: Arc<Served>,
    head: Parts,
    mut body: UnreadBody<B>,
    caller: Caller,
) -> impl Future<Output = Response<ResponseBody>>
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    async move {
        if let Some(response) = answer_by_head(&served, &head) {
            log_fault(&served, &head, &response, caller);
            body.linger(&head.headers);
            let request_id = head.headers.get(REQUEST_ID).filter(|id| is_request_id(id));
            return finish(&served, &head, request_id, response);
        }
        #[cfg(all(feature = "dev", unix))]
        if let Some(status) = &served.dev
            && let Some(response) = dev::answer(&served.routes, status, &head)
        {
            body.linger(&head.headers);
            return finish(&served, &head, None, response);
        }
        if let Some((fallback, limits)) = &served.fallback
            && let Err(RouteError::Path) = served.routes.find(head.uri.path())
        {
            // In a box, so that inference does not carry the future.
            let response = Box::pin(fallback.respond(&head, body.take_whole(), *limits)).await;
            return end_if_leaving(&served, &head, response);
        }
        let request_id = head.headers.get(REQUEST_ID).filter(|id| is_request_id(id));
        let response = dispatch(&served, &head, &mut body, request_id, caller).await;
        finish(&served, &head, request_id, response)
    }
}

/// Returns the response to a preflight, or to a request without the token, whether the engine or another service routes it.
fn answer_by_head(served: &Served, head: &Parts) -> Option<Response<ResponseBody>> {
    if let Some(cors) = &served.cors
        && let Some(response) = cors.preflight(head)
    {
        return Some(response);
    }
    let token = served.token.as_ref()?;
    let route = served.routes.find(head.uri.path());
    let response = token.refuse(&route, &head.headers)?;
    if let Ok(Route::Model(index, ModelEndpoint::Infer | ModelEndpoint::GenerateStream)) = route {
        let metrics = served.models.get(index).host.metrics();
        metrics.rejected(Rejected::Unauthorized);
        metrics.answered(response.status().as_u16());
    }
    Some(response)
}

/// Logs a fault of a request before it is served.
fn log_fault(served: &Served, head: &Parts, response: &Response<ResponseBody>, caller: Caller) {
    #[cfg(feature = "page")]
    if let Some(page) = &served.page
        && is_error(response)
    {
        page.errors.note_refused(&head.method, head.uri.path(), response);
    }
    if is_error(response) && is_logged(served.request_log, true) {
        request_log::write_refused(served.request_log, &head.method, head.uri.path(), response, caller.peer);
    }
}

/// Adds the header fields that do not depend on the route.
fn finish(
    served: &Served,
    head: &Parts,
    request_id: Option<&HeaderValue>,
    mut response: Response<ResponseBody>,
) -> Response<ResponseBody> {
    if let Some(id) = request_id {
        response.headers_mut().insert(REQUEST_ID, id.clone());
    }
    // Caches store the response to a POST only if it says so.
    if head.method != Method::POST {
        respond::forbid_storing(&mut response);
    }
    #[cfg(feature = "openai")]
    let response = if response.status().as_u16() >= 400
        && let Ok(Route::OpenAi(_)) = served.routes.find(head.uri.path())
    {
        // Whoever has refused the request.
        respond::in_openai_form(response)
    } else {
        response
    };
    let response = end_if_leaving(served, head, response);
    if head.method == Method::HEAD { respond::without_body(response) } else { response }
}

/// Ends the connection after a response if the engine drains, or if the response could not end otherwise.
fn end_if_leaving(served: &Served, head: &Parts, mut response: Response<ResponseBody>) -> Response<ResponseBody> {
    let is_http1 = head.version < Version::HTTP_2;
    // A caller that is refused while it waits to be asked for its body must learn that the connection ends: Apache httpd sends
    // the body otherwise, and makes a 500 of the refusal.
    let is_refused = is_http1 && !response.status().is_success() && head.headers.contains_key(header::EXPECT);
    // HTTP/1.0 has no chunks, so there the end of a stream is the end of the connection.
    let ends_with_body = head.version == Version::HTTP_10 && response.body().size_hint().exact().is_none();
    let leaves = served.closes_connections && is_http1 && (is_refused || served.models.is_draining());
    if ends_with_body || leaves {
        respond::end_connection(&mut response, head.version);
    }
    response
}

/// Finds the route of a request and serves it.
async fn dispatch<B>(
    served: &Served,
    head: &Parts,
    body: &mut UnreadBody<B>,
    request_id: Option<&HeaderValue>,
    caller: Caller,
) -> Response<ResponseBody>
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    let route = match served.routes.find(head.uri.path()) {
        Ok(Route::Model(index, ModelEndpoint::GenerateStream)) if !served.models.get(index).host.spec().streaming => {
            Err(RouteError::Path)
        }
        Ok(Route::Server(ServerEndpoint::Metrics)) if !served.shows_metrics => Err(RouteError::Path),
        found => found,
    };
    let asks_for_options = head.method == Method::OPTIONS;
    let route = match route {
        Ok(route) => route,
        Err(error) => {
            body.linger(&head.headers);
            if asks_for_options && head.uri.path() == "*" {
                return respond::options(EVERY_METHOD);
            }
            let response = respond::error(StatusCode::NOT_FOUND, &not_found(&served.models, &error));
            log_fault(served, head, &response, caller);
            return response;
        }
    };
    let is_allowed = match route.methods() {
        Methods::Post => head.method == Method::POST,
        Methods::Get => matches!(head.method, Method::GET | Method::HEAD),
    };
    if !is_allowed {
        body.linger(&head.headers);
        let methods = route.methods();
        if asks_for_options {
            return respond::options(methods.allow());
        }
        let response = respond::method_not_allowed(methods);
        log_fault(served, head, &response, caller);
        return response;
    }
    match route {
        Route::Model(index, endpoint @ (ModelEndpoint::Infer | ModelEndpoint::GenerateStream)) => {
            let model = served.models.get(index);
            let streams = endpoint == ModelEndpoint::GenerateStream
                || (model.host.spec().streaming && accepts_events(&head.headers));
            let arrived = Instant::now();
            let arrival = Arrival { request_id, at: arrived, source: caller.source };
            let template = || route_of(head.uri.path(), endpoint);
            let mut report = Report::new(RequestTrace::begin(served.traces.as_ref(), head, template, caller));
            let response = infer(model, head, body, arrival, streams, &mut report).await;
            let facts = Facts {
                log: served.request_log,
                model: &model.host,
                request_id,
                route: if endpoint == ModelEndpoint::Infer { "infer" } else { "generate_stream" },
                peer: caller.peer,
                arrived,
                #[cfg(feature = "page")]
                page: served.page.as_ref(),
            };
            request_end::end(facts, report, response)
        }
        // The base URL can be that of a model.
        #[cfg(feature = "page")]
        Route::Model(_, ModelEndpoint::Metadata) | Route::Server(ServerEndpoint::Root | ServerEndpoint::Metadata)
            if served.page.is_some() && served.routes.is_home(head.uri.path()) =>
        {
            let of_page = if accepts_html(&head.headers) { Box::pin(page::respond(&head.headers)).await } else { None };
            let mut response = of_page.unwrap_or_else(|| match route {
                Route::Model(index, _) => model(&served.models.get(index).host),
                _ => server(served),
            });
            response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept, accept-encoding"));
            response
        }
        #[cfg(feature = "openai")]
        Route::OpenAi(endpoint) => {
            let engine = openai::Served {
                models: &served.models,
                routes: &served.routes,
                started: served.started,
                log: served.request_log,
                traces: served.traces.as_ref(),
                #[cfg(feature = "page")]
                page: served.page.as_ref(),
            };
            Box::pin(openai::respond(engine, endpoint, head, body, request_id, caller)).await
        }
        #[cfg(feature = "page")]
        Route::PageState => match &served.page {
            Some(page) => page.respond(&head.headers),
            None => respond::error(StatusCode::NOT_FOUND, NO_ROUTE),
        },
        Route::Model(index, ModelEndpoint::Metadata) => model(&served.models.get(index).host),
        Route::Model(index, ModelEndpoint::Ready) => {
            let host = &served.models.get(index).host;
            ready(host.name(), &Readiness::new(&host.status()))
        }
        // In a box, so that inference does not carry the future.
        Route::Server(endpoint) => Box::pin(respond_for_engine(served, endpoint, &head.headers, body)).await,
    }
}

/// Serves a request to a route of the engine as a whole.
async fn respond_for_engine<B>(
    served: &Served,
    endpoint: ServerEndpoint,
    headers: &HeaderMap,
    body: &mut UnreadBody<B>,
) -> Response<ResponseBody>
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    match endpoint {
        ServerEndpoint::Metrics => metrics(served, headers),
        ServerEndpoint::Live => respond::json(StatusCode::OK, r#"{"live":true}"#),
        ServerEndpoint::Ready => ready(&served.name, &served.models.readiness()),
        ServerEndpoint::ServerReady => server_ready(served),
        ServerEndpoint::Root | ServerEndpoint::Metadata => server(served),
        ServerEndpoint::Models => {
            let models = served.models.iter().map(|model| model.host.name()).collect();
            respond::value(StatusCode::OK, &ModelNames { models })
        }
        ServerEndpoint::RepositoryIndex => repository::index(&served.models, headers, body).await,
        ServerEndpoint::OpenApi => match served.openapi.get().await {
            Some(document) => respond::json(StatusCode::OK, document),
            None => respond::error(StatusCode::INTERNAL_SERVER_ERROR, "internal error"),
        },
    }
}

/// Returns the message for a path without a route.
fn not_found(models: &Models, error: &RouteError) -> String {
    match error {
        RouteError::Path => NO_ROUTE.to_string(),
        RouteError::Model(name) => {
            format!("model {} not found; available models: {}", quoted(name), models.names())
        }
        RouteError::NoDefault => format!(
            "this engine has no default model; use /v2/models/{{name}}/infer with one of these models: {}",
            models.names()
        ),
        RouteError::Version { model, version } => {
            let host = &models.get(*model).host;
            let (name, available) = (host.name(), host.version());
            format!("version {} of model '{name}' not found; available version: {available}", quoted(version))
        }
    }
}

#[derive(Serialize)]
struct ModelNames<'a> {
    models: Vec<&'a str>,
}

/// Returns the readiness of the engine or of a model.
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

/// Returns the readiness of the server in the form of the Open Inference Protocol.
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

/// Returns the metadata of the server.
fn server(served: &Served) -> Response<ResponseBody> {
    #[derive(Serialize)]
    struct Server<'a> {
        name: &'a str,
        version: &'a str,
        extensions: &'a [&'a str],
    }
    let has_binary = served.models.iter().any(|model| model.host.accepts().supports(Protocol::V2Kserve));
    let extensions = if has_binary { EXTENSIONS } else { &[] };
    let body = Server { name: &served.name, version: &served.version, extensions };
    respond::value(StatusCode::OK, &body)
}

/// Returns the metadata of a model.
fn model(host: &Host) -> Response<ResponseBody> {
    let (inputs, outputs) = host.spec().announced();
    let metadata = ModelMetadata {
        name: host.name().to_string(),
        versions: vec![host.version().to_string()],
        platform: PLATFORM.to_string(),
        inputs,
        outputs,
    };
    respond::value(StatusCode::OK, &metadata)
}

fn metrics(served: &Served, headers: &HeaderMap) -> Response<ResponseBody> {
    let format = if prefers_open_metrics(headers) { MetricsFormat::OpenMetrics } else { MetricsFormat::Text };
    let update = || served.models.iter().for_each(|model| model.host.take_snapshot());
    match served.metrics.scrape(format, update) {
        Ok(text) => respond::text(format.media_type(), text),
        Err(error) => {
            tracing::error!("failed to encode metrics: {error}");
            respond::error(StatusCode::INTERNAL_SERVER_ERROR, "internal error")
        }
    }
}
