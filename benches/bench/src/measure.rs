//! One workload: its servers by turns, in rounds.

use std::time::{Duration, Instant};

use crate::{
    Failure,
    client::{Protocol, connect},
    figures::{Spread, percentile},
    load::{self, Exchange},
    machine,
    peers::Peer,
    plan::Plan,
    process::Process,
    results::{ClosedResult, Latency, OpenResult, ServerResult, WorkloadResult},
    servers::Server,
    workloads::Workload,
};

/// A server that runs, with the request that it is sent.
pub(crate) struct Running {
    pub(crate) server: Server,
    pub(crate) process: Process,
    pub(crate) exchange: Exchange,
}

/// The figures of a server in a round of a closed loop.
#[derive(Clone, Copy)]
pub(crate) struct Round {
    pub(crate) rate: f64,
    pub(crate) cpu: f64,
    pub(crate) faults: f64,
}

impl Running {
    /// Starts a server and checks one whole answer.
    pub(crate) async fn start(server: Server, workload: &Workload, plan: &Plan) -> Result<Self, Failure> {
        let process = server.start(workload.protocol, workload.model).await?;
        let request = server.request(workload)?;
        let mut open = connect(workload.protocol, process.address, 1).await?;
        let (status, answer) = open.first_mut().ok_or("no connection")?.ask(&request).await?;
        let named = |error: Failure| format!("{}, {}: {error}", workload.name, server.name());
        if status != 200 {
            let text = String::from_utf8_lossy(&answer[..answer.len().min(300)]);
            return Err(named(format!("expected status 200, got {status}: {text}").into()).into());
        }
        server.expected(workload).check(&request.body, &answer).map_err(named)?;
        let exchange = Exchange { request, answer: answer.into(), haste: !plan.every_answer };
        Ok(Running { server, process, exchange })
    }

    /// Puts the name of the server in front of an error.
    fn named(&self, error: Failure) -> Failure {
        format!("{}: {error}", self.server.name()).into()
    }

    /// Measures one round of a closed loop.
    pub(crate) async fn closed(
        &self,
        protocol: Protocol,
        connections: usize,
        time: Duration,
    ) -> Result<Round, Failure> {
        let open = connect(protocol, self.process.address, connections).await?;
        let before = self.process.usage()?;
        let result = load::closed(open, &self.exchange, time).await.map_err(|error| self.named(error))?;
        let after = self.process.usage()?;
        let requests = result.requests as f64;
        Ok(Round {
            rate: requests / result.took.as_secs_f64(),
            cpu: after.cpu.saturating_sub(before.cpu).as_secs_f64() / requests,
            faults: after.faults.saturating_sub(before.faults) as f64 / requests,
        })
    }
}

/// Measures a workload. Adds the share of the cores that others took in each round.
pub(crate) async fn workload(
    workload: &Workload,
    peers: &[Peer],
    plan: &Plan,
    others: &mut Vec<f64>,
) -> Result<WorkloadResult, Failure> {
    let mut running = Vec::new();
    for server in Server::of(workload, peers) {
        let name = server.name().to_string();
        let is_peer = matches!(server, Server::Peer(_));
        match Running::start(server, workload, plan).await {
            Ok(one) => running.push(one),
            // A run is long, and the other servers are not to blame.
            Err(failure) if is_peer => eprintln!("bench: left out of {}: {name}: {failure}", workload.name),
            Err(failure) => return Err(failure),
        }
    }
    let reference = running.iter().position(|one| one.server.is_reference(workload)).ok_or("no reference")?;
    let mut results: Vec<ServerResult> = running
        .iter()
        .map(|one| ServerResult {
            name: one.server.name().to_string(),
            answer_bytes: one.exchange.answer.len(),
            closed: Vec::new(),
            open: None,
            peak_memory_bytes: 0,
        })
        .collect();
    // The rate that the slowest server reaches on any number of connections.
    let mut slowest = f64::INFINITY;
    let connections = plan.connections(workload);
    for count in &connections {
        let rounds = closed(&running, workload.protocol, *count, plan, others).await?;
        for (server, result) in results.iter_mut().enumerate() {
            let of = |figure: fn(&Round) -> f64| Spread::of(rounds.iter().map(|round| figure(&round[server])));
            let rate = of(|round| round.rate);
            result.closed.push(ClosedResult {
                connections: *count,
                rate,
                relative: Spread::of(rounds.iter().map(|round| round[server].rate / round[reference].rate)),
                cpu_seconds: of(|round| round.cpu),
                page_faults: of(|round| round.faults),
            });
        }
    }
    for result in &results {
        let fastest = result.closed.iter().map(|closed| closed.rate.median).fold(0.0, f64::max);
        slowest = slowest.min(fastest);
    }
    let most = connections.iter().copied().max().unwrap_or(1);
    let rate = plan.rate.unwrap_or(slowest / 2.0);
    for (result, open) in results.iter_mut().zip(open(&running, workload.protocol, most, rate, plan).await?) {
        result.open = Some(open);
    }
    for (result, one) in results.iter_mut().zip(&running) {
        result.peak_memory_bytes = one.process.peak_memory()?;
    }
    Ok(WorkloadResult {
        name: workload.name,
        about: workload.about,
        request_bytes: workload.body.len(),
        reference: running[reference].server.name().to_string(),
        servers: results,
    })
}

