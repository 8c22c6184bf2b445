//! Many idle or slow connections: other clients are served as before.

use std::{path::Path, time::Duration};

use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpStream, task::JoinSet};

use super::{Failure, Outcome, Scale, block_on, mebibytes, milliseconds};
use crate::{
    engine::{Engine, command},
    traffic::{Seen, traffic},
};

const CLIENTS: usize = 4;

pub(super) fn slow_loris(exe: &Path, scale: Scale) -> Result<Outcome, Failure> {
    measure(exe, scale, scale.count(1_000, 50), true)
}

pub(super) fn idle(exe: &Path, scale: Scale) -> Result<Outcome, Failure> {
    measure(exe, scale, scale.count(10_000, 200), false)
}

fn measure(exe: &Path, scale: Scale, count: usize, slow: bool) -> Result<Outcome, Failure> {
    let engine = Engine::start(exe, &[("CHARIOT_ENGINE_HEADER_TIMEOUT", "600s")])?;
    let address = engine.0.address();
    let body = command(&json!({}), 1000);
    let length = scale.length(20);
    let ask = move |length: Duration| {
        let body = body.clone();
        traffic(address, CLIENTS, length, None, move || body.clone())
    };
    let (alone, beside, before, after) = block_on(async {
        let alone = ask(length / 4).await;
        let before = engine_resident(&engine).await;
        let mut held = JoinSet::new();
        for index in 0..count {
            let mut stream = TcpStream::connect(address).await?;
            held.spawn(async move {
                for byte in b"POST /infer HTTP/1.1\r\nHost: engine\r\nX-Slow: ".iter().chain(std::iter::repeat(&b'x')) {
                    if !slow || stream.write_all(&[*byte]).await.is_err() {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(500 + index as u64 % 500)).await;
                }
                stream
            });
        }
        let beside = ask(length).await;
        let after = engine_resident(&engine).await;
        drop(held);
        Ok::<_, Failure>((alone, beside, before, after))
    })??;
    let mut outcome = Outcome::default();
    outcome.figure(if slow { "slow connections" } else { "idle connections" }, count);
    figures(&mut outcome, "without them", &alone);
    figures(&mut outcome, "beside them", &beside);
    outcome.figure("memory a connection", format!("{:.1} KiB", (after - before).max(0.0) / count as f64 / 1024.0));
    outcome.figure("resident memory with them", mebibytes(after));
    outcome.must(beside.lost.is_empty() && beside.statuses.len() == 1 && beside.status(200) > 0, {
        format!("others are served: {:?} {:?}", beside.statuses, beside.lost)
    });
    outcome.must(engine.0.get("/ready").status == 200, "the engine is ready");
    Ok(outcome)
}

async fn engine_resident(engine: &Engine) -> f64 {
    tokio::task::block_in_place(|| engine.resident())
}

fn figures(outcome: &mut Outcome, when: &str, seen: &Seen) {
    outcome.figure(&format!("others served a second, {when}"), format!("{:.0}", seen.rate()));
    outcome.figure(&format!("their latency, p99, {when}"), milliseconds(seen.percentile(0.99)));
}
