//! Connections in HTTP/2 to an engine behind a port: requests multiplexed and in small frames, windows that stay closed, and
//! frames of every kind that are well-formed, out of place or malformed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::{Outcome, http1::outcome};
use crate::live::{
    Asked, CONNECTIONS, Client, Engines, Frame, Frames, Kind, LETTERS, LiveEngine, Program, Step, Tag, fields, frame,
    kind, name, numbers, unescape,
};

pub(super) const WORDS: &[&str] = &[
    "\n0R",
    "\n0r",
    "\n1R k64",
    "\n1R c",
    "\n2R v e3",
    "\n2R n s2",
    "\n3R l d",
    "\n0H",
    "\n0A",
    "\n1A",
    "\n0F60",
    "\n0F1",
    "\n1G",
    "\n1G40",
    "\n0P1",
    "\n0P15",
    "\n0X",
    "\n0Z",
    "\n1Z",
    "\n0K",
    "\n0O4 0",
    "\n0O4 1",
    "\n0O5 16384",
    "\n0O1 0",
    "\n0O",
    "\n0U0 1",
    "\n0U1 1000",
    "\n0U0 2147483647",
    "\n0J1 8",
    "\n0J3 0",
    "\n0Y",
    "\n0I",
    "\n0Q3 1",
    "\n0D1 1 5",
    "\n0D1 0 100",
    "\n0B1 5 9 \\82\\86\\84",
    "\n0B9 4 9 \\00",
    "\n0B8 0 0 \\00\\00\\00\\00",
    "\n0W",
    "\n0T\\00\\00\\05",
    "\n0TPRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n",
];

/// The letters of the steps: a request, a question for the health, `SETTINGS`, `WINDOW_UPDATE`, `RST_STREAM`, `PING`,
/// `GOAWAY`, `PRIORITY`, `DATA`, any frame, any bytes, a connection without its first bytes, waiting for the answers.
const STEPS: &[u8] = b"rhoujyiqdbtwa";

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Flags of frames.
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const WITH_PRIORITY: u8 = 32;

/// The settings that a client can change without consequences for others than itself.
const TABLE_SIZE: usize = 1;
const WINDOW: usize = 4;

/// The largest window and the largest sum of its updates that a program uses as a well-behaved client.
const LARGE_WINDOW: usize = 1 << 24;

/// The most streams that a well-behaved client opens or resets at once.
const FEW_STREAMS: usize = 50;
const FEW_RESETS: usize = 8;

static ENGINES: Engines = Engines::new();

/// Held during a program: the check after it is for it alone.
static ALONE: Mutex<()> = Mutex::new(());

pub(super) fn http2(input: &[u8]) -> Outcome {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let letters = [STEPS, LETTERS].concat();
    let program = Program::read(input, &letters);
    let engine = ENGINES.of(program.engine);
    let is_served = engine.kind.serves_all(&program);
    let mut talks = [const { None }; CONNECTIONS];
    let mut events = BTreeSet::new();
    let mut pauses = engine.kind.pauses();
    for step in program.steps {
        let open =
            || Client::open(engine, step.on).ok().map(|client| Talk::new(client, step.letter != b'w', is_served));
        let Some(talk) = talks[step.on].take().or_else(open) else { continue };
        talks[step.on] = talk.step(engine, step, &mut pauses, &mut events);
    }
    for mut talk in talks.into_iter().flatten() {
        talk.streams.read(&mut talk.client, &mut events);
    }
    engine.check();
    outcome(engine.kind, &events)
}

/// A connection with its streams.
#[derive(Debug)]
struct Talk {
    client: Client,
    streams: Streams,
}

/// A request on a stream, and what has been received of its response.
#[derive(Debug)]
struct Stream {
    /// `None` is a question for the health.
    asked: Option<Asked>,
    is_ok: Option<bool>,
    body: Vec<u8>,
    is_over: bool,
}

/// The streams of a connection.
#[derive(Debug)]
struct Streams {
    /// The engine answers every request of a well-behaved client.
    is_served: bool,
    open: BTreeMap<u32, Stream>,
    next: u32,
    /// The number of received bytes that belong to frames which have been read.
    read: usize,
    resets: usize,
    /// The sum of the updates of windows.
    updates: usize,
    /// The client has sent what no well-behaved one sends, and the server can end the connection.
    is_odd: bool,
    /// Gives the server room for each byte received.
    is_reading: bool,
}

