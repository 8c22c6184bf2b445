//! A client that keeps its connections busy: each sends the next request as soon as it has a response.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet};

use crate::Failure;

/// Open connections to one server.
pub(crate) struct Client(Vec<Connection>);

type Connection = SendRequest<Full<Bytes>>;

/// One round of requests.
pub(crate) struct Round {
    /// The time from the first request to the last response.
    pub(crate) took: Duration,
    /// The times from each request to the end of its response.
    pub(crate) latencies: Vec<Duration>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr, connections: usize) -> Result<Self, Failure> {
        let mut open = Vec::with_capacity(connections);
        for _ in 0..connections {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
            // A broken connection is reported by the request on it.
            tokio::spawn(connection);
            open.push(sender);
        }
        Ok(Client(open))
    }

    /// Sends one request and returns the response.
    pub(crate) async fn ask(&mut self, request: Request<Full<Bytes>>) -> Result<Bytes, Failure> {
        ask(self.0.first_mut().ok_or("no connection")?, request).await
    }

    /// Sends `requests` requests over all connections. Every response must have the expected number of bytes.
    pub(crate) async fn round(
        &mut self,
        request: &Request<Full<Bytes>>,
        requests: usize,
        expected: usize,
    ) -> Result<Round, Failure> {
        let left = Arc::new(AtomicUsize::new(requests));
        let mut tasks = JoinSet::new();
        let begin = Instant::now();
        for mut connection in std::mem::take(&mut self.0) {
            let (left, request) = (left.clone(), request.clone());
            tasks.spawn(async move {
                let mut latencies = Vec::new();
                while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
                    let sent = Instant::now();
                    let got = ask(&mut connection, request.clone()).await?.len();
                    latencies.push(sent.elapsed());
                    if got != expected {
                        return Err(format!("expected a response of {expected} bytes, got {got}").into());
                    }
                }
                Ok::<_, Failure>((connection, latencies))
            });
        }
        let mut latencies = Vec::with_capacity(requests);
        while let Some(ended) = tasks.join_next().await {
            let (connection, of_connection) = ended??;
            self.0.push(connection);
            latencies.extend(of_connection);
        }
        Ok(Round { took: begin.elapsed(), latencies })
    }
}

async fn ask(connection: &mut Connection, request: Request<Full<Bytes>>) -> Result<Bytes, Failure> {
    connection.ready().await?;
    let response = connection.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    if status == StatusCode::OK { Ok(body) } else { Err(format!("status {status}: {body:?}").into()) }
}
