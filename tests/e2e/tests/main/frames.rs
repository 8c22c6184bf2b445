//! [`Http2`], a client of HTTP/2 that sends and reads single frames.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use e2e::DEADLINE;

use crate::support::{Server, text};

/// The head of a POST to `/infer`: `:method: POST`, `:scheme: http`, `:path: /infer`, `:authority: e`.
pub(crate) const POST: &[u8; 13] = b"\x83\x86\x04\x06/infer\x01\x01e";

/// A client of HTTP/2 of which a test controls every frame.
pub(crate) struct Http2(TcpStream);

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RESET: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const WINDOW: u8 = 8;

impl Http2 {
    /// Connects with this window for each response.
    pub(crate) fn open(server: &Server, window: u32) -> Self {
        let stream = TcpStream::connect(server.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut client = Http2(stream);
        client.0.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
        client.frame(SETTINGS, 0, 0, &[&[0, 4], &window.to_be_bytes()[..]].concat());
        client
    }

    pub(crate) fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()[..]].concat();
        self.0.write_all(&[&head, payload].concat()).unwrap();
    }

    /// Returns another client on the same connection.
    pub(crate) fn same_connection(&self) -> Self {
        Http2(self.0.try_clone().unwrap())
    }

    /// Sends the head of a POST to `/infer`.
    pub(crate) fn post_head(&mut self, stream: u32) {
        self.frame(HEADERS, 4, stream, POST);
    }

    /// Sends a POST to `/infer` with a text.
    pub(crate) fn post(&mut self, stream: u32, what: &str) {
        self.post_head(stream);
        self.frame(DATA, 1, stream, text(what).as_bytes());
    }

    /// Lets the server send more of a response, or of all responses together on stream 0.
    pub(crate) fn widen(&mut self, stream: u32, bytes: u32) {
        self.frame(WINDOW, 0, stream, &bytes.to_be_bytes());
    }

    /// Reads a frame: its kind, its flags, its stream and its payload. `None` is the end of the connection.
    pub(crate) fn next(&mut self) -> Option<(u8, u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        self.0.read_exact(&mut payload).ok()?;
        Some((head[3], head[4], u32::from_be_bytes([head[5], head[6], head[7], head[8]]), payload))
    }

    /// Reads the body of a response to its end, or until its stream is reset.
    #[track_caller]
    pub(crate) fn body(&mut self, stream: u32) -> Result<Vec<u8>, Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let (kind, flags, at, payload) = self.next().expect("the connection is open");
            match kind {
                DATA if at == stream => body.extend(payload),
                RESET if at == stream => return Err(body),
                _ => {}
            }
            if (kind, at) == (DATA, stream) && flags & 1 == 1 {
                return Ok(body);
            }
        }
    }
}
