//! HTTP/1.1 on one connection of which a test controls every byte, to observe what a client library would hide.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
};

use crate::{Answer, DEADLINE};

/// A connection, closed on drop.
pub struct Connection(BufReader<TcpStream>);

impl Connection {
    /// Connects to a server.
    ///
    /// # Errors
    /// Returns the error of the system.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, DEADLINE)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_write_timeout(Some(DEADLINE))?;
        stream.set_nodelay(true)?;
        Ok(Connection(BufReader::new(stream)))
    }

    /// Writes bytes unchanged.
    ///
    /// # Errors
    /// Returns the error of the system.
    pub fn write(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.0.get_mut().write_all(bytes.as_ref())
    }

    /// Sends a POST and reads its response. The connection stays open.
    ///
    /// # Errors
    /// Returns an error of the system, or one for a malformed response.
    pub fn post(&mut self, path: &str, body: &str) -> io::Result<Answer> {
        let length = body.len();
        self.write(format!("POST {path} HTTP/1.1\r\nHost: engine\r\nContent-Length: {length}\r\n\r\n{body}"))?;
        self.answer()
    }

    /// Sends the headers of a POST, and its body once the server asks for it: its head is admitted then.
    /// Returns the response if the server rejects the request instead.
    ///
    /// # Errors
    /// Returns an error of the system, or one for a malformed response.
    pub fn post_admitted(&mut self, path: &str, body: &str) -> io::Result<Option<Answer>> {
        let rejected = self.post_head(path, &[], body.len())?;
        if rejected.is_none() {
            self.write(body)?;
        }
        Ok(rejected)
    }

    /// Sends the headers of a POST, with these lines in addition, and waits until the server asks for the body of
    /// `length` bytes: the head is then admitted. Send the body with [`write`](Self::write). Returns
    /// the response if the server rejects the request instead.
    ///
    /// # Errors
    /// Returns an error of the system, or one for a malformed response.
    pub fn post_head(&mut self, path: &str, headers: &[&str], length: usize) -> io::Result<Option<Answer>> {
        let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        self.write(format!(
            "POST {path} HTTP/1.1\r\nHost: engine\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n{lines}\r\n"
        ))?;
        let answer = self.answer()?;
        Ok((answer.status != 100).then_some(answer))
    }

    /// Reads a response whose body has a `Content-Length`.
    ///
    /// # Errors
    /// Returns an error of the system, or one for a malformed response.
    pub fn answer(&mut self) -> io::Result<Answer> {
        let status = self.line()?;
        let status = status.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(|| unexpected(&status))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| unexpected(&line))?;
            headers.push((name.to_lowercase(), value.trim().to_string()));
        }
        let mut answer = Answer { status, headers, text: String::new() };
        if let Some(length) = answer.header("content-length") {
            let mut body = vec![0; length.parse().map_err(|_| unexpected(length))?];
            self.0.read_exact(&mut body)?;
            answer.text = String::from_utf8(body).map_err(io::Error::other)?;
        }
        Ok(answer)
    }

    /// Closes the direction to the server, which sees the end of what this client sends.
    ///
    /// # Errors
    /// Returns the error of the system.
    pub fn finish_sending(&mut self) -> io::Result<()> {
        self.0.get_ref().shutdown(std::net::Shutdown::Write)
    }

    /// Reads until the server closes the connection.
    ///
    /// # Errors
    /// Returns the error of the system.
    pub fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest)?;
        Ok(rest)
    }

    /// Returns `true` if bytes have arrived that have not been read.
    ///
    /// # Panics
    /// Panics if the mode of the socket cannot be set.
    pub fn has_received(&self) -> bool {
        let stream = self.0.get_ref();
        stream.set_nonblocking(true).expect("the socket becomes non-blocking");
        let has_received = !self.0.buffer().is_empty() || stream.peek(&mut [0]).is_ok();
        stream.set_nonblocking(false).expect("the socket becomes blocking");
        has_received
    }

    /// Returns `true` if the server has closed the connection. Discards what has arrived.
    ///
    /// # Panics
    /// Panics if the mode of the socket cannot be set.
    pub fn is_closed(&self) -> bool {
        let mut stream = self.0.get_ref();
        stream.set_nonblocking(true).expect("the socket becomes non-blocking");
        let is_closed = loop {
            match stream.read(&mut [0; 1024]) {
                Ok(0) => break true,
                Ok(_) => {}
                Err(error) => break error.kind() != io::ErrorKind::WouldBlock,
            }
        };
        stream.set_nonblocking(false).expect("the socket becomes blocking");
        is_closed
    }

    /// Waits until the server closes the connection.
    ///
    /// # Errors
    /// Returns an error of the system, or one for bytes that arrive instead.
    pub fn closed(&mut self) -> io::Result<()> {
        match self.0.read(&mut [0])? {
            0 => Ok(()),
            _ => Err(unexpected("a byte")),
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end_matches(['\r', '\n']).to_string())
    }
}

fn unexpected(received: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("unexpected bytes from the server: '{received}'"))
}
