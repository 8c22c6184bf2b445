//! The measurement of a model: its servers by turns, in rounds.

use std::time::Duration;

use super::{
    alone::{Alone, Calls},
    answers,
    cases::{Case, Server},
};
use crate::{
    Failure,
    client::{Protocol, connect},
    figures::{Spread, percentile},
    load::{self, Exchange},
    process::Process,
};

/// The plan of a run.
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) time: Duration,
    pub(crate) connections: usize,
    pub(crate) starts: usize,
}

/// The figures of one server, or of the model alone, which has no latencies.
pub(crate) struct Figures {
    pub(crate) name: String,
    /// Requests per second.
    pub(crate) rate: Spread,
    /// CPU seconds per request.
    pub(crate) cpu: Spread,
    /// Requests per CPU second, relative to the model alone in the same round, which has none.
    pub(crate) relative: Option<Spread>,
    /// Latencies in seconds, in the middle and of the slowest 1 %.
    pub(crate) latencies: Option<[Spread; 2]>,
    pub(crate) peak_memory: f64,
    /// Seconds from the start to readiness.
    pub(crate) start: Spread,
    /// The size of a server in an image, in bytes.
    pub(crate) size: Option<f64>,
}

/// The figures of a model.
pub(crate) struct Measured {
    /// The requests per second at which latencies were measured.
    pub(crate) rate: f64,
    pub(crate) figures: Vec<Figures>,
}

/// A server that runs.
struct Running<'a> {
    server: &'a Server,
    process: Process,
    exchange: Exchange,
    starts: Vec<f64>,
    /// Rates and CPU seconds per request, by rounds.
    closed: Vec<(f64, f64)>,
}

/// Measures a model.
pub(crate) async fn case(case: &Case, plan: &Plan) -> Result<Measured, Failure> {
    let mut running = Vec::new();
    for server in &case.servers {
        let one = Running::start(server, case, plan).await;
        running.push(one.map_err(|error| format!("{}, {}: {error}", case.name, server.name))?);
    }
    for (index, one) in running.iter().enumerate().skip(1) {
        answers::agree(&running[0].exchange.answer, &one.exchange.answer, case.tolerance)
            .map_err(|error| format!("{}, {}: {error}", case.name, running[index].server.name))?;
    }
    let mut alone = Alone::start(&case.alone)?;
    let mut calls = Vec::new();
    for one in &mut running {
        one.closed(plan.connections, plan.time / 2).await?;
    }
    for round in 0..plan.rounds {
        for turn in turns(running.len(), round) {
            let figures = running[turn].closed(plan.connections, plan.time).await?;
            running[turn].closed.push(figures);
        }
        calls.push(alone.run(plan.time)?);
    }
    let rates = running.iter().map(|one| Spread::of(one.closed.iter().map(|(rate, _)| *rate)).median);
    let rate = rates.fold(f64::INFINITY, f64::min) / 2.0;
    let latencies = open(&running, rate, plan).await?;
    let mut figures = Vec::new();
    for (one, latencies) in running.iter().zip(latencies) {
        figures.push(one.figures(&calls, latencies)?);
    }
    figures.push(figures_alone(&case.alone.name, &alone, &calls));
    Ok(Measured { rate, figures })
}

impl<'a> Running<'a> {
    /// Starts a server several times, of which the last one stays, and asks it once.
    async fn start(server: &'a Server, case: &Case, plan: &Plan) -> Result<Self, Failure> {
        let mut process = server.start().await?;
        let mut starts = vec![process.started_in.as_secs_f64()];
        while starts.len() < plan.starts {
            drop(process);
            process = server.start().await?;
            starts.push(process.started_in.as_secs_f64());
        }
        let request = case.request()?;
        let mut open = connect(Protocol::Http1, process.address, 1).await?;
        let (status, answer) = open.first_mut().ok_or("no connection")?.ask(&request).await?;
        if status != 200 {
            let text = String::from_utf8_lossy(&answer[..answer.len().min(300)]);
            return Err(format!("expected status 200, got {status}: {text}").into());
        }
        let exchange = Exchange { request, answer: answer.into(), haste: true };
        Ok(Running { server, process, exchange, starts, closed: Vec::new() })
    }

    /// Returns the rate and the CPU seconds per request of a closed loop.
    async fn closed(&self, connections: usize, time: Duration) -> Result<(f64, f64), Failure> {
        let open = connect(Protocol::Http1, self.process.address, connections).await?;
        let before = self.process.usage()?;
        let result = load::closed(open, &self.exchange, time).await;
        let result = result.map_err(|error| format!("{}: {error}", self.server.name))?;
        let used = self.process.usage()?.cpu.saturating_sub(before.cpu);
        let requests = result.requests as f64;
        Ok((requests / result.took.as_secs_f64(), used.as_secs_f64() / requests))
    }

    fn figures(&self, calls: &[Calls], latencies: [Spread; 2]) -> Result<Figures, Failure> {
        let relative = self.closed.iter().zip(calls).map(|((_, cpu), calls)| calls.cpu / cpu);
        Ok(Figures {
            name: self.server.name.clone(),
            rate: Spread::of(self.closed.iter().map(|(rate, _)| *rate)),
            cpu: Spread::of(self.closed.iter().map(|(_, cpu)| *cpu)),
            relative: Some(Spread::of(relative)),
            latencies: Some(latencies),
            peak_memory: self.process.peak_memory()? as f64,
            start: Spread::of(self.starts.iter().copied()),
            size: Some(self.server.size),
        })
    }
}

/// Returns the latencies of each server at a rate.
async fn open(running: &[Running<'_>], rate: f64, plan: &Plan) -> Result<Vec<[Spread; 2]>, Failure> {
    // A few at least, so that there is a median.
    let requests = ((rate * plan.time.as_secs_f64()) as usize).max(4);
    let interval = Duration::from_secs_f64(1.0 / rate);
    let mut rounds: Vec<Vec<Vec<f64>>> = vec![Vec::new(); running.len()];
    for index in 0..plan.rounds {
        for turn in turns(running.len(), index) {
            let one = &running[turn];
            let open = connect(Protocol::Http1, one.process.address, plan.connections).await?;
            let result = load::open(open, &one.exchange, requests, interval).await;
            let result = result.map_err(|error| format!("{}: {error}", one.server.name))?;
            let mut seconds: Vec<f64> = result.iter().map(Duration::as_secs_f64).collect();
            seconds.sort_by(f64::total_cmp);
            rounds[turn].push(seconds);
        }
    }
    let at = |rounds: &[Vec<f64>], share| Spread::of(rounds.iter().map(|round| percentile(round, share)));
    Ok(rounds.iter().map(|rounds| [at(rounds, 0.5), at(rounds, 0.99)]).collect())
}

fn figures_alone(name: &str, alone: &Alone, calls: &[Calls]) -> Figures {
    Figures {
        name: name.to_owned(),
        rate: Spread::of(calls.iter().map(|calls| calls.rate)),
        cpu: Spread::of(calls.iter().map(|calls| calls.cpu)),
        relative: None,
        latencies: None,
        peak_memory: calls.iter().map(|calls| calls.memory).fold(0.0, f64::max),
        start: Spread::of([alone.started_in.as_secs_f64()]),
        size: None,
    }
}

/// Returns the order of the servers in a round: every second one is reversed.
fn turns(servers: usize, round: usize) -> Vec<usize> {
    let order = 0..servers;
    if round.is_multiple_of(2) { order.collect() } else { order.rev().collect() }
}
