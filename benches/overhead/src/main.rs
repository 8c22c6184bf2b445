//! Measures the overhead of the server of an engine as a ratio to bare hyper: both on loopback sockets, with one
//! client, in turn.

mod cases;
mod client;
mod codec;
mod figures;
mod in_process;
mod models;
mod servers;
mod sockets;

use std::process::ExitCode;

use cases::{Case, cases};

const USAGE: &str = "usage: overhead [--in-process <requests> [small|text|large|digits]]";

/// Any error that prevents a measurement.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match measure(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("overhead: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &[String]) -> Result<(), Failure> {
    match arguments {
        [] => sockets::run(&cases()),
        [mode, requests, name @ ..] if mode == "--in-process" && name.len() < 2 => {
            let requests = requests.parse().map_err(|_| USAGE)?;
            in_process::run(&case(name.first().map_or("small", String::as_str))?, requests)
        }
        _ => Err(USAGE.into()),
    }
}

fn case(name: &str) -> Result<Case, Failure> {
    cases().into_iter().find(|case| case.name == name).ok_or_else(|| USAGE.into())
}

/// Creates a runtime like that of the process of an engine, with one thread per core.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(cores()).enable_all().build()
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
