//! A Python program that registers an engine by the platform's SDK, imports its model and has the one serve the other.

use serde::Serialize;

use super::{Description, Registration, text::python};
use crate::tasks::ClassLabels;

pub(super) fn program(engine: &Description) -> String {
    let Registration { name, version, project_id, .. } = &engine.registration;
    let project = match project_id {
        Some(id) => python(id, 0),
        None => r#"os.environ["CHARIOT_PROJECT_ID"]"#.into(),
    };
    let task = match engine.task.as_deref() {
        Some(task) => format!("TaskType.{}", constant(task)),
        // An engine that declares none may do any.
        None => r#"TaskType[os.environ["CHARIOT_TASK_TYPE"]]"#.into(),
    };
    let labels = match &engine.class_labels {
        Some(labels) => python(&Ids(labels), 4),
        None => "None".into(),
    };
    format!(
        r#"# Registers an engine with Chariot, imports its model, and has the engine serve the model.
#
# `describe --format python` writes this. It needs the platform's SDK, the model's files in model.zip, and in the
# environment what it reads from there.
import os

from chariot import engines
from chariot.client import connect
from chariot.models import ArtifactType, TaskType, import_model

PROJECT_ID = {project}

connect()

engines.create_engine_version(
{call}
)

model = import_model(
    project_id=PROJECT_ID,
    name={name},
    version={version},
    summary={summary},
    artifact_type=ArtifactType.CUSTOM_ENGINE,
    task_type={task},
    class_labels={labels},
    model_path="model.zip",
)

model.set_inference_server_settings(
    {{
        "engine_selector": {{
            "org_name": os.environ["CHARIOT_ORG_NAME"],
            "project_name": os.environ["CHARIOT_PROJECT_NAME"],
            "engine_name": {name},
        }}
    }}
)
"#,
        call = call(&engine.registration),
        name = python(name, 0),
        version = python(version, 0),
        summary = python(&format!("Served by {name} {version}"), 0),
    )
}

/// The arguments of `create_engine_version`, by the names that the platform documents, and no others.
fn call(registration: &Registration) -> String {
    let Registration {
        name,
        project_id: _,
        version,
        container_image_cpu,
        container_image_gpu,
        is_default,
        supports_multi_gpu,
        env,
        readiness_probe,
        predictor_env_schema,
        enforce_predictor_env_schema,
        inference_protocol,
        container_root_relative_base_url,
        entrypoint,
        command,
    } = registration;
    let arguments = [
        ("name", literal(name)),
        ("project_id", "PROJECT_ID".into()),
        ("version", literal(version)),
        ("container_image_cpu", literal(container_image_cpu)),
        ("container_image_gpu", literal(container_image_gpu)),
        ("is_default", literal(is_default)),
        ("supports_multi_gpu", literal(supports_multi_gpu)),
        ("env", literal(env)),
        ("readiness_probe", literal(readiness_probe)),
        ("predictor_env_schema", literal(predictor_env_schema)),
        ("enforce_predictor_env_schema", literal(enforce_predictor_env_schema)),
        ("inference_protocol", literal(inference_protocol)),
        ("container_root_relative_base_url", literal(container_root_relative_base_url)),
        ("entrypoint", literal(entrypoint)),
        ("command", literal(command)),
    ];
    arguments.map(|(name, value)| format!("    {name}={value},")).join("\n")
}

/// The value of an argument of a call.
fn literal(value: &impl Serialize) -> String {
    python(value, 4)
}

/// A task as a constant of the SDK: `Image Classification` is `IMAGE_CLASSIFICATION`.
fn constant(task: &str) -> String {
    let folded = task.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' });
    let name: String = folded.collect();
    // A name of Python does not begin with a digit, and is there.
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) { name } else { format!("_{name}") }
}

/// Labels as the platform's SDK takes them: an object of label to id.
struct Ids<'a>(&'a ClassLabels);

impl Serialize for Ids<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().enumerate().map(|(id, label)| (label, id)))
    }
}
