//! The cost of ten times the size: items, rows and lines.

use bytes::Bytes;

use crate::{
    Failure,
    expected::Expected,
    figures::Spread,
    measure::Running,
    payloads,
    plan::Plan,
    results::ScalingResult,
    roles::Served,
    servers::Server,
    workloads::{self, Workload},
};

const SIZES: [usize; 2] = [1_000, 10_000];

pub(crate) async fn scaling(plan: &Plan) -> Result<Vec<ScalingResult>, Failure> {
    let base = workloads::all()?.into_iter().next().ok_or("no workload")?;
    let texts = Workload { model: Served::Texts, ..base.clone() };
    let rows = Workload { model: Served::Rows, ..base };
    let lines = Workload {
        headers: vec![("content-type", "application/jsonl".to_string())],
        expected: Expected::Lines,
        ..texts.clone()
    };
    let of_items: fn(usize) -> Bytes = |size| payloads::texts(&payloads::items(size));
    let mut results = Vec::new();
    for (of, workload, body, by_hand) in [
        ("items", texts, of_items, "/json/texts"),
        ("rows", rows, payloads::rows, "/json/rows"),
        ("lines", lines, payloads::lines, "/json/lines"),
    ] {
        let sized = SIZES.map(|size| Workload { name: of, body: body(size), ..workload.clone() });
        for server in [Server::ByHand(by_hand), Server::Engine] {
            results.push(measure(of, server, &sized, plan).await?);
        }
    }
    Ok(results)
}

async fn measure(
    of: &'static str,
    server: Server,
    sized: &[Workload; 2],
    plan: &Plan,
) -> Result<ScalingResult, Failure> {
    let name = server.name().to_string();
    let [small, large] = sized;
    let running = [Running::start(server.clone(), small, plan).await?, Running::start(server, large, plan).await?];
    let mut cpu = [Vec::new(), Vec::new()];
    for _ in 0..plan.rounds {
        for (one, cpu) in running.iter().zip(&mut cpu) {
            cpu.push(one.closed(small.protocol, 1, plan.time).await?.cpu);
        }
    }
    let cpu_seconds = cpu.map(|rounds| Spread::of(rounds).median);
    let growth = SIZES[1] as f64 / SIZES[0] as f64;
    let exponent = (cpu_seconds[1] / cpu_seconds[0]).ln() / growth.ln();
    Ok(ScalingResult { of, server: name, cpu_seconds, exponent })
}
