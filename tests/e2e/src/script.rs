//! A script as a test without a harness: what it prints is seen also when all is well, and so is what it skips and why.

use std::{
    env,
    io::ErrorKind,
    path::Path,
    process::{Command, ExitCode},
};

/// Runs a script by bash as the one test of this name, as `cargo test` asks for it. It ends well where there is no bash.
pub fn run_script(name: &str, script: impl AsRef<Path>) -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let filters: Vec<_> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let told = |flag: &str| arguments.iter().any(|argument| argument == flag);
    if told("--list") {
        println!("{name}: test");
        return ExitCode::SUCCESS;
    }
    if told("--ignored") || !filters.is_empty() && !filters.iter().any(|filter| name.contains(filter.as_str())) {
        return ExitCode::SUCCESS;
    }
    let script = script.as_ref();
    match Command::new("bash").arg(script).status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(status) => {
            eprintln!("{} ended with {status}", script.display());
            ExitCode::FAILURE
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            println!("{name}: SKIPPED: bash is expected, and is not here");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{} cannot be run: {error}", script.display());
            ExitCode::FAILURE
        }
    }
}
