//! What is posted for an inference: its media types and their schemas.

use serde_json::{Map, Value, json};

use super::{Described, example, object, schema, tensor};
use crate::{
    protocol::{Coding, JSON_LENGTH_HEADER, PARAMETERS_HEADER, Protocol},
    signature::TensorSpec,
};

/// What the body of an inference may be.
pub(super) fn body(engine: &Described<'_>) -> Value {
    let (kserve, v2) = (engine.speaks(Protocol::V2Kserve), engine.speaks(Protocol::V2));
    let bodies = [(kserve, "InferRequest"), (v2, "ItemRequest")].into_iter().filter(|(speaks, _)| *speaks);
    let bodies: Vec<Value> = bodies.map(|(_, name)| schema(name)).collect();
    let document = if bodies.len() == 1 { bodies[0].clone() } else { json!({ "oneOf": bodies }) };
    let mut json = object([("schema", document)]);
    let examples = example::examples(engine);
    if !examples.is_empty() {
        json.insert("examples".into(), examples.into());
    }
    let mut content = object([("application/json", json.into())]);
    let mut bytes = Vec::new();
    if kserve {
        bytes.push(format!(
            "With the header `{JSON_LENGTH_HEADER}`: JSON as for `application/json`, and after it the tensors whose \
             parameter `binary_data_size` says how many bytes they have, in place of `data`. Length 0: a tensor alone."
        ));
    }
    if v2 {
        bytes.push("Without that header: one item as it is.".into());
        let lines = "A JSON object a line, each as a request of one item in `chariot-v2`.";
        content.insert("application/jsonl".into(), described(lines));
        match engine.element() {
            Some("image") => content.insert("image/*".into(), described("The file of a picture.")),
            Some("text") => content.insert("text/plain".into(), described("A text in UTF-8.")),
            _ => None,
        };
    }
    content.insert("application/octet-stream".into(), described(&bytes.join(" ")));
    json!({ "required": true, "content": content })
}

/// What may be posted to the index of models.
pub(super) fn index() -> Value {
    let ready = json!({ "type": ["boolean", "null"], "description": "Whether only those that are ready are meant." });
    let schema = json!({ "type": "object", "properties": { "ready": ready } });
    let examples = json!({ "all": { "value": {} }, "ready": { "value": { "ready": true } } });
    json!({ "required": false, "content": { "application/json": { "schema": schema, "examples": examples } } })
}

fn described(text: &str) -> Value {
    json!({ "schema": { "description": text } })
}

/// The headers that a request may have, beside what HTTP itself says.
pub(super) fn headers(engine: &Described<'_>) -> Map<String, Value> {
    let header = |name: &str, text: &str, schema: Value| json!({ "name": name, "in": "header", "description": text, "schema": schema });
    let text = "The id of the request, of at most 128 visible characters of ASCII; it is answered with it.";
    let id = header("X-Request-ID", text, json!({ "type": "string", "minLength": 1, "maxLength": 128 }));
    let codings: Vec<&str> = Coding::ALL.iter().map(|coding| coding.token()).chain(["identity"]).collect();
    let coding = header("Content-Encoding", "How the body is compressed.", json!({ "enum": codings }));
    let mut headers = object([("RequestId", id), ("ContentCoding", coding)]);
    if engine.speaks(Protocol::V2Kserve) {
        let text = "How many bytes of the body are JSON, which binary tensors follow.";
        let length = json!({ "type": "integer", "minimum": 0 });
        headers.insert("JsonLength".into(), header(JSON_LENGTH_HEADER, text, length));
    }
    if engine.speaks(Protocol::V2) {
        let text =
            "The parameters of an item that is the body as it is: a JSON object, as `parameters` of an item are.";
        headers.insert("ItemParameters".into(), header(PARAMETERS_HEADER, text, json!({ "type": "string" })));
    }
    headers
}

/// The schemas of requests.
pub(super) fn schemas(engine: &Described<'_>) -> Map<String, Value> {
    let mut schemas = object([("Parameters", parameters(engine))]);
    if engine.speaks(Protocol::V2Kserve) {
        schemas.insert("InferRequest".into(), infer_request(engine));
    }
    if engine.speaks(Protocol::V2) {
        schemas.insert(
            "ItemRequest".into(),
            json!({
                "type": "object",
                "description": "One item, in `chariot-v2`.",
                "required": ["input"],
                "properties": { "input": text_element(engine), "parameters": schema("Parameters") },
            }),
        );
    }
    schemas
}

