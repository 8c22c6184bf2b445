//! The body of an inference request: its media types, schemas and headers.

use serde_json::{Map, Value, json};

use super::{
    example,
    info::ModelInfo,
    json::{object, schema},
    tensor,
};
use crate::{
    protocol::{Coding, JSON_LENGTH_HEADER, PARAMETERS_HEADER, Protocol},
    signature::TensorSpec,
};

/// Returns the bodies of requests.
pub(super) fn bodies(model: &ModelInfo<'_>) -> Map<String, Value> {
    let mut bodies = object([("Index", index())]);
    if model.takes_inputs() {
        bodies.insert("Inference".into(), body(model));
    }
    bodies
}

/// Returns the body of an inference request.
fn body(model: &ModelInfo<'_>) -> Value {
    let (kserve, v2) = (model.speaks(Protocol::V2Kserve), model.speaks(Protocol::V2));
    let bodies = [(kserve, "InferRequest"), (v2, "ItemRequest")].into_iter().filter(|(speaks, _)| *speaks);
    let bodies: Vec<Value> = bodies.map(|(_, name)| schema(name)).collect();
    let document = if bodies.len() == 1 { bodies[0].clone() } else { json!({ "oneOf": bodies }) };
    let mut json = object([("schema", document)]);
    let examples = example::examples(model);
    if !examples.is_empty() {
        json.insert("examples".into(), examples.into());
    }
    let mut content = object([("application/json", json.into())]);
    let mut bytes = Vec::new();
    if kserve {
        bytes.push(format!(
            "With the header `{JSON_LENGTH_HEADER}`: JSON as for `application/json`, followed by the data of the tensors \
             that have the parameter `binary_data_size`, their number of bytes, in place of `data`. With length 0: the data \
             of a single tensor without JSON."
        ));
    }
    if v2 {
        bytes.push("Without that header: the raw data of one item.".into());
        let lines = "One JSON object per line, each a request of one item in `chariot-v2`.";
        content.insert("application/jsonl".into(), described(lines));
        content.insert("application/x-ndjson".into(), described(lines));
        match model.element() {
            Some("image") => content.insert("image/*".into(), described("An image file.")),
            Some("text") => content.insert("text/plain".into(), described("UTF-8 text.")),
            _ => None,
        };
    }
    content.insert("application/octet-stream".into(), described(&bytes.join(" ")));
    if matches!(model.element(), Some("image" | "text")) {
        content.insert("multipart/form-data".into(), json!({ "schema": form(model) }));
    }
    json!({ "required": true, "content": content })
}

/// Returns the schema of a form, whose files are items.
fn form(model: &ModelInfo<'_>) -> Value {
    let file = json!({ "contentMediaType": "application/octet-stream" });
    let text = "Every file is one item, in a field of any name. The other fields are parameters of all items: a value that is \
                JSON, or else a string.";
    json!({
        "type": "object",
        "description": text,
        "properties": {
            "file": { "type": "array", "minItems": 1, "items": file },
            "action": { "type": "string" },
            "parameters": item_parameters(model),
        },
    })
}

/// Returns the body of a request to the repository index.
fn index() -> Value {
    let ready = json!({ "type": ["boolean", "null"], "description": "Limits the index to models that are ready." });
    let schema = json!({ "type": "object", "properties": { "ready": ready } });
    let examples = json!({ "all": { "value": {} }, "ready": { "value": { "ready": true } } });
    json!({ "required": false, "content": { "application/json": { "schema": schema, "examples": examples } } })
}

fn described(text: &str) -> Value {
    json!({ "schema": { "description": text } })
}

