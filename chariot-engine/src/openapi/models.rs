//! The extension `x-chariot-models` of the document: what a page must know of each model to ask for inputs and to show
//! outputs, and schemas do not tell.

use serde_json::{Value, json};

use super::info::ModelInfo;
use crate::{
    input::PromptKind,
    protocol::Protocol,
    settings::{OutputEncoding, SettingValue},
    signature::TensorSpec,
};

/// Returns the models, each as an object. Members without a value are left out.
pub(super) fn models(models: &[ModelInfo<'_>]) -> Value {
    models.iter().enumerate().map(|(index, model)| described(model, model.engine.default == Some(index))).collect()
}

fn described(model: &ModelInfo<'_>, is_default: bool) -> Value {
    let spec = model.spec;
    let spoken = [Protocol::V2Kserve, Protocol::V2].into_iter().filter(|protocol| model.speaks(*protocol));
    let mut described = json!({
        "name": model.name,
        "version": model.version,
        "default": is_default,
        "protocols": spoken.map(Protocol::name).collect::<Vec<_>>(),
        "streams": spec.streaming,
        "actions": spec.action_names().collect::<Vec<_>>(),
        "default_action": spec.default_action(),
        "encoding": match model.encoding {
            OutputEncoding::Json => "json",
            OutputEncoding::String => "string",
        },
        "inputs": tensors(&spec.inputs),
        "columns": tensors(spec.columns()),
        "outputs": tensors(&spec.outputs),
    });
    let optional = [
        ("task", spec.task_name().map(Value::from)),
        ("layout", model.layout.map(|layout| layout.show().into())),
        ("item", model.element().map(Value::from)),
        // A conversation is JSON too.
        ("prompt", (spec.prompt_kind() == Some(PromptKind::Chat)).then(|| "chat".into())),
        ("score_threshold", spec.score_threshold.then(|| model.score_threshold.into())),
        ("parameters", spec.params_schema().and_then(|schema| schema.parse().ok())),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            described[name] = value;
        }
    }
    described
}

fn tensors(specs: &[TensorSpec]) -> Value {
    let described = |spec: &TensorSpec| {
        let metadata = spec.metadata();
        let mut tensor = json!({ "name": metadata.name, "datatype": metadata.datatype, "shape": metadata.shape });
        if !spec.help().is_empty() {
            tensor["help"] = spec.help().into();
        }
        tensor
    };
    specs.iter().map(described).collect()
}
