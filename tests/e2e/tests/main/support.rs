//! What the tests share: an engine behind a socket, clients, the bodies of requests, and a gate at which a
//! model waits.

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

/// A request of one text an input: `("a", "hello")`.
pub(crate) fn texts<'a>(inputs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let inputs: Vec<_> = inputs
        .into_iter()
        .map(|(name, text)| json!({"name": name, "datatype": "BYTES", "shape": [1], "data": [text]}))
        .collect();
    json!({ "inputs": inputs }).to_string()
}

/// A request of one text.
pub(crate) fn text(text: &str) -> String {
    texts([("text", text)])
}

/// An engine that serves a free port of the loopback.
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

    /// Starts an engine and does not wait for its model.
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

    /// Tells the engine to serve no more. What comes of it is how many requests were given up.
    pub(crate) fn stop(&mut self) -> JoinHandle<usize> {
        drop(self.stop.take());
        self.serving.take().expect("it is stopped once")
    }

    pub(crate) fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("the runtime stands until the server is dropped")
    }

    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime().block_on(future)
    }

    /// A connection on which a test writes what it likes.
    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.address).expect("the server accepts")
    }

    /// Asks by a method and a path, with these lines of headers, on a connection of its own.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[&str], body: impl AsRef<[u8]>) -> Answer {
        let mut connection = self.connect();
        connection.write(head(method, path, headers, body.as_ref().len())).expect("the server reads");
        connection.write(body).expect("the server reads");
        connection.answer().expect("the server answers")
    }

    /// Asks a path by GET.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "")
    }

    /// Asks for an inference.
    pub(crate) fn infer(&self, body: impl AsRef<[u8]>) -> Answer {
        self.ask("POST", "/infer", &[], body)
    }

    /// Asks for an inference, and returns when the request has its place; its answer comes by the connection.
    pub(crate) fn admitted(&self, body: &str) -> Connection {
        let mut connection = self.connect();
        let refused = connection.post_admitted("/infer", body).expect("the server answers");
        assert_eq!(refused, None, "the request has a place");
        connection
    }
}

/// The head of a request of HTTP/1.1.
pub(crate) fn head(method: &str, path: &str, headers: &[&str], length: usize) -> String {
    let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    format!("{method} {path} HTTP/1.1\r\nHost: engine\r\nContent-Length: {length}\r\n{lines}\r\n")
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        // A model that a failed test left blocking must not block the test's end.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A client of HTTP/2 without TLS, on one connection.
pub(crate) async fn http2(address: SocketAddr) -> http2::SendRequest<Full<Bytes>> {
    let stream = TokioIo::new(TcpStream::connect(address).await.expect("the server accepts"));
    let (client, connection) = http2::handshake(TokioExecutor::new(), stream).await.expect("the server speaks HTTP/2");
    tokio::spawn(connection);
    client
}

/// Where a model waits until the test lets it go on. It remembers who came.
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
        assert!(!waited.timed_out(), "the gate stays closed");
    }

    /// Lets all go on, those who come later too.
    pub(crate) fn open(&self) {
        self.state.lock().unwrap().1 = true;
        self.changed.notify_all();
    }

    /// Holds those who come from now on.
    pub(crate) fn close(&self) {
        self.state.lock().unwrap().1 = false;
    }

    /// Waits until so many have come.
    #[track_caller]
    pub(crate) fn wait_for(&self, count: usize) {
        let state = self.state.lock().unwrap();
        let (state, waited) = self.changed.wait_timeout_while(state, DEADLINE, |state| state.0.len() < count).unwrap();
        assert!(!waited.timed_out(), "{count} were to come to the gate, {:?} came", state.0);
    }

    /// Who has come, in order.
    pub(crate) fn came(&self) -> Vec<String> {
        self.state.lock().unwrap().0.clone()
    }
}
