//! Health probes while a model is idle, sleeps or computes, on new connections and on one that is kept.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use crate::{
    Failure,
    client::{Protocol, Request, connect},
    load::Timer,
    payloads,
    plan::Plan,
    results::{Latency, ProbeResult},
    roles::Served,
    servers::Server,
};

/// The time for which each request blocks its worker.
const BLOCKED: u64 = 200;
/// The time between two probes.
const INTERVAL: Duration = Duration::from_millis(10);
/// The least number of probes of a state, in all rounds: the slowest of fewer says little.
const PROBES: usize = 1_000;
/// The number of requests in flight by core, so that every worker is busy and a queue waits.
const BLOCKERS: usize = 4;

pub(crate) async fn probes(plan: &Plan) -> Result<Vec<ProbeResult>, Failure> {
    let in_time = (plan.time.as_secs_f64() / INTERVAL.as_secs_f64()).ceil() as u32;
    let probes = if plan.every_answer { in_time } else { in_time.max(PROBES.div_ceil(plan.rounds.max(1)) as u32) };
    let mut results = Vec::new();
    for (server, states) in [(Server::Echo, &["idle"][..]), (Server::Engine, &["idle", "sleep", "compute"][..])] {
        let process = server.start(Protocol::Http1, Served::Block).await?;
        for state in states {
            let mut blockers = JoinSet::new();
            if *state != "idle" {
                block(&mut blockers, state, process.address).await?;
            }
            for kept in [true, false] {
                let mut rounds = Vec::with_capacity(plan.rounds);
                for _ in 0..plan.rounds {
                    rounds.push(round(process.address, kept, probes).await?);
                }
                // A blocker ends only with an error.
                if let Some(ended) = blockers.try_join_next() {
                    ended??;
                }
                results.push(ProbeResult {
                    server: server.name().to_string(),
                    model: match *state {
                        "sleep" => "sleeps",
                        "compute" => "computes",
                        idle => idle,
                    },
                    connections: if kept { "kept" } else { "new" },
                    probes: rounds.iter().map(Vec::len).sum(),
                    latency: Latency::of(&rounds),
                });
            }
        }
    }
    Ok(results)
}

/// Keeps every worker busy with requests that follow each other, until the set is dropped.
async fn block(blockers: &mut JoinSet<Result<(), Failure>>, how: &str, address: SocketAddr) -> Result<(), Failure> {
    let request = Request::post("/infer", &[], payloads::texts(&[format!("{how} {BLOCKED}")]))?;
    let cores = std::thread::available_parallelism()?.get();
    for mut connection in connect(Protocol::Http1, address, BLOCKERS * cores).await? {
        let request = request.clone();
        blockers.spawn(async move {
            loop {
                let (status, answer) = connection.ask(&request).await?;
                if status != 200 {
                    return Err(
                        format!("expected status 200, got {status}: {}", String::from_utf8_lossy(&answer)).into()
                    );
                }
            }
        });
    }
    // The first requests have then reached the workers, and none has been answered.
    tokio::time::sleep(Duration::from_millis(BLOCKED / 2)).await;
    Ok(())
}

/// Sends this number of probes by a schedule, and returns the time of each from its place in the schedule.
async fn round(address: SocketAddr, kept: bool, probes: u32) -> Result<Vec<Duration>, Failure> {
    let request = Request::get("/ready")?;
    let mut open = connect(Protocol::Http1, address, 1).await?;
    let begin = Instant::now();
    let mut timer = Timer::new()?;
    let mut latencies = Vec::new();
    for index in 0..probes {
        let scheduled = begin + INTERVAL * index;
        timer.sleep_until(scheduled).await?;
        if !kept {
            open = connect(Protocol::Http1, address, 1).await?;
        }
        let (status, _) = open.first_mut().ok_or("no connection")?.ask(&request).await?;
        if status != 200 {
            return Err(format!("/ready: expected status 200, got {status}").into());
        }
        latencies.push(scheduled.elapsed());
    }
    Ok(latencies)
}
