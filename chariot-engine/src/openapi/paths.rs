//! The paths of the document: the operation of every route, made from the table that the router reads.

use serde_json::{Map, Value, json};

use super::{
    info::{ModelInfo, Servers},
    json::object,
    request,
};
use crate::protocol::routes::{self, Endpoint, ModelEndpoint, ServerEndpoint};

/// Returns the `servers` member for these path prefixes.
pub(super) fn servers(prefixes: &[String]) -> Value {
    prefixes.iter().map(|prefix| json!({ "url": if prefix.is_empty() { "/" } else { prefix } })).collect()
}

/// Returns every served path; those of the model under its name and under its version.
pub(super) fn paths(engine: &ModelInfo<'_>) -> Map<String, Value> {
    let of_engine = |prefix: &'static str, table: &'static [routes::Row]| {
        table.iter().filter_map(move |(segments, endpoint)| {
            let item = match endpoint {
                Endpoint::Server(endpoint) => server_operation(*endpoint)?,
                Endpoint::Model(endpoint) => model_operation(engine, *endpoint, "")?,
            };
            Some((path(prefix, segments), item))
        })
    };
    let mut tree: Vec<(String, Value)> = of_engine("/v2", routes::TREE).collect();
    let model = format!("/v2/models/{}", engine.name);
    let version = is_segment(engine.version).then(|| (format!("{model}/versions/{}", engine.version), "version"));
    for (prefix, name) in [Some((model, "model")), version].into_iter().flatten() {
        for (segments, endpoint) in routes::MODEL {
            if let Some(item) = model_operation(engine, *endpoint, name) {
                tree.push((path(&prefix, segments), item));
            }
        }
    }
    let Servers { base: of_base, tree: of_tree } = &engine.engine.servers;
    if of_tree != of_base {
        for (_, item) in &mut tree {
            item["servers"] = servers(of_tree);
        }
    }
    of_engine("", routes::BASE).chain(tree).collect()
}

fn path(prefix: &str, segments: &[&str]) -> String {
    segments.iter().fold(prefix.to_string(), |path, segment| format!("{path}/{segment}"))
}

/// Returns `true` if a text can be a path segment as it is. No client can request a version that cannot.
fn is_segment(text: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "-._~".contains(letter);
    !text.is_empty() && text.chars().all(fits)
}

/// Returns the operation of a route of the engine, or `None` if the document leaves it out.
fn server_operation(endpoint: ServerEndpoint) -> Option<Value> {
    Some(match endpoint {
        ServerEndpoint::Ready => get("ready", "Returns the readiness of all models", "Ready", true),
        ServerEndpoint::OpenApi => get("openapi", "Returns this document", "Document", false),
        ServerEndpoint::Metadata => get("server", "Returns the metadata of the server", "Server", false),
        ServerEndpoint::Live => get("live", "Returns the liveness of the process", "Live", false),
        ServerEndpoint::ServerReady => get("serverReady", "Returns the readiness of the server", "ServerReady", true),
        ServerEndpoint::Models => get("models", "Lists the models", "Models", false),
        ServerEndpoint::RepositoryIndex => index(),
        // For load balancers and operators, not for callers.
        ServerEndpoint::Root | ServerEndpoint::Metrics => return None,
    })
}

/// Returns the operation of a route of a model, or `None` if the model does not have the route. `prefix` begins the
/// operation's ID, which must be unique in the document.
fn model_operation(engine: &ModelInfo<'_>, endpoint: ModelEndpoint, prefix: &str) -> Option<Value> {
    Some(match endpoint {
        ModelEndpoint::Metadata => get(prefix, "Returns the metadata of the model", "Model", false),
        ModelEndpoint::Ready => {
            get(&format!("{prefix}Ready"), "Returns the readiness of the model", "ModelReady", true)
        }
        ModelEndpoint::Infer | ModelEndpoint::GenerateStream if !engine.takes_inputs() => return None,
        ModelEndpoint::Infer if prefix.is_empty() => inference(engine, "infer", "Runs inference", "Inference"),
        ModelEndpoint::Infer => inference(engine, &format!("{prefix}Infer"), "Runs inference", "Inference"),
        ModelEndpoint::GenerateStream if !engine.spec.streaming => return None,
        ModelEndpoint::GenerateStream => {
            let summary = "Runs inference and streams the response";
            inference(engine, &format!("{prefix}GenerateStream"), summary, "Stream")
        }
    })
}

/// Returns a GET operation with the name of its response. `may_fail` adds the 503 response.
fn get(operation: &str, summary: &str, name: &str, may_fail: bool) -> Value {
    let mut responses = object([("200", response(name)), ("405", response("MethodNotAllowed"))]);
    if may_fail {
        responses.insert("503".into(), response(&format!("Not{name}")));
    }
    json!({ "get": { "operationId": operation, "summary": summary, "responses": responses } })
}

/// Returns the operation of the repository index.
fn index() -> Value {
    json!({ "post": {
        "operationId": "repositoryIndex",
        "summary": "Lists the models and their states",
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

/// Returns an inference operation with the name of its response.
fn inference(engine: &ModelInfo<'_>, operation: &str, summary: &str, name: &str) -> Value {
    let headers = request::headers(engine);
    let reference = |name| json!({ "$ref": format!("#/components/parameters/{name}") });
    let parameters: Vec<Value> = headers.keys().map(reference).collect();
    json!({ "post": {
        "operationId": operation,
        "summary": summary,
        "parameters": parameters,
        "requestBody": { "$ref": "#/components/requestBodies/Inference" },
        "responses": {
            "200": response(name),
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
