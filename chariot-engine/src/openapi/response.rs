//! The responses of all routes, including errors.

use serde_json::{Map, Value, json};

use super::{
    example,
    info::ModelInfo,
    json::{object, schema},
    tensor,
};
use crate::{
    protocol::{JSON_LENGTH_HEADER, Protocol},
    settings::OutputEncoding,
};

/// Returns the schemas of responses.
pub(super) fn schemas(model: &ModelInfo<'_>) -> Map<String, Value> {
    let mut schemas = object([
        ("Error", members([("error", json!({ "type": "string" }))])),
        ("Ready", ready(model.engine.name)),
        ("NotReady", not_ready(model.engine.name)),
        ("ModelReady", ready(model.name)),
        ("NotModelReady", not_ready(model.name)),
        ("Live", members([("live", constant(true))])),
        ("ServerReady", members([("ready", constant(true)), ("live", constant(true))])),
        (
            "NotServerReady",
            members([("ready", constant(false)), ("live", constant(true)), ("error", json!({ "type": "string" }))]),
        ),
        (
            "Server",
            members([
                ("name", named(model.engine.name)),
                ("version", named(model.engine.version)),
                ("extensions", json!({ "type": "array", "items": { "type": "string" } })),
            ]),
        ),
        ("Models", members([("models", json!({ "const": model.engine.models }))])),
        ("Index", index(model)),
        (
            "Model",
            members([
                ("name", named(model.name)),
                ("versions", json!({ "const": [model.version] })),
                ("platform", json!({ "type": "string" })),
                ("inputs", json!({ "type": "array", "items": schema("TensorMetadata") })),
                ("outputs", json!({ "type": "array", "items": schema("TensorMetadata") })),
            ]),
        ),
        (
            "TensorMetadata",
            members([
                ("name", json!({ "type": "string" })),
                ("datatype", json!({ "enum": crate::protocol::DataType::ALL })),
                ("shape", json!({ "type": "array", "items": { "type": "integer", "minimum": -1 } })),
            ]),
        ),
    ]);
    if model.element().is_some() {
        schemas.insert("Output".into(), output(model));
    }
    if model.speaks(Protocol::V2Kserve) {
        schemas.insert("InferResponse".into(), infer_response(model));
    }
    if model.speaks(Protocol::V2) {
        let mut response = members([("output", schema("Output"))]);
        response["description"] = "The output for one item, in `chariot-v2`.".into();
        response["properties"]["parameters"] = tensor::output_parameters();
        schemas.insert("ItemResponse".into(), response);
    }
    schemas
}

fn ready(name: &str) -> Value {
    members([("name", named(name)), ("status", json!({ "const": "ready" })), ("ready", constant(true))])
}

fn not_ready(name: &str) -> Value {
    members([
        ("name", named(name)),
        ("status", json!({ "type": "string" })),
        ("ready", constant(false)),
        ("error", json!({ "type": "string" })),
    ])
}

/// Returns the schema of the repository index.
fn index(model: &ModelInfo<'_>) -> Value {
    let entry = members([
        ("name", json!({ "enum": model.engine.models })),
        ("version", json!({ "type": "string" })),
        ("state", json!({ "enum": ["LOADING", "READY", "UNLOADING", "UNAVAILABLE"] })),
        (
            "reason",
            json!({ "type": "string", "description": "The reason why the model is not ready; empty if it is ready." }),
        ),
    ]);
    json!({ "type": "array", "items": entry })
}

/// Returns the responses, each with its headers.
pub(super) fn responses(model: &ModelInfo<'_>) -> Map<String, Value> {
    let ok = |name: &str, text: &str| (name.to_string(), json!({ "description": text, "content": json(schema(name)) }));
    let error = |name: &str, text: &str, header: Option<&str>| {
        let mut response = json!({ "description": text, "content": json(schema("Error")) });
        if let Some(header) = header {
            response["headers"] = json!({ header: { "$ref": format!("#/components/headers/{header}") } });
        }
        (name.to_string(), response)
    };
    let mut responses: Map<String, Value> = [
        ok("Ready", "All models are ready."),
        ok("NotReady", "A model is not ready. The body names the reason."),
        ok("ModelReady", "The model is ready."),
        ok("NotModelReady", "The model is not ready. The body names the reason."),
        ok("Live", "The process is alive."),
        ok("ServerReady", "The server is ready."),
        ok("NotServerReady", "The server is not ready. The body names the reason."),
        ok("Server", "The server's name, version and protocol extensions."),
        ok("Models", "The names of the models."),
        ok("Index", "The models and their states."),
        ok("Model", "The model's inputs and outputs. In a shape, -1 is a variable dimension."),
        error(
            "BadRequest",
            "The request is invalid. The message names the input or the field, the expected value and the given one.",
            None,
        ),
        error("MethodNotAllowed", "The path does not support this method.", Some("Allow")),
        error("RequestTimeout", "The body did not arrive in time.", None),
        error("ContentTooLarge", "The body exceeds the size limit.", None),
        error(
            "UnsupportedCoding",
            "The content encoding of the body is not supported, or its media type is not: forms are not read.",
            Some("Accept-Encoding"),
        ),
        error("Failed", "The model failed.", None),
        error("Unavailable", "The model is not ready, shutting down or overloaded. Retry later.", Some("Retry-After")),
        error("DeadlinePassed", "The request exceeded its deadline, which includes the time in the queue.", None),
    ]
    .into_iter()
    .collect();
    let document = json!({ "description": "This document.", "content": json(json!({ "type": "object" })) });
    responses.insert("Document".into(), document);
    if model.takes_inputs() {
        responses.insert("Inference".into(), inference(model));
    }
    if model.spec.streaming && model.takes_inputs() {
        let id = json!({ "$ref": "#/components/headers/X-Request-ID" });
        let content = object([(EVENTS, events())]);
        let text = "The outputs as a stream of server-sent events.";
        responses.insert(
            "Stream".into(),
            json!({ "description": text, "headers": { "X-Request-ID": id }, "content": content }),
        );
    }
    responses
}

