//! Runs the scenarios by their names, all of them without one, and prints what it saw.

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use load::{SCENARIOS, Scale, build_engine};

/// Loads an engine, interrupts it, and looks at what becomes of it.
#[derive(Parser)]
struct Arguments {
    /// The scenarios to run; all of them if none is named
    scenarios: Vec<String>,
    /// Seconds that the measured part of a scenario takes, in place of its own length
    #[arg(long)]
    seconds: Option<u64>,
    /// Each of them only for a moment, and with few clients
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
        eprintln!("there is no scenario '{unknown}'; there are {}", known.join(", "));
        return ExitCode::from(2);
    }
    let engine = match build_engine() {
        Ok(engine) => engine,
        Err(error) => {
            eprintln!("the engine cannot be built: {error}");
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
                println!("  it could not be run: {error}");
                failed = true;
            }
        }
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
