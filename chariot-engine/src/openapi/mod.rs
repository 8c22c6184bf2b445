//! The OpenAPI document of an engine, made from what it declares. The server makes it when it starts, and serves it.
//!
//! | file | holds |
//! |---|---|
//! | `several` | one document of those of several models |
//! | `paths` | the routes, and what is asked and answered on each |
//! | `request` | what is posted for an inference: its media types and their schemas |
//! | `response` | what is answered: to an inference, on the other routes, and for faults |
//! | `tensor` | the schema of a named tensor, on its way in and out |
//! | `example` | a request that is answered |

mod example;
mod paths;
mod request;
mod response;
mod several;
mod tensor;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

use crate::{
    model::Spec,
    protocol::{Accepts, Protocol},
    settings::{OutputEncoding, OutputLayout},
};

pub(crate) use example::check as check_example;
#[cfg(feature = "cli")]
pub(crate) use example::example;

/// What the document is about: an engine.
#[derive(Debug)]
pub(crate) struct Served<'a> {
    /// What the server calls itself.
    pub(crate) name: &'a str,
    /// Its version.
    pub(crate) version: &'a str,
    /// The names of its models.
    pub(crate) models: Vec<&'a str>,
    /// Which of them answers where none is named.
    pub(crate) default: Option<usize>,
    /// What stands before the paths.
    pub(crate) servers: Servers,
}

/// A model of it, and how it is served.
#[derive(Debug)]
pub(crate) struct Described<'a> {
    /// The engine.
    pub(crate) server: &'a Served<'a>,
    /// The model's name.
    pub(crate) name: &'a str,
    /// The model's version.
    pub(crate) version: &'a str,
    /// What the model declares.
    pub(crate) spec: &'a Spec,
    /// What it takes, and of which protocols.
    pub(crate) takes: &'a Accepts,
    /// The layout of its answers, where the operator chose one.
    pub(crate) layout: Option<OutputLayout>,
    /// How its answers stand in `data`.
    pub(crate) encoding: OutputEncoding,
    /// The score threshold of a request that says none.
    pub(crate) score_threshold: f32,
}

/// What stands before the paths, without a slash at the end; empty for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Servers {
    /// Before `/ready` and `/infer`.
    pub(crate) base: Vec<String>,
    /// Before the `/v2` tree.
    pub(crate) tree: Vec<String>,
}

/// The document, as JSON.
pub(crate) fn document(server: &Served<'_>, models: &[Described<'_>]) -> Vec<u8> {
    let whole = match models {
        [only] => of_model(only),
        _ => {
            let documents: Vec<(&str, Value)> = models.iter().map(|model| (model.name, of_model(model))).collect();
            let mut whole = several::join(&documents, server.default);
            let description = format!("An engine of the models {}. {RULES}", server.models.join(", "));
            whole["info"] = json!({ "title": server.name, "version": server.version, "description": description });
            whole
        }
    };
    whole.to_string().into_bytes()
}

fn of_model(model: &Described<'_>) -> Value {
    let mut schemas = response::schemas(model);
    schemas.extend(request::schemas(model));
    json!({
        "openapi": "3.1.0",
        "info": { "title": model.name, "version": model.version, "description": description(model) },
        "servers": paths::servers(&model.server.servers.base),
        "paths": paths::paths(model),
        "components": {
            "schemas": schemas,
            "requestBodies": { "Inference": request::body(model), "Index": request::index() },
            "responses": response::responses(model),
            "headers": response::headers(model),
            "parameters": request::headers(model),
        },
    })
}

/// What holds on every route.
const RULES: &str = "HEAD is answered as GET is, without a body. Every fault is told as `{\"error\": \"<text>\"}`. Members \
                     that are `null` count as absent, and members that are not known are passed over.";

fn description(model: &Described<'_>) -> String {
    model.spec.task_name().map_or_else(|| RULES.into(), |task| format!("An engine for {task}. {RULES}"))
}

impl Described<'_> {
    fn speaks(&self, protocol: Protocol) -> bool {
        self.takes.supports(protocol)
    }

    /// What an element of an input is called, if elements are the items.
    fn element(&self) -> Option<&'static str> {
        self.spec.element
    }
}

/// A schema that stands elsewhere in the document.
fn schema(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// An object of some members.
fn object<'a>(members: impl IntoIterator<Item = (&'a str, Value)>) -> Map<String, Value> {
    members.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
}
