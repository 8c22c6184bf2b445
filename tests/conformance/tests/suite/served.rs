//! An engine behind a socket of its own, with or without a fault planted between it and its callers.

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

/// A request as a fault sees it: its head.
pub(crate) struct Head {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
}

/// An answer as a fault sees it and changes it.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// What is wrong with a server: something of the head of a request, or of its answer.
#[derive(Clone)]
pub(crate) struct Fault {
    pub(crate) request: fn(&mut Head),
    pub(crate) answer: fn(&Head, &mut Answer),
}

impl Fault {
    /// A fault of answers.
    pub(crate) fn of_answers(answer: fn(&Head, &mut Answer)) -> Self {
        Fault { request: |_| {}, answer }
    }

    /// A fault of requests.
    pub(crate) fn of_requests(request: fn(&mut Head)) -> Self {
        Fault { request, answer: |_, _| {} }
    }
}

/// An engine that serves a free port of the loopback until this is dropped.
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

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The server as a target of the suite, at its highest level.
    pub(crate) fn target(&self, model: &str) -> Target {
        let target = Target::new(&self.url(), model).expect("a target");
        target.level(Level::Chariot).base("")
    }

    /// Asks the server every case.
    pub(crate) fn report(&self, model: &str) -> Report {
        run(&self.target(model), &Suite::embedded()).expect("the server can be asked")
    }
}

/// A request and its answer as a fault makes them. The body of a request is never touched.
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
    let body = to_bytes(body, usize::MAX).await.expect("the body of an answer").to_vec();
    let mut answer = Answer { status: parts.status, headers: parts.headers, body };
    let length = answer.body.len();
    (fault.answer)(&asked, &mut answer);
    if answer.body.len() != length {
        answer.headers.insert("content-length", answer.body.len().into());
    }
    (parts.status, parts.headers) = (answer.status, answer.headers);
    Response::from_parts(parts, Body::from(answer.body))
}
