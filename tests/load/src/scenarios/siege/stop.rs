//! The end of the grace period while callers wait: each gets a response.

use std::{path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use serde_json::json;
use tokio::task::JoinSet;

use super::{
    super::{Failure, Outcome, Scale, block_on},
    besieged::Besieged,
    ground::TEXTS,
};
use crate::{client::Client, traffic::Seen};

const CALLERS: usize = 8;

pub(super) fn grace(exe: &Path, _: Scale) -> Result<Outcome, Failure> {
    let settings = [
        ("CHARIOT_ENGINE_WORKERS", "2".to_string()),
        ("CHARIOT_ENGINE_DRAIN_DELAY", "0s".to_string()),
        ("CHARIOT_ENGINE_GRACE", "1s".to_string()),
    ];
    let engine = Arc::new(Besieged::start(exe, &settings, None, None)?);
    let address = engine.address();
    let parameters = json!({"sleep_us": 60_000_000});
    let input = json!({"name": "a", "datatype": "BYTES", "shape": [1], "data": ["x"], "parameters": parameters});
    let body = Bytes::from(json!({ "inputs": [input] }).to_string());
    let in_flight = format!("chariot_in_flight_requests{{model=\"texts\"}} {CALLERS}");
    let stopped = engine.clone();
    let seen = block_on(async move {
        let mut callers = JoinSet::new();
        for _ in 0..CALLERS {
            let body = body.clone();
            callers.spawn(async move { Client::new(address).post(TEXTS, body).await });
        }
        let mut metrics = Client::new(address);
        while !metrics.read("/metrics").await?.1.windows(in_flight.len()).any(|text| text == in_flight.as_bytes()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::task::spawn_blocking(move || stopped.terminate()).await?;
        let mut seen = Seen::default();
        while let Some(result) = callers.join_next().await {
            seen.add(result?, Duration::ZERO);
        }
        Ok::<_, Failure>(seen)
    })??;
    let mut outcome = Outcome::default();
    outcome.figure("callers that wait at the end of the grace period", CALLERS);
    outcome.figure("answered with 503", seen.status(503));
    outcome.figure("cut off", seen.all_lost());
    outcome.must(seen.status(503) == CALLERS, format!("each gets a 503: {:?} {:?}", seen.statuses, seen.lost));
    outcome.must(engine.end().is_some(), "the engine ends");
    outcome.summarize(format!("{} of {CALLERS} callers answered, {} cut off", seen.status(503), seen.all_lost()));
    Ok(outcome)
}
