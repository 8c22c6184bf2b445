//! Runs the scenarios with the given names, or all of them, and prints the results.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::Parser;
use load::{Failure, Outcome, Scale, Scenario, Target, build_engine, scenarios};

/// Runs load tests of an engine.
#[derive(Parser)]
struct Arguments {
    /// Scenarios to run, or the beginning of their names and `*`. Default: all
    scenarios: Vec<String>,
    /// Length of the measured part of a scenario in seconds. Default: depends on the scenario
    #[arg(long)]
    seconds: Option<u64>,
    /// Run each scenario briefly, with few clients
    #[arg(long)]
    short: bool,
    /// Attack this binary of `besieged` instead of the one of this tree
    #[arg(long)]
    engine: Option<PathBuf>,
    /// Attack this binary of `besieged` too, before the other, and print a table of both
    #[arg(long)]
    before: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let unknown = |name: &&String| !scenarios().any(|scenario| is_meant(scenario, name));
    if let Some(unknown) = arguments.scenarios.iter().find(unknown) {
        let known: Vec<_> = scenarios().map(|scenario| scenario.name).collect();
        eprintln!("scenario '{unknown}' not found; available scenarios: {}", known.join(", "));
        return ExitCode::from(2);
    }
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("building the engine: {error}");
            ExitCode::from(2)
        }
    }
}

/// Runs the scenarios, and returns `true` if all conditions hold.
fn run(arguments: &Arguments) -> Result<bool, Failure> {
    let Arguments { short, seconds, before, .. } = arguments;
    let scale = Scale { short: *short, length: seconds.map(Duration::from_secs) };
    let is_meant = |scenario: &&&Scenario| {
        arguments.scenarios.is_empty() || arguments.scenarios.iter().any(|name| is_meant(scenario, name))
    };
    let chosen: Vec<_> = scenarios().collect::<Vec<_>>().iter().filter(is_meant).copied().collect();
    let needs = |target| chosen.iter().any(|scenario| scenario.target == target);
    let faulty = if needs(Target::Faulty) { build_engine(Target::Faulty)? } else { PathBuf::new() };
    let besieged = match &arguments.engine {
        Some(engine) => engine.clone(),
        None if needs(Target::Besieged) => build_engine(Target::Besieged)?,
        None => PathBuf::new(),
    };
    let mut is_good = true;
    let mut table = String::new();
    for scenario in chosen {
        println!("\n{}: {}", scenario.name, scenario.about);
        let engine = match scenario.target {
            Target::Faulty => &faulty,
            Target::Besieged => &besieged,
        };
        let earlier = before.as_ref().filter(|_| scenario.target == Target::Besieged).map(|before| {
            println!(" before");
            print(scenario, before, scale)
        });
        if earlier.is_some() {
            println!(" after");
        }
        let outcome = print(scenario, engine, scale);
        is_good &= outcome.as_ref().is_some_and(Outcome::is_good);
        if let Some(earlier) = earlier {
            let cell = |outcome: &Option<Outcome>| match outcome {
                Some(outcome) => {
                    format!("{}: {}", if outcome.is_good() { "passed" } else { "failed" }, outcome.summary())
                }
                None => "not run".to_string(),
            };
            table += &format!("| `{}` | {} | {} |\n", scenario.name, cell(&earlier), cell(&outcome));
        }
    }
    if !table.is_empty() {
        println!("\n| attack | before | after |\n|---|---|---|\n{table}");
    }
    Ok(is_good)
}

fn is_meant(scenario: &Scenario, name: &str) -> bool {
    name.strip_suffix('*').map_or(scenario.name == name, |begin| scenario.name.starts_with(begin))
}

fn print(scenario: &Scenario, engine: &Path, scale: Scale) -> Option<Outcome> {
    match scenario.run(engine, scale) {
        Ok(outcome) => {
            print!("{outcome}");
            Some(outcome)
        }
        Err(error) => {
            println!("  not run: {error}");
            None
        }
    }
}
