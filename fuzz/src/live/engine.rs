//! [`LiveEngine`]: an engine that serves a port of the loopback interface, and the check that nothing of a program is left
//! in it. The targets of whole connections start one of each kind.

use std::{
    future,
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use chariot_engine::{Engine, EngineBuilder, settings::EngineSettings};
use tokio::{net::TcpListener, runtime::Runtime};

use super::{
    asked::Asked,
    panics,
    responses::{Parsed, response},
    steps::{Program, Step},
    tags::Tag,
};
use crate::models::{EchoTensors, Obeys};

/// The longest wait for an engine: far longer than needed on a slow machine.
const DEADLINE: Duration = Duration::from_secs(10);

/// A kind of engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Texts, streams and time without limits that a program could reach: every request of a caller that does nothing wrong
    /// is answered.
    Roomy,
    /// Texts and streams with little memory, time and room in the queue.
    Tight,
    /// Texts and streams on at most three connections.
    Capped,
    /// Named tensors.
    Tensors,
}

impl Kind {
    const ALL: [Kind; 4] = [Kind::Roomy, Kind::Tight, Kind::Capped, Kind::Tensors];

    /// Returns `true` if an engine of the kind has too little room for some programs.
    pub(crate) fn refuses(self) -> bool {
        matches!(self, Kind::Tight | Kind::Capped)
    }

    /// Returns the longest pauses of a program in milliseconds: longer than the time limits of an engine that has some.
    pub(crate) fn pauses(self) -> usize {
        if self == Kind::Tight { 24 } else { 4 }
    }

    /// Returns the time in which answers come.
    pub(crate) fn patience(self) -> Duration {
        // A connection over their number waits for a second until one is closed for it.
        if self == Kind::Capped { Duration::from_millis(10) } else { DEADLINE }
    }

    /// Returns `true` if an engine of the kind answers every request of the well-behaved clients of a program. A client
    /// that does not read its stream holds the worker for a while, and so long others do not read their responses.
    pub(crate) fn serves_all(self, program: &Program<'_>) -> bool {
        let streams = |step: &Step<'_>| match step.letter {
            b'r' => step.rest.contains(&b'v'),
            b't' | b'b' => step.rest.windows(6).any(|bytes| bytes == b"stream"),
            _ => false,
        };
        let first = program.steps.first().map(|step| step.on);
        let is_alone = program.steps.iter().all(|step| Some(step.on) == first);
        !self.refuses() && (is_alone || !program.steps.iter().any(streams))
    }

    fn builder(self) -> EngineBuilder {
        let settings: &[(&str, &str)] = match self {
            Kind::Roomy | Kind::Tensors => &[("WRITE_TIMEOUT", "1s"), ("STREAM_TIMEOUT", "2s")],
            Kind::Tight => &[
                ("MAX_BODY", "16KiB"),
                ("MAX_INFLIGHT_BYTES", "600KiB"),
                ("MAX_REQUEST_BYTES", "300KiB"),
                ("MAX_HEAD", "8KiB"),
                ("QUEUE_SIZE", "2"),
                ("HEADER_TIMEOUT", "10ms"),
                ("BODY_TIMEOUT", "10ms"),
                ("WRITE_TIMEOUT", "10ms"),
                ("STREAM_TIMEOUT", "20ms"),
                ("IDLE_TIMEOUT", "20ms"),
            ],
            Kind::Capped => &[("MAX_CONNECTIONS", "3")],
        };
        let builder = Engine::builder()
            .setting("CHARIOT_ENGINE_WORKERS", "1")
            .setting("CHARIOT_ENGINE_COMPRESS_RESPONSES", "true");
        let builder = settings.iter().fold(builder, |builder, (name, value)| {
            builder.setting(format!("{}{name}", EngineSettings::PREFIX), *value)
        });
        match self {
            Kind::Tensors => builder.model::<EchoTensors>("live"),
            _ => builder.instance("live", Obeys),
        }
    }
}

/// The engines of a target, started when they are used first.
#[derive(Debug)]
pub(crate) struct Engines([OnceLock<LiveEngine>; Kind::ALL.len()]);

impl Engines {
    pub(crate) const fn new() -> Self {
        Engines([const { OnceLock::new() }; Kind::ALL.len()])
    }

