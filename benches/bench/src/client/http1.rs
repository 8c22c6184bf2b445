//! A connection of HTTP/1.1 on a socket: it writes bytes that are prepared and skips through the answer.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::chunked::Chunks;
use crate::Failure;

/// Room for one read, and for the head of an answer.
const ROOM: usize = 128 << 10;

pub(crate) struct Http1 {
    stream: TcpStream,
    buffer: Box<[u8]>,
}

/// The end of a body.
enum Framing {
    Length(usize),
    Chunked,
}

impl Http1 {
    pub(super) async fn connect(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Http1 { stream, buffer: vec![0; ROOM].into() })
    }

    /// Sends a request and reads the answer. Passes the pieces of its body on, and returns its status.
    pub(super) async fn exchange(&mut self, request: &[u8], mut data: impl FnMut(&[u8])) -> Result<u16, Failure> {
        self.stream.write_all(request).await?;
        let mut filled = 0;
        let (status, framing, head) = loop {
            filled += self.read(filled).await?;
            if let Some(parsed) = parse(&self.buffer[..filled])? {
                break parsed;
            }
        };
        let rest = &self.buffer[head..filled];
        match framing {
            Framing::Length(length) => {
                data(rest);
                let mut got = rest.len();
                while got < length {
                    let read = self.read(0).await?;
                    data(&self.buffer[..read]);
                    got += read;
                }
                if got > length {
                    return Err(format!("expected a body of {length} bytes, got {got}").into());
                }
            }
            Framing::Chunked => {
                let mut chunks = Chunks::new();
                let mut read = chunks.read(rest, &mut data)?;
                let mut given = rest.len();
                while !chunks.done() {
                    given = self.read(0).await?;
                    read = chunks.read(&self.buffer[..given], &mut data)?;
                }
                if read < given {
                    return Err(format!("expected the end of a body, got {} more bytes", given - read).into());
                }
            }
        }
        Ok(status)
    }

    /// Reads into the buffer behind what is filled.
    async fn read(&mut self, filled: usize) -> Result<usize, Failure> {
        match self.stream.read(&mut self.buffer[filled..]).await? {
            0 => Err("the server has closed the connection".into()),
            read => Ok(read),
        }
    }
}

/// Reads the head of an answer: its status, the end of its body, and its own length. Returns `None` if it is not complete.
fn parse(buffer: &[u8]) -> Result<Option<(u16, Framing, usize)>, Failure> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(buffer)? else {
        return Ok(None);
    };
    let status = response.code.unwrap_or_default();
    for header in &*response.headers {
        if header.name.eq_ignore_ascii_case("content-length") {
            return Ok(Some((status, Framing::Length(std::str::from_utf8(header.value)?.parse()?), head)));
        }
        if header.name.eq_ignore_ascii_case("transfer-encoding") {
            return Ok(Some((status, Framing::Chunked, head)));
        }
    }
    Err("expected an answer with a length or in chunks".into())
}
