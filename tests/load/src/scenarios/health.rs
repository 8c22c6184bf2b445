//! Readiness and liveness while every worker is blocked: they do not depend on the model.

use std::{path::Path, time::Instant};

use serde_json::json;

use super::{Failure, Outcome, Scale, block_on, milliseconds};
use crate::{
    client::Client,
    engine::{Engine, command},
    traffic::percentile,
};

const WORKERS: usize = 2;

pub(super) fn run(exe: &Path, scale: Scale) -> Result<Outcome, Failure> {
    let engine = Engine::start(exe, &[("CHARIOT_ENGINE_WORKERS", &WORKERS.to_string())])?;
    let address = engine.0.address();
    let length = scale.length(20);
    let mut outcome = Outcome::default();
    let times = block_on(async {
        let held: Vec<_> = (0..WORKERS + 4)
            .map(|_| {
                tokio::spawn(
                    async move { Client::new(address).infer(command(&json!({"sleep_ms": 600_000}), 1000)).await },
                )
            })
            .collect();
        let blocked = async || {
            tokio::task::block_in_place(|| engine.figure("chariot_running_calls{model=\"faulty\"}")) == WORKERS as f64
        };
        while !blocked().await {
            tokio::task::yield_now().await;
        }
        let begin = Instant::now();
        let mut client = Client::new(address);
        let mut times = Vec::new();
        while begin.elapsed() < length {
            for path in ["/ready", "/v2/health/live", "/v2/health/ready"] {
                let sent = Instant::now();
                let status = client.get(path).await?;
                times.push(sent.elapsed());
                if status != 200 {
                    return Err(format!("{path} says {status}").into());
                }
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        held.iter().for_each(tokio::task::JoinHandle::abort);
        Ok::<_, Failure>(times)
    })??;
    outcome.figure("probes", times.len());
    outcome.figure("latency, median", milliseconds(percentile(&times, 0.5)));
    outcome.figure("latency, p99", milliseconds(percentile(&times, 0.99)));
    outcome.must(!times.is_empty(), "health responds while every worker is blocked");
    Ok(outcome)
}
