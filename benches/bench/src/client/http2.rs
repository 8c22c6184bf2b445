//! Streams of one connection of HTTP/2, by hyper's client.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use super::request::Request;
use crate::Failure;

/// Windows that never hold up a body of this benchmark.
const WINDOW: u32 = 64 << 20;

#[derive(Clone)]
pub(crate) struct Http2(SendRequest<Full<Bytes>>);

impl Http2 {
    pub(super) async fn connect(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .handshake(TokioIo::new(stream))
            .await?;
        // A broken connection is reported by the request on it.
        tokio::spawn(connection);
        Ok(Http2(sender))
    }

    /// Sends a request and reads the answer. Passes the pieces of its body on, and returns its status.
    pub(super) async fn exchange(&mut self, request: &Request, mut data: impl FnMut(&[u8])) -> Result<u16, Failure> {
        let mut sent = http::Request::new(Full::new(request.body.clone()));
        *sent.method_mut() = request.method.clone();
        *sent.uri_mut() = request.uri.clone();
        *sent.headers_mut() = request.headers.clone();
        self.0.ready().await?;
        let response = self.0.send_request(sent).await?;
        let status = response.status().as_u16();
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            if let Some(piece) = frame?.data_ref() {
                data(piece);
            }
        }
        Ok(status)
    }
}
