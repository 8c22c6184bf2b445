//! One attack from the start of the engine to the verdict: what the attack sent, what the engine held, what the honest client
//! saw, and what is left.

use std::{path::Path, process::Stdio, time::Duration};

use super::{
    super::{Failure, Outcome, Scale, block_on, mebibytes, milliseconds},
    besieged::{Besieged, Descriptors},
    ground::Ground,
    honest::{self, Asks, Honest},
};

/// The time by which a brief attack is longer if the honest client is not served before: other tests take the cores.
const LONGER: Duration = Duration::from_secs(60);

/// The time for which the honest client waits for a response in a brief attack, whose engine is a debug build.
const PATIENCE: Duration = Duration::from_secs(20);

/// The share of the health probes that have to be answered with 200.
const LEAST_PROBED: f64 = 0.95;

/// The models of the engine, each of which has a budget of its own.
const MODELS: u64 = 3;

/// The settings and the expectations of an attack.
pub(super) struct Plan {
    pub(super) settings: Vec<(&'static str, String)>,
    pub(super) descriptors: Option<Descriptors>,
    pub(super) output: Option<[Stdio; 2]>,
    pub(super) asks: Asks,
    /// The share of the honest client's requests that have to be served.
    pub(super) least_served: f64,
    /// The number of models that are attacked.
    pub(super) models: u64,
    /// The number of requests that have to be served while the attack goes on.
    pub(super) least_in_time: usize,
    /// The length of the attack in seconds.
    pub(super) seconds: u64,
    /// The length of a brief attack in seconds.
    pub(super) short_seconds: u64,
    /// The number of log lines that the engine may write.
    pub(super) most_lines: usize,
}

impl Plan {
    /// Creates a plan for an attack on one model beside these requests.
    pub(super) fn beside(asks: Asks) -> Self {
        Plan {
            settings: Vec::new(),
            descriptors: None,
            output: None,
            asks,
            least_served: 0.9,
            models: 1,
            least_in_time: 3,
            seconds: 30,
            short_seconds: 2,
            // Ten refusals a second are logged, and how many were left out.
            most_lines: 600,
        }
    }

    pub(super) fn set(mut self, name: &'static str, value: impl ToString) -> Self {
        self.settings.push((name, value.to_string()));
        self
    }

    /// Creates a plan for an attack on all models.
    pub(super) fn on_all() -> Self {
        Plan { models: MODELS, ..Self::beside(Asks::All) }
    }
}

/// Returns the memory for requests in flight of each model, in bytes.
pub(super) fn budget(scale: Scale) -> u64 {
    if scale.short { 64 << 20 } else { 128 << 20 }
}

/// Returns the time limit of bodies and of reading responses.
pub(super) fn timeout(scale: Scale) -> Duration {
    Duration::from_secs(if scale.short { 1 } else { 10 })
}

/// An engine under attack, beside an honest client.
pub(super) struct Stage {
    pub(super) engine: Besieged,
    pub(super) ground: Ground,
    pub(super) outcome: Outcome,
    plan: Plan,
    /// The resident memory before the attack.
    model: u64,
    summary: String,
}

impl Stage {
    /// Starts the engine.
    pub(super) fn start(exe: &Path, scale: Scale, mut plan: Plan) -> Result<Self, Failure> {
        let budget = budget(scale);
        let timeout = format!("{}s", timeout(scale).as_secs());
        let mut settings: Vec<(&str, String)> = vec![
            ("CHARIOT_ENGINE_MAX_INFLIGHT_BYTES", budget.to_string()),
            ("CHARIOT_ENGINE_MAX_BODY", (budget / 2).to_string()),
            ("CHARIOT_ENGINE_BODY_TIMEOUT", timeout.clone()),
            ("CHARIOT_ENGINE_WRITE_TIMEOUT", timeout),
            ("CHARIOT_ENGINE_WORKERS", "2".into()),
            ("CHARIOT_ENGINE_DRAIN_DELAY", "0s".into()),
            ("CHARIOT_ENGINE_GRACE", "2s".into()),
        ];
        settings.append(&mut plan.settings);
        let engine = Besieged::start(exe, &settings, plan.descriptors, plan.output.take())?;
        let (ground, model) = (Ground::new(engine.address(), scale), engine.resident());
        Ok(Stage { engine, ground, outcome: Outcome::default(), plan, model, summary: String::new() })
    }

    /// Runs the attack beside the honest client.
    pub(super) fn attack<F>(&mut self, attack: impl FnOnce(Ground) -> F) -> Result<Honest, Failure>
    where
        F: Future<Output = ()>,
    {
        let scale = self.ground.scale;
        let patience = if scale.short { PATIENCE } else { 5 * timeout(scale) };
        // Making the requests of the attack takes a while.
        let attack = attack(self.ground.clone());
        let honest = honest::start(self.engine.address(), self.plan.asks, patience);
        // An attack that ends by itself has done all it can.
        let length = if scale.short { self.plan.short_seconds } else { self.plan.seconds };
        let length = scale.length.unwrap_or(Duration::from_secs(length));
        let least = self.plan.least_in_time;
        block_on(async {
            let enough = async {
                tokio::time::sleep(length).await;
                if scale.short {
                    let _ = tokio::time::timeout(LONGER, honest.served(least)).await;
                }
            };
            tokio::select! {
                () = attack => {}
                () = enough => {}
            }
        })?;
        honest.end()
    }