impl Talk {
    fn new(mut client: Client, has_preface: bool, is_served: bool) -> Self {
        if has_preface {
            client.buffer.extend_from_slice(PREFACE);
            frame(&mut client.buffer, kind::SETTINGS, 0, 0, &[]);
        }
        let streams = Streams {
            is_served,
            open: BTreeMap::new(),
            next: 1,
            read: 0,
            resets: 0,
            updates: 0,
            is_odd: !has_preface,
            is_reading: false,
        };
        Talk { client, streams }
    }

    /// Runs a step. Returns `None` once the connection is closed.
    fn step(
        mut self,
        engine: &LiveEngine,
        step: Step<'_>,
        pauses: &mut usize,
        events: &mut BTreeSet<String>,
    ) -> Option<Self> {
        let Talk { client, streams } = &mut self;
        if client.is_closed && STEPS.contains(&step.letter) {
            streams.is_odd = true;
        }
        match step.letter {
            b'r' | b'h' => streams.ask(client, engine.kind, step),
            b'o' | b'u' | b'j' | b'y' | b'i' | b'q' | b'd' | b'b' => streams.frame(&mut client.buffer, step),
            b't' => {
                streams.is_odd = true;
                client.buffer.extend_from_slice(&unescape(step.rest));
            }
            b'w' => {}
            b'a' => {
                streams.wait(client, engine.kind, events);
                return Some(self);
            }
            _ => {
                streams.read(client, events);
                self.client = self.client.step(engine, step, pauses)?;
                // The end of what a client sends is the end of its connection.
                self.streams.is_odd |= self.client.is_closed;
                return Some(self);
            }
        }
        if step.sends {
            client.send(0);
        }
        Some(self)
    }
}

impl Streams {
    /// Writes a request. Its variations are those of `Asked` and: the head in small frames (`n`), data in small frames
    /// (`c`), padding (`d`), a priority (`o`), a `content-length` (`l`).
    fn ask(&mut self, client: &mut Client, engine: Kind, step: Step<'_>) {
        let has = |letter: u8| step.rest.contains(&letter);
        let id = self.next;
        self.next += 2;
        let tag = Tag::new(client.number, id as usize);
        let asked = (step.letter == b'r').then(|| Asked::new(engine, tag, step.rest));
        let (method, path, body) = match &asked {
            Some(asked) => (&b"POST"[..], asked.path(), asked.body()),
            None => (&b"GET"[..], "/v2/health/live", ""),
        };
        let length = body.len().to_string();
        let mut named: Vec<(&[u8], &[u8])> =
            vec![(b":method", method), (b":scheme", b"http"), (b":path", path.as_bytes()), (b":authority", b"live")];
        let accept = (&b"accept"[..], &b"text/event-stream"[..]);
        named.extend(asked.as_ref().is_some_and(|asked| asked.streams).then_some(accept));
        named.extend(has(b'l').then_some((&b"content-length"[..], length.as_bytes())));
        let block = fields(named);
        let pieces: Vec<&[u8]> = block.chunks(if has(b'n') { 11 } else { 4096 }).collect();
        let end_stream = if body.is_empty() { END_STREAM } else { 0 };
        for (index, piece) in pieces.iter().enumerate() {
            let end_headers = if index + 1 == pieces.len() { END_HEADERS } else { 0 };
            if index > 0 {
                frame(&mut client.buffer, kind::CONTINUATION, end_headers, id, piece);
            } else if has(b'o') {
                let with_priority = [&[0, 0, 0, 0, 7][..], piece].concat();
                frame(&mut client.buffer, kind::HEADERS, end_headers | end_stream | WITH_PRIORITY, id, &with_priority);
            } else {
                frame(&mut client.buffer, kind::HEADERS, end_headers | end_stream, id, piece);
            }
        }
        let pieces = body.as_bytes().chunks(if has(b'c') { 13 } else { 4096 });
        let last = pieces.len().saturating_sub(1);
        for (index, piece) in pieces.enumerate() {
            let end_stream = if index == last { END_STREAM } else { 0 };
            if has(b'd') {
                let padded = [&[3][..], piece, &[0; 3]].concat();
                frame(&mut client.buffer, kind::DATA, end_stream | PADDED, id, &padded);
            } else {
                frame(&mut client.buffer, kind::DATA, end_stream, id, piece);
            }
        }
        self.open.insert(id, Stream { asked, is_ok: None, body: Vec::new(), is_over: false });
        self.is_odd |= self.open.values().filter(|stream| !stream.is_over).count() > FEW_STREAMS;
    }

