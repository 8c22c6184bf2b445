//! An engine on a socket, with or without a fault between it and its callers.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    http::{HeaderMap, Method, StatusCode, Uri},
    middleware::{Next, from_fn},
    response::Response,
};
use chariot_engine::{Engine, EngineBuilder};
use conformance::{Level, Report, Suite, Target, run};
use tokio::{net::TcpListener, runtime::Runtime};

/// The part of a request that a fault sees: its method, path and headers.
pub(crate) struct Head {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
}

/// The response that a fault sees and changes.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// A fault of a server: a change of the head of a request, or of its response.
#[derive(Clone)]
pub(crate) struct Fault {
    pub(crate) request: fn(&mut Head),
    pub(crate) answer: fn(&Head, &mut Answer),
}

impl Fault {
    /// Makes a fault of responses.
    pub(crate) fn of_answers(answer: fn(&Head, &mut Answer)) -> Self {
        Fault { request: |_| {}, answer }
    }

    /// Makes a fault of requests.
    pub(crate) fn of_requests(request: fn(&mut Head)) -> Self {
        Fault { request, answer: |_, _| {} }
    }
}

/// An engine that serves a free port of the loopback interface until this is dropped.
pub(crate) struct Served {
    address: SocketAddr,
    _runtime: Runtime,
}

impl Served {
    /// Starts an engine and waits until its model is loaded.
    pub(crate) fn start(builder: EngineBuilder) -> Self {
        Self::begin(builder, |router| router)
    }

    /// Starts an engine behind a fault.
    pub(crate) fn with_fault(builder: EngineBuilder, fault: Fault) -> Self {
        let fault = Arc::new(fault);
        Self::begin(builder, move |router| {
            router.layer(from_fn(move |request: Request, next: Next| faulty(fault.clone(), request, next)))
        })
    }

    fn begin(builder: EngineBuilder, wrap: impl FnOnce(Router) -> Router) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let address = runtime.block_on(async {
            let engine: Engine = builder.start().expect("the engine starts");
            engine.ready().await.expect("the model is loaded");
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("an address");
            let router = wrap(Router::new().fallback_service(engine.service()));
            tokio::spawn(async move { axum::serve(listener, router).await });
            address
        });
        Served { address, _runtime: runtime }
    }

    /// Returns the URL of the server.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the server as a target of the suite, at the highest level.
    pub(crate) fn target(&self, model: &str) -> Target {
        let target = Target::new(&self.url(), model).expect("a target");
        target.level(Level::OpenAi).base("")
    }

    /// Runs every case against the server.
    pub(crate) fn report(&self, model: &str) -> Report {
        run(&self.target(model), &Suite::embedded()).expect("the server is usable")
    }
}

/// Applies a fault to a request and its response. The body of a request is never changed.
async fn faulty(fault: Arc<Fault>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let mut head = Head { method: parts.method, uri: parts.uri, headers: parts.headers };
    let asked = Head { method: head.method.clone(), uri: head.uri.clone(), headers: head.headers.clone() };
    (fault.request)(&mut head);
    let mut request = Request::new(body);
    *request.method_mut() = head.method;
    *request.uri_mut() = head.uri;
    *request.headers_mut() = head.headers;

    let (mut parts, body) = next.run(request).await.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("the body of a response").to_vec();
    let mut answer = Answer { status: parts.status, headers: parts.headers, body };
    let length = answer.body.len();
    (fault.answer)(&asked, &mut answer);
    if answer.body.len() != length {
        answer.headers.insert("content-length", answer.body.len().into());
    }
    (parts.status, parts.headers) = (answer.status, answer.headers);
    Response::from_parts(parts, Body::from(answer.body))
}
