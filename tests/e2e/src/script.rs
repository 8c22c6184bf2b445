//! A script run as a test without a harness, so that its output, with what it skips and why, is visible even on
//! success.

use std::{
    env,
    io::ErrorKind,
    path::Path,
    process::{Command, ExitCode},
};

/// Runs a script with bash as the only test of this target, with the command line of `cargo test`. Succeeds if bash is
/// not installed.
pub fn run_script(name: &str, script: impl AsRef<Path>) -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let filters: Vec<_> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    if has("--list") {
        println!("{name}: test");
        return ExitCode::SUCCESS;
    }
    if has("--ignored") || !filters.is_empty() && !filters.iter().any(|filter| name.contains(filter.as_str())) {
        return ExitCode::SUCCESS;
    }
    let script = script.as_ref();
    match Command::new("bash").arg(script).status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(status) => {
            eprintln!("{} failed: {status}", script.display());
            ExitCode::FAILURE
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            println!("{name}: SKIPPED: bash not found");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("running {}: {error}", script.display());
            ExitCode::FAILURE
        }
    }
}
