//! The honest client beside an attack: it asks for small things at a steady pace, and probes health on fresh connections as
//! a platform does.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde_json::json;

use super::ground::{PICTURES, TENSORS, TEXTS};
use crate::{Failure, client::Client, traffic::Seen};

/// The interval between two requests, and between two probes.
const PACE: Duration = Duration::from_millis(50);

/// The time for which the attack goes on before the first request.
const AHEAD: Duration = Duration::from_millis(500);

/// The time after which a probe has failed, as long as the shortest that platforms set by default.
const PROBE_PATIENCE: Duration = Duration::from_secs(1);

/// The requests of the honest client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    Text,
    Tensor,
    Picture,
    /// One after the other.
    All,
}

/// A PNG of one white pixel.
const PICTURE: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mP4DwABAQEAHLCMmQAAAABJRU5ErkJggg==";

impl Asks {
    /// Returns the path and the body of a request.
    fn request(self, turn: usize) -> (&'static str, Bytes) {
        const KINDS: [Asks; 3] = [Asks::Text, Asks::Tensor, Asks::Picture];
        let (path, input) = match self {
            Asks::All => return KINDS[turn % KINDS.len()].request(turn),
            Asks::Text => (TEXTS, json!({"name": "a", "datatype": "BYTES", "shape": [1], "data": ["hello"]})),
            Asks::Tensor => (TENSORS, json!({"name": "x", "datatype": "FP32", "shape": [2], "data": [1.5, 2.5]})),
            Asks::Picture => (PICTURES, json!({"name": "p", "datatype": "BYTES", "shape": [1], "data": [PICTURE]})),
        };
        (path, json!({ "inputs": [input] }).to_string().into())
    }
}

/// The observations of the honest client.
#[derive(Debug, Default)]
pub(super) struct Honest {
    pub(super) requests: Seen,
    /// The number of requests that were served while the attack went on.
    pub(super) in_time: usize,
    pub(super) probes: Seen,
}

/// The honest client at work.
pub(super) struct AtWork {
    over: Arc<AtomicBool>,
    served: Arc<AtomicUsize>,
    thread: thread::JoinHandle<Result<Honest, Failure>>,
}

impl AtWork {
    /// Waits until so many requests have been served.
    pub(super) async fn served(&self, least: usize) {
        while self.served.load(Ordering::Acquire) < least {
            tokio::time::sleep(PACE).await;
        }
    }

    /// Ends the work, and returns what the client has seen.
    pub(super) fn end(self) -> Result<Honest, Failure> {
        self.over.store(true, Ordering::Release);
        self.thread.join().map_err(|_| "the honest client panicked")?
    }
}

/// Starts the client, on a thread of its own. A request without a response after this time counts as lost.
pub(super) fn start(address: SocketAddr, asks: Asks, patience: Duration) -> AtWork {
    let over = Arc::new(AtomicBool::new(false));
    let is_over = over.clone();
    let served = Arc::new(AtomicUsize::new(0));
    let in_time = served.clone();
    let thread = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (requests, probes) = runtime.block_on(async {
            let requests = async {
                let (mut seen, mut turn) = (Seen::default(), 0);
                tokio::time::sleep(AHEAD).await;
                let mut client = Client::with_patience(address, patience);
                while !is_over.load(Ordering::Acquire) {
                    let (path, body) = asks.request(turn);
                    let sent = Instant::now();
                    let result = client.post(path, body).await;
                    if matches!(result, Ok(200)) && !is_over.load(Ordering::Acquire) {
                        in_time.fetch_add(1, Ordering::AcqRel);
                    }
                    seen.add(result, sent.elapsed());
                    turn += 1;
                    tokio::time::sleep(PACE).await;
                }
                seen
            };
            let probes = async {
                let mut seen = Seen::default();
                while !is_over.load(Ordering::Acquire) {
                    for path in ["/v2/health/live", "/ready"] {
                        let sent = Instant::now();
                        let result = Client::with_patience(address, PROBE_PATIENCE).get(path).await;
                        seen.add(result, sent.elapsed());
                    }
                    tokio::time::sleep(PACE).await;
                }
                seen
            };
            tokio::join!(requests, probes)
        });
        Ok(Honest { requests, in_time: in_time.load(Ordering::Acquire), probes })
    });
    AtWork { over, served, thread }
}
