//! `infer`: loads the model, and prints its outputs for files, one line each.

use std::{
    fs,
    io::{self, Read},
    path::Path,
    process::ExitCode,
};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    arguments::Infer,
    draw::Drawing,
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
    let drawing = match &options.draw {
        Some(path) => match Drawing::new(path, &options.files, model.spec.task_name()) {
            Ok(drawing) => Some(drawing),
            Err(text) => return fail(text, USAGE),
        },
        None => None,
    };
    let engine = match LocalEngine::start(plan) {
        Ok(engine) => engine,
        // The worker has logged this one, with all its causes.
        Err(error @ StartError::Load(_)) => return ExitCode::from(error.exit_code()),
        Err(error) => return fail(&error, error.exit_code()),
    };
    let mut code = ExitCode::SUCCESS;
    for (index, path) in options.files.iter().enumerate() {
        let answered = read(path).map_err(|error| error.to_string()).and_then(|content| {
            let answer = answer(&engine, &model, path, &content, options)?;
            Ok((content, answer))
        });
        let (content, answer) = match answered {
            Ok(answered) => answered,
            Err(text) => {
                note(&path.display().to_string(), text);
                code = ExitCode::FAILURE;
                continue;
            }
        };
        if let Err(error) = write(&answer.text(options)) {
            return fail(format_args!("cannot write to standard output: {error}"), 1);
        }
        if let Some(drawing) = &drawing
            && let Err(text) = draw(drawing, index, &content, &answer, |action| {
                let options = Infer { action: Some(action.into()), ..options.clone() };
                self::answer(&engine, &model, path, &content, &options)
            })
        {
            note(&path.display().to_string(), text);
            code = ExitCode::FAILURE;
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

/// The response for a file.
struct Answer {
    body: Bytes,
    /// Set if the file is one item.
    is_item: bool,
}

impl Answer {
    /// Returns the lines to print.
    fn text(&self, options: &Infer) -> String {
        match self.outputs().filter(|_| !options.response) {
            Some(outputs) => outputs.iter().map(|value| format!("{}\n", value.get())).collect(),
            // A body in `chariot-v2` ends with a line break.
            None => format!("{}\n", String::from_utf8_lossy(&self.body).trim_end()),
        }
    }

    /// Returns the outputs, if the file is one item.
    fn outputs(&self) -> Option<Vec<&RawValue>> {
        let response = serde_json::from_slice::<Response<'_>>(&self.body).ok().filter(|_| self.is_item)?;
        Some(response.outputs.into_iter().flat_map(|output| output.data).chain(response.output).collect())
    }
}

/// Calls the model with a file.
fn answer(
    engine: &LocalEngine,
    model: &Target,
    path: &Path,
    content: &[u8],
    options: &Infer,
) -> Result<Answer, String> {
    let request = request(path, content, model, options)?;
    let body = engine.infer(&model.name, request.body).map_err(|error| error.text)?;
    Ok(Answer { body, is_item: request.is_item })
}

/// Draws the output for an image. `again` calls the model again with another action.
fn draw(
    drawing: &Drawing,
    index: usize,
    content: &[u8],
    answer: &Answer,
    again: impl FnOnce(&str) -> Result<Answer, String>,
) -> Result<(), String> {
    let outputs = answer.outputs();
    let Some(output) = outputs.as_ref().and_then(|outputs| outputs.first()) else {
        return Err(format!("--draw: {}", Expected::new("an image", "a request")));
    };
    // A label without its probability is the output of an action beside which this one exists.
    let more = if drawing.lacks_score(output.get()) { Some(again("predict_proba")?) } else { None };
    let probabilities = more.as_ref().and_then(|more| more.outputs()?.first().map(|first| first.get()));
    let path = drawing.draw(index, content, output.get(), probabilities)?;
    note("drawn", path.display());
    Ok(())
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