fn infer_request(engine: &Described<'_>) -> Value {
    let mut parameters = json!({
        "anyOf": [schema("Parameters")],
        "properties": {
            "binary_data_output": {
                "type": ["boolean", "null"],
                "description": "Whether outputs are answered in binary form of which `outputs` does not say.",
            },
        },
    });
    if engine.element().is_some() {
        parameters["description"] = "Of the request; each input has parameters of its own.".into();
    }
    let declared: Vec<&str> = engine.spec.outputs.iter().map(TensorSpec::name).collect();
    let name = if declared.is_empty() { json!({ "type": "string" }) } else { json!({ "enum": declared }) };
    json!({
        "type": "object",
        "description": "A request of the Open Inference Protocol.",
        "required": ["inputs"],
        "properties": {
            "id": { "type": ["string", "null"], "description": "Answered as it came." },
            "parameters": parameters,
            "inputs": inputs(engine),
            "outputs": {
                "type": ["array", "null"],
                "description": "Selects and orders named outputs, and says their form.",
                "items": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {
                        "name": name,
                        "parameters": {
                            "type": ["object", "null"],
                            "properties": { "binary_data": { "type": ["boolean", "null"] } },
                        },
                    },
                },
            },
        },
    })
}

fn inputs(engine: &Described<'_>) -> Value {
    let declared = &engine.spec.inputs;
    if !declared.is_empty() {
        return declared_inputs(declared);
    }
    let (items, text) = match engine.element() {
        None => (tensor::any(schema("Parameters")), "Tensors of any names, types and shapes."),
        Some("row") => (
            json!({ "anyOf": [item(engine), tensor::any(schema("Parameters"))] }),
            "Rows: a matrix, an input a column, or a JSON object a row, in elements of BYTES.",
        ),
        Some(_) => (item(engine), "An item an element, answered in order, each under its input's name."),
    };
    json!({ "type": "array", "minItems": 1, "description": text, "items": items })
}

/// The declared tensors, each of them once, in any order.
fn declared_inputs(declared: &[TensorSpec]) -> Value {
    let count = declared.len();
    let mut tensors: Vec<Value> = declared.iter().map(tensor::input).collect();
    if count == 1 {
        return json!({ "type": "array", "minItems": 1, "maxItems": 1, "items": tensors.remove(0) });
    }
    let named = |spec: &TensorSpec| json!({ "contains": { "required": ["name"], "properties": { "name": { "const": spec.name() } } } });
    json!({
        "type": "array",
        "minItems": count,
        "maxItems": count,
        "items": { "anyOf": tensors },
        "allOf": declared.iter().map(named).collect::<Vec<_>>(),
    })
}

/// An input whose elements are items.
fn item(engine: &Described<'_>) -> Value {
    let text = text_element(engine);
    let element = match engine.element() {
        Some("image" | "text") => text.clone(),
        Some("row") => json!({ "description": row_text(engine.spec.columns()) }),
        _ => json!({ "description": "A JSON value, or a string that holds one." }),
    };
    json!({
        "type": "object",
        "required": ["data"],
        "properties": {
            "name": { "type": ["string", "null"], "description": "The output has the same name." },
            "datatype": { "enum": ["BYTES", null] },
            "shape": {
                "type": ["array", "null"],
                "items": { "type": "integer", "minimum": 0 },
                "description": "Not compared with `data`.",
            },
            "data": { "anyOf": [{ "type": "array", "minItems": 1, "items": element }, text] },
            "parameters": schema("Parameters"),
        },
    })
}

fn row_text(columns: &[TensorSpec]) -> String {
    let mut text = "A JSON object, or a string that holds one.".to_string();
    if !columns.is_empty() {
        let names: Vec<String> =
            columns.iter().map(|column| format!("`{}` ({})", column.name(), column.datatype())).collect();
        text.push_str(&format!(" Its members, or the columns: {}.", names.join(", ")));
    }
    text
}

/// An item as a string.
fn text_element(engine: &Described<'_>) -> Value {
    match engine.element() {
        Some("image") => json!({
            "type": "string",
            "contentEncoding": "base64",
            "description": "The file of a picture, as base64: PNG, JPEG, WebP, BMP, GIF or TIFF.",
        }),
        Some("text") => json!({ "type": "string", "description": "A text as it is." }),
        _ => json!({ "type": "string", "description": "A string that holds JSON." }),
    }
}

/// What stands in `parameters`, of an input or of an item.
fn parameters(engine: &Described<'_>) -> Value {
    let actions: Vec<&str> = engine.spec.action_names().collect();
    let mut action = if actions.is_empty() {
        json!({ "type": ["string", "null"] })
    } else {
        let nothing = [Value::Null];
        let actions = actions.into_iter().map(Value::from).chain(nothing);
        json!({ "enum": actions.collect::<Vec<_>>() })
    };
    action["description"] = "What is to be done with the input.".into();
    if !engine.spec.default_action().is_empty() {
        action["default"] = engine.spec.default_action().into();
    }
    json!({
        "type": ["object", "null"],
        "properties": {
            "action": action,
            "score_threshold": {
                "type": ["number", "string", "null"],
                "description": "The score from which a result is reported, from 0 to 1: a number, or a string of one.",
                "default": engine.score_threshold,
            },
            "metadata": { "description": "Answered as it came, with the output." },
        },
    })
}
