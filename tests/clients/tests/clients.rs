//! Runs `tests/clients/run`, which runs NVIDIA's and KServe's Python clients against the examples. It has no harness, so
//! that its table, or what it skipped and why, is seen also when all is well.

use std::{
    env,
    io::ErrorKind,
    process::{Command, ExitCode},
};

const NAME: &str = "real_clients";

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let filters: Vec<_> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let told = |flag: &str| arguments.iter().any(|argument| argument == flag);
    if told("--list") {
        println!("{NAME}: test");
        return ExitCode::SUCCESS;
    }
    if told("--ignored") || !filters.is_empty() && !filters.iter().any(|filter| NAME.contains(filter.as_str())) {
        return ExitCode::SUCCESS;
    }
    match Command::new("bash").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/run")).status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(status) => {
            eprintln!("tests/clients/run ended with {status}");
            ExitCode::FAILURE
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            println!("real clients: SKIPPED: bash is expected, and is not here");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("tests/clients/run cannot be run: {error}");
            ExitCode::FAILURE
        }
    }
}
