//! The charts of a run: rates relative to bare hyper, and latencies.

use super::chart::{Bar, Chart, Group};
use crate::{
    Failure,
    figures::{duration, significant},
    results::{Results, ServerResult, WorkloadResult},
    servers::ECHO,
};

/// The number of connections of the rates in charts and summaries, if it was measured.
const CONNECTIONS: usize = 8;

/// Returns the results of a server that a summary shows: the index of their number of connections.
pub(super) fn shown(server: &ServerResult) -> Option<usize> {
    let wanted = server.closed.iter().position(|closed| closed.connections == CONNECTIONS);
    wanted.or(server.closed.len().checked_sub(1))
}

/// Draws the rates: bars from the rate of the reference to that of the server.
pub(super) fn rates(results: &Results) -> Result<String, Failure> {
    chart(
        results,
        "Rate relative to the reference, on a logarithmic axis",
        |value| format!("{value}×"),
        |workload, server| {
            // Moving bytes is no measure of work that others do, and would need most of the axis.
            if server.name == ECHO && workload.reference != ECHO {
                return None;
            }
            let closed = server.closed.get(shown(server)?)?;
            let text = format!("{}/s", significant(closed.rate.median));
            Some(Bar { server: 0, from: 1.0, to: closed.relative.median, dot: false, text })
        },
    )
}

/// Draws the latencies: bars from the median to the percentile 99.
pub(super) fn latencies(results: &Results) -> Result<String, Failure> {
    chart(results, "Latency at the same rate: median (dot) to 99 %, on a logarithmic axis", duration, |_, server| {
        let latency = &server.open.as_ref()?.latency;
        let (from, to) = (latency.p50.median, latency.p99.median);
        Some(Bar { server: 0, from, to, dot: true, text: format!("{} – {}", duration(from), duration(to)) })
    })
}

fn chart(
    results: &Results,
    title: &str,
    tick: fn(f64) -> String,
    bar: impl Fn(&WorkloadResult, &ServerResult) -> Option<Bar>,
) -> Result<String, Failure> {
    let mut servers: Vec<String> = Vec::new();
    for server in results.workloads.iter().flat_map(|workload| &workload.servers) {
        if !servers.contains(&server.name) {
            servers.push(server.name.clone());
        }
    }
    let group = |workload: &WorkloadResult| Group {
        name: workload.name.to_string(),
        bars: workload
            .servers
            .iter()
            .filter_map(|server| {
                let index = servers.iter().position(|name| *name == server.name)?;
                Some(Bar { server: index, ..bar(workload, server)? })
            })
            .collect(),
    };
    let groups = results.workloads.iter().map(group).collect();
    Chart { title: title.to_string(), servers, groups, tick }.svg()
}
