//! A connection of either version of HTTP.

use std::net::SocketAddr;

use super::{
    http1::Http1,
    http2::Http2,
    request::{Protocol, Request},
};
use crate::Failure;

/// A connection of HTTP/1.1, or the right to streams of one of HTTP/2.
pub(crate) enum Connection {
    Http1(Http1),
    Http2(Http2),
}

/// Opens connections. With HTTP/2, all are streams of the same one.
pub(crate) async fn connect(protocol: Protocol, address: SocketAddr, count: usize) -> Result<Vec<Connection>, Failure> {
    let mut open = Vec::with_capacity(count);
    match protocol {
        Protocol::Http1 => {
            for _ in 0..count {
                open.push(Connection::Http1(Http1::connect(address).await?));
            }
        }
        Protocol::Http2 => {
            let shared = Http2::connect(address).await?;
            open.extend((0..count).map(|_| Connection::Http2(shared.clone())));
        }
    }
    Ok(open)
}

impl Connection {
    /// Sends a request and returns the status and the body of the answer.
    pub(crate) async fn ask(&mut self, request: &Request) -> Result<(u16, Vec<u8>), Failure> {
        let mut body = Vec::new();
        let status = self.exchange(request, |piece| body.extend_from_slice(piece)).await?;
        Ok((status, body))
    }

    /// Sends a request, of which the answer must have the status 200 and this body. In haste only its length is compared.
    pub(crate) async fn expect(&mut self, request: &Request, expected: &[u8], haste: bool) -> Result<(), Failure> {
        let (mut got, mut same) = (0, true);
        let status = self
            .exchange(request, |piece| {
                same = haste || (same && expected[got.min(expected.len())..].starts_with(piece));
                got += piece.len();
            })
            .await?;
        if status != 200 {
            return Err(format!("expected status 200, got {status}").into());
        }
        if got != expected.len() {
            return Err(format!("expected an answer of {} bytes, got {got}", expected.len()).into());
        }
        if same { Ok(()) } else { Err("expected the answer to the first request, got another".into()) }
    }

    async fn exchange(&mut self, request: &Request, data: impl FnMut(&[u8])) -> Result<u16, Failure> {
        match self {
            Connection::Http1(connection) => connection.exchange(&request.text, data).await,
            Connection::Http2(connection) => connection.exchange(request, data).await,
        }
    }
}
