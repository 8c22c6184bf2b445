//! `check`: finds faults before anything is deployed. Prints one line for each check, with what to do about a fault;
//! checks that depend on a failed one are skipped.

use std::{iter::repeat_n, net::TcpListener, process::ExitCode, time::Instant};

use bytesize::ByteSize;

use super::{
    files::Files,
    labels::has_classes,
    load_time::impatience,
    local_engine::{ErrorResponse, LocalEngine},
    log_capture::capture_errors,
    output::{first_faults, one_line, write},
};
use crate::{
    engine::{EngineBuilder, ModelPlan, Plan, Prepared, StartError, prepare},
    error::listed,
    settings::{LogLevel, host_and_port},
    tasks::ClassLabels,
    telemetry::metrics::resident_bytes,
};

/// The exit code if a check failed, other than by configuration.
const FAILED: u8 = 1;

/// The exit code if the configuration has faults (`EX_CONFIG`).
const CONFIGURATION: u8 = 78;

pub(super) fn check(builder: EngineBuilder) -> ExitCode {
    let mut report = Report::default();
    run_checks(builder, &mut report);
    ExitCode::from(report.code)
}

fn run_checks(builder: EngineBuilder, report: &mut Report) {
    // The lines name the causes of failures, so that no log has to repeat them.
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
    report.ok("settings", "all valid");
    for model in plan.models() {
        report.about(&plan, model);
        files(model, report);
        labels(model, report);
        match plan.devices(model) {
            // A build without GPU support is not expected to use one.
            Ok((devices, tried)) if tried.is_empty() || !cfg!(any(feature = "cuda", feature = "metal")) => {
                report.ok("device", devices);
            }
            Ok((devices, tried)) => {
                report.warn("device", format_args!("{devices}; other devices are not available: {tried}"))
            }
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
    let engine = match LocalEngine::start(plan) {
        Ok(engine) => engine,
        Err(error) => {
            report.fail("load", &error, error.exit_code());
            return;
        }
    };
    let time = begin.elapsed();
    let text = format!("{:.1} s, including warm-up", time.as_secs_f64());
    match impatience(time) {
        Some(why) => report.warn("load", format_args!("{text}; {why}")),
        None => report.ok("load", text),
    }
    for (name, shown, (request, is_given)) in examples {
        report.model = shown;
        example(&engine, &name, request, is_given, report);
    }
    report.model = None;
    memory(inflight, report);
}

/// Checks the files of a model.
fn files(model: &ModelPlan, report: &mut Report) {
    let dir = model.model_dir();
    let advice = "set the directory with CHARIOT_ENGINE_MODEL_DIR, unless the model reads no files";
    if !dir.is_dir() {
        report.warn("files", format_args!("'{}' is not a directory; {advice}", dir.display()));
        return;
    }
    let files = Files::in_dir(dir);
    let has_faults = !files.faults.is_empty();
    for fault in first_faults(files.faults) {
        report.fail("files", fault, FAILED);
    }
    if files.count == 0 {
        report.warn("files", format_args!("'{}' contains no files; {advice}", dir.display()));
        return;
    }
    if !has_faults {
        let bytes = ByteSize(files.bytes).display().iec();
        let names = files.first.iter().map(|path| path.to_string_lossy());
        let names = listed(names.chain(repeat_n("".into(), files.count - files.first.len())), ", ");
        report.ok("files", format_args!("'{}' contains {bytes}: {names}", dir.display()));
    }
}

/// Checks the class labels of a model.
fn labels(model: &ModelPlan, report: &mut Report) {
    let file = ClassLabels::FILE;
    match (model.class_labels(), model.spec().task_name()) {
        (Some(Ok(labels)), _) => report.ok("labels", format_args!("{} classes", labels.len())),
        (Some(Err(text)), _) => report.fail("labels", format_args!("cannot read '{file}': {text}"), FAILED),
        (None, Some(task)) if has_classes(task) => {
            let text = "not found among the model's files; add it: it names the classes in outputs for";
            report.warn("labels", format_args!("'{file}' {text} '{task}'"));
        }
        (None, _) => {}
    }
}

/// Checks that the address is free.
fn port(plan: &Plan, report: &mut Report) {
    let address = host_and_port(&plan.settings().host, plan.settings().port);
    match TcpListener::bind(&address) {
        Ok(_) => report.ok("port", format_args!("can listen on {address}")),
        Err(error) => {
            let error = StartError::Bind { address, source: error };
            report.fail("port", error, FAILED);
        }
    }
}

/// Checks that the example request of a model succeeds. A generated request may be rejected, since a model can require
/// more than its types do; but it must not make the model fail.
fn example(engine: &LocalEngine, model: &str, request: Option<String>, is_given: bool, report: &mut Report) {
    let advice = "add one that succeeds with `Spec::example`";
    let Some(request) = request else {
        return report.warn("inference", format_args!("no example request; {advice}"));
    };
    let begin = Instant::now();
    let (response, causes) = capture_errors(|| engine.infer(model, request));
    let what = if is_given { "example request" } else { "generated request" };
    match response {
        Ok(_) => report.ok("inference", format_args!("{what} succeeded in {:.0?}", begin.elapsed())),
        Err(ErrorResponse { status, text }) if status.is_server_error() => {
            let why = if causes.is_empty() { text } else { causes.join("; ") };
            let advice = "fix the model or its files: callers would get the same status";
            let text = format_args!("{what} failed with status {}: {why}; {advice}", status.as_u16());
            report.fail("inference", text, FAILED);
        }
        Err(ErrorResponse { text, .. }) if is_given => {
            report.fail("inference", format_args!("{what} was rejected: {text}"), FAILED);
        }
        Err(ErrorResponse { text, .. }) => {
            report.warn("inference", format_args!("{what} was rejected: {text}; {advice}"));
        }
    }
}

/// Reports the memory of the process, and the limit that its container should have.
fn memory(inflight: u64, report: &mut Report) {
    let Some(resident) = resident_bytes() else {
        return report.ok("memory", "unknown on this system");
    };
    // As much again for the allocator and for connections, as `SECURITY.md` says.
    let needed = resident.saturating_add(inflight.saturating_mul(2));
    let iec = |bytes| ByteSize(bytes).display().iec();
    let text = format!(
        "{} resident; with up to {} of requests in flight (CHARIOT_ENGINE_MAX_INFLIGHT_BYTES), which can take twice as much, a limit of {} MiB is enough",
        iec(resident),
        iec(inflight),
        needed.div_ceil(1 << 20),
    );
    match limit() {
        Some(limit) if limit < needed => {
            report.warn("memory", format_args!("{text}; the limit here is {}", iec(limit)))
        }
        _ => report.ok("memory", text),
    }
}

/// Returns the memory limit of the container, if there is one.
fn limit() -> Option<u64> {
    std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok()?.trim().parse().ok()
}

/// The results of the checks, printed one line each as they come in.
#[derive(Default)]
struct Report {
    /// The model that the next lines are about, if there are several.
    model: Option<String>,
    /// The exit code so far; that of configuration takes precedence.
    code: u8,
}

impl Report {
    /// Sets the model that the next lines are about.
    fn about(&mut self, plan: &Plan, model: &ModelPlan) {
        self.model = (plan.models().len() > 1).then(|| model.name().to_string());
    }

    fn ok(&mut self, check: &str, text: impl std::fmt::Display) {
        self.line("ok", check, text);
    }

    fn warn(&mut self, check: &str, text: impl std::fmt::Display) {
        self.line("warn", check, text);
    }

    fn fail(&mut self, check: &str, text: impl std::fmt::Display, code: u8) {
        self.code = self.code.max(code);
        self.line("fail", check, text);
    }

    fn line(&mut self, state: &str, check: &str, text: impl std::fmt::Display) {
        let model = self.model.as_ref().map(|model| format!("{model}: ")).unwrap_or_default();
        let text = one_line(format!("{model}{text}"));
        // If the line cannot be written, at least the exit code reports a failure.
        if write(&format!("{state:<5} {check:<10} {text}\n")).is_err() {
            self.code = self.code.max(FAILED);
        }
    }
}
