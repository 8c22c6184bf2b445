//! The scenarios: each starts an engine, loads or interrupts it, and says what it saw.

mod connections;
mod hang_ups;
mod health;
mod overload;
mod restarts;
mod soak;
mod steady;

use std::{path::Path, time::Duration};

use crate::{Failure, Outcome};

/// How long and how large a scenario is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scale {
    /// Only for a moment, and with few clients.
    pub short: bool,
    /// How long its measured part takes, in place of its own length.
    pub length: Option<Duration>,
}

impl Scale {
    fn length(self, seconds: u64) -> Duration {
        self.length.unwrap_or(if self.short { Duration::from_secs(2) } else { Duration::from_secs(seconds) })
    }

    /// So many, or a few.
    fn count(self, whole: usize, few: usize) -> usize {
        if self.short { few } else { whole }
    }
}

type Run = fn(&Path, Scale) -> Result<Outcome, Failure>;

/// A scenario, by its name.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// What it is called.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    run: Run,
}

impl Scenario {
    /// Runs it against the engine of this path.
    ///
    /// # Errors
    /// It could not be run.
    pub fn run(&self, engine: &Path, scale: Scale) -> Result<Outcome, Failure> {
        (self.run)(engine, scale)
    }
}

const fn scenario(name: &'static str, about: &'static str, run: Run) -> Scenario {
    Scenario { name, about, run }
}

/// Every scenario.
pub const SCENARIOS: &[Scenario] = &[
    scenario("steady", "as many clients as the engine can serve", steady::run),
    scenario("overload", "ten times what the engine can serve, with bodies of 100 KB", overload::run),
    scenario("slow-loris", "clients that send the heads of their requests byte by byte", connections::slow_loris),
    scenario("idle", "connections on which nothing is asked", connections::idle),
    scenario("hang-ups", "clients that hang up at random", hang_ups::run),
    scenario("restarts", "SIGTERM to one engine after the other, under traffic", restarts::run),
    scenario("health", "readiness and liveness while every worker is blocked", health::run),
    scenario("soak", "whatever can go wrong, mixed", soak::run),
];

/// Runs clients of an engine, on threads of their own.
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
