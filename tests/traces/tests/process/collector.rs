//! A collector: receives spans by OTLP over HTTP, and takes, refuses or ignores them as a test says.

use std::{
    collections::HashMap,
    io::Read,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, http::StatusCode, routing::post};
use e2e::until;
use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, status::StatusCode as SpanStatus},
};
use prost::Message;
use tokio::{net::TcpListener, runtime::Runtime};

/// The way in which a collector treats spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behavior {
    /// Takes them.
    Take,
    /// Answers 500.
    Fail,
    /// Reads them and never answers.
    Stall,
}

/// Everything that a collector has received.
#[derive(Default)]
struct Received {
    spans: Vec<Exported>,
    /// The attributes of the last resource.
    resource: HashMap<String, String>,
    /// The headers of the last request.
    headers: HeaderMap,
    requests: usize,
}

/// A span as a collector has received it, with IDs as hexadecimal digits.
#[derive(Clone, Debug)]
pub(crate) struct Exported {
    pub(crate) trace: String,
    pub(crate) id: String,
    pub(crate) parent: String,
    pub(crate) name: String,
    pub(crate) attributes: HashMap<String, String>,
    /// The IDs of the linked spans, with the states of their traces.
    pub(crate) links: Vec<(String, String)>,
    pub(crate) is_error: bool,
    pub(crate) state: String,
    pub(crate) start: u64,
    pub(crate) end: u64,
}

struct Shared {
    behavior: Mutex<Behavior>,
    received: Mutex<Received>,
}

/// A running collector.
pub(crate) struct Collector {
    shared: Arc<Shared>,
    address: SocketAddr,
    _runtime: Runtime,
}

impl Collector {
    /// Starts a collector.
    pub(crate) fn start(behavior: Behavior) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let shared = Arc::new(Shared { behavior: Mutex::new(behavior), received: Mutex::default() });
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let router = Router::new().route("/v1/traces", post(receive)).with_state(shared.clone());
        runtime.spawn(async move { axum::serve(listener, router).await });
        Collector { shared, address, _runtime: runtime }
    }

    /// Returns its URL, as an operator sets it.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn behave(&self, behavior: Behavior) {
        *self.shared.behavior.lock().unwrap() = behavior;
    }

    /// Returns the spans that it has taken.
    pub(crate) fn spans(&self) -> Vec<Exported> {
        self.shared.received.lock().unwrap().spans.clone()
    }

    /// Waits for a span of a request, and returns it.
    pub(crate) fn request(&self, id: &str) -> Exported {
        let is_it = |span: &Exported| span.attributes.get("chariot.request.id").is_some_and(|own| own == id);
        until(&format!("the span of request '{id}'"), || self.spans().into_iter().find(is_it))
    }

    /// Returns the spans below a span, which arrive before it.
    pub(crate) fn below(&self, parent: &Exported) -> Vec<Exported> {
        self.spans().into_iter().filter(|span| span.parent == parent.id).collect()
    }

    /// Returns an attribute of the last resource.
    pub(crate) fn resource(&self, name: &str) -> Option<String> {
        self.shared.received.lock().unwrap().resource.get(name).cloned()
    }

    /// Returns a header of the last request.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let received = self.shared.received.lock().unwrap();
        received.headers.get(name).map(|value| value.to_str().expect("text").to_string())
    }

    /// Returns the number of requests that it has received.
    pub(crate) fn requests(&self) -> usize {
        self.shared.received.lock().unwrap().requests
    }
}

async fn receive(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    shared.received.lock().unwrap().requests += 1;
    let behavior = *shared.behavior.lock().unwrap();
    match behavior {
        Behavior::Take => {}
        Behavior::Fail => return StatusCode::INTERNAL_SERVER_ERROR,
        Behavior::Stall => std::future::pending().await,
    }
    let body = match headers.get("content-encoding").map(|coding| coding.to_str().expect("text")) {
        None => body,
        Some("gzip") => {
            let mut plain = Vec::new();
            GzDecoder::new(&body[..]).read_to_end(&mut plain).expect("a body in gzip");
            plain.into()
        }
        Some(other) => panic!("expected gzip or no coding, got {other}"),
    };
    let request = ExportTraceServiceRequest::decode(body).expect("a request of OTLP");
    let mut received = shared.received.lock().unwrap();
    received.headers = headers;
    for of_resource in request.resource_spans {
        received.resource = attributes(&of_resource.resource.expect("a resource").attributes);
        let spans = of_resource.scope_spans.into_iter().flat_map(|of_scope| of_scope.spans);
        received.spans.extend(spans.map(read));
    }
    StatusCode::OK
}

fn read(span: Span) -> Exported {
    Exported {
        trace: hexadecimal(&span.trace_id),
        id: hexadecimal(&span.span_id),
        parent: hexadecimal(&span.parent_span_id),
        attributes: attributes(&span.attributes),
        links: span.links.iter().map(|link| (hexadecimal(&link.span_id), link.trace_state.clone())).collect(),
        is_error: span.status.is_some_and(|status| status.code() == SpanStatus::Error),
        name: span.name,
        state: span.trace_state,
        start: span.start_time_unix_nano,
        end: span.end_time_unix_nano,
    }
}

fn hexadecimal(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn attributes(list: &[KeyValue]) -> HashMap<String, String> {
    let text = |pair: &KeyValue| match pair.value.clone()?.value? {
        Value::StringValue(text) => Some((pair.key.clone(), text)),
        Value::IntValue(number) => Some((pair.key.clone(), number.to_string())),
        _ => None,
    };
    list.iter().filter_map(text).collect()
}
