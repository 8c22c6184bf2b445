//! Code shared by the tests: an engine behind a socket, clients, bodies of requests, and a gate that holds a model.

use std::{
    net::SocketAddr,
    sync::{Condvar, Mutex},
};

use bytes::Bytes;
use chariot_engine::{Engine, EngineBuilder};
use e2e::{Answer, Connection, DEADLINE};
use http_body_util::Full;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    sync::oneshot,
    task::JoinHandle,
};

/// A request with one text per input, given as name and text: `("a", "hello")`.
pub(crate) fn texts<'a>(inputs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let inputs: Vec<_> = inputs
        .into_iter()
        .map(|(name, text)| json!({"name": name, "datatype": "BYTES", "shape": [1], "data": [text]}))
        .collect();
    json!({ "inputs": inputs }).to_string()
}

/// A request with one text.
pub(crate) fn text(text: &str) -> String {
    texts([("text", text)])
}

/// An engine that serves a free port of the loopback interface.
pub(crate) struct Server {
    pub(crate) engine: Engine,
    pub(crate) address: SocketAddr,
    runtime: Option<Runtime>,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<usize>>,
}

impl Server {
    /// Starts an engine and waits until its model is loaded.
    pub(crate) fn start(builder: EngineBuilder) -> Self {
        let server = Self::begin(builder);
        server.block_on(server.engine.ready()).expect("the model is loaded");
        server
    }

    /// Starts an engine without waiting for its model.
    pub(crate) fn begin(builder: EngineBuilder) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let engine = runtime.block_on(async { builder.start() }).expect("the engine starts");
        let (stop, stopped) = oneshot::channel();
        let serving = engine.clone();
        let serving = runtime.spawn(async move {
            let stop = async {
                let _ = stopped.await;
            };
            serving.serve(listener, stop).await
        });
        Server { engine, address, runtime: Some(runtime), stop: Some(stop), serving: Some(serving) }
    }

    /// Stops serving. The handle returns the number of requests that were abandoned.
    pub(crate) fn stop(&mut self) -> JoinHandle<usize> {
        drop(self.stop.take());
        self.serving.take().expect("a server is stopped only once")
    }

    pub(crate) fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("the runtime lives until the server is dropped")
    }

    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime().block_on(future)
    }

    /// Opens a connection on which a test writes arbitrary bytes.
    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.address).expect("the server accepts")
    }

    /// Sends a request with these header lines on a new connection.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[&str], body: impl AsRef<[u8]>) -> Answer {
        let mut connection = self.connect();
        connection.write(head(method, path, headers, body.as_ref().len())).expect("the server reads");
        connection.write(body).expect("the server reads");
        connection.answer().expect("the server answers")
    }

    /// Sends a GET.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "")
    }

    /// Sends an inference.
    pub(crate) fn infer(&self, body: impl AsRef<[u8]>) -> Answer {
        self.ask("POST", "/infer", &[], body)
    }

    /// Sends an inference and returns once it is admitted. Its response arrives on the connection.
    pub(crate) fn admitted(&self, body: &str) -> Connection {
        let mut connection = self.connect();
        let rejected = connection.post_admitted("/infer", body).expect("the server answers");
        assert_eq!(rejected, None, "the request is admitted");
        connection
    }
}

/// The request line and headers of an HTTP/1.1 request.
pub(crate) fn head(method: &str, path: &str, headers: &[&str], length: usize) -> String {
    let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    format!("{method} {path} HTTP/1.1\r\nHost: engine\r\nContent-Length: {length}\r\n{lines}\r\n")
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        // A model that a failed test left blocking must not keep the test from ending.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Opens a connection of HTTP/2 without TLS.
pub(crate) async fn http2(address: SocketAddr) -> http2::SendRequest<Full<Bytes>> {
    let stream = TokioIo::new(TcpStream::connect(address).await.expect("the server accepts"));
    let (client, connection) = http2::handshake(TokioExecutor::new(), stream).await.expect("the server speaks HTTP/2");
    tokio::spawn(connection);
    client
}

/// A gate that holds a model until the test opens it. It records who has arrived.
#[derive(Default)]
pub(crate) struct Gate {
    state: Mutex<(Vec<String>, bool)>,
    changed: Condvar,
}

impl Gate {
    pub(crate) const fn new() -> Self {
        Gate { state: Mutex::new((Vec::new(), false)), changed: Condvar::new() }
    }

    /// Blocks until the gate is open.
    pub(crate) fn pass(&self, who: &str) {
        let mut state = self.state.lock().unwrap();
        state.0.push(who.to_string());
        self.changed.notify_all();
        let (state, waited) = self.changed.wait_timeout_while(state, DEADLINE, |state| !state.1).unwrap();
        drop(state);
        assert!(!waited.timed_out(), "the gate was not opened");
    }

    /// Opens the gate, also for later arrivals.
    pub(crate) fn open(&self) {
        self.state.lock().unwrap().1 = true;
        self.changed.notify_all();
    }

    /// Closes the gate for later arrivals.
    pub(crate) fn close(&self) {
        self.state.lock().unwrap().1 = false;
    }

    /// Waits until `count` callers have arrived in total.
    #[track_caller]
    pub(crate) fn wait_for(&self, count: usize) {
        let state = self.state.lock().unwrap();
        let (state, waited) = self.changed.wait_timeout_while(state, DEADLINE, |state| state.0.len() < count).unwrap();
        assert!(!waited.timed_out(), "expected {count} arrivals at the gate, got {:?}", state.0);
    }

    /// Returns all arrivals in order.
    pub(crate) fn arrivals(&self) -> Vec<String> {
        self.state.lock().unwrap().0.clone()
    }
}
