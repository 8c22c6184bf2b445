//! `infer`: loads the model, and prints its outputs for files, one line each.

use std::{
    fs,
    io::{self, Read},
    path::Path,
    process::ExitCode,
};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    arguments::Infer,
    local_engine::LocalEngine,
    output::{fail, note, write},
    request::{STDIN, Target, request},
};
use crate::{
    engine::{EngineBuilder, ModelPlan, Plan, Prepared, StartError, prepare},
    error::{Expected, listed, quoted},
    settings::LogLevel,
};

pub(super) fn infer(builder: EngineBuilder, options: &Infer) -> ExitCode {
    let Prepared { plan, warnings } = prepare(builder, Some(LogLevel::Warn));
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let plan = match plan {
        Ok(plan) => plan,
        Err(error) => return fail(&error, error.exit_code()),
    };
    let model = match target(&plan, options.model.as_deref()) {
        Ok(model) => model,
        Err(text) => return fail(text, USAGE),
    };
    let engine = match LocalEngine::start(plan) {
        Ok(engine) => engine,
        // The worker has logged this one, with all its causes.
        Err(error @ StartError::Load(_)) => return ExitCode::from(error.exit_code()),
        Err(error) => return fail(&error, error.exit_code()),
    };
    let mut code = ExitCode::SUCCESS;
    for path in &options.files {
        match outputs(&engine, &model, path, options) {
            Ok(outputs) => {
                if let Err(error) = write(&outputs) {
                    return fail(format_args!("cannot write to standard output: {error}"), 1);
                }
            }
            Err(text) => {
                note(&path.display().to_string(), text);
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}

/// The exit code of a faulty command line.
const USAGE: u8 = 2;

/// Returns the model of this name, or the default model.
///
/// # Errors
/// An unknown name, or an engine without a default model.
fn target(plan: &Plan, name: Option<&str>) -> Result<Target, String> {
    let model = match name {
        Some(name) => plan.models().iter().find(|model| model.name() == name),
        None => plan.default_model(),
    };
    let target = |model: &ModelPlan| Target {
        name: model.name().to_string(),
        spec: model.spec().clone(),
        protocol: model.protocol(),
    };
    model.map(target).ok_or_else(|| {
        let known: Vec<String> = plan.models().iter().map(|model| quoted(model.name())).collect();
        let what = match &known[..] {
            [only] => only.clone(),
            known => format!("one of {}", listed(known, ", ")),
        };
        format!("--model: {}", Expected::new(what, name.map_or_else(|| "no name".into(), quoted)))
    })
}

/// Returns the lines to print for a file.
fn outputs(engine: &LocalEngine, model: &Target, path: &Path, options: &Infer) -> Result<String, String> {
    let content = read(path).map_err(|error| error.to_string())?;
    let request = request(path, content, model, options)?;
    let body = engine.infer(&model.name, request.body).map_err(|error| error.text)?;
    if request.is_item
        && !options.response
        && let Ok(response) = serde_json::from_slice::<Response<'_>>(&body)
    {
        let values = response.outputs.iter().flat_map(|output| &output.data).chain(&response.output);
        return Ok(values.map(|value| format!("{}\n", value.get())).collect());
    }
    // A body in `chariot-v2` ends with a line break.
    Ok(format!("{}\n", String::from_utf8_lossy(&body).trim_end()))
}

/// Reads a file, or standard input.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    if path == Path::new(STDIN) {
        let mut content = Vec::new();
        io::stdin().lock().read_to_end(&mut content)?;
        return Ok(content);
    }
    fs::read(path)
}

/// The outputs of a response. Their JSON stays as it is.
#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow, default)]
    outputs: Vec<Output<'a>>,
    /// The output in `chariot-v2`.
    #[serde(borrow)]
    output: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Output<'a> {
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
}
