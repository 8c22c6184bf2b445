//! The tables of a run, in Markdown.

use super::charts::shown;
use crate::{
    figures::{Spread, count, duration, megabytes, significant},
    results::{Latency, OpenResult, ProbeResult, RestResult, Results, ScalingResult, ServerResult, WorkloadResult},
};

/// Returns the line that says where and with what a run measured.
pub(crate) fn title(results: &Results) -> String {
    let machine = &results.machine;
    format!(
        "{}, {} cores, Linux {}; rustc {}, chariot-engine {}, hyper {}, profile `{}`; {}. {} rounds of {} s.\n",
        machine.cpu,
        machine.cores,
        machine.kernel,
        machine.rustc,
        machine.chariot_engine,
        machine.hyper,
        machine.profile,
        machine.date,
        results.rounds,
        results.seconds,
    )
}

/// Returns the line that says how much of the machine others took.
pub(crate) fn others(results: &Results) -> String {
    format!("Other processes took {:.0} % of the cores (median over all rounds).\n", results.taken_by_others * 100.0)
}

/// Returns the table of all workloads with the figures that matter most.
pub(crate) fn summary(results: &Results) -> String {
    let mut text = "| workload | server | connections | requests/s | relative rate | CPU per request | median latency | 99 % | peak memory |\n\
                    |---|---|---:|---:|---|---:|---:|---:|---:|\n"
        .to_string();
    for workload in &results.workloads {
        for (index, server) in workload.servers.iter().enumerate() {
            let Some(closed) = shown(server).and_then(|index| server.closed.get(index)) else {
                continue;
            };
            let name = if index == 0 { format!("`{}`", workload.name) } else { String::new() };
            let latency = |of: fn(&Latency) -> Spread| {
                server.open.as_ref().map_or_else(String::new, |open| duration(of(&open.latency).median))
            };
            text += &format!(
                "| {name} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
                server.name,
                closed.connections,
                significant(closed.rate.median),
                relative(&closed.relative, server.name == workload.reference),
                duration(closed.cpu_seconds.median),
                latency(|latency| latency.p50),
                latency(|latency| latency.p99),
                megabytes(server.peak_memory_bytes as f64),
            );
        }
    }
    text
}

/// Returns the heading and the tables of a workload.
pub(crate) fn workload(result: &WorkloadResult) -> String {
    let mut text = format!(
        "### `{}`\n\n{}; {} bytes. Rates are relative to `{}` in the same round.\n\n\
         | server | connections | requests/s | relative rate | CPU per request | page faults per request |\n\
         |---|---:|---:|---|---:|---:|\n",
        result.name,
        first_upper(result.about),
        count(result.request_bytes),
        result.reference,
    );
    // By connections, so that servers stand together.
    for index in 0..result.servers.first().map_or(0, |server| server.closed.len()) {
        for server in &result.servers {
            let closed = &server.closed[index];
            text += &format!(
                "| {} | {} | {} | {} | {} | {} |\n",
                server.name,
                closed.connections,
                significant(closed.rate.median),
                relative(&closed.relative, server.name == result.reference),
                duration(closed.cpu_seconds.median),
                significant(closed.page_faults.median),
            );
        }
    }
    text += &latencies(&result.servers);
    text
}

fn relative(spread: &Spread, is_reference: bool) -> String {
    if is_reference { "1".to_string() } else { spread.to_string() }
}

fn latencies(servers: &[ServerResult]) -> String {
    let Some(first) = servers.iter().find_map(|server| server.open.as_ref()) else {
        return String::new();
    };
    let mut text = format!(
        "\nLatency at {} requests/s on {} connections, {} requests a round, and the peak memory of the whole run:\n\n\
         | server | median | 90 % | 99 % | 99.9 % | highest | peak memory |\n|---|---|---:|---|---:|---:|---:|\n",
        significant(first.rate),
        first.connections,
        count(first.requests),
    );
    for server in servers {
        if let Some(OpenResult { latency, .. }) = &server.open {
            text += &format!(
                "| {} | {} | {} | {} | {} | {} | {} |\n",
                server.name,
                latency.p50.with(duration),
                duration(latency.p90.median),
                latency.p99.with(duration),
                duration(latency.p999.median),
                duration(latency.highest.median),
                megabytes(server.peak_memory_bytes as f64),
            );
        }
    }
    text
}

/// Returns the table of health probes.
pub(crate) fn probes(results: &[ProbeResult]) -> String {
    let mut text = "### Health probes\n\n\
                    | server | model | connections | probes | median | 99 % | highest |\n|---|---|---|---:|---|---|---:|\n"
        .to_string();
    for result in results {
        text += &format!(
            "| {} | {} | {} | {} | {} | {} | {} |\n",
            result.server,
            result.model,
            result.connections,
            count(result.probes),
            result.latency.p50.with(duration),
            result.latency.p99.with(duration),
            duration(result.latency.highest.highest),
        );
    }
    text
}

/// Returns the table of costs by size.
pub(crate) fn scaling(results: &[ScalingResult]) -> String {
    let mut text = "### Scaling\n\n\
                    | in a request | server | CPU for 1,000 | CPU for 10,000 | exponent |\n|---|---|---:|---:|---:|\n"
        .to_string();
    for ScalingResult { of, server, cpu_seconds, exponent } in results {
        let [small, large] = cpu_seconds.map(duration);
        text += &format!("| {of} | {server} | {small} | {large} | {exponent:.2} |\n");
    }
    text
}

/// Returns the table of memory and starts.
pub(crate) fn at_rest(results: &[RestResult]) -> String {
    let mut text =
        "### At rest\n\n| example | starts | resident memory | until ready |\n|---|---:|---|---|\n".to_string();
    for result in results {
        text += &format!(
            "| `{}` | {} | {} | {} |\n",
            result.example,
            result.starts,
            result.resident_bytes.with(megabytes),
            result.seconds_until_ready.with(duration),
        );
    }
    text
}

fn first_upper(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