    /// Writes a frame. Notes whether a well-behaved client can send it.
    fn frame(&mut self, to: &mut Vec<u8>, step: Step<'_>) {
        let [first, second, third] = numbers(step.rest);
        let bytes = |number: usize| (number as u32).to_be_bytes();
        let stream = first as u32 & !(1 << 31);
        let is_open = self.open.contains_key(&stream);
        match step.letter {
            b'o' if step.rest.is_empty() => {
                self.is_odd = true;
                frame(to, kind::SETTINGS, ACK, 0, &[]);
            }
            b'o' => {
                let is_fine = first == TABLE_SIZE || (first == WINDOW && second <= LARGE_WINDOW);
                self.is_odd |= !is_fine;
                frame(to, kind::SETTINGS, 0, 0, &[&(first as u16).to_be_bytes()[..], &bytes(second)].concat());
            }
            b'u' => {
                self.updates = self.updates.saturating_add(second);
                self.is_odd |= !(is_open || stream == 0) || second == 0 || self.updates > LARGE_WINDOW;
                frame(to, kind::WINDOW_UPDATE, 0, stream, &bytes(second));
            }
            b'j' => {
                self.resets += 1;
                self.is_odd |= !is_open || self.resets > FEW_RESETS;
                if let Some(stream) = self.open.get_mut(&stream) {
                    stream.is_over = true;
                }
                frame(to, kind::RST_STREAM, 0, stream, &bytes(second));
            }
            b'y' => frame(to, kind::PING, if first == 1 { ACK } else { 0 }, 0, b"12345678"),
            b'i' => {
                self.is_odd = true;
                frame(to, kind::GOAWAY, 0, 0, &[bytes(first), bytes(second)].concat());
            }
            b'q' => {
                self.is_odd |= stream == 0 || stream == second as u32 & !(1 << 31);
                frame(to, kind::PRIORITY, 0, stream, &[&bytes(second)[..], &[1]].concat());
            }
            b'd' => {
                self.is_odd = true;
                frame(to, kind::DATA, second as u8, stream, &vec![b'x'; third.min(1 << 15)]);
            }
            _ => {
                self.is_odd = true;
                let payload = step.rest.splitn(4, |byte| *byte == b' ').nth(3).map(unescape).unwrap_or_default();
                frame(to, first as u8, second as u8, third as u32, &payload);
            }
        }
    }

    /// Waits for the answers to all requests, and gives the server room for them.
    fn wait(&mut self, client: &mut Client, engine: Kind, events: &mut BTreeSet<String>) {
        // Nothing is certain about a connection on which the client did wrong.
        if self.is_odd {
            client.receive(usize::MAX, Duration::ZERO);
            self.read(client, events);
            return;
        }
        if !self.is_reading {
            self.is_reading = true;
            frame(&mut client.buffer, kind::WINDOW_UPDATE, 0, 0, &(1_u32 << 28).to_be_bytes());
        }
        for (id, _) in self.open.iter().filter(|(_, stream)| !stream.is_over) {
            frame(&mut client.buffer, kind::WINDOW_UPDATE, 0, *id, &(1_u32 << 22).to_be_bytes());
        }
        client.receive_until(engine, |client| {
            self.read(client, events);
            self.open.values().all(|stream| stream.is_over)
        });
        self.read(client, events);
        let waiting: Vec<_> = self.open.iter().filter(|(_, stream)| !stream.is_over).map(|(id, _)| id).collect();
        assert!(waiting.is_empty() || !self.is_served, "expected answers on the streams {waiting:?}, got {events:?}");
    }

