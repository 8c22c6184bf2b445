//! Connections in HTTP/1 to an engine behind a port: requests whole, in pieces, pipelined, malformed and abandoned, by
//! clients that read, do not read, half-close and reset.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use super::{Outcome, class_of};
use crate::live::{
    Asked, CONNECTIONS, Client, Engines, Kind, LETTERS, LiveEngine, Parsed, Program, Response, Step, Tag, name,
    response, unescape,
};

pub(super) const WORDS: &[&str] = &[
    "\n0R",
    "\n0r",
    "\n1R k64",
    "\n1R c",
    "\n2R v e3",
    "\n2R w s2",
    "\n3R z",
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
    "\n1X",
    "\n0Z",
    "\n1Z",
    "\n0K",
    "\n0TPOST /infer HTTP/1.1\\r\\nhost: a\\r\\n",
    "\n1TGET /v2 HTTP/1.1\\r\\nhost: a\\r\\n\\r\\n",
    "content-length: 5\\r\\n",
    "content-length: 99999\\r\\n",
    "transfer-encoding: chunked\\r\\n",
    "expect: 100-continue\\r\\n",
    "upgrade: h2c\\r\\nconnection: upgrade\\r\\n",
    "connection: close\\r\\n",
    "accept: text/event-stream\\r\\n",
    "accept-encoding: gzip\\r\\n",
    "content-encoding: gzip\\r\\n",
    "x-request-timeout: 2ms\\r\\n",
    "\\r\\n\\r\\n",
    "\\r\\n",
    "5\\r\\n{\"inp\\r\\n",
    "0\\r\\n\\r\\n",
    "HTTP/1.0",
    "\\00",
    "{\"inputs\":[{\"data\":[\"a k200\"]}]}",
];

/// The letters of the steps: a request, a question for the health, any text, waiting for the answers.
const STEPS: &[u8] = b"rhta";

/// Methods whose responses have no body, or none of HTTP.
const BODILESS: [&[u8]; 2] = [b"HEAD", b"CONNECT"];

static ENGINES: Engines = Engines::new();

/// Held during a program: the check after it is for it alone.
static ALONE: Mutex<()> = Mutex::new(());

pub(super) fn http1(input: &[u8]) -> Outcome {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let letters = [STEPS, LETTERS].concat();
    let program = Program::read(input, &letters);
    let engine = ENGINES.of(program.engine);
    let is_served = engine.kind.serves_all(&program);
    let mut talks = [const { None }; CONNECTIONS];
    let mut events = BTreeSet::new();
    let mut pauses = engine.kind.pauses();
    for step in program.steps {
        let open = || Client::open(engine, step.on).ok().map(|client| Talk::new(client, is_served));
        let Some(talk) = talks[step.on].take().or_else(open) else { continue };
        talks[step.on] = talk.step(engine, step, &mut pauses, &mut events);
    }
    for mut talk in talks.into_iter().flatten() {
        talk.answers.read(&talk.client, engine.kind, &mut events);
    }
    engine.check();
    outcome(engine.kind, &events)
}

/// Returns the outcome of a program with these events.
pub(super) fn outcome(kind: Kind, events: &BTreeSet<String>) -> Outcome {
    if events.contains(&name(200)) {
        Outcome::Accepted(class_of((kind as usize, events)))
    } else {
        Outcome::Rejected(format!("{kind:?} {}", events.iter().map(String::as_str).collect::<Vec<_>>().join(" ")))
    }
}

/// A request that an engine must answer.
#[derive(Debug)]
enum Expected {
    Inference(Asked),
    Health,
}

/// A connection with its requests and their answers.
#[derive(Debug)]
struct Talk {
    client: Client,
    answers: Answers,
}

/// The requests of a connection and their answers.
#[derive(Debug, Default)]
struct Answers {
    /// The engine answers every request of a well-behaved client.
    is_served: bool,
    expected: Vec<Expected>,
    answered: usize,
    /// The number of received bytes that belong to responses which have been checked.
    read: usize,
    /// The number of requests before the first byte that is none of theirs, or after which the connection closes. The
    /// others have no order, and may have no answer.
    in_order: Option<usize>,
    /// The client has sent what no well-behaved one sends, and the connection can end with a reset.
    is_odd: bool,
    /// A response may have no body in spite of its length.
    is_bodiless: bool,
}

impl Talk {
    fn new(client: Client, is_served: bool) -> Self {
        Talk { client, answers: Answers { is_served, ..Answers::default() } }
    }

