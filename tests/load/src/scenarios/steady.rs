//! As many clients as the engine can serve: low latency and no rejections.

use std::path::Path;

use serde_json::json;

use super::{Failure, Outcome, Scale, block_on, milliseconds};
use crate::{
    engine::{Engine, command},
    traffic::traffic,
};

const WORKERS: usize = 4;
const SERVICE_MS: u64 = 20;

pub(super) fn run(exe: &Path, scale: Scale) -> Result<Outcome, Failure> {
    let engine = Engine::start(exe, &[("CHARIOT_ENGINE_WORKERS", &WORKERS.to_string())])?;
    let body = command(&json!({"sleep_ms": SERVICE_MS}), 1000);
    let seen = block_on(traffic(engine.0.address(), WORKERS, scale.length(30), None, move || body.clone()))?;
    let mut outcome = Outcome::default();
    outcome.figure("requests served per second", format!("{:.1}", seen.rate()));
    outcome.figure(
        "share of the capacity of the workers",
        format!("{:.1} %", seen.rate() / (WORKERS as f64 * 1e3 / SERVICE_MS as f64) * 100.0),
    );
    outcome.figure("latency, median", milliseconds(seen.percentile(0.5)));
    outcome.figure("latency, p99", milliseconds(seen.percentile(0.99)));
    outcome.must(seen.status(200) > 0 && seen.statuses.len() == 1, format!("all are served: {:?}", seen.statuses));
    outcome.must(seen.lost.is_empty(), format!("every request gets a response: {:?}", seen.lost));
    Ok(outcome)
}