/// Returns the headers of responses.
pub(super) fn headers(model: &ModelInfo<'_>) -> Map<String, Value> {
    let header = |text: &str, schema: Value| json!({ "description": text, "schema": schema });
    let text = json!({ "type": "string" });
    let seconds = json!({ "type": "integer", "minimum": 1 });
    let mut headers = object([
        ("Allow", header("The methods that the path supports.", text.clone())),
        ("Accept-Encoding", header("The supported content encodings.", text.clone())),
        ("Retry-After", header("The number of seconds after which to retry.", seconds)),
        ("X-Request-ID", header("The ID of the request, if the request had one.", text)),
    ]);
    if model.speaks(Protocol::V2Kserve) {
        let text =
            "The number of bytes of JSON at the start of the body, before binary tensors. Absent if there are none.";
        let length = json!({ "type": "integer", "minimum": 0 });
        headers.insert(JSON_LENGTH_HEADER.into(), header(text, length));
    }
    headers
}

fn inference(model: &ModelInfo<'_>) -> Value {
    let (kserve, v2) = (model.speaks(Protocol::V2Kserve), model.speaks(Protocol::V2));
    let mut content = Map::new();
    let mut headers = vec!["X-Request-ID"];
    let mut bodies = Vec::new();
    if kserve {
        bodies.push(schema("InferResponse"));
        headers.push(JSON_LENGTH_HEADER);
        let text = "JSON of the length in the header, followed by the outputs that were requested in binary form.";
        content.insert("application/octet-stream".into(), json!({ "schema": { "description": text } }));
    }
    if v2 {
        bodies.push(schema("ItemResponse"));
        let text = "One JSON object per line, each the output for one item, in the order of the request.";
        content.insert("application/jsonl".into(), json!({ "schema": { "description": text } }));
    }
    if model.spec.streaming {
        content.insert(EVENTS.into(), events());
    }
    let body = if bodies.len() == 1 { bodies.remove(0) } else { json!({ "oneOf": bodies }) };
    let mut json = object([("schema", body)]);
    let examples = example::responses(model);
    if !examples.is_empty() {
        json.insert("examples".into(), examples.into());
    }
    content.insert("application/json".into(), json.into());
    let headers = headers.into_iter().map(|name| (name, json!({ "$ref": format!("#/components/headers/{name}") })));
    json!({ "description": "The outputs.", "headers": object(headers), "content": content })
}

const EVENTS: &str = "text/event-stream";

fn events() -> Value {
    let text = "One event per part, with the data `{\"name\", \"index\", \"part\"}`, then one event with the whole response as in \
                `application/json`. A failure after the first event is sent as an event `error`, of the schema `Error`. Comments \
                fill silences of 15 s; the first of them begins the response, as an event does.";
    json!({ "schema": { "description": text } })
}

fn infer_response(model: &ModelInfo<'_>) -> Value {
    let declared = &model.spec.outputs;
    let output = if model.element().is_some() {
        let data = match model.encoding {
            OutputEncoding::Json => schema("Output"),
            OutputEncoding::String => {
                json!({ "type": "string", "contentMediaType": "application/json", "contentSchema": schema("Output") })
            }
        };
        json!({
            "type": "object",
            "required": ["name", "datatype", "shape", "data"],
            "properties": {
                "name": { "type": "string" },
                "datatype": { "const": "BYTES" },
                "shape": { "type": "array", "minItems": 1, "maxItems": 1, "items": { "type": "integer", "minimum": 1 } },
                "data": { "type": "array", "minItems": 1, "items": data },
                "parameters": tensor::output_parameters(),
            },
        })
    } else if declared.is_empty() {
        tensor::any(tensor::output_parameters())
    } else {
        json!({ "anyOf": declared.iter().map(tensor::output).collect::<Vec<_>>() })
    };
    let mut response = members([
        ("model_name", named(model.name)),
        ("model_version", named(model.version)),
        ("id", json!({ "type": "string" })),
        ("outputs", json!({ "type": "array", "items": output })),
    ]);
    response["description"] = "A response of the Open Inference Protocol.".into();
    response
}

/// Returns the schema of an output, as far as the output type declares it.
fn output(model: &ModelInfo<'_>) -> Value {
    let declared = model.spec.output_schema(model.layout);
    declared.and_then(|text| text.parse().ok()).unwrap_or_else(|| json!({ "description": "Any JSON value." }))
}

fn json(schema: Value) -> Value {
    json!({ "application/json": { "schema": schema } })
}

/// Returns the schema of an object in which all of these members are required.
fn members<const N: usize>(members: [(&str, Value); N]) -> Value {
    let names = members.each_ref().map(|(name, _)| *name);
    json!({ "type": "object", "required": names.as_slice(), "properties": object(members) })
}

fn named(name: &str) -> Value {
    json!({ "const": name })
}

fn constant(value: bool) -> Value {
    json!({ "const": value })
}