/// Returns what each server did in each round.
async fn closed(
    running: &[Running],
    protocol: Protocol,
    connections: usize,
    plan: &Plan,
    others: &mut Vec<f64>,
) -> Result<Vec<Vec<Round>>, Failure> {
    for one in running {
        one.closed(protocol, connections, plan.warm_up).await?;
    }
    let mut rounds = Vec::with_capacity(plan.rounds);
    for index in 0..plan.rounds {
        let mut round = vec![None; running.len()];
        let busy = Busy::begin(running)?;
        for turn in turns(running.len(), index) {
            round[turn] = Some(running[turn].closed(protocol, connections, plan.time).await?);
        }
        others.push(busy.share_of_others(running)?);
        rounds.push(round.into_iter().flatten().collect());
    }
    Ok(rounds)
}

async fn open(
    running: &[Running],
    protocol: Protocol,
    connections: usize,
    rate: f64,
    plan: &Plan,
) -> Result<Vec<OpenResult>, Failure> {
    // A few at least, so that there is a median.
    let requests = ((rate * plan.time.as_secs_f64()) as usize).max(4);
    let interval = Duration::from_secs_f64(1.0 / rate);
    let mut rounds: Vec<Vec<Vec<Duration>>> = vec![Vec::new(); running.len()];
    for index in 0..plan.rounds {
        for turn in turns(running.len(), index) {
            let one = &running[turn];
            let open = connect(protocol, one.process.address, connections).await?;
            let result = load::open(open, &one.exchange, requests, interval).await;
            rounds[turn].push(result.map_err(|error| one.named(error))?);
        }
    }
    let result = |rounds: Vec<Vec<Duration>>| OpenResult { rate, connections, requests, latency: Latency::of(&rounds) };
    Ok(rounds.into_iter().map(result).collect())
}

/// Returns the order of the servers in a round: every second one is reversed, so that none always follows the same.
fn turns(servers: usize, round: usize) -> Vec<usize> {
    let order = 0..servers;
    if round.is_multiple_of(2) { order.collect() } else { order.rev().collect() }
}

impl Latency {
    /// Returns the percentiles of some rounds.
    pub(crate) fn of(rounds: &[Vec<Duration>]) -> Self {
        let sorted: Vec<Vec<f64>> = rounds
            .iter()
            .map(|round| {
                let mut seconds: Vec<f64> = round.iter().map(Duration::as_secs_f64).collect();
                seconds.sort_by(f64::total_cmp);
                seconds
            })
            .collect();
        let at = |share| Spread::of(sorted.iter().map(|round| percentile(round, share)));
        Latency { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), highest: at(1.0) }
    }
}

/// The CPU time of the whole machine and of this benchmark at the begin of a round.
struct Busy {
    since: Instant,
    machine: f64,
    own: f64,
}

impl Busy {
    fn begin(running: &[Running]) -> Result<Self, Failure> {
        Ok(Busy { since: Instant::now(), machine: machine::busy_seconds(), own: own_seconds(running)? })
    }

    /// Returns the share of all cores that other processes took.
    fn share_of_others(&self, running: &[Running]) -> Result<f64, Failure> {
        let cores = std::thread::available_parallelism()?.get() as f64;
        let others = (machine::busy_seconds() - self.machine) - (own_seconds(running)? - self.own);
        Ok(others.max(0.0) / (self.since.elapsed().as_secs_f64() * cores))
    }
}

/// Returns the CPU seconds of the servers and of this process.
fn own_seconds(running: &[Running]) -> Result<f64, Failure> {
    let mut seconds = Process::own_cpu().as_secs_f64();
    for one in running {
        seconds += one.process.usage()?.cpu.as_secs_f64();
    }
    Ok(seconds)
}
