//! The routes, and what is asked and answered on each.

use serde_json::{Map, Value, json};

use super::{
    info::{ModelInfo, Servers},
    json::object,
    request,
};

/// What stands before the paths, as the document has it.
pub(super) fn servers(prefixes: &[String]) -> Value {
    prefixes.iter().map(|prefix| json!({ "url": if prefix.is_empty() { "/" } else { prefix } })).collect()
}

/// Every path that is served, the model's under its name and its version.
pub(super) fn paths(engine: &ModelInfo<'_>) -> Map<String, Value> {
    let infer = |operation: &str| inference(engine, operation, "Inference", "Inference");
    let base = [
        ("/ready".to_string(), get("ready", "Whether all models can serve", "Ready", true)),
        ("/infer".to_string(), infer("infer")),
        ("/openapi.json".to_string(), get("openapi", "This document", "Document", false)),
    ];
    let mut tree = vec![
        ("/v2".to_string(), get("server", "What the server is", "Server", false)),
        ("/v2/health/live".to_string(), get("live", "Whether the process can answer", "Live", false)),
        ("/v2/health/ready".to_string(), get("serverReady", "Whether the server can serve", "ServerReady", true)),
        ("/v2/models".to_string(), get("models", "Which models there are", "Models", false)),
        ("/v2/repository/index".to_string(), index()),
    ];
    let model = format!("/v2/models/{}", engine.name);
    let version = is_segment(engine.version).then(|| (format!("{model}/versions/{}", engine.version), "version"));
    for (path, of) in [Some((model, "model")), version].into_iter().flatten() {
        tree.extend([
            (path.clone(), get(of, "What the model takes and gives", "Model", false)),
            (format!("{path}/ready"), get(&format!("{of}Ready"), "Whether the model can serve", "ModelReady", true)),
            (format!("{path}/infer"), infer(&format!("{of}Infer"))),
        ]);
        if engine.spec.streaming {
            let operation = format!("{of}GenerateStream");
            let item = inference(engine, &operation, "Inference, answered as it goes", "Stream");
            tree.push((format!("{path}/generate_stream"), item));
        }
    }
    let Servers { base: of_base, tree: of_tree } = &engine.engine.servers;
    if of_tree != of_base {
        for (_, item) in &mut tree {
            item["servers"] = servers(of_tree);
        }
    }
    base.into_iter().chain(tree).collect()
}

/// Whether a text can stand in a path as it is. A version that cannot is no part of any path that a client can ask.
fn is_segment(text: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "-._~".contains(letter);
    !text.is_empty() && text.chars().all(fits)
}

/// A route that is asked by GET: the answer's schema, and whether 503 has the same.
fn get(operation: &str, summary: &str, answer: &str, may_fail: bool) -> Value {
    let mut responses = object([("200", response(answer)), ("405", response("MethodNotAllowed"))]);
    if may_fail {
        responses.insert("503".into(), response(&format!("Not{answer}")));
    }
    json!({ "get": { "operationId": operation, "summary": summary, "responses": responses } })
}

/// The index of models, to which is posted which of them are meant.
fn index() -> Value {
    json!({ "post": {
        "operationId": "repositoryIndex",
        "summary": "Which models there are, and in which state",
        "requestBody": { "$ref": "#/components/requestBodies/Index" },
        "responses": {
            "200": response("Index"),
            "400": response("BadRequest"),
            "405": response("MethodNotAllowed"),
            "408": response("RequestTimeout"),
            "413": response("ContentTooLarge"),
        },
    } })
}

/// A route to which a request is posted, and the name of its answer.
fn inference(engine: &ModelInfo<'_>, operation: &str, summary: &str, answer: &str) -> Value {
    let headers = request::headers(engine);
    let reference = |name| json!({ "$ref": format!("#/components/parameters/{name}") });
    let parameters: Vec<Value> = headers.keys().map(reference).collect();
    json!({ "post": {
        "operationId": operation,
        "summary": summary,
        "parameters": parameters,
        "requestBody": { "$ref": "#/components/requestBodies/Inference" },
        "responses": {
            "200": response(answer),
            "400": response("BadRequest"),
            "405": response("MethodNotAllowed"),
            "408": response("RequestTimeout"),
            "413": response("ContentTooLarge"),
            "415": response("UnsupportedCoding"),
            "500": response("Failed"),
            "503": response("Unavailable"),
            "504": response("DeadlinePassed"),
        },
    } })
}

fn response(name: &str) -> Value {
    json!({ "$ref": format!("#/components/responses/{name}") })
}
