//! Instructions that an engine takes for one small request: what callgrind counts over many requests less what it counts
//! over few, so that start and end fall out.

mod count;
mod engine;

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;

/// Whatever keeps a measurement from being one.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Counts the instructions that an engine takes for one small request.
#[derive(Parser)]
struct Arguments {
    /// The engine to measure, that of another commit say; `identity` of this workspace, built in release, if none is named
    #[arg(long)]
    engine: Option<PathBuf>,
    /// How often it is measured
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
}

fn main() -> ExitCode {
    if !count::is_possible() {
        println!("valgrind is not installed: nothing is counted");
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
    println!("{mean:.0} instructions a request, the mean of {} runs, from {least:.0} to {most:.0}", runs.len());
    Ok(())
}
