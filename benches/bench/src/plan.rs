//! The options of a run, and the plan that they make.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use crate::{Failure, workloads::Workload};

/// The options of a run.
#[derive(Args)]
pub(crate) struct Options {
    /// Checks every answer of every workload in one short round, and measures nothing of use
    #[arg(long)]
    quick: bool,
    /// Runs only this workload; can be repeated. Other names: `probes`, `scaling`, `rest`
    #[arg(long, value_name = "WORKLOAD")]
    only: Vec<String>,
    /// Rounds of each measurement
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// The length of a round in seconds
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Numbers of connections
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8, 64])]
    connections: Vec<usize>,
    /// Requests per second of the open loop [default: half the rate of the slowest server]
    #[arg(long)]
    rate: Option<f64>,
    /// Measures servers in Python too
    #[arg(long)]
    pub(crate) peers: bool,
    /// Writes the results to a file
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Writes the tables and charts to `docs`
    #[arg(long, conflicts_with_all = ["only", "quick"])]
    pub(crate) write: bool,
}

/// The plan of a run.
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) time: Duration,
    /// The length of the round before the first, which is discarded.
    pub(crate) warm_up: Duration,
    pub(crate) rate: Option<f64>,
    /// Set if the content of every answer is compared, which costs the client time.
    pub(crate) every_answer: bool,
    connections: Vec<usize>,
    only: Vec<String>,
}

/// The parts of a run that are not workloads.
pub(crate) const PARTS: [&str; 3] = ["probes", "scaling", "rest"];

impl Plan {
    pub(crate) fn new(options: &Options, workloads: &[Workload]) -> Result<Self, Failure> {
        let names = || workloads.iter().map(|workload| workload.name).chain(PARTS);
        if let Some(unknown) = options.only.iter().find(|only| names().all(|name| name != *only)) {
            return Err(format!("expected one of {}, got {unknown}", names().collect::<Vec<_>>().join(", ")).into());
        }
        if options.rounds == 0 || options.connections.is_empty() || options.connections.contains(&0) {
            return Err("expected at least one round and one connection".into());
        }
        if !(options.seconds > 0.0 && options.rate.is_none_or(|rate| rate > 0.0)) {
            return Err("expected a length and a rate above 0".into());
        }
        let time = Duration::from_secs_f64(if options.quick { 0.03 } else { options.seconds });
        Ok(Plan {
            rounds: if options.quick { 1 } else { options.rounds },
            time,
            warm_up: if options.quick { Duration::ZERO } else { time / 2 },
            rate: options.rate,
            every_answer: options.quick,
            connections: options.connections.clone(),
            only: options.only.clone(),
        })
    }

    /// Returns whether a workload or another part is measured.
    pub(crate) fn includes(&self, name: &str) -> bool {
        match name {
            // Builds examples, which answer nothing that is not checked elsewhere.
            "rest" if self.every_answer && self.only.is_empty() => false,
            _ => self.only.is_empty() || self.only.iter().any(|only| only == name),
        }
    }

    /// Returns the numbers of connections of a workload.
    pub(crate) fn connections(&self, workload: &Workload) -> Vec<usize> {
        let mut counts: Vec<usize> =
            self.connections.iter().copied().filter(|count| *count <= workload.most_connections).collect();
        if counts.is_empty() {
            counts.push(workload.most_connections);
        }
        counts
    }
}
