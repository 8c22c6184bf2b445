//! `check`: says what would go wrong, before anything is deployed. A line for each thing that was looked at, with what to
//! do; what depends on a thing that failed is not looked at.

use std::{net::TcpListener, process::ExitCode, time::Instant};

use bytesize::ByteSize;

use super::{
    asking::{Asking, Refused},
    causes::causes,
    files::Files,
    output::write,
};
use crate::{
    engine::{EngineBuilder, Part, Plan, Prepared, StartError, prepare},
    settings::{LogLevel, host_and_port},
    tasks::{ClassLabels, same_task},
    telemetry::metrics::resident_bytes,
};

/// The exit code of a check that failed by something else than configuration.
const FAILED: u8 = 1;

/// The exit code of a check that failed by configuration.
const CONFIGURATION: u8 = 78;

/// The tasks whose answers name classes.
const WITH_CLASSES: [&str; 7] = [
    "Image Classification",
    "Text Classification",
    "Structured Data Classification",
    "Object Detection",
    "Oriented Object Detection",
    "Image Segmentation",
    "Token Classification",
];

/// How the files are named in the line about them: not all of a hundred.
const NAMED: usize = 5;

pub(super) fn check(builder: EngineBuilder) -> ExitCode {
    let mut report = Report::default();
    look(builder, &mut report);
    ExitCode::from(report.code)
}

fn look(builder: EngineBuilder, report: &mut Report) {
    // Why something fails stands in its line: a log would say it again.
    let Prepared { plan, warnings } = prepare(builder, Some(LogLevel::Off));
    for warning in warnings {
        report.warn("settings", warning);
    }
    let plan = match plan {
        Ok(plan) => plan,
        Err(error) => {
            let code = error.exit_code();
            match error {
                StartError::Settings(error) => {
                    error.faults.iter().for_each(|fault| report.fail("settings", fault, code));
                }
                error => report.fail("settings", error, code),
            }
            return;
        }
    };
    report.ok("settings", "all can be read");
    for model in plan.models() {
        report.about(&plan, model);
        files(model, report);
        labels(model, report);
        match plan.devices(model) {
            // Of a build that knows no GPU nobody expects one.
            Ok((devices, tried)) if tried.is_empty() || !cfg!(any(feature = "cuda", feature = "metal")) => {
                report.ok("device", devices);
            }
            Ok((devices, tried)) => report.warn("device", format_args!("{devices}, as others do not open: {tried}")),
            Err(error) => {
                let error = StartError::from(error);
                report.fail("device", &error, error.exit_code());
            }
        }
    }
    report.model = None;
    port(&plan, report);
    if report.code == CONFIGURATION {
        return;
    }
    let examples: Vec<_> = plan
        .models()
        .iter()
        .map(|model| {
            report.about(&plan, model);
            (model.name().to_string(), report.model.take(), model.example())
        })
        .collect();
    let inflight = plan.inflight_bytes();
    let begin = Instant::now();
    let asking = match Asking::start(plan) {
        Ok(asking) => asking,
        Err(error) => {
            report.fail("load", &error, error.exit_code());
            return;
        }
    };
    report.ok("load", format_args!("{:.1} s, warm-up included", begin.elapsed().as_secs_f64()));
    for (name, shown, (request, is_given)) in examples {
        report.model = shown;
        example(&asking, &name, request, is_given, report);
    }
    report.model = None;
    memory(inflight, report);
}

fn files(model: &Part, report: &mut Report) {
    let dir = model.model_dir();
    let set = "CHARIOT_ENGINE_MODEL_DIR says where the model's files are";
    if !dir.is_dir() {
        report.warn("files", format_args!("'{}' is no directory; {set}", dir.display()));
        return;
    }
    let files = Files::of(dir);
    for fault in &files.faults {
        report.fail("files", fault, FAILED);
    }
    if files.found.is_empty() {
        report.warn("files", format_args!("'{}' holds no file; {set}", dir.display()));
        return;
    }
    let mut names: Vec<String> = files.found.iter().take(NAMED).map(|(path, _)| path.display().to_string()).collect();
    if files.found.len() > NAMED {
        names.push(format!("and {} more", files.found.len() - NAMED));
    }
    if files.faults.is_empty() {
        let bytes = ByteSize(files.bytes()).display().iec();
        report.ok("files", format_args!("'{}' holds {bytes}: {}", dir.display(), names.join(", ")));
    }
}

