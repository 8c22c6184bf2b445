//! What is answered: to an inference, on the other routes, and for faults.

use serde_json::{Map, Value, json};

use super::{Described, object, schema, tensor};
use crate::{
    protocol::{JSON_LENGTH_HEADER, Protocol},
    settings::OutputEncoding,
};

/// The schemas of answers.
pub(super) fn schemas(engine: &Described<'_>) -> Map<String, Value> {
    let mut schemas = object([
        ("Error", members([("error", json!({ "type": "string" }))])),
        ("Ready", ready(engine.server.name)),
        ("NotReady", not_ready(engine.server.name)),
        ("ModelReady", ready(engine.name)),
        ("NotModelReady", not_ready(engine.name)),
        ("Live", members([("live", constant(true))])),
        ("ServerReady", members([("ready", constant(true)), ("live", constant(true))])),
        (
            "NotServerReady",
            members([("ready", constant(false)), ("live", constant(true)), ("error", json!({ "type": "string" }))]),
        ),
        (
            "Server",
            members([
                ("name", named(engine.server.name)),
                ("version", named(engine.server.version)),
                ("extensions", json!({ "type": "array", "items": { "type": "string" } })),
            ]),
        ),
        ("Models", members([("models", json!({ "const": engine.server.models }))])),
        ("Index", index(engine)),
        (
            "Model",
            members([
                ("name", named(engine.name)),
                ("versions", json!({ "const": [engine.version] })),
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
    if engine.element().is_some() {
        schemas.insert("Answer".into(), answer(engine));
    }
    if engine.speaks(Protocol::V2Kserve) {
        schemas.insert("InferResponse".into(), infer_response(engine));
    }
    if engine.speaks(Protocol::V2) {
        let mut response = members([("output", schema("Answer"))]);
        response["description"] = "The answer to one item, in `chariot-v2`.".into();
        response["properties"]["parameters"] = tensor::carried();
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

/// The models, as the index tells of them.
fn index(engine: &Described<'_>) -> Value {
    let entry = members([
        ("name", json!({ "enum": engine.server.models })),
        ("version", json!({ "type": "string" })),
        ("state", json!({ "enum": ["LOADING", "READY", "UNLOADING", "UNAVAILABLE"] })),
        ("reason", json!({ "type": "string", "description": "Why it is not ready; empty if it is." })),
    ]);
    json!({ "type": "array", "items": entry })
}

/// The answers themselves, each with its statuses' headers.
pub(super) fn responses(engine: &Described<'_>) -> Map<String, Value> {
    let ok = |name: &str, text: &str| (name.to_string(), json!({ "description": text, "content": json(schema(name)) }));
    let fault = |name: &str, text: &str, header: Option<&str>| {
        let mut response = json!({ "description": text, "content": json(schema("Error")) });
        if let Some(header) = header {
            response["headers"] = json!({ header: { "$ref": format!("#/components/headers/{header}") } });
        }
        (name.to_string(), response)
    };
    let mut responses: Map<String, Value> = [
        ok("Ready", "All models can serve."),
        ok("NotReady", "A model cannot serve, and why."),
        ok("ModelReady", "The model can serve."),
        ok("NotModelReady", "The model cannot serve, and why."),
        ok("Live", "The process can answer."),
        ok("ServerReady", "The server can serve."),
        ok("NotServerReady", "The server cannot serve, and why."),
        ok("Server", "The server, and which extensions of the protocol it has."),
        ok("Models", "The models."),
        ok("Index", "The models and their states."),
        ok("Model", "The model's inputs and outputs; -1 is a length that varies."),
        fault(
            "BadRequest",
            "A fault of the caller; the text names the input or the field, what was expected and what came.",
            None,
        ),
        fault("MethodNotAllowed", "The path is right, the method is not.", Some("Allow")),
        fault("RequestTimeout", "The body did not arrive in time.", None),
        fault("ContentTooLarge", "The body is over the limit.", None),
        fault("UnsupportedCoding", "The body is compressed in a way that is not supported.", Some("Accept-Encoding")),
        fault("Failed", "The model failed.", None),
        fault("Unavailable", "The engine does not serve now, or is full: come again later.", Some("Retry-After")),
        fault("DeadlinePassed", "The time for the request was over; the wait in the queue counts.", None),
    ]
    .into_iter()
    .collect();
    let document = json!({ "description": "This document.", "content": json(json!({ "type": "object" })) });
    responses.insert("Document".into(), document);
    responses.insert("Inference".into(), inference(engine));
    if engine.spec.streaming {
        let id = json!({ "$ref": "#/components/headers/X-Request-ID" });
        let content = object([(EVENTS, events())]);
        let text = "The answers as they come.";
        responses.insert(
            "Stream".into(),
            json!({ "description": text, "headers": { "X-Request-ID": id }, "content": content }),
        );
    }
    responses
}

/// The headers of answers.
pub(super) fn headers(engine: &Described<'_>) -> Map<String, Value> {
    let header = |text: &str, schema: Value| json!({ "description": text, "schema": schema });
    let text = json!({ "type": "string" });
    let seconds = json!({ "type": "integer", "minimum": 1 });
    let mut headers = object([
        ("Allow", header("The methods that the path has.", text.clone())),
        ("Accept-Encoding", header("The compressions that are supported.", text.clone())),
        ("Retry-After", header("After how many seconds to come again.", seconds)),
        ("X-Request-ID", header("The id that the request came with.", text)),
    ]);
    if engine.speaks(Protocol::V2Kserve) {
        let text = "How many bytes of the body are JSON, which binary tensors follow; absent if none do.";
        let length = json!({ "type": "integer", "minimum": 0 });
        headers.insert(JSON_LENGTH_HEADER.into(), header(text, length));
    }
    headers
}

fn inference(engine: &Described<'_>) -> Value {
    let (kserve, v2) = (engine.speaks(Protocol::V2Kserve), engine.speaks(Protocol::V2));
    let mut content = Map::new();
    let mut headers = vec!["X-Request-ID"];
    let mut bodies = Vec::new();
    if kserve {
        bodies.push(schema("InferResponse"));
        headers.push(JSON_LENGTH_HEADER);
        let text =
            "JSON of so many bytes as the header says, and after it the outputs that were asked for in binary form.";
        content.insert("application/octet-stream".into(), json!({ "schema": { "description": text } }));
    }
    if v2 {
        bodies.push(schema("ItemResponse"));
        let text = "A JSON object a line, each as the answer to one item: to several items, in order.";
        content.insert("application/jsonl".into(), json!({ "schema": { "description": text } }));
    }
    if engine.spec.streaming {
        content.insert(EVENTS.into(), events());
    }
    let body = if bodies.len() == 1 { bodies.remove(0) } else { json!({ "oneOf": bodies }) };
    content.insert("application/json".into(), json!({ "schema": body }));
    let headers = headers.into_iter().map(|name| (name, json!({ "$ref": format!("#/components/headers/{name}") })));
    json!({ "description": "The answers.", "headers": object(headers), "content": content })
}

const EVENTS: &str = "text/event-stream";

fn events() -> Value {
    let text = "An event for each part, whose data is `{\"name\", \"index\", \"part\"}`, then one of the whole response as in \
                `application/json`. What fails after the first is told by an event `error`, of the schema `Error`.";
    json!({ "schema": { "description": text } })
}

fn infer_response(engine: &Described<'_>) -> Value {
    let declared = &engine.spec.outputs;
    let output = if engine.element().is_some() {
        let data = match engine.encoding {
            OutputEncoding::Json => schema("Answer"),
            OutputEncoding::String => {
                json!({ "type": "string", "contentMediaType": "application/json", "contentSchema": schema("Answer") })
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
                "parameters": tensor::carried(),
            },
        })
    } else if declared.is_empty() {
        tensor::any(tensor::carried())
    } else {
        json!({ "anyOf": declared.iter().map(tensor::output).collect::<Vec<_>>() })
    };
    let mut response = members([
        ("model_name", named(engine.name)),
        ("model_version", named(engine.version)),
        ("id", json!({ "type": "string" })),
        ("outputs", json!({ "type": "array", "items": output })),
    ]);
    response["description"] = "A response of the Open Inference Protocol.".into();
    response
}

/// What an item is answered with, as far as the type of the answers says it.
fn answer(engine: &Described<'_>) -> Value {
    let declared = engine.spec.output_schema(engine.layout);
    declared.and_then(|text| text.parse().ok()).unwrap_or_else(|| json!({ "description": "Any JSON value." }))
}

fn json(schema: Value) -> Value {
    json!({ "application/json": { "schema": schema } })
}

/// An object that has all of these members.
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
