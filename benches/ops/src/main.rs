//! Compares `chariot_engine::ops` with candle's own operations and with ONNX Runtime, on one thread: an encoder of MiniLM's
//! shape, and depthwise convolutions of MobileNetV2. Each contestant is a process; they compute by turns. `run` beside the
//! sources installs ONNX Runtime and calls this.

mod contestant;
mod depthwise;
mod encoder;
mod report;
mod worker;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use contestant::Contestant;
use report::Section;
use worker::Case;

/// Any error that prevents a measurement.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// glibc's options as an engine with default settings sets them.
const OF_ENGINE: [(&str, &str); 2] = [("MALLOC_MMAP_THRESHOLD_", "16777216"), ("MALLOC_TRIM_THRESHOLD_", "33554432")];

/// Compares the fused operations of the SDK with candle's, and with ONNX Runtime if Python has it.
#[derive(Parser)]
struct Arguments {
    /// Python with ONNX Runtime and MiniLM; without it the weights are random
    #[arg(long, value_name = "FILE")]
    python: Option<PathBuf>,
    /// Weights of MiniLM
    #[arg(long, value_name = "FILE", requires = "python")]
    weights: Option<PathBuf>,
    /// Shared library with another allocator, to be measured too
    #[arg(long, value_name = "FILE")]
    allocator: Option<PathBuf>,
    /// Number of rounds
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 0.5)]
    seconds: f64,
    /// Write the results into docs/ops.md
    #[arg(long)]
    write: bool,
    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(Subcommand)]
enum Role {
    /// Computes what standard input says
    #[command(hide = true)]
    Worker { library: worker::Library, weights: Option<PathBuf> },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match &arguments.role {
        Some(Role::Worker { library, weights }) => worker::run(*library, weights.as_deref()),
        None => compare(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("ops-bench: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn compare(arguments: &Arguments) -> Result<(), Failure> {
    let mut contestants = contestants(arguments)?;
    let mut sections = Vec::new();
    for case in Case::all() {
        let mut section = Section::new(case);
        for round in 0..arguments.rounds {
            // The one that comes first is not always the same.
            let mut turns: Vec<&mut Contestant> = contestants.iter_mut().collect();
            if round % 2 == 1 {
                turns.reverse();
            }
            for contestant in turns {
                let (seconds, sample) = contestant.measure(case, arguments.seconds)?;
                section.add(&contestant.name, seconds, &sample)?;
            }
        }
        println!("{}", section.table());
        sections.push(section);
    }
    if arguments.write { report::write(&sections, arguments.rounds, arguments.seconds) } else { Ok(()) }
}

fn contestants(arguments: &Arguments) -> Result<Vec<Contestant>, Failure> {
    let mut found = Vec::new();
    if let Some(python) = &arguments.python {
        found.push(Contestant::onnx(python)?);
    }
    for library in ["candle", "ops"] {
        let weights = arguments.weights.as_deref();
        found.push(Contestant::ours(library, "as in an engine", &OF_ENGINE, weights)?);
        found.push(Contestant::ours(library, "glibc's defaults", &[], weights)?);
        if let Some(allocator) = &arguments.allocator {
            let allocator = allocator.to_str().ok_or("expected the name of the allocator in UTF-8")?;
            found.push(Contestant::ours(library, "preloaded allocator", &[("LD_PRELOAD", allocator)], weights)?);
        }
    }
    Ok(found)
}
