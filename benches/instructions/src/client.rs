//! HTTP/1.1 on one connection, for bodies that are not text and for bodies in chunks.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
};

use crate::process::DEADLINE;

/// A connection, closed on drop.
pub(crate) struct Connection(BufReader<TcpStream>);

impl Connection {
    /// Connects to an engine.
    ///
    /// # Errors
    /// Returns the error of the system.
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, DEADLINE)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_write_timeout(Some(DEADLINE))?;
        stream.set_nodelay(true)?;
        Ok(Connection(BufReader::new(stream)))
    }

    /// Returns `true` if the engine reports that it is ready.
    ///
    /// # Errors
    /// Returns an error of the system, or one for a malformed response.
    pub(crate) fn is_ready(&mut self) -> io::Result<bool> {
        let (status, _) = self.ask(b"GET /ready HTTP/1.1\r\nHost: engine\r\n\r\n")?;
        Ok(is_200(&status))
    }

    /// Sends a whole request, which the engine must accept, and reads the response.
    ///
    /// # Errors
    /// Returns an error of the system, or one for a response that is malformed or has another status than 200.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> io::Result<()> {
        let (status, body) = self.ask(request)?;
        if !is_200(&status) {
            let body = String::from_utf8_lossy(&body);
            return Err(io::Error::other(format!("expected status 200, got '{status}': {body}")));
        }
        Ok(())
    }

    /// Sends a request and returns the status line and the body of the response.
    fn ask(&mut self, request: &[u8]) -> io::Result<(String, Vec<u8>)> {
        self.0.get_mut().write_all(request)?;
        let status = self.line()?;
        let (mut length, mut is_chunked) = (0, false);
        loop {
            let line = self.line()?.to_ascii_lowercase();
            match line.split_once(": ") {
                None => break,
                Some(("content-length", value)) => length = value.parse().map_err(io::Error::other)?,
                Some(("transfer-encoding", value)) => is_chunked = value == "chunked",
                Some(_) => {}
            }
        }
        let mut body = Vec::new();
        if is_chunked {
            while self.chunk(&mut body)? {}
        } else {
            self.take(length, &mut body)?;
        }
        Ok((status, body))
    }

    /// Reads a chunk. Returns `false` after the last.
    fn chunk(&mut self, body: &mut Vec<u8>) -> io::Result<bool> {
        let length = usize::from_str_radix(&self.line()?, 16).map_err(io::Error::other)?;
        self.take(length, body)?;
        self.line()?;
        Ok(length > 0)
    }

    fn take(&mut self, length: usize, body: &mut Vec<u8>) -> io::Result<()> {
        let begin = body.len();
        body.resize(begin + length, 0);
        self.0.read_exact(&mut body[begin..])
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_string())
    }
}

fn is_200(status: &str) -> bool {
    status.split(' ').nth(1) == Some("200")
}
