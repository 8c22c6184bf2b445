//! Measures an engine beside bare hyper and beside other servers: rates, latencies, CPU time, page faults and memory.

mod client;
mod expected;
mod figures;
mod load;
mod machine;
mod measure;
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
    role: Option<roles::Role>,
    #[command(flatten)]
    options: plan::Options,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(role) = arguments.role {
        return role.play();
    }
    match run::run(&arguments.options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bench: {failure}");
            ExitCode::FAILURE
        }
    }
}
