//! Clients that disconnect at random: no permits, budget or memory leak.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::task::JoinSet;

use super::{Failure, Outcome, Scale, block_on, mebibytes};
use crate::{
    client::Client,
    engine::{Engine, command},
    traffic::traffic,
};

const CANCELLATIONS: &str = "chariot_cancellations_total{model=\"faulty\"}";

pub(super) fn run(exe: &Path, scale: Scale) -> Result<Outcome, Failure> {
    let engine = Engine::start(exe, &[("CHARIOT_ENGINE_WORKERS", "4")])?;
    let address = engine.0.address();
    let clients = scale.count(100, 20);
    // Some requests block, some await.
    let body = || {
        let ms = fastrand::u64(0..20);
        command(
            &if fastrand::bool() { json!({"sleep_ms": ms}) } else { json!({"await_ms": ms}) },
            fastrand::usize(0..200_000),
        )
    };
    let rounds = async |length: Duration| {
        let begin = Instant::now();
        let mut tasks = JoinSet::new();
        for _ in 0..clients {
            tasks.spawn(async move {
                let mut hung_up = 0usize;
                while begin.elapsed() < length {
                    let patience = Duration::from_micros(fastrand::u64(0..60_000));
                    let mut client = Client::new(address);
                    // Dropping the future closes the connection.
                    hung_up += usize::from(tokio::time::timeout(patience, client.infer(body())).await.is_err());
                }
                hung_up
            });
        }
        let mut hung_up = 0;
        while let Some(of_one) = tasks.join_next().await {
            hung_up += of_one.unwrap_or_default();
        }
        hung_up
    };
    block_on(rounds(scale.length(30) / 3))?;
    let warm = engine.settle();
    let before = engine.resident();
    let known = engine.figure(CANCELLATIONS);
    let hung_up = block_on(rounds(scale.length(30)))?;
    let left = engine.settle();
    let after = engine.resident();
    let next = command(&json!({}), 1000);
    let seen = block_on(traffic(address, 4, Duration::from_secs(1), None, move || next.clone()))?;
    let mut outcome = Outcome::default();
    outcome.figure("requests whose client disconnected", hung_up);
    outcome.figure("of which were admitted", engine.figure(CANCELLATIONS) - known);
    outcome.figure("resident memory, warm", mebibytes(before));
    outcome.figure("resident memory, at the end", mebibytes(after));
    outcome.must(hung_up > 0, "clients disconnect");
    outcome.must(warm.is_empty() && left.is_empty(), format!("permits and bytes are released: {left:?}"));
    outcome.must(seen.lost.is_empty() && seen.statuses.len() == 1, format!("others are served: {:?}", seen.statuses));
    if !scale.short {
        outcome.must(after <= before * 1.1, "resident memory returns to its initial value, within 10 %");
    }
    Ok(outcome)
}
