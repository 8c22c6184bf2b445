//! The routes of OpenAI's API in the document: what a caller needs to know of them beside OpenAI's own documentation. The
//! document of engines that serve them has this part.

use serde_json::{Map, Value, json};

use super::{info::ModelInfo, json::object};
use crate::{openai::Task, protocol::Protocol};

/// Adds the routes that some of the models serve.
pub(super) fn add(document: &mut Value, models: &[ModelInfo<'_>]) {
    let serves = |model: &ModelInfo<'_>, task: Task| model.speaks(Protocol::OpenAiV1) && task.is_served_by(model.spec);
    let able: Vec<&ModelInfo<'_>> =
        models.iter().filter(|model| Task::ALL.iter().any(|task| serves(model, *task))).collect();
    if able.is_empty() {
        return;
    }
    let names: Vec<&str> = able.iter().map(|model| model.name).collect();
    for (path, item) in models_paths(&names) {
        document["paths"][path] = item;
    }
    let responses = &mut document["components"]["responses"];
    responses["OpenAiModels"] = response("The models.", members(["object", "data"]));
    responses["OpenAiModel"] = response("The model.", members(["id", "object", "created", "owned_by"]));
    responses["OpenAiError"] = response("The request is refused or failed.", error());
    for task in Task::ALL {
        let names: Vec<&str> = able.iter().filter(|model| serves(model, task)).map(|model| model.name).collect();
        let [first, ..] = names[..] else { continue };
        let name = name(task);
        document["components"]["requestBodies"][name] = body(task, first, &names);
        document["components"]["responses"][name] = answer(task);
        document["paths"][format!("/v1/{}", task.path())] = operation(task);
    }
}

/// Returns the name of the components of a task.
fn name(task: Task) -> &'static str {
    match task {
        Task::Completions => "OpenAiCompletions",
        Task::Chat => "OpenAiChat",
        Task::Embeddings => "OpenAiEmbeddings",
    }
}

fn models_paths(names: &[&str]) -> Vec<(String, Value)> {
    let get = |operation: String, summary: &str, of: &str| {
        let responses = object([("200", reference(of)), ("405", reference("OpenAiError"))]);
        json!({ "get": { "operationId": operation, "summary": summary, "responses": responses } })
    };
    let list = get("openAiModels".into(), "Lists the models with OpenAI's API", "OpenAiModels");
    let one = |name: &&str| {
        (format!("/v1/models/{name}"), get(format!("{name}.openAiModel"), "Returns the model", "OpenAiModel"))
    };
    [("/v1/models".to_owned(), list)].into_iter().chain(names.iter().map(one)).collect()
}

fn operation(task: Task) -> Value {
    let summary = match task {
        Task::Completions => "Continues texts",
        Task::Chat => "Answers in a conversation",
        Task::Embeddings => "Returns the vectors of texts",
    };
    let failures = ["400", "404", "405", "408", "413", "415", "500", "503", "504"];
    let mut responses: Map<String, Value> = object(failures.map(|status| (status, reference("OpenAiError"))));
    responses.insert("200".into(), reference(name(task)));
    json!({ "post": {
        "operationId": format!("o{}", &name(task)[1..]),
        "summary": summary,
        "description": "As in OpenAI's API, also under `/openai`. Members that would change the answer and are not served are \
                        refused by name; unknown members are ignored.",
        "requestBody": { "$ref": format!("#/components/requestBodies/{}", name(task)) },
        "responses": responses,
    } })
}

fn body(task: Task, model: &str, names: &[&str]) -> Value {
    let texts =
        json!({ "anyOf": [{ "type": "string" }, { "type": "array", "minItems": 1, "items": { "type": "string" } }] });
    let number = json!({ "type": ["number", "null"] });
    let count = json!({ "type": ["integer", "null"], "minimum": 1 });
    let generation = [
        ("stream", json!({ "type": ["boolean", "null"] })),
        ("stream_options", json!({ "type": ["object", "null"] })),
        ("n", count.clone()),
        ("max_tokens", count.clone()),
        ("temperature", number.clone()),
        ("top_p", number.clone()),
        ("top_k", json!({ "type": ["integer", "null"] })),
        ("frequency_penalty", number.clone()),
        ("presence_penalty", number.clone()),
        ("repetition_penalty", number),
        ("stop", json!({ "type": ["string", "array", "null"] })),
        ("seed", json!({ "type": ["integer", "null"] })),
    ];
    let alternatives = |most: u32| json!({ "type": ["integer", "null"], "minimum": 0, "maximum": most });
    let (required, own, example) = match task {
        Task::Completions => ("prompt", vec![("prompt", texts), ("logprobs", alternatives(5))], json!("Once upon")),
        Task::Chat => {
            let messages =
                json!({ "type": "array", "minItems": 1, "items": { "type": "object", "required": ["role"] } });
            let own = vec![
                ("messages", messages),
                ("max_completion_tokens", count),
                ("logprobs", json!({ "type": ["boolean", "null"] })),
                ("top_logprobs", alternatives(20)),
            ];
            ("messages", own, json!([{ "role": "user", "content": "Name three primary colors." }]))
        }
        Task::Embeddings => {
            let format = json!({ "enum": ["float", "base64", null] });
            let own = vec![("input", texts), ("encoding_format", format), ("dimensions", count)];
            ("input", own, json!("The quick brown fox jumps over the lazy dog."))
        }
    };
    let of_text = if task == Task::Embeddings { None } else { Some(generation) };
    let mut properties = object(own.into_iter().chain(of_text.into_iter().flatten()));
    let described = "A model of this engine. Not needed if only one serves the route.";
    properties.insert("model".into(), json!({ "description": described, "examples": names }));
    let schema = json!({ "type": "object", "required": [required], "properties": properties });
    let examples = json!({ "openai": { "value": { "model": model, required: example } } });
    json!({ "required": true, "content": { "application/json": { "schema": schema, "examples": examples } } })
}

fn answer(task: Task) -> Value {
    let mut answer = match task {
        Task::Embeddings => response("The vectors.", members(["object", "data", "model", "usage"])),
        _ => response("The answers.", members(["id", "object", "created", "model", "choices"])),
    };
    if task != Task::Embeddings {
        let text = "With `\"stream\": true`: one event per chunk, as in OpenAI's API, then the event `[DONE]`. A failure after the \
                    first event is an event with `error`.";
        answer["content"]["text/event-stream"] = json!({ "schema": { "description": text } });
    }
    answer
}

fn error() -> Value {
    let mut error = members(["message", "type", "param", "code"]);
    error["properties"] = json!({ "message": { "type": "string" }, "type": { "type": "string" } });
    json!({ "type": "object", "required": ["error"], "properties": { "error": error } })
}

/// Returns the schema of an object with at least these members.
fn members<const N: usize>(names: [&str; N]) -> Value {
    json!({ "type": "object", "required": names.as_slice() })
}

fn response(text: &str, schema: Value) -> Value {
    json!({ "description": text, "content": { "application/json": { "schema": schema } } })
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/responses/{name}") })
}