/// Returns the headers of an inference request, apart from those that HTTP itself defines.
pub(super) fn headers(model: &ModelInfo<'_>) -> Map<String, Value> {
    let header = |name: &str, text: &str, schema: Value| json!({ "name": name, "in": "header", "description": text, "schema": schema });
    let text = "The ID of the request: at most 128 visible ASCII characters. The response has the same header.";
    let id = header("X-Request-ID", text, json!({ "type": "string", "minLength": 1, "maxLength": 128 }));
    let codings: Vec<&str> = Coding::ALL.iter().map(|coding| coding.token()).chain(["identity"]).collect();
    let coding = header("Content-Encoding", "The compression of the body.", json!({ "enum": codings }));
    let mut headers = object([("RequestId", id), ("ContentCoding", coding)]);
    if model.speaks(Protocol::V2Kserve) {
        let text = "The number of bytes of JSON at the start of the body, before binary tensors.";
        let length = json!({ "type": "integer", "minimum": 0 });
        headers.insert("JsonLength".into(), header(JSON_LENGTH_HEADER, text, length));
    }
    if model.speaks(Protocol::V2) {
        let text = "The parameters of an item whose raw data is the body: a JSON object, like `parameters` of an item.";
        headers.insert("ItemParameters".into(), header(PARAMETERS_HEADER, text, json!({ "type": "string" })));
    }
    headers
}

/// Returns the schemas of requests.
pub(super) fn schemas(model: &ModelInfo<'_>) -> Map<String, Value> {
    let mut schemas = object([("Parameters", parameters(model))]);
    if let Some(typed) = typed_parameters(model) {
        schemas.insert("TypedParameters".into(), typed);
    }
    if model.speaks(Protocol::V2Kserve) {
        schemas.insert("InferRequest".into(), infer_request(model));
    }
    if model.speaks(Protocol::V2) {
        let mut item = json!({
            "type": "object",
            "description": "One item, in `chariot-v2`.",
            "required": ["input"],
            "properties": { "input": sole_item(model), "parameters": item_parameters(model) },
        });
        require_parameters(&mut item, model);
        schemas.insert("ItemRequest".into(), item);
    }
    schemas
}