    /// Returns the engine of a letter: `r`oomy, `t`ight, `c`apped or te`n`sors. Any other letter stands for one of them.
    pub(crate) fn of(&self, letter: u8) -> &LiveEngine {
        let kind = match letter {
            b'r' => Kind::Roomy,
            b't' => Kind::Tight,
            b'c' => Kind::Capped,
            b'n' => Kind::Tensors,
            other => Kind::ALL[usize::from(other) % Kind::ALL.len()],
        };
        self.0[kind as usize].get_or_init(|| LiveEngine::start(kind))
    }
}

/// An engine behind a port.
#[derive(Debug)]
pub(crate) struct LiveEngine {
    pub(crate) kind: Kind,
    pub(crate) address: SocketAddr,
    pub(crate) runtime: Runtime,
    engine: Engine,
    /// The panics before it started.
    panics: u64,
}

impl LiveEngine {
    fn start(kind: Kind) -> Self {
        panics::watch();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name(panics::IO_THREAD)
            .enable_all()
            .build()
            .expect("the runtime starts");
        let (engine, listener) = runtime.block_on(async {
            let engine = kind.builder().start().expect("the settings are valid");
            engine.ready().await.expect("the model is loaded");
            (engine, TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port is free"))
        });
        let address = listener.local_addr().expect("the port is open");
        let serving = engine.clone();
        runtime.spawn(async move { serving.serve(listener, future::pending()).await });
        LiveEngine { kind, address, runtime, engine, panics: panics::count() }
    }

    /// Checks that nothing of a program is left once its connections are closed, and that the engine serves others.
    pub(crate) fn check(&self) {
        self.check_ledger();
        assert_eq!(panics::count(), self.panics, "expected no panic on a thread of the engine");
        let begin = Instant::now();
        while !self.serves() {
            // What a closed connection has sent can still be read, and fill the queue of an engine that held nothing.
            assert!(begin.elapsed() < DEADLINE && self.kind.refuses(), "expected an engine that serves others");
            self.check_ledger();
        }
        self.check_ledger();
    }

    /// Waits until the engine holds nothing.
    fn check_ledger(&self) {
        let begin = Instant::now();
        for round in 0_u64.. {
            let held = self.engine.in_flight();
            if (held.requests, held.queued, held.running, held.bytes) == (0, 0, 0, 0) {
                return;
            }
            assert!(begin.elapsed() < DEADLINE, "expected an engine that holds nothing, got {held:?}");
            // It needs some microseconds, and a moment more if a model works.
            thread::sleep(Duration::from_micros(20 << round.min(6)));
        }
    }

    /// Asks for the health and for an inference on a fresh connection. Returns `false` if the engine has no room for it.
    fn serves(&self) -> bool {
        let mut fresh = TcpStream::connect(self.address).expect("a fresh connection is accepted");
        fresh.set_read_timeout(Some(DEADLINE)).expect("a timeout is set");
        let asked = Asked::new(self.kind, Tag::new(Tag::connection(), 0), b"");
        let mut request = b"GET /v2/health/ready HTTP/1.1\r\nhost: live\r\n\r\n".to_vec();
        request.extend_from_slice(asked.head().as_bytes());
        request.extend_from_slice(asked.body().as_bytes());
        fresh.write_all(&request).expect("a fresh connection is read from");
        let mut received = Vec::new();
        let mut statuses = Vec::new();
        let mut read = 0;
        while statuses.len() < 2 {
            let mut buffer = [0; 2048];
            let count = match fresh.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => 0,
                count => count.expect("a fresh connection is answered"),
            };
            if count == 0 {
                // One beyond the number of connections serves a health check only, and closes under the other request.
                let shown = String::from_utf8_lossy(&received);
                assert!(self.kind.refuses(), "a fresh connection was closed after {shown:?}");
                return false;
            }
            received.extend_from_slice(&buffer[..count]);
            while let Parsed::Whole(answer, length) = response(&received[read..], false) {
                read += length;
                statuses.push(answer.status);
                if statuses == [200, 200] {
                    asked.check(&answer.body);
                }
            }
        }
        let shown = String::from_utf8_lossy(&received);
        assert!(matches!(statuses[..], [200, 200 | 503]), "expected a health and an answer, got {shown}");
        statuses[1] == 200
    }
}
