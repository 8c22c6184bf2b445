//! A client with a connection that reconnects after a close and can disconnect.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::Failure;

/// The time after which a missing response counts as lost.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Client {
    address: SocketAddr,
    patience: Duration,
    open: Option<SendRequest<Full<Bytes>>>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self::with_patience(address, PATIENCE)
    }

    /// Creates a client that counts a response as lost after this time.
    pub(crate) fn with_patience(address: SocketAddr, patience: Duration) -> Self {
        Client { address, patience, open: None }
    }

    /// Posts a body and returns the status of the response.
    pub(crate) async fn infer(&mut self, body: Bytes) -> Result<u16, Failure> {
        self.post("/infer", body).await
    }

    /// Posts a body to a path and returns the status of the response.
    pub(crate) async fn post(&mut self, path: &str, body: Bytes) -> Result<u16, Failure> {
        let request = Request::post(path).header("host", "engine").body(Full::new(body))?;
        Ok(self.ask(request).await?.0)
    }

    pub(crate) async fn get(&mut self, path: &str) -> Result<u16, Failure> {
        Ok(self.read(path).await?.0)
    }

    /// Returns the status and the body of the response to a GET.
    pub(crate) async fn read(&mut self, path: &str) -> Result<(u16, Bytes), Failure> {
        let request = Request::get(path).header("host", "engine").body(Full::default())?;
        self.ask(request).await
    }

    async fn ask(&mut self, request: Request<Full<Bytes>>) -> Result<(u16, Bytes), Failure> {
        let result = tokio::time::timeout(self.patience, self.ask_in_time(request)).await;
        result.unwrap_or_else(|_| Err("no response before the deadline".into()))
    }

    async fn ask_in_time(&mut self, request: Request<Full<Bytes>>) -> Result<(u16, Bytes), Failure> {
        let mut sender = match self.open.take() {
            Some(open) if !open.is_closed() => open,
            _ => self.connect().await?,
        };
        if sender.ready().await.is_err() {
            sender = self.connect().await?;
        }
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        let closes = response.headers().get("connection").is_some_and(|value| value == "close");
        let body = response.into_body().collect().await?.to_bytes();
        self.open = (!closes).then_some(sender);
        Ok((status, body))
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, Failure> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // A broken connection is reported by the request on it.
        tokio::spawn(connection);
        Ok(sender)
    }
}
