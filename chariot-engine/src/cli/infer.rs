//! `infer`: loads the model, and prints its answers about files, a line each.

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
    asking::Asking,
    output::{fail, note, write},
    request::{Asked, STDIN, request},
};
use crate::{
    engine::{EngineBuilder, Part, Plan, Prepared, StartError, prepare},
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
    let model = match chosen(&plan, options.model.as_deref()) {
        Ok(model) => model,
        Err(text) => return fail(text, USAGE),
    };
    let asking = match Asking::start(plan) {
        Ok(asking) => asking,
        // This one has been logged, with all its causes.
        Err(error @ StartError::Load(_)) => return ExitCode::from(error.exit_code()),
        Err(error) => return fail(&error, error.exit_code()),
    };
    let mut code = ExitCode::SUCCESS;
    for path in &options.files {
        match answer(&asking, &model, path, options) {
            Ok(answer) => {
                if let Err(error) = write(&answer) {
                    return fail(format_args!("standard output cannot be written: {error}"), 1);
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

/// The exit code of a command line that is none.
const USAGE: u8 = 2;

/// The model of this name, or the default one.
///
/// # Errors
/// There is none, with the names that there are.
fn chosen(plan: &Plan, name: Option<&str>) -> Result<Asked, String> {
    let model = match name {
        Some(name) => plan.models().iter().find(|model| model.name() == name),
        None => plan.default_model(),
    };
    let asked =
        |model: &Part| Asked { name: model.name().to_string(), spec: model.spec().clone(), protocol: model.protocol() };
    model.map(asked).ok_or_else(|| {
        let known: Vec<&str> = plan.models().iter().map(Part::name).collect();
        format!("--model is expected to be one of '{}'", known.join("', '"))
    })
}

/// What to print about a file.
fn answer(asking: &Asking, model: &Asked, path: &Path, options: &Infer) -> Result<String, String> {
    let content = read(path).map_err(|error| error.to_string())?;
    let request = request(path, content, model, options)?;
    let body = asking.infer(&model.name, request.body).map_err(|refused| refused.text)?;
    if request.item
        && !options.response
        && let Ok(response) = serde_json::from_slice::<Response<'_>>(&body)
    {
        let values = response.outputs.iter().flat_map(|output| &output.data).chain(&response.output);
        return Ok(values.map(|value| format!("{}\n", value.get())).collect());
    }
    // Lines of `chariot-v2` have their ends.
    Ok(format!("{}\n", String::from_utf8_lossy(&body).trim_end()))
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    if path == Path::new(STDIN) {
        let mut content = Vec::new();
        io::stdin().lock().read_to_end(&mut content)?;
        return Ok(content);
    }
    fs::read(path)
}

/// What of a response holds the answers. Their texts stay as they are.
#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow, default)]
    outputs: Vec<Output<'a>>,
    /// In `chariot-v2`.
    #[serde(borrow)]
    output: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Output<'a> {
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
}
