//! HTTP/1.1 on one connection, of which a test decides every byte: what a client library would hide is seen here.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
};

use crate::{Answer, DEADLINE};

/// A connection. When it is dropped, it closes.
pub struct Connection(BufReader<TcpStream>);

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, DEADLINE)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_write_timeout(Some(DEADLINE))?;
        stream.set_nodelay(true)?;
        Ok(Connection(BufReader::new(stream)))
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.0.get_mut().write_all(bytes.as_ref())
    }

    /// Sends a POST and reads its answer. The connection stays open.
    ///
    /// # Errors
    /// What the system says, and an answer that is none.
    pub fn post(&mut self, path: &str, body: &str) -> io::Result<Answer> {
        let length = body.len();
        self.write(format!("POST {path} HTTP/1.1\r\nHost: engine\r\nContent-Length: {length}\r\n\r\n{body}"))?;
        self.answer()
    }

    /// Sends the head of a POST, and its body once the server asks for it: from then on the request is admitted. Returns
    /// the answer if the server refuses the request instead.
    ///
    /// # Errors
    /// What the system says, and an answer that is none.
    pub fn post_admitted(&mut self, path: &str, body: &str) -> io::Result<Option<Answer>> {
        let refused = self.post_head(path, &[], body.len())?;
        if refused.is_none() {
            self.write(body)?;
        }
        Ok(refused)
    }

    /// Sends the head of a POST with these lines of headers, and waits until the server asks for the body, which is so
    /// long: the request is admitted and in flight, and it is for [`write`](Self::write) to send its body. Returns the
    /// answer if the server refuses the request instead.
    ///
    /// # Errors
    /// What the system says, and an answer that is none.
    pub fn post_head(&mut self, path: &str, headers: &[&str], length: usize) -> io::Result<Option<Answer>> {
        let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        self.write(format!(
            "POST {path} HTTP/1.1\r\nHost: engine\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n{lines}\r\n"
        ))?;
        let answer = self.answer()?;
        Ok((answer.status != 100).then_some(answer))
    }

    /// Reads an answer, whose body has a `Content-Length`.
    ///
    /// # Errors
    /// What the system says, and an answer that is none.
    pub fn answer(&mut self) -> io::Result<Answer> {
        let status = self.line()?;
        let status = status.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(|| strange(&status))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| strange(&line))?;
            headers.push((name.to_lowercase(), value.trim().to_string()));
        }
        let mut answer = Answer { status, headers, text: String::new() };
        if let Some(length) = answer.header("content-length") {
            let mut body = vec![0; length.parse().map_err(|_| strange(length))?];
            self.0.read_exact(&mut body)?;
            answer.text = String::from_utf8(body).map_err(io::Error::other)?;
        }
        Ok(answer)
    }

    /// Whether anything has come that has not been read.
    ///
    /// # Panics
    /// The system does not let it look.
    pub fn has_come(&self) -> bool {
        let stream = self.0.get_ref();
        stream.set_nonblocking(true).expect("a stream can be looked at");
        let came = !self.0.buffer().is_empty() || stream.peek(&mut [0]).is_ok();
        stream.set_nonblocking(false).expect("a stream can be looked at");
        came
    }

    /// Waits until the server closes the connection.
    ///
    /// # Errors
    /// What the system says, and bytes that come instead.
    pub fn closed(&mut self) -> io::Result<()> {
        match self.0.read(&mut [0])? {
            0 => Ok(()),
            _ => Err(strange("a byte")),
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

fn strange(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the server sent '{what}'"))
}
