//! Engines that are restarted in turn with SIGTERM, behind a round-robin client that respects readiness: no request
//! fails.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use e2e::Signal;
use serde_json::json;
use tokio::task::JoinSet;

use super::{Failure, Outcome, Scale, block_on, milliseconds};
use crate::{
    client::Client,
    engine::{Engine, command},
    traffic::Seen,
};

const ENGINES: usize = 3;
const CLIENTS: usize = 8;
/// The interval of the readiness probe, and the drain delay of the engines.
const PROBE: Duration = Duration::from_millis(100);
const DRAIN: &str = "1s";

/// The engines that are ready according to the probe.
type Ready = Arc<Mutex<Vec<SocketAddr>>>;

pub(super) fn run(exe: &Path, scale: Scale) -> Result<Outcome, Failure> {
    let start = || Engine::start(exe, &[("CHARIOT_ENGINE_WORKERS", "2"), ("CHARIOT_ENGINE_DRAIN_DELAY", DRAIN)]);
    let mut engines = (0..ENGINES).map(|_| start()).collect::<Result<Vec<_>, _>>()?;
    let known: Ready = Arc::new(Mutex::new(engines.iter().map(|engine| engine.0.address()).collect()));
    let ready: Ready = Arc::new(Mutex::new(lock(&known).clone()));
    let over = Arc::new(AtomicBool::new(false));
    let restarts = scale.count(20, 2);
    let traffic = {
        let (known, ready, over) = (known.clone(), ready.clone(), over.clone());
        std::thread::spawn(move || block_on(traffic(known, ready, over)))
    };
    let mut codes = Vec::new();
    let mut longest = Duration::ZERO;
    for index in 0..restarts {
        let next = start()?;
        lock(&known).push(next.0.address());
        let old = std::mem::replace(&mut engines[index % ENGINES], next);
        let begin = Instant::now();
        old.0.signal(Signal::Terminate);
        codes.push(old.0.wait());
        longest = longest.max(begin.elapsed());
        lock(&known).retain(|address| *address != old.0.address());
    }
    over.store(true, Ordering::Release);
    let seen = traffic.join().map_err(|_| "the traffic panicked")??;
    let failed: usize = seen.statuses.iter().filter(|(status, _)| **status != 200).map(|(_, count)| count).sum();
    let mut outcome = Outcome::default();
    outcome.figure("restarts", restarts);
    outcome.figure("requests served during restarts", seen.status(200));
    outcome.figure("failed requests", failed + seen.all_lost());
    outcome.figure("latency, p99", milliseconds(seen.percentile(0.99)));
    outcome.figure("longest stop", milliseconds(longest));
    outcome.must(seen.status(200) > 0, "requests are served");
    outcome.must(failed == 0 && seen.lost.is_empty(), format!("no request fails: {:?} {:?}", seen.statuses, seen.lost));
    outcome.must(codes.iter().all(|code| *code == Some(0)), format!("every engine exits with 0: {codes:?}"));
    Ok(outcome)
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn traffic(known: Ready, ready: Ready, over: Arc<AtomicBool>) -> Seen {
    let mut tasks = JoinSet::new();
    let turn = Arc::new(AtomicUsize::new(0));
    for _ in 0..CLIENTS {
        let (ready, over, turn) = (ready.clone(), over.clone(), turn.clone());
        tasks.spawn(async move {
            let mut seen = Seen::default();
            let mut clients: Vec<(SocketAddr, Client)> = Vec::new();
            while !over.load(Ordering::Acquire) {
                let address = {
                    let ready = lock(&ready);
                    ready.get(turn.fetch_add(1, Ordering::Relaxed) % ready.len().max(1)).copied()
                };
                let Some(address) = address else {
                    tokio::time::sleep(PROBE).await;
                    continue;
                };
                let at = clients.iter().position(|(of, _)| *of == address).unwrap_or_else(|| {
                    clients.push((address, Client::new(address)));
                    clients.len() - 1
                });
                let sent = Instant::now();
                let result = clients[at].1.infer(command(&json!({"sleep_ms": fastrand::u64(0..10)}), 1000)).await;
                seen.add(result, sent.elapsed());
            }
            seen
        });
    }
    let probe = async {
        loop {
            let all = lock(&known).clone();
            let mut now = Vec::new();
            for address in all {
                if Client::new(address).get("/ready").await.is_ok_and(|status| status == 200) {
                    now.push(address);
                }
            }
            *lock(&ready) = now;
            tokio::time::sleep(PROBE).await;
        }
    };
    let clients = async {
        let mut all = Seen::default();
        while let Some(seen) = tasks.join_next().await {
            all.merge(seen.unwrap_or_default());
        }
        all
    };
    tokio::select! {
        all = clients => all,
        () = probe => Seen::default(),
    }
}
