//! Measures an engine beside bare hyper and beside other servers: rates, latencies, CPU time, page faults and memory.

mod client;
mod expected;
mod figures;
mod load;
mod machine;
mod measure;
mod models;
mod payloads;
mod peers;
mod plan;
mod probes;
mod process;
mod report;
mod rest;
mod results;
mod roles;
mod run;
mod scaling;
mod servers;
mod workloads;

use std::process::ExitCode;

use clap::Parser;

/// Any error that prevents a measurement.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Measures an engine beside bare hyper and beside other servers
#[derive(Parser)]
#[command(name = "bench", args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Subcommand>,
    #[command(flatten)]
    options: plan::Options,
}

#[derive(clap::Subcommand)]
enum Subcommand {
    /// Measures the examples with real models, beside Python with the same models
    Models(models::Options),
    #[command(flatten)]
    Role(roles::Role),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Some(Subcommand::Models(options)) => models::run(&options),
        Some(Subcommand::Role(role)) => return role.play(),
        None => run::run(&arguments.options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bench: {failure}");
            ExitCode::FAILURE
        }
    }
}
