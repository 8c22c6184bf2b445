//! A mix of all faults for a while: every fault has its status, and the engine recovers completely.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde_json::json;
use tokio::task::JoinSet;

use super::{Failure, Outcome, Scale, block_on, mebibytes, milliseconds};
use crate::{
    client::Client,
    engine::{Engine, command},
    traffic::{Seen, traffic},
};

/// Returns a request and its expected status other than 503; `None` if its client disconnects.
fn any() -> (Bytes, Option<u16>) {
    let size = fastrand::usize(0..50_000);
    match fastrand::u8(0..20) {
        0 => (command(&json!({"panic": "on command"}), size), Some(500)),
        1 => (command(&json!({"error": "on command"}), size), Some(500)),
        2 => (command(&json!({"reject": "on command"}), size), Some(400)),
        3 => (command(&json!({"device": "out_of_memory"}), size), Some(503)),
        4 => (Bytes::from_static(b"{\"inputs\": [{"), Some(400)),
        5 => (command(&json!({"outputs": 1000}), size), Some(500)),
        6 => (command(&json!({"sleep_ms": 50}), size), None),
        7 => (command(&json!({"await_ms": 50}), size), None),
        8 => (command(&json!({"allocate_mb": 8}), size), Some(200)),
        9 => (command(&json!({"no_such": 1}), size), Some(400)),
        _ => (command(&json!({"sleep_ms": fastrand::u64(0..5)}), size), Some(200)),
    }
}

pub(super) fn run(exe: &Path, scale: Scale) -> Result<Outcome, Failure> {
    let engine = Engine::start(exe, &[("CHARIOT_ENGINE_WORKERS", "4"), ("CHARIOT_ENGINE_BATCH_DELAY", "1ms")])?;
    let address = engine.0.address();
    let length = scale.length(600);
    let (_, _) = block_on(mixed(address, length / 10))?;
    let warm = engine.settle();
    let before = engine.resident();
    let (seen, wrong) = block_on(mixed(address, length))?;
    let left = engine.settle();
    let after = engine.resident();
    let plain = command(&json!({}), 1000);
    let next = block_on(traffic(address, 4, Duration::from_secs(1), None, move || plain.clone()))?;
    let mut outcome = Outcome::default();
    for (status, count) in &seen.statuses {
        outcome.figure(&format!("responses with {status}"), count);
    }
    outcome.figure("panics of the model", engine.figure("chariot_panics_total{model=\"faulty\"}"));
    outcome.figure("latency of served requests, p99", milliseconds(seen.percentile(0.99)));
    outcome.figure("resident memory, warm", mebibytes(before));
    outcome.figure("resident memory, at the end", mebibytes(after));
    outcome.must(wrong.is_empty(), format!("every fault has its status: {wrong:?}"));
    outcome.must(seen.lost.is_empty(), format!("every request gets a response: {:?}", seen.lost));
    outcome.must(warm.is_empty() && left.is_empty(), format!("permits and bytes are released: {left:?}"));
    outcome.must(
        next.lost.is_empty() && next.statuses.len() == 1,
        format!("the engine serves as before: {:?}", next.statuses),
    );
    if !scale.short {
        outcome.must(after <= before * 1.1, "resident memory is flat within 10 %");
    }
    Ok(outcome)
}

async fn mixed(address: std::net::SocketAddr, length: Duration) -> (Seen, Vec<String>) {
    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..16 {
        tasks.spawn(async move {
            let (mut seen, mut wrong) = (Seen::default(), Vec::new());
            let mut client = Client::new(address);
            while begin.elapsed() < length {
                let (body, expected) = any();
                let sent = Instant::now();
                let Some(expected) = expected else {
                    let patience = Duration::from_millis(fastrand::u64(0..40));
                    let _ = tokio::time::timeout(patience, Client::new(address).infer(body)).await;
                    continue;
                };
                let result = client.infer(body).await;
                if let Ok(status) = &result
                    && *status != expected
                    && *status != 503
                    && wrong.len() < 3
                {
                    wrong.push(format!("{status} instead of {expected}"));
                }
                seen.add(result, sent.elapsed());
            }
            (seen, wrong)
        });
    }
    let (mut all, mut wrong) = (Seen::default(), Vec::new());
    while let Some(of_one) = tasks.join_next().await {
        let (seen, of_one) = of_one.unwrap_or_default();
        all.merge(seen);
        wrong.extend(of_one);
    }
    (all, wrong)
}
