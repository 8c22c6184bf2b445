//! The tables of the models, and the part of `docs/models.md` that a run writes.

use std::{fs, path::Path};

use super::{
    cases::Case,
    measure::{Measured, Plan},
};
use crate::{
    Failure,
    figures::{Spread, duration, megabytes, significant},
    machine::Machine,
    report,
};

/// Returns the line that says where and with what a run measured.
pub(crate) fn title(machine: &Machine, plan: &Plan) -> String {
    format!(
        "{}, {} cores, Linux {}; rustc {}, chariot-engine {}, profile `{}`; {}. {} rounds of {} s, {} connections.\n",
        machine.cpu,
        machine.cores,
        machine.kernel,
        machine.rustc,
        machine.chariot_engine,
        machine.profile,
        machine.date,
        plan.rounds,
        plan.time.as_secs_f64(),
        plan.connections,
    )
}

/// Returns the heading and the table of a model.
pub(crate) fn table(case: &Case, measured: &Measured) -> String {
    let rate = significant(measured.rate);
    let mut text = format!(
        "### `{}`\n\n{}\n\n\
         | | requests/s | CPU per request | requests per CPU second, relative | median at {rate}/s | 99 % | peak memory | start to ready | size |\n\
         |---|---:|---:|---|---:|---:|---:|---:|---:|\n",
        case.name, case.about
    );
    for figures in &measured.figures {
        let latency = |index: usize| figures.latencies.map_or_else(String::new, |of| duration(of[index].median));
        text += &format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
            figures.name,
            significant(figures.rate.median),
            duration(figures.cpu.median),
            figures.relative.as_ref().map_or_else(|| "1".to_owned(), Spread::to_string),
            latency(0),
            latency(1),
            megabytes(figures.peak_memory),
            duration(figures.start.median),
            figures.size.map_or_else(String::new, megabytes),
        );
    }
    text
}

/// Writes the tables into the document.
pub(crate) fn write(part: &str) -> Result<(), Failure> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/models.md");
    let text = report::replaced(&fs::read_to_string(&page)?, part)?;
    Ok(fs::write(page, text)?)
}
