//! The scenarios: each starts an engine, puts it under load or interrupts it, and returns its outcome.

mod connections;
mod hang_ups;
mod health;
mod overload;
mod restarts;
mod siege;
mod soak;
mod steady;

use std::{path::Path, time::Duration};

use crate::{Failure, Outcome};

/// The length and the size of a scenario.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scale {
    /// Enables a brief run with few clients.
    pub short: bool,
    /// The length of the measured part. Default: depends on the scenario.
    pub length: Option<Duration>,
}

impl Scale {
    fn length(self, seconds: u64) -> Duration {
        self.length.unwrap_or(if self.short { Duration::from_secs(2) } else { Duration::from_secs(seconds) })
    }

    /// Returns `many`, or a few for a brief run.
    fn count(self, whole: usize, few: usize) -> usize {
        if self.short { few } else { whole }
    }
}

type Run = fn(&Path, Scale) -> Result<Outcome, Failure>;

/// The engine that a scenario loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// `tests/faulty`, which fails on command.
    Faulty,
    /// The binary `besieged` of this package, with three models.
    Besieged,
}

/// A scenario.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// The name of the scenario.
    pub name: &'static str,
    /// The description of the scenario.
    pub about: &'static str,
    /// The engine of the scenario.
    pub target: Target,
    run: Run,
}

impl Scenario {
    /// Runs the scenario against the engine at this path.
    ///
    /// # Errors
    /// Returns an error if the scenario cannot be run.
    pub fn run(&self, engine: &Path, scale: Scale) -> Result<Outcome, Failure> {
        (self.run)(engine, scale)
    }
}

const fn scenario(name: &'static str, about: &'static str, target: Target, run: Run) -> Scenario {
    Scenario { name, about, target, run }
}

const fn faulty(name: &'static str, about: &'static str, run: Run) -> Scenario {
    scenario(name, about, Target::Faulty, run)
}

/// The scenarios of honest load and of restarts.
const LOAD: &[Scenario] = &[
    faulty("steady", "as many clients as the engine can serve", steady::run),
    faulty("overload", "ten times what the engine can serve, with bodies of 100 KB", overload::run),
    faulty("slow-loris", "clients that send their headers byte by byte", connections::slow_loris),
    faulty("idle", "idle connections", connections::idle),
    faulty("hang-ups", "clients that disconnect at random", hang_ups::run),
    faulty("restarts", "SIGTERM to one engine after the other, under traffic", restarts::run),
    faulty("health", "readiness and liveness while every worker is blocked", health::run),
    faulty("soak", "a mix of all faults", soak::run),
];

/// Returns all scenarios.
pub fn scenarios() -> impl Iterator<Item = &'static Scenario> + Clone {
    LOAD.iter().chain(siege::SIEGE)
}

/// Runs clients of an engine on separate threads.
fn block_on<F: Future>(future: F) -> Result<F::Output, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    Ok(runtime.block_on(future))
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

fn mebibytes(bytes: f64) -> String {
    format!("{:.1} MiB", bytes / f64::from(1 << 20))
}
