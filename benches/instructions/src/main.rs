//! Counts the instructions that an engine executes for one request of each path: the difference between many requests and
//! few, so that start and shutdown cancel out. Prints the counts, compares them with the committed baseline, or replaces
//! it.

mod baseline;
mod client;
mod compare;
mod count;
mod engine;
mod paths;
mod process;

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;

use baseline::{Baseline, Build, Counts, growth};
use compare::{compare, grouped, percent};
use engine::Engines;
use paths::{CountedPath, PATHS};

/// Any error that prevents a measurement.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Counts the instructions that an engine executes for one request of each path, and prints them.
#[derive(Parser)]
struct Arguments {
    /// Fail if a path has grown by more than 3 % since the baseline
    #[arg(long, conflicts_with_all = ["accept", "path", "engine"])]
    check: bool,
    /// Make the counts the new baseline, for this reason
    #[arg(long, value_name = "REASON", conflicts_with = "engine", value_parser = reason)]
    accept: Option<String>,
    /// Paths to measure: json, binary, rows, rows-10000, items, lines, picture, event. Default: all
    #[arg(long, value_name = "NAME", value_parser = path)]
    path: Vec<&'static CountedPath>,
    /// Engine to measure in place of `counted`, for example of another commit; `identity` serves json and binary
    #[arg(long, value_name = "FILE")]
    engine: Option<PathBuf>,
    /// Number of measurements of each path, of which the median counts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if !count::is_possible() {
        println!("instructions: SKIPPED: valgrind is not installed");
        return ExitCode::SUCCESS;
    }
    match run(&arguments) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("instructions: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let mut baseline = Baseline::read()?;
    let build = Build::current()?;
    if arguments.check && build.arch != baseline.build.arch {
        println!("instructions: SKIPPED: the baseline is of {}, this is {}", baseline.build.arch, build.arch);
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.check && build != baseline.build {
        return Err(format!(
            "expected the compiler of the baseline, {}, got {}; accept a new baseline with: {}",
            baseline.build.rustc,
            build.rustc,
            compare::ACCEPT
        )
        .into());
    }
    if arguments.accept.is_some() && !arguments.path.is_empty() && build != baseline.build {
        return Err("expected all paths, as the baseline is of another compiler, got --path".into());
    }
    let engines = engines(arguments)?;
    let chosen = PATHS
        .iter()
        .filter(|path| arguments.path.is_empty() || arguments.path.iter().any(|chosen| chosen.name == path.name));
    let mut counts = measure(chosen, arguments.runs, &engines, &baseline)?;
    if let Some(reason) = &arguments.accept {
        let changed = baseline.accept(&counts, build, reason);
        baseline.write()?;
        match &changed[..] {
            [] => println!("the baseline stays: no path has changed by more than the noise"),
            changed => println!("accepted for {}", changed.join(", ")),
        }
    }
    if !arguments.check {
        return Ok(ExitCode::SUCCESS);
    }
    let mut verdict = compare(&baseline, &counts);
    if !verdict.failures.is_empty() {
        // Noise is never lower than the count: threads that wait are woken more often, not less.
        println!("measuring again, because a path has grown");
        let grown = PATHS.iter().filter(|path| compare::has_grown(&baseline, &counts, path.name));
        let again = measure(grown, arguments.runs, &engines, &baseline)?;
        for (name, count) in again {
            counts.entry(name).and_modify(|first| *first = count.min(*first));
        }
        verdict = compare(&baseline, &counts);
    }
    for hint in &verdict.hints {
        println!("{hint}");
    }
    for failure in &verdict.failures {
        eprintln!("{failure}");
    }
    Ok(if verdict.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Builds the engines, of which one may be given.
fn engines(arguments: &Arguments) -> Result<Engines, Failure> {
    let engines = Engines::build()?;
    Ok(match &arguments.engine {
        Some(engine) => engines.with_counted(engine.clone()),
        None => engines,
    })
}

/// Measures paths and prints a line for each.
fn measure<'a>(
    paths: impl Iterator<Item = &'a CountedPath>,
    runs_of_each: u32,
    engines: &Engines,
    baseline: &Baseline,
) -> Result<Counts, Failure> {
    println!("{:<10} {:>13} {:>8} {:>13} {:>9}", "path", "instructions", "spread", "baseline", "growth");
    let mut counts = Counts::new();
    for path in paths {
        let mut runs = Vec::new();
        for _ in 0..runs_of_each {
            runs.push(count::measure(path, engines).map_err(|failure| format!("{}: {failure}", path.name))?);
        }
        runs.sort_by(f64::total_cmp);
        let count = runs[runs.len() / 2];
        let spread = (runs[runs.len() - 1] - runs[0]) / count * 100.0;
        let count = count.round() as u64;
        let (before, grown) = match baseline.paths.get(path.name) {
            Some(entry) => (grouped(entry.instructions), percent(growth(entry.instructions, count))),
            None => ("none".into(), String::new()),
        };
        println!(
            "{:<10} {:>13} {:>8} {before:>13} {grown:>9}   {}",
            path.name,
            grouped(count),
            format!("{spread:.1} %"),
            path.what
        );
        counts.insert(path.name.into(), count);
    }
    Ok(counts)
}

fn path(name: &str) -> Result<&'static CountedPath, String> {
    let names: Vec<&str> = PATHS.iter().map(|path| path.name).collect();
    let found = PATHS.iter().find(|path| path.name == name);
    found.ok_or_else(|| format!("expected one of {}, got '{name}'", names.join(", ")))
}

fn reason(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("expected a reason, got nothing".into()),
        text => Ok(text.into()),
    }
}
