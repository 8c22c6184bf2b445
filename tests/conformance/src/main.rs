//! The suite on the command line: runs the cases against a server, prints a table and writes reports. Exits with 1 if a
//! case failed and with 2 if no case could be run, or none of the golden files.

use std::{fs, path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use conformance::{CaseReport, Golden, Level, Outcome, SectionReport, Spec, Suite, Target, compare, run};

/// Checks a server for conformance with the Open Inference Protocol.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// URL of the server: http://host:port
    #[arg(long, required_unless_present = "list")]
    url: Option<String>,
    /// Name of the model
    #[arg(long, required_unless_present = "list")]
    model: Option<String>,
    /// File with the inputs of the model, if its metadata does not describe them
    #[arg(long, value_name = "FILE")]
    inputs: Option<PathBuf>,
    /// Level of the cases; each level includes those before it
    #[arg(long, value_enum, default_value = "oip")]
    level: Level,
    /// Path prefix of Chariot's own routes /ready and /infer
    #[arg(long, value_name = "PATH")]
    base: Option<String>,
    /// Directory of golden files to compare the server with, in a section 'golden'
    #[arg(long, value_name = "DIR")]
    golden: Option<PathBuf>,
    /// With --golden: the server has the model of the golden files, so compare its values too
    #[arg(long, requires = "golden")]
    values: bool,
    /// Task of the model, such as 'Object Detection', if the server does not name it
    #[arg(long, value_name = "NAME")]
    task: Option<String>,
    /// Output layout of the server, if it does not name it
    #[arg(long, value_name = "NAME")]
    layout: Option<String>,
    /// Writes the results as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Writes the results as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Run only this section; can be repeated
    #[arg(long, value_name = "N")]
    section: Vec<String>,
    /// Run only cases whose name contains this text
    #[arg(long, value_name = "TEXT")]
    case: Option<String>,
    /// Timeout of a response
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    timeout: Duration,
    /// List the cases and exit
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    match asked(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(fault) => {
            eprintln!("{fault}");
            ExitCode::from(2)
        }
    }
}

/// Returns `true` if no case failed.
fn asked(arguments: &Arguments) -> Result<bool, String> {
    let wanted = |name: &str| arguments.case.as_ref().is_none_or(|part| name.contains(part.as_str()));
    let suite = Suite::embedded().only(|section, case| is_wanted(arguments, &section.number) && wanted(&case.name));
    let golden = arguments.golden.as_deref().filter(|_| is_wanted(arguments, GOLDEN));
    if suite.cases().is_empty() && golden.is_none() {
        return Err("no case matches".into());
    }
    let (Some(url), Some(model), false) = (&arguments.url, &arguments.model, arguments.list) else {
        print!("{}", listed(&suite));
        return Ok(true);
    };
    let mut target = Target::new(url, model).map_err(|fault| fault.to_string())?;
    target = target.level(arguments.level).timeout(arguments.timeout);
    if let Some(base) = &arguments.base {
        target = target.base(base);
    }
    let target = target.spec(spec(arguments)?);
    let mut report = run(&target, &suite).map_err(|fault| fault.to_string())?;
    if let Some(directory) = golden {
        let mut section =
            compare(&target, &Golden::read(directory)?, arguments.values).map_err(|fault| fault.to_string())?;
        section.cases.retain(|case| wanted(&case.name));
        if section.cases.is_empty() && suite.cases().is_empty() {
            return Err("no case matches".into());
        }
        report.sections.push(section);
    }
    print!("{}", report.table());
    let write = |file: &Option<PathBuf>, text: Result<String, String>| match file {
        Some(file) => fs::write(file, text?).map_err(|error| format!("{}: {error}", file.display())),
        None => Ok(()),
    };
    write(&arguments.junit, report.junit().map_err(|error| error.to_string()))?;
    write(&arguments.json, report.json().map_err(|error| error.to_string()))?;
    match report.failed() {
        0 => report.sections.iter().find_map(nothing_compared).map_or(Ok(true), Err),
        _ => Ok(false),
    }
}

/// Returns that the comparison with golden files has compared nothing, if it was asked for and all exchanges were skipped.
fn nothing_compared(section: &SectionReport) -> Option<String> {
    let is_skipped = |case: &CaseReport| matches!(case.outcome, Outcome::Skipped { .. });
    let count = section.cases.len();
    (section.number == GOLDEN && count > 0 && section.cases.iter().all(is_skipped)).then(|| {
        format!(
            "nothing was compared with the golden files: all {count} exchanges were skipped, for the reasons above; name \
             the layout of the server with --layout, or its inputs with --inputs"
        )
    })
}

/// The section of the comparison with golden files.
const GOLDEN: &str = "golden";

fn is_wanted(arguments: &Arguments, section: &str) -> bool {
    arguments.section.is_empty() || arguments.section.iter().any(|wanted| wanted == section)
}

/// Returns the description of the server by its operator.
fn spec(arguments: &Arguments) -> Result<Spec, String> {
    let mut spec = Spec::default();
    if let Some(file) = &arguments.inputs {
        let in_context = |fault: String| format!("{}: {fault}", file.display());
        let text = fs::read_to_string(file).map_err(|error| in_context(error.to_string()))?;
        spec = Spec::from_json(&text).map_err(in_context)?;
    }
    let named = [("task", &arguments.task), ("layout", &arguments.layout)];
    let named = named.into_iter().filter_map(|(family, name)| Some(format!("{family}:{}", name.as_ref()?)));
    spec.conditions.extend(named);
    Ok(spec)
}

fn listed(suite: &Suite) -> String {
    let mut text = String::new();
    for (section, case) in suite.cases() {
        let needs = if case.needs.is_empty() { String::new() } else { format!(" [{}]", case.needs.join(", ")) };
        text +=
            &format!("{} {:<8} {}{needs}\n           {}\n", section.number, case.level.name(), case.name, case.says);
    }
    text + &format!("{} cases\n", suite.cases().len())
}