    /// Reads the frames that have been received.
    fn read(&mut self, client: &mut Client, events: &mut BTreeSet<String>) {
        client.check();
        if client.has_ended {
            events.insert("ended".into());
        }
        // A server that takes the connection for one of HTTP/1 answers in it.
        if client.received.starts_with(b"HTTP/1") {
            assert!(self.is_odd, "expected frames, got {:?}", client.shown());
            return;
        }
        let received = std::mem::take(&mut client.received);
        let mut frames = Frames::new(&received, self.read);
        for frame in frames.by_ref() {
            self.receive(&mut client.buffer, frame, events);
        }
        self.read = frames.read;
        client.received = received;
    }

    fn receive(&mut self, to: &mut Vec<u8>, got: Frame<'_>, events: &mut BTreeSet<String>) {
        let code = |at: usize| got.payload.get(at + 3).copied().unwrap_or_default();
        let is_served = self.is_served && !self.is_odd;
        match got.kind {
            kind::GOAWAY => {
                events.insert(format!("goaway {}", letters(code(4))));
                let about = String::from_utf8_lossy(got.payload.get(8..).unwrap_or_default());
                assert!(!is_served, "expected a connection that stays, got the code {}: {about}", code(4));
            }
            kind::RST_STREAM => {
                events.insert(format!("reset {}", letters(code(0))));
                if let Some(stream) = self.open.get_mut(&got.stream) {
                    // A response can end before the request has been read.
                    assert!(
                        !is_served || stream.is_over,
                        "expected an answer on {}, got the code {}",
                        got.stream,
                        code(0)
                    );
                    stream.is_over = true;
                }
            }
            kind::HEADERS => {
                let is_ok = first_field(got.payload) == Some(STATUS_OK);
                events.insert(if is_ok {
                    name(200)
                } else {
                    format!("status {}", letters(got.payload.first().copied().unwrap_or_default()))
                });
                let stream = self.open.get_mut(&got.stream);
                assert!(stream.is_some() || self.is_odd, "a response on the stream {}", got.stream);
                if let Some(stream) = stream {
                    stream.is_ok.get_or_insert(is_ok);
                    assert!(is_ok || !is_served, "expected an answer on the stream {}, got another status", got.stream);
                }
                self.end(got);
            }
            kind::DATA => {
                if let Some(stream) = self.open.get_mut(&got.stream) {
                    stream.body.extend_from_slice(got.payload);
                }
                self.end(got);
                if self.is_reading && !self.is_odd && got.flags & END_STREAM == 0 && !got.payload.is_empty() {
                    frame(to, kind::WINDOW_UPDATE, 0, got.stream, &(got.payload.len() as u32).to_be_bytes());
                }
            }
            kind::SETTINGS if got.flags & ACK == 0 => frame(to, kind::SETTINGS, ACK, 0, &[]),
            kind::PING if got.flags & ACK == 0 => frame(to, kind::PING, ACK, 0, got.payload),
            kind::SETTINGS | kind::PING | kind::WINDOW_UPDATE => {}
            other => panic!("expected a frame that a server sends, got one of kind {other}"),
        }
    }

    /// Checks the response of a stream at its end.
    fn end(&mut self, got: Frame<'_>) {
        let Some(stream) = self.open.get_mut(&got.stream) else { return };
        if got.flags & END_STREAM == 0 || stream.is_over {
            return;
        }
        stream.is_over = true;
        let body = std::mem::take(&mut stream.body);
        // The stream of a slow reader ends early.
        if let (Some(asked), Some(true)) = (&stream.asked, stream.is_ok)
            && !self.is_odd
            && (self.is_served || !asked.streams)
        {
            asked.check(&body);
        }
    }
}

/// The field `:status` with the value 200, as every encoder writes it.
const STATUS_OK: u8 = 0x88;

/// Returns the first byte of a block of fields, without changes of the table of fields before it.
fn first_field(block: &[u8]) -> Option<u8> {
    let mut rest = block;
    while let [first, others @ ..] = rest {
        if first & 0xe0 != 0x20 {
            return Some(*first);
        }
        // A size of five bits, or what is over it in bytes of seven bits.
        rest = others;
        if first & 0x1f == 0x1f {
            let more = others.iter().take_while(|byte| **byte >= 0x80).count();
            rest = others.get(more + 1..)?;
        }
    }
    None
}

/// Returns a number as letters: outcomes are compared without their digits.
fn letters(number: u8) -> String {
    format!("{}{}", char::from(b'a' + number / 16), char::from(b'a' + number % 16))
}