fn labels(model: &Part, report: &mut Report) {
    let file = ClassLabels::FILE;
    match (model.class_labels(), model.spec().task_name()) {
        (Some(Ok(labels)), _) => report.ok("labels", format_args!("{} classes", labels.len())),
        (Some(Err(text)), _) => report.fail("labels", format_args!("'{file}' cannot be read: {text}"), FAILED),
        (None, Some(task)) if has_classes(task) => {
            let text = "is not among the model's files, which answers for";
            report.warn("labels", format_args!("'{file}' {text} '{task}' take the names of classes from: add it"));
        }
        (None, _) => {}
    }
}

/// Whether the answers of a task name classes.
pub(super) fn has_classes(task: &str) -> bool {
    WITH_CLASSES.iter().any(|of| same_task(of, task))
}

fn port(plan: &Plan, report: &mut Report) {
    let address = host_and_port(&plan.settings().host, plan.settings().port);
    match TcpListener::bind(&address) {
        Ok(_) => report.ok("port", format_args!("{address} can be listened on")),
        Err(error) => {
            let text =
                format!("{address} cannot be listened on: {error}; CHARIOT_ENGINE_PORT and _HOST choose another");
            report.fail("port", text, FAILED);
        }
    }
}

/// The request that the engine shows to its callers must be answered. One that was made up may be refused, as a model may
/// not like what its types allow; it may not make the engine fail either.
fn example(asking: &Asking, model: &str, request: Option<String>, is_given: bool, report: &mut Report) {
    let advice = "`Spec::example` says one that is answered";
    let Some(request) = request else {
        return report.warn("inference", format_args!("no request is known to try; {advice}"));
    };
    let begin = Instant::now();
    let (answer, causes) = causes(|| asking.infer(model, request));
    let what = if is_given { "the example" } else { "a made-up request" };
    match answer {
        Ok(_) => report.ok("inference", format_args!("the example is answered in {:.0?}", begin.elapsed())),
        Err(Refused { status, text }) if status.is_server_error() => {
            let why = if causes.is_empty() { text } else { causes.join("; ") };
            let mend = "mend the model or its files, since callers would be answered so too";
            report.fail("inference", format_args!("{what} is answered {}: {why}; {mend}", status.as_u16()), FAILED);
        }
        Err(Refused { text, .. }) if is_given => {
            report.fail("inference", format_args!("the example is not answered: {text}"), FAILED);
        }
        Err(Refused { text, .. }) => {
            report.warn("inference", format_args!("a made-up request is not answered: {text}; {advice}"));
        }
    }
}

/// What the process takes now, and what a container of it should be given.
fn memory(inflight: u64, report: &mut Report) {
    let Some(resident) = resident_bytes() else {
        return report.ok("memory", "this system does not say");
    };
    let needed = resident.saturating_add(inflight);
    let iec = |bytes| ByteSize(bytes).display().iec();
    let text = format!(
        "{} are resident; with {} for requests in flight (CHARIOT_ENGINE_MAX_INFLIGHT_BYTES) a limit of {} MiB is enough",
        iec(resident),
        iec(inflight),
        needed.div_ceil(1 << 20),
    );
    match limit() {
        Some(limit) if limit < needed => {
            report.warn("memory", format_args!("{text}, and {} is the limit here", iec(limit)))
        }
        _ => report.ok("memory", text),
    }
}

/// The limit of memory of the container, where there is one.
fn limit() -> Option<u64> {
    std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok()?.trim().parse().ok()
}

/// What was found, a line each, printed as it is found.
#[derive(Default)]
struct Report {
    /// The model that the next lines are about, where there are several.
    model: Option<String>,
    /// The exit code so far: of configuration, if that is at fault.
    code: u8,
}

impl Report {
    fn about(&mut self, plan: &Plan, model: &Part) {
        self.model = (plan.models().len() > 1).then(|| model.name().to_string());
    }

    fn ok(&mut self, of: &str, text: impl std::fmt::Display) {
        self.line("ok", of, text);
    }

    fn warn(&mut self, of: &str, text: impl std::fmt::Display) {
        self.line("warn", of, text);
    }

    fn fail(&mut self, of: &str, text: impl std::fmt::Display, code: u8) {
        self.code = self.code.max(code);
        self.line("fail", of, text);
    }

    fn line(&mut self, state: &str, of: &str, text: impl std::fmt::Display) {
        let model = self.model.as_ref().map(|model| format!("{model}: ")).unwrap_or_default();
        let text = format!("{model}{text}").replace('\n', " | ");
        // The exit code says it too, where nobody reads.
        if write(&format!("{state:<5} {of:<10} {text}\n")).is_err() {
            self.code = self.code.max(FAILED);
        }
    }
}
