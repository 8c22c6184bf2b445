//! Counts the instructions that an engine executes for one small request: the difference between many requests and few,
//! so that start and shutdown cancel out.

mod count;
mod engine;

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;

/// Any error that prevents a measurement.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Counts the instructions that an engine executes for one small request.
#[derive(Parser)]
struct Arguments {
    /// Engine to measure. Default: a release build of `identity` of this workspace
    #[arg(long)]
    engine: Option<PathBuf>,
    /// Number of measurements
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
}

fn main() -> ExitCode {
    if !count::is_possible() {
        println!("SKIPPED: valgrind not found");
        return ExitCode::SUCCESS;
    }
    match measure(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("instructions: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Result<(), Failure> {
    let engine = match &arguments.engine {
        Some(engine) => engine.clone(),
        None => engine::build()?,
    };
    let engine = engine.to_str().ok_or("the path of the engine is not UTF-8")?;
    let mut runs = Vec::new();
    for _ in 0..arguments.runs {
        runs.push(count::a_request(engine)?);
    }
    let mean = runs.iter().sum::<f64>() / runs.len() as f64;
    let least = runs.iter().copied().fold(f64::INFINITY, f64::min);
    let most = runs.iter().copied().fold(0.0, f64::max);
    println!("{mean:.0} instructions per request, mean of {} runs, from {least:.0} to {most:.0}", runs.len());
    Ok(())
}