    /// Runs a step. Returns `None` once the connection is closed.
    fn step(
        mut self,
        engine: &LiveEngine,
        step: Step<'_>,
        pauses: &mut usize,
        events: &mut BTreeSet<String>,
    ) -> Option<Self> {
        let Talk { client, answers } = &mut self;
        if STEPS.contains(&step.letter) && step.letter != b'a' {
            answers.is_odd |= answers.in_order.is_some() || client.is_closed;
        }
        match step.letter {
            b'r' => {
                let asked = Asked::new(engine.kind, Tag::new(client.number, answers.expected.len()), step.rest);
                client.buffer.extend_from_slice(asked.head().as_bytes());
                client.buffer.extend_from_slice(&asked.framed());
                let closes = asked.closes;
                answers.expected.push(Expected::Inference(asked));
                if closes {
                    answers.in_order.get_or_insert(answers.expected.len());
                }
            }
            b'h' => {
                client.buffer.extend_from_slice(b"GET /v2/health/live HTTP/1.1\r\nhost: live\r\n\r\n");
                answers.expected.push(Expected::Health);
            }
            b't' => {
                answers.is_odd = true;
                answers.in_order.get_or_insert(answers.expected.len());
                client.buffer.extend_from_slice(&unescape(step.rest));
                let has = |method: &&[u8]| client.buffer.windows(method.len()).any(|bytes| bytes == *method);
                answers.is_bodiless |= BODILESS.iter().any(has);
            }
            b'a' => {
                answers.wait(client, engine.kind, events);
                return Some(self);
            }
            _ => {
                answers.read(client, engine.kind, events);
                self.client = self.client.step(engine, step, pauses)?;
                // What the server did not read before the end is never sent.
                self.answers.is_odd |= self.client.is_closed && !self.client.buffer.is_empty();
                return Some(self);
            }
        }
        if step.sends {
            client.send(0);
        }
        Some(self)
    }
}

impl Answers {
    /// Waits for the answers to the requests that have an order.
    fn wait(&mut self, client: &mut Client, kind: Kind, events: &mut BTreeSet<String>) {
        let awaited = self.in_order.unwrap_or(self.expected.len());
        if client.is_closed && !client.buffer.is_empty() {
            return;
        }
        client.receive_until(kind, |client| {
            self.read(client, kind, events);
            self.answered >= awaited
        });
        self.read(client, kind, events);
        assert!(
            self.answered >= awaited || !self.is_served || self.is_odd,
            "expected {awaited} responses, got {} and {:?}",
            self.answered,
            client.shown()
        );
    }

    /// Reads the responses that have been received.
    fn read(&mut self, client: &Client, kind: Kind, events: &mut BTreeSet<String>) {
        client.check();
        if client.has_ended {
            events.insert("ended".into());
        }
        if self.is_bodiless {
            return;
        }
        loop {
            match response(&client.received[self.read..], client.has_ended) {
                Parsed::Whole(response, length) => {
                    self.answer(&response, kind, events);
                    self.read += length;
                }
                Parsed::Partial => return,
                Parsed::Bad(fault) => panic!("expected a response, got {fault}: {:?}", client.shown()),
            }
        }
    }

    /// Checks the next response.
    fn answer(&mut self, response: &Response<'_>, kind: Kind, events: &mut BTreeSet<String>) {
        let Response { status, body } = response;
        events.insert(name(*status));
        let shown = String::from_utf8_lossy(&body[..body.len().min(300)]);
        assert!(is_known(*status, kind), "expected a status of a served or a rejected request, got {status}: {shown}");
        let index = self.answered;
        self.answered += 1;
        let is_in_order = self.in_order.is_none_or(|count| index < count);
        match self.expected.get(index).filter(|_| is_in_order) {
            Some(Expected::Inference(asked)) if *status == 200 && self.is_served => asked.check(body),
            // The stream of a slow reader ends early.
            Some(Expected::Inference(asked)) if *status == 200 && !asked.streams => asked.check(body),
            Some(_) => {
                let is_refused = !self.is_served || self.is_odd;
                assert!(*status == 200 || is_refused, "expected an answer, got {status}: {shown}");
            }
            None => assert!(self.is_odd || !self.is_served, "expected no more responses, got {status}: {shown}"),
        }
    }
}

/// Returns `true` if an engine of the kind can respond with this status to what a caller sends.
fn is_known(status: u16, kind: Kind) -> bool {
    match status {
        200 | 204 | 400 | 404 | 405 | 408 | 411 | 413 | 415 | 417 | 431 | 501 | 504 | 505 => true,
        503 => kind.refuses(),
        // An echo fails on a number that JSON cannot represent.
        500 => kind == Kind::Tensors,
        _ => false,
    }
}
