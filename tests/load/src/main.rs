//! Runs the scenarios with the given names, or all of them, and prints the results.

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use load::{SCENARIOS, Scale, build_engine};

/// Runs load tests of an engine.
#[derive(Parser)]
struct Arguments {
    /// Scenarios to run. Default: all
    scenarios: Vec<String>,
    /// Length of the measured part of a scenario in seconds. Default: depends on the scenario
    #[arg(long)]
    seconds: Option<u64>,
    /// Run each scenario briefly, with few clients
    #[arg(long)]
    short: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let scale = Scale { short: arguments.short, length: arguments.seconds.map(Duration::from_secs) };
    if let Some(unknown) =
        arguments.scenarios.iter().find(|name| SCENARIOS.iter().all(|scenario| scenario.name != **name))
    {
        let known: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        eprintln!("scenario '{unknown}' not found; available scenarios: {}", known.join(", "));
        return ExitCode::from(2);
    }
    let engine = match build_engine() {
        Ok(engine) => engine,
        Err(error) => {
            eprintln!("building the engine: {error}");
            return ExitCode::from(2);
        }
    };
    let mut failed = false;
    for scenario in SCENARIOS {
        if !arguments.scenarios.is_empty() && !arguments.scenarios.iter().any(|name| name == scenario.name) {
            continue;
        }
        println!("\n{}: {}", scenario.name, scenario.about);
        match scenario.run(&engine, scale) {
            Ok(outcome) => {
                print!("{outcome}");
                failed |= !outcome.is_good();
            }
            Err(error) => {
                println!("  not run: {error}");
                failed = true;
            }
        }
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
