//! The whole document, of one model or of several.

use serde_json::{Value, json};

#[cfg(feature = "openai")]
use super::openai;
use super::{
    info::{EngineInfo, ModelInfo},
    merge, models, paths, request, response, token,
};
use crate::settings::SettingValue;

/// Returns the document, as JSON.
pub(crate) fn document(engine: &EngineInfo<'_>, models: &[ModelInfo<'_>]) -> Vec<u8> {
    let mut document = match models {
        [only] => of_model(only),
        _ => {
            let documents: Vec<(&str, Value)> = models.iter().map(|model| (model.name, of_model(model))).collect();
            let mut merged = merge::merge(&documents, engine.default);
            let description = description(engine, &format!("Serves the models {}.", engine.models.join(", ")));
            merged["info"] = json!({ "title": engine.name, "version": engine.version, "description": description });
            merged
        }
    };
    #[cfg(feature = "openai")]
    openai::add(&mut document, models);
    if engine.needs_token {
        token::require(&mut document);
    }
    document["x-chariot-models"] = models::models(models);
    if engine.is_in_loop {
        document["x-chariot-dev"] = true.into();
    }
    document.to_string().into_bytes()
}

fn of_model(model: &ModelInfo<'_>) -> Value {
    let mut schemas = response::schemas(model);
    schemas.extend(request::schemas(model));
    let task = model.spec.task_name().map(|task| format!("Chariot task: {task}."));
    let mut info = json!({
        "title": model.name,
        "version": model.version,
        "description": description(model.engine, &task.unwrap_or_default()),
    });
    // For programs that must know the form of the outputs, such as a conformance suite or a page that draws them.
    if let Some(task) = model.spec.task_name() {
        info["x-chariot-task"] = task.into();
    }
    if let Some(layout) = model.layout {
        info["x-chariot-output-layout"] = layout.show().into();
    }
    json!({
        "openapi": "3.1.0",
        "info": info,
        "servers": paths::servers(&model.engine.servers.base),
        "paths": paths::paths(model),
        "components": {
            "schemas": schemas,
            "requestBodies": request::bodies(model),
            "responses": response::responses(model),
            "headers": response::headers(model),
            "parameters": request::headers(model),
        },
    })
}

/// The rules that apply to every route.
const RULES: &str = "HEAD requests get the response of GET without a body. Every error is reported as \
                     `{\"error\": \"<message>\"}`. Members of a request that are `null` are treated as absent, and \
                     unknown members are ignored.";

/// Returns the paragraphs of the description: the author's, what is served, and the rules.
fn description(engine: &EngineInfo<'_>, served: &str) -> String {
    let paragraphs = [engine.description.trim(), served, RULES];
    paragraphs.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n\n")
}
