//! A client that keeps its connections busy: each asks again as soon as it has its answer.

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
    /// From the first request to the last answer.
    pub(crate) took: Duration,
    /// From a request to the end of its answer.
    pub(crate) latencies: Vec<Duration>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr, connections: usize) -> Result<Self, Failure> {
        let mut open = Vec::with_capacity(connections);
        for _ in 0..connections {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
            // A connection that breaks is told by the request that is on it.
            tokio::spawn(connection);
            open.push(sender);
        }
        Ok(Client(open))
    }

    /// Asks once, and gives the answer.
    pub(crate) async fn ask(&mut self, request: Request<Full<Bytes>>) -> Result<Bytes, Failure> {
        ask(self.0.first_mut().ok_or("there is no connection")?, request).await
    }

    /// Sends `requests` requests over all connections. Every answer must have as many bytes as are expected.
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
                    let came = ask(&mut connection, request.clone()).await?.len();
                    latencies.push(sent.elapsed());
                    if came != expected {
                        return Err(format!("an answer of {expected} bytes was expected, one of {came} came").into());
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
