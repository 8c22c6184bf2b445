//! The engine of this package as a process, its requests, and what holds it busy. The tables call it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use e2e::{Connection, Process, until};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::ENGINE;

/// The limit of a body. [`Requests::large`] is below it and [`Requests::refused`] far beyond it.
const MAX_BODY: &str = "12MiB";

/// The number of requests that an engine admits.
const ADMITTED: usize = 2;

/// The settings of every engine. The header timeout is shorter than the tests keep a connection idle.
const SETTINGS: [(&str, &str); 7] = [
    ("CHARIOT_ENGINE_MAX_BODY", MAX_BODY),
    ("CHARIOT_ENGINE_MAX_TEXT", MAX_BODY),
    ("CHARIOT_ENGINE_WORKERS", "1"),
    ("CHARIOT_ENGINE_MAX_CONCURRENCY", "2"),
    ("CHARIOT_ENGINE_QUEUE_SIZE", "0"),
    ("CHARIOT_ENGINE_HEADER_TIMEOUT", "1s"),
    ("CHARIOT_ENGINE_LOG_FORMAT", "json"),
];

/// Starts an engine with these settings beside [`SETTINGS`].
pub(crate) fn launch(settings: &[(&str, &str)]) -> Process {
    Process::start(ENGINE, &[&SETTINGS, settings].concat())
}

/// Starts an engine as [`launch`] does, and waits until it is ready.
pub(crate) fn start(settings: &[(&str, &str)]) -> Process {
    let engine = launch(settings);
    engine.wait_until_ready();
    engine
}

/// The bodies of requests as files, and gates, in a folder of their own.
pub(crate) struct Requests {
    folder: TempDir,
    gates: AtomicUsize,
}

impl Requests {
    pub(crate) fn new() -> Self {
        Requests { folder: tempfile::tempdir().expect("a folder"), gates: AtomicUsize::new(0) }
    }

    /// Returns the folder, which lives as long as the requests.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns a request of a few bytes.
    pub(crate) fn small(&self) -> Body {
        self.body("small", 5, json!({}))
    }

    /// Returns a request of 8 MiB, below the limit.
    pub(crate) fn large(&self) -> Body {
        self.body("large", 8 << 20, json!({}))
    }

    /// Returns a request of 32 MiB, beyond the limit and beyond what sockets and proxies buffer.
    pub(crate) fn refused(&self) -> Body {
        self.body("refused", 32 << 20, json!({}))
    }

    /// Returns a request that waits for a gate.
    pub(crate) fn gated(&self, gate: &Gate) -> Body {
        self.body("gated", 5, json!({ "gate": gate.0 }))
    }

    /// Returns a request whose second part waits for a gate.
    pub(crate) fn parts(&self, gate: &Gate) -> Body {
        self.body("parts", 5, json!({ "parts": true, "gate": gate.0 }))
    }

    /// Returns a gate of its own, which is closed.
    pub(crate) fn gate(&self) -> Gate {
        let number = self.gates.fetch_add(1, Ordering::Relaxed);
        Gate(self.folder().join(format!("gate-{number}")))
    }

    fn body(&self, name: &str, bytes: usize, parameters: Value) -> Body {
        let file = self.folder().join(format!("{name}.json"));
        // Written by hand, because a debug build takes seconds to escape so many letters.
        let text = "x".repeat(bytes);
        let input =
            format!(r#"{{"name":"text","datatype":"BYTES","shape":[1],"data":["{text}"],"parameters":{parameters}}}"#);
        fs::write(&file, format!(r#"{{"inputs":[{input}]}}"#)).expect("a file");
        Body { file, bytes }
    }
}

/// The body of a request as a file.
pub(crate) struct Body {
    /// The file.
    pub(crate) file: PathBuf,
    /// The length of the text in it.
    pub(crate) bytes: usize,
}

impl Body {
    /// Returns the output that the engine makes of it.
    pub(crate) fn output(&self) -> Value {
        json!({ "bytes": self.bytes, "sum": self.bytes * usize::from(b'x') })
    }

    /// Reads the file.
    pub(crate) fn text(&self) -> String {
        fs::read_to_string(&self.file).expect("the file of a body")
    }
}

/// A file for which the model waits.
pub(crate) struct Gate(pub(crate) PathBuf);

impl Gate {
    /// Lets every request that waits for it go on.
    pub(crate) fn open(&self) {
        fs::write(&self.0, "").expect("the gate opens");
    }
}

/// Returns the number of requests that an engine reports to be in flight.
pub(crate) fn in_flight(engine: &Process) -> usize {
    let page = engine.get("/metrics").text;
    let line = page.lines().find_map(|line| line.strip_prefix("chariot_in_flight_requests{"));
    line.and_then(|line| line.rsplit_once(' ')).and_then(|(_, value)| value.parse().ok()).unwrap_or_default()
}

/// Requests that take everything that an engine admits.
pub(crate) struct Busy<'a> {
    connections: Vec<Connection>,
    gate: &'a Gate,
}

impl<'a> Busy<'a> {
    /// Fills an engine with requests that wait for a gate, which this opens on drop.
    pub(crate) fn with(engine: &Process, gate: &'a Gate, gated: &Body) -> Self {
        let fill = |_| {
            let mut connection = engine.connect();
            let refused = connection.post_admitted("/infer", &gated.text()).expect("a response");
            assert_eq!(refused, None, "the engine is already busy");
            connection
        };
        let connections = (0..ADMITTED).map(fill).collect();
        until("all of them are in flight", || (in_flight(engine) == ADMITTED).then_some(()));
        Busy { connections, gate }
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.gate.open();
        for connection in &mut self.connections {
            // Once they are answered, the engine admits requests again.
            let _ = connection.answer();
        }
    }
}
