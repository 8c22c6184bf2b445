//! A request on a new connection, with a deadline. Malformed requests are sent unchanged.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    thread,
    time::{Duration, Instant},
};

use super::{Answer, Url};

/// The largest response that is read. 64 MiB.
const LARGEST: usize = 64 << 20;

/// The time to wait for a body where none is allowed.
const STRAY: Duration = Duration::from_millis(250);

/// A request, as it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) chunked: bool,
}

impl Request {
    /// Makes a GET of a path.
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Request { method: "GET".into(), path: path.into(), headers: Vec::new(), body: Vec::new(), chunked: false }
    }

    /// Makes a POST of a JSON text.
    pub(crate) fn post(path: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("Content-Type".to_string(), "application/json".to_string())];
        Request { method: "POST".into(), path: path.into(), headers, body: body.into(), chunked: false }
    }

    /// Formats the request as text.
    pub(crate) fn summary(&self) -> String {
        let mut text = format!("{} {}", self.method, crate::text::short(&self.path, 200));
        for (name, value) in &self.headers {
            text += &format!("\n{name}: {}", crate::text::short(value, 120));
        }
        if !self.body.is_empty() {
            text += &format!("\n{}", crate::text::shown(&self.body, 600));
        }
        text
    }

    fn bytes(&self, url: &Url) -> Vec<u8> {
        let mut bytes = format!("{} {}{} HTTP/1.1\r\n", self.method, url.prefix, self.path).into_bytes();
        let has = |name: &str| self.headers.iter().any(|(of, _)| of.eq_ignore_ascii_case(name));
        let mut header = |name: &str, value: &str| bytes.extend(format!("{name}: {value}\r\n").into_bytes());
        if !has("host") {
            header("Host", &url.authority);
        }
        if !has("connection") {
            header("Connection", "close");
        }
        if self.chunked {
            header("Transfer-Encoding", "chunked");
        } else if !has("content-length") && (!self.body.is_empty() || self.method == "POST") {
            header("Content-Length", &self.body.len().to_string());
        }
        for (name, value) in &self.headers {
            header(name, value);
        }
        bytes.extend(b"\r\n");
        if self.chunked {
            for chunk in self.body.chunks(self.body.len().div_ceil(5).clamp(1, 4096)) {
                bytes.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
                bytes.extend(chunk);
                bytes.extend(b"\r\n");
            }
            bytes.extend(b"0\r\n\r\n");
        } else {
            bytes.extend(&self.body);
        }
        bytes
    }
}

/// Sends a request and reads its response.
pub(crate) fn send(url: &Url, request: &Request, timeout: Duration) -> Result<Answer, String> {
    let deadline = Instant::now() + timeout;
    let stream = connect(url, deadline).map_err(|error| format!("no connection: {error}"))?;
    let bytes = request.bytes(url);
    let in_context = |error: io::Error| match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
            format!("no response within {}", humantime::format_duration(timeout))
        }
        _ => format!("no response: {error}"),
    };
    // A server can respond before it has read everything, so both directions run concurrently.
    thread::scope(|scope| {
        let mut writer = stream.try_clone().map_err(in_context)?;
        writer.set_write_timeout(Some(timeout)).map_err(in_context)?;
        scope.spawn(move || writer.write_all(&bytes));
        let answer =
            Reader { stream: &stream, deadline, bytes: Vec::new() }.answer(&request.method).map_err(in_context);
        // Stops a writer whose data the server no longer reads. Fails if the connection is already closed.
        let _ = stream.shutdown(Shutdown::Both);
        answer
    })
}

fn connect(url: &Url, deadline: Instant) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in &url.addresses {
        match TcpStream::connect_timeout(address, left(deadline)?) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

struct Reader<'a> {
    stream: &'a TcpStream,
    deadline: Instant,
    bytes: Vec<u8>,
}

impl Reader<'_> {
    fn answer(mut self, method: &str) -> io::Result<Answer> {
        let mut answer = loop {
            let head = self.head()?;
            if head.status >= 200 {
                break head;
            }
        };
        let length =
            answer.header("content-length").map(|length| length.trim().parse().map_err(|_| malformed(&length)));
        let chunked =
            answer.header("transfer-encoding").is_some_and(|coding| coding.to_lowercase().contains("chunked"));
        answer.body = match length.transpose()? {
            _ if method == "HEAD" || answer.status == 204 || answer.status == 304 => self.stray()?,
            _ if chunked => self.chunks()?,
            Some(length) => self.take(length)?,
            None => self.rest()?,
        };
        Ok(answer)
    }

    fn head(&mut self) -> io::Result<Answer> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; 128];
            let mut head = httparse::Response::new(&mut headers);
            match head.parse(&self.bytes) {
                Ok(httparse::Status::Complete(length)) => {
                    let headers = head.headers.iter();
                    let headers = headers
                        .map(|of| (of.name.to_lowercase(), String::from_utf8_lossy(of.value).into_owned()))
                        .collect();
                    let answer = Answer { status: head.code.unwrap_or_default(), headers, body: Vec::new() };
                    self.bytes.drain(..length);
                    return Ok(answer);
                }
                Ok(httparse::Status::Partial) => self.more()?,
                Err(error) => return Err(malformed(&error.to_string())),
            }
        }
    }

    fn more(&mut self) -> io::Result<()> {
        if self.read()? == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    fn read(&mut self) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(left(self.deadline)?))?;
        let mut part = [0; 16 << 10];
        let count = self.stream.read(&mut part)?;
        self.bytes.extend(&part[..count]);
        if self.bytes.len() > LARGEST { Err(malformed("more than 64 MiB")) } else { Ok(count) }
    }

    fn take(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.bytes.len() < length {
            self.more()?;
        }
        Ok(self.bytes.drain(..length).collect())
    }

    fn rest(mut self) -> io::Result<Vec<u8>> {
        while self.read()? > 0 {}
        Ok(self.bytes)
    }

    /// Reads a body that must not exist. Does not wait for a server that keeps the connection open.
    fn stray(mut self) -> io::Result<Vec<u8>> {
        self.deadline = self.deadline.min(Instant::now() + STRAY);
        while matches!(self.read(), Ok(1..)) {}
        Ok(self.bytes)
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            match httparse::parse_chunk_size(&self.bytes) {
                Ok(httparse::Status::Complete((head, 0))) => {
                    self.bytes.drain(..head);
                    return Ok(body);
                }
                Ok(httparse::Status::Complete((head, size))) => {
                    self.bytes.drain(..head);
                    let size = usize::try_from(size).ok().filter(|size| *size <= LARGEST);
                    body.extend(self.take(size.ok_or_else(|| malformed("a chunk of more than 64 MiB"))?)?);
                    self.take(2)?;
                }
                Ok(httparse::Status::Partial) => self.more()?,
                Err(_) => return Err(malformed("a chunk without a size")),
            }
        }
    }
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the response is not HTTP/1.1: {what}"))
}
