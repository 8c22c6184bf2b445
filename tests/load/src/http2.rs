//! HTTP/2 on one connection of which an attack controls every frame: no client library would send what attacks send.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;

const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

/// The entries `:method: GET` and `:method: POST` of the static table of header fields.
const METHOD_GET: u8 = 0x82;
const METHOD_POST: u8 = 0x83;

/// The largest frame that every server accepts.
const MAX_FRAME: usize = 16 << 10;

/// A connection, closed on drop.
pub(crate) struct Http2 {
    stream: TcpStream,
    next: u32,
}

impl Http2 {
    /// Connects, and grants the server this window for each response.
    pub(crate) async fn open(address: SocketAddr, window: u32) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let mut this = Http2 { stream, next: 1 };
        let mut settings = vec![0, 4];
        settings.extend(window.to_be_bytes());
        let mut begin = PREFACE.to_vec();
        begin.extend(frame(SETTINGS, 0, 0, &settings));
        this.stream.write_all(&begin).await?;
        Ok(this)
    }

    /// Sends the head of a POST with these fields, and returns its stream.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> io::Result<u32> {
        self.begin(END_HEADERS, &fields_of(METHOD_POST, path, fields)).await
    }

    /// Sends a GET.
    pub(crate) async fn get(&mut self, path: &str) -> io::Result<()> {
        self.begin(END_HEADERS | END_STREAM, &fields_of(METHOD_GET, path, &[])).await?;
        Ok(())
    }

    async fn begin(&mut self, flags: u8, fields: &[u8]) -> io::Result<u32> {
        let stream = self.next;
        self.next += 2;
        self.stream.write_all(&frame(HEADERS, flags, stream, fields)).await?;
        Ok(stream)
    }

    /// Sends the whole body of a request.
    pub(crate) async fn body(&mut self, stream: u32, body: &[u8]) -> io::Result<()> {
        for piece in body.chunks(MAX_FRAME) {
            self.stream.write_all(&frame(DATA, 0, stream, piece)).await?;
        }
        self.stream.write_all(&frame(DATA, END_STREAM, stream, &[])).await
    }

    /// Cancels a request.
    pub(crate) async fn reset(&mut self, stream: u32) -> io::Result<()> {
        self.stream.write_all(&frame(RST_STREAM, 0, stream, &8u32.to_be_bytes())).await
    }

    /// Reads, acknowledges settings and answers pings, until the server closes the connection.
    pub(crate) async fn stay(&mut self) -> io::Result<()> {
        loop {
            let mut head = [0; 9];
            self.stream.read_exact(&mut head).await?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let mut payload = vec![0; length];
            self.stream.read_exact(&mut payload).await?;
            match (head[3], head[4] & ACK) {
                (SETTINGS, 0) => self.stream.write_all(&frame(SETTINGS, ACK, 0, &[])).await?,
                (PING, 0) => self.stream.write_all(&frame(PING, ACK, 0, &payload)).await?,
                _ => {}
            }
        }
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Encodes the fields of a request, each shorter than 127 bytes.
fn fields_of(method: u8, path: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    // The method and `:scheme: http` of the static table, then `:path` and `:authority` by name.
    let mut block = vec![method, 0x86, 0x04];
    let text = |block: &mut Vec<u8>, text: &str| {
        block.push(text.len() as u8);
        block.extend(text.as_bytes());
    };
    text(&mut block, path);
    block.push(0x01);
    text(&mut block, "engine");
    for (name, value) in fields {
        block.push(0);
        text(&mut block, name);
        text(&mut block, value);
    }
    block
}
