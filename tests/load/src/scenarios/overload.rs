//! Ten times the load that the engine can serve: its goodput stays constant, served requests wait no longer than the
//! length of the queue, and memory stays constant.

use std::{path::Path, time::Duration};

use serde_json::json;

use super::{Failure, Outcome, Scale, block_on, mebibytes, milliseconds};
use crate::{
    engine::{Engine, command},
    traffic::traffic,
};

const WORKERS: usize = 2;
const QUEUE: usize = 20;
const SERVICE: Duration = Duration::from_millis(20);
const BODY: usize = 100_000;

pub(super) fn run(exe: &Path, scale: Scale) -> Result<Outcome, Failure> {
    let (workers, queue) = (WORKERS.to_string(), QUEUE.to_string());
    let engine = Engine::start(exe, &[("CHARIOT_ENGINE_WORKERS", &workers), ("CHARIOT_ENGINE_QUEUE_SIZE", &queue)])?;
    let body = command(&json!({"sleep_ms": SERVICE.as_millis() as u64}), BODY);
    let address = engine.0.address();
    let (of_peak, of_load) = (body.clone(), body);
    // As many clients as the workers and a part of the queue can hold: no request is rejected.
    let peak =
        block_on(traffic(address, 2 * WORKERS, scale.length(10).min(Duration::from_secs(10)), None, move || {
            of_peak.clone()
        }))?;
    let offered = 10.0 * WORKERS as f64 / SERVICE.as_secs_f64();
    let clients = 200;
    let pace = Duration::from_secs_f64(clients as f64 / offered);
    let warm = {
        let body = of_load.clone();
        block_on(traffic(address, clients, scale.length(60) / 6, Some(pace), move || body.clone()))?
    };
    let before = engine.resident();
    let seen = block_on(traffic(address, clients, scale.length(60), Some(pace), move || of_load.clone()))?;
    let after = engine.resident();

    let sent: usize = seen.statuses.values().sum::<usize>() + seen.all_lost();
    let goodput = seen.rate() / peak.rate();
    let bound = SERVICE * QUEUE as u32;
    let mut outcome = Outcome::default();
    outcome.figure("peak, requests served per second", format!("{:.1}", peak.rate()));
    outcome.figure("offered, requests per second", format!("{:.1}", sent as f64 / seen.took.as_secs_f64()));
    outcome.figure("served under overload, requests per second", format!("{:.1}", seen.rate()));
    outcome.figure("goodput, share of the peak", format!("{:.1} %", goodput * 100.0));
    outcome.figure("latency of served requests, median", milliseconds(seen.percentile(0.5)));
    outcome.figure("latency of served requests, p99", milliseconds(seen.percentile(0.99)));
    outcome.figure("queue length times service time", milliseconds(bound));
    outcome.figure("rejected with 503", seen.status(503));
    outcome.figure("without a response", seen.all_lost());
    outcome.figure("resident memory, warm", mebibytes(before));
    outcome.figure("resident memory, at the end", mebibytes(after));
    let strange: Vec<_> = seen.statuses.keys().filter(|status| !matches!(status, 200 | 503)).collect();
    outcome.must(strange.is_empty(), format!("every request is served or rejected: {:?}", seen.statuses));
    outcome.must(seen.status(503) > 0, "an overloaded engine rejects requests");
    outcome
        .must(seen.lost.is_empty() && warm.lost.is_empty(), format!("every request gets a response: {:?}", seen.lost));
    if !scale.short {
        // A brief run on a shared machine does not measure these.
        outcome.must(goodput >= 0.95, "the goodput is at least 95 % of the peak");
        outcome
            .must(seen.percentile(0.99) <= bound, "p99 of served requests is at most queue length times service time");
        outcome.must(after <= before * 1.1, "resident memory is flat within 10 %");
    }
    outcome.must(engine.settle().is_empty(), "nothing is in flight at the end");
    Ok(outcome)
}
