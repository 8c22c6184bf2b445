//! [`Client`]: one connection of a program, and the steps that both versions of HTTP have.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    thread,
    time::{Duration, Instant},
};

use super::{
    engine::{Kind, LiveEngine},
    steps::{Step, numbers},
    tags::{Tag, foreign},
};

/// The time that a step waits for the server to read or to send something.
const MOMENT: Duration = Duration::from_micros(500);

/// The longest pause of a step in milliseconds.
const LONGEST_PAUSE: usize = 15;

/// The receive buffer in bytes of a connection with an odd number, whose client can stop a large response.
const SMALL_BUFFER: u32 = 16 << 10;

/// The letters of the steps that both versions have.
pub(crate) const LETTERS: &[u8] = b"fgpxzk";

/// A connection.
#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    /// The number of the connection in the tags of its requests.
    pub(crate) number: u64,
    /// The bytes that steps have written and not sent.
    pub(crate) buffer: Vec<u8>,
    pub(crate) received: Vec<u8>,
    /// The server sends nothing more.
    pub(crate) has_ended: bool,
    /// The server reads nothing more, or has been told that nothing more comes.
    pub(crate) is_closed: bool,
}

impl Client {
    /// Opens the connection that a program knows by this index.
    pub(crate) fn open(engine: &LiveEngine, index: usize) -> io::Result<Self> {
        let stream = if index % 2 == 1 {
            let connect = async {
                let socket = tokio::net::TcpSocket::new_v4()?;
                socket.set_recv_buffer_size(SMALL_BUFFER)?;
                socket.connect(engine.address).await?.into_std()
            };
            engine.runtime.block_on(connect)?
        } else {
            TcpStream::connect(engine.address)?
        };
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Client {
            stream,
            number: Tag::connection(),
            buffer: Vec::new(),
            received: Vec::new(),
            has_ended: false,
            is_closed: false,
        })
    }

    /// Sends this much of the buffer; 0 is all of it. What the server does not read stays.
    pub(crate) fn send(&mut self, count: usize) {
        let mut end = if count == 0 { self.buffer.len() } else { count.min(self.buffer.len()) };
        while end > 0 && !self.is_closed {
            let (stream, bytes) = (&mut self.stream, &self.buffer[..end]);
            match retry(MOMENT, || stream.write(bytes)) {
                Some(Ok(sent)) => {
                    self.buffer.drain(..sent);
                    end -= sent;
                }
                Some(Err(_)) => self.is_closed = true,
                None => break,
            }
        }
    }

    /// Receives up to `most` bytes that are there within `patience`. Returns their number.
    pub(crate) fn receive(&mut self, most: usize, patience: Duration) -> usize {
        if self.has_ended {
            return 0;
        }
        let mut buffer = [0; 16 << 10];
        let most = most.min(buffer.len());
        let stream = &mut self.stream;
        match retry(patience, || stream.read(&mut buffer[..most])) {
            Some(Ok(count)) if count > 0 => {
                self.received.extend_from_slice(&buffer[..count]);
                count
            }
            Some(_) => {
                self.has_ended = true;
                0
            }
            None => 0,
        }
    }

    /// Receives until `is_done`, or until the server has closed the connection.
    ///
    /// # Panics
    /// Panics if nothing is received for a long time, and the engine is one that answers in time.
    pub(crate) fn receive_until(&mut self, kind: Kind, mut is_done: impl FnMut(&mut Self) -> bool) {
        let mut last = Instant::now();
        while !is_done(self) && !self.has_ended {
            // The server may wait for us to receive before it reads on.
            self.send(0);
            if self.receive(usize::MAX, MOMENT) > 0 {
                last = Instant::now();
            }
            if last.elapsed() > kind.patience() {
                assert!(kind == Kind::Capped, "expected an answer, got {:?}", self.shown());
                return;
            }
        }
    }

    /// Returns the last bytes received, as text.
    pub(crate) fn shown(&self) -> String {
        String::from_utf8_lossy(&self.received[self.received.len().saturating_sub(400)..]).into_owned()
    }

    /// Runs a step of both versions. Returns `None` once the connection is closed.
    pub(crate) fn step(mut self, engine: &LiveEngine, step: Step<'_>, pauses: &mut usize) -> Option<Self> {
        let [number] = numbers(step.rest);
        match step.letter {
            b'f' => self.send(number),
            b'g' => {
                self.receive(if number == 0 { usize::MAX } else { number }, MOMENT);
            }
            b'p' => {
                let pause = number.min(LONGEST_PAUSE).min(*pauses);
                *pauses -= pause;
                thread::sleep(Duration::from_millis(pause as u64));
            }
            b'x' => {
                self.send(0);
                let _ = self.stream.shutdown(Shutdown::Write);
                self.is_closed = true;
            }
            b'z' => {
                let _inside = engine.runtime.enter();
                if let Ok(stream) = tokio::net::TcpStream::from_std(self.stream) {
                    let _ = stream.set_zero_linger();
                }
                return None;
            }
            _ => return None,
        }
        Some(self)
    }

    /// Checks that nothing received belongs to another connection.
    ///
    /// # Panics
    /// Panics if something does.
    pub(crate) fn check(&self) {
        if let Some(tag) = foreign(&self.received, self.number) {
            panic!("connection {} received the answer to {tag}", self.number);
        }
    }
}

/// Tries until there is a result, which is not certain. A timeout of the system would be a multiple of some milliseconds.
fn retry(patience: Duration, mut attempt: impl FnMut() -> io::Result<usize>) -> Option<io::Result<usize>> {
    let begin = Instant::now();
    for round in 0_u64.. {
        match attempt() {
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                if begin.elapsed() > patience {
                    break;
                }
                thread::sleep(Duration::from_micros(10 << round.min(6)));
            }
            result => return Some(result),
        }
    }
    None
}