fn infer_request(model: &ModelInfo<'_>) -> Value {
    let mut parameters = json!({
        "anyOf": [match model.element() {
            // Rows in columns have the parameters of the request, and so do tensors.
            Some("row") | None => item_parameters(model),
            Some(_) => schema("Parameters"),
        }],
        "properties": {
            "binary_data_output": {
                "type": ["boolean", "null"],
                "description": "Requests binary form for all outputs that `outputs` does not list.",
            },
        },
    });
    if model.element().is_some() {
        parameters["description"] = "The parameters of the request. Each input has its own parameters.".into();
    }
    let declared: Vec<&str> = model.spec.outputs.iter().map(TensorSpec::name).collect();
    let name = if declared.is_empty() { json!({ "type": "string" }) } else { json!({ "enum": declared }) };
    json!({
        "type": "object",
        "description": "A request of the Open Inference Protocol.",
        "required": ["inputs"],
        "properties": {
            "id": { "type": ["string", "null"], "description": "The ID of the request. The response has the same one." },
            "parameters": parameters,
            "inputs": inputs(model),
            "outputs": {
                "type": ["array", "null"],
                "description": "The requested outputs, in this order, and their form. Default: all outputs.",
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

fn inputs(model: &ModelInfo<'_>) -> Value {
    let declared = &model.spec.inputs;
    if !declared.is_empty() {
        return declared_inputs(declared);
    }
    let (items, text) = match model.element() {
        None => (tensor::any(item_parameters(model)), "Tensors of any name, datatype and shape."),
        Some("row") => (
            json!({ "anyOf": [item(model), tensor::any(item_parameters(model))] }),
            "Rows, as a matrix, as one input per column, or as BYTES elements with one JSON object per row.",
        ),
        Some(_) => (
            item(model),
            "Every element is one item. The outputs have the names of the inputs and the order of the items.",
        ),
    };
    json!({ "type": "array", "minItems": 1, "description": text, "items": items })
}

/// Returns the schema of a list of the declared tensors, each of them once, in any order.
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

/// Returns the schema of an input whose elements are items.
fn item(model: &ModelInfo<'_>) -> Value {
    let string = string_element(model);
    let element = match model.element() {
        Some("image" | "text") => {
            let nested = json!({ "type": "array", "description": "Elements that are nested like `shape`." });
            json!({ "anyOf": [string.clone(), nested] })
        }
        Some("row") => json!({ "description": row_description(model.spec.columns()) }),
        _ => json!({ "description": "A JSON value, or a string of JSON." }),
    };
    let mut input = json!({
        "type": "object",
        "required": ["data"],
        "properties": {
            "name": { "type": ["string", "null"], "description": "The name of the input and of its output." },
            "datatype": { "enum": ["BYTES", null] },
            "shape": {
                "type": ["array", "null"],
                "items": { "type": "integer", "minimum": 0 },
                "description": "Ignored, unless `data` is nested like it: `data` determines the number of elements.",
            },
            "data": { "anyOf": [{ "type": "array", "minItems": 1, "items": element }, string] },
            "parameters": item_parameters(model),
        },
    });
    require_parameters(&mut input, model);
    input
}

fn row_description(columns: &[TensorSpec]) -> String {
    let mut text = "A JSON object, or a string of one.".to_string();
    if !columns.is_empty() {
        let names: Vec<String> =
            columns.iter().map(|column| format!("`{}` ({})", column.name(), column.datatype())).collect();
        text.push_str(&format!(" Its members, or the names of the columns: {}.", names.join(", ")));
    }
    text
}

/// Returns the schema of the item of `chariot-v2`.
fn sole_item(model: &ModelInfo<'_>) -> Value {
    match model.element() {
        Some("image" | "text") => string_element(model),
        _ => json!({ "description": "A JSON value, or a string that contains one." }),
    }
}

/// Returns the schema of an item as a string.
fn string_element(model: &ModelInfo<'_>) -> Value {
    match model.element() {
        Some("image") => json!({
            "type": "string",
            "contentEncoding": "base64",
            "description": "An image file in base64: PNG, JPEG, WebP, BMP, GIF or TIFF.",
        }),
        Some("text") => json!({ "type": "string", "description": "The text." }),
        _ => json!({ "type": "string", "description": "A string of JSON." }),
    }
}

/// Returns the schema of the parameters that every model has.
fn parameters(model: &ModelInfo<'_>) -> Value {
    let actions: Vec<&str> = model.spec.action_names().collect();
    let mut action = if actions.is_empty() {
        json!({ "type": ["string", "null"] })
    } else {
        let nothing = [Value::Null];
        let actions = actions.into_iter().map(Value::from).chain(nothing);
        json!({ "enum": actions.collect::<Vec<_>>() })
    };
    action["description"] = "The action to perform on the input.".into();
    if !model.spec.default_action().is_empty() {
        action["default"] = model.spec.default_action().into();
    }
    let mut threshold = json!({ "type": ["number", "string", "null"] });
    if model.spec.score_threshold {
        threshold["description"] =
            "The lowest score of reported results, from 0 to 1: a number, or a string of one.".into();
        threshold["default"] = model.score_threshold.into();
    } else {
        // Every model checks it, because callers send the same parameters to all tasks.
        threshold["description"] = "A number from 0 to 1, or a string of one. This model ignores it.".into();
    }
    json!({
        "type": ["object", "null"],
        "properties": {
            "action": action,
            "score_threshold": threshold,
            "metadata": { "description": "Any value. The output has the same one." },
        },
    })
}

/// Returns the schema of the parameters that this model has, if it declares any. They include those of every model.
fn typed_parameters(model: &ModelInfo<'_>) -> Option<Value> {
    let mut typed: Value = model.spec.params_schema()?.parse().ok()?;
    typed["description"] = "The parameters of an item, including those that this model defines.".into();
    typed["allOf"] = json!([schema("Parameters")]);
    if matches!(model.element(), Some("row") | None) {
        // They are read from the input or from the request, so neither of the two requires them.
        typed.as_object_mut()?.remove("required");
    }
    if typed.get("required").is_none() {
        typed["type"] = json!(["object", "null"]);
    }
    Some(typed)
}

/// Returns the schema of the parameters of an item.
fn item_parameters(model: &ModelInfo<'_>) -> Value {
    schema(if model.spec.params_schema().is_some() { "TypedParameters" } else { "Parameters" })
}

/// Requires `parameters` in the schema of an object, if the model has parameters without a default.
fn require_parameters(object: &mut Value, model: &ModelInfo<'_>) {
    let is_required = typed_parameters(model).is_some_and(|typed| typed.get("required").is_some());
    if let Some(required) = object["required"].as_array_mut().filter(|_| is_required) {
        required.push("parameters".into());
    }
}