    /// Notes what the engine held and what the honest client saw.
    pub(super) fn note(&mut self, honest: &Honest) {
        let Stage { engine, outcome, plan, .. } = self;
        let budget = plan.models * budget(self.ground.scale);
        let bound = 2 * budget + self.model;
        let peak = engine.peak();
        let (sent, served) = (total(&honest.requests), honest.requests.status(200));
        let (probes, probed) = (total(&honest.probes), honest.probes.status(200));
        outcome.figure("sent by the attack", mebibytes(self.ground.sent() as f64));
        outcome.figure("responses to the attack", format!("{:?}", self.ground.statuses()));
        outcome.figure("resident memory before", mebibytes(self.model as f64));
        outcome.figure("peak of resident memory", mebibytes(peak as f64));
        outcome.figure("twice the memory for requests in flight, and the model", mebibytes(bound as f64));
        outcome.figure("honest requests served", format!("{served} of {sent}"));
        outcome.figure("of these while the attack went on", honest.in_time);
        outcome.figure("others", format!("{:?}", others(&honest.requests)));
        outcome.figure("honest requests, median", milliseconds(honest.requests.percentile(0.5)));
        outcome.figure("honest requests, p99", milliseconds(honest.requests.percentile(0.99)));
        outcome.figure("health probes answered with 200", format!("{probed} of {probes}"));
        outcome.must(peak <= bound, "the memory stays below twice its limit and the model");
        let share = served as f64 / sent.max(1) as f64;
        outcome.must(
            share >= plan.least_served,
            format!("at least {:.0} % of honest requests are served", 100.0 * plan.least_served),
        );
        outcome.must(
            honest.in_time >= plan.least_in_time,
            format!("at least {} honest requests are served while the attack goes on", plan.least_in_time),
        );
        // A brief attack beside other tests has few probes, and a core that is busy elsewhere fails some.
        if self.ground.scale.short {
            outcome.must(probed > 0, "a health probe is answered with 200");
        } else {
            let is_healthy = probed as f64 >= LEAST_PROBED * probes as f64;
            outcome.must(
                is_healthy,
                format!("at least {:.0} % of health probes are answered with 200", 100.0 * LEAST_PROBED),
            );
        }
        self.summary = format!(
            "{} of {}; {served} of {sent} served, {} in time, p50 {}, p99 {}; probes {probed} of {probes}",
            mebibytes(peak as f64),
            mebibytes(bound as f64),
            honest.in_time,
            milliseconds(honest.requests.percentile(0.5)),
            milliseconds(honest.requests.percentile(0.99)),
        );
    }

    fn note_of(&mut self, is_good: bool, what: &str) {
        if !is_good {
            self.summary += &format!("; **{what}**");
        }
    }

    /// Notes what is left after the attack, and ends the engine.
    pub(super) fn close(mut self) -> Result<Outcome, Failure> {
        let is_running = self.engine.is_running();
        self.outcome.must(is_running, "the engine lives");
        self.note_of(is_running, "died");
        if is_running {
            let settled = self.engine.is_settled(4 * timeout(self.ground.scale) + Duration::from_secs(5));
            self.outcome.must(settled, "nothing is in flight afterwards");
            self.note_of(settled, "not settled");
            let ready = self.engine.is_ready();
            self.outcome.must(ready, "the engine is ready afterwards");
            self.note_of(ready, "not ready");
            let after = self.engine.resident();
            self.outcome.figure("resident memory afterwards", mebibytes(after as f64));
            let ended = self.engine.end();
            self.outcome.must(ended.is_some(), "the engine ends on SIGTERM");
            self.outcome.figure("end on SIGTERM", ended.map_or("none".into(), milliseconds));
        }
        let lines = self.engine.lines();
        self.note_of(lines <= self.plan.most_lines, &format!("{lines} lines of log"));
        self.outcome.summarize(self.summary.clone());
        self.outcome.figure("lines written", lines);
        self.outcome.must(lines <= self.plan.most_lines, "the log is not flooded");
        Ok(self.outcome)
    }
}

/// Runs an attack from the start of the engine to the verdict.
pub(super) fn run<F>(exe: &Path, scale: Scale, plan: Plan, attack: impl FnOnce(Ground) -> F) -> Result<Outcome, Failure>
where
    F: Future<Output = ()>,
{
    let mut stage = Stage::start(exe, scale, plan)?;
    let honest = stage.attack(attack)?;
    stage.note(&honest);
    stage.close()
}

fn total(seen: &crate::traffic::Seen) -> usize {
    seen.statuses.values().sum::<usize>() + seen.all_lost()
}

/// Describes the requests that were not served.
fn others(seen: &crate::traffic::Seen) -> Vec<String> {
    let statuses = seen.statuses.iter().filter(|(status, _)| **status != 200);
    let statuses = statuses.map(|(status, count)| format!("{status}: {count}"));
    statuses.chain(seen.lost.iter().map(|(error, count)| format!("{error}: {count}"))).collect()
}
