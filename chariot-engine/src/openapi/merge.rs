//! One document from the documents of several models. Components that are equal in all documents appear once. The names
//! of the others get the name of their model as a prefix.

use std::collections::HashSet;

use serde_json::{Map, Value};

/// The kind and the name of a component.
type Component = (String, String);

/// The prefix of the routes that belong to a single model.
const TREE: &str = "/v2/models/";

/// Merges the documents of models, each with the name of its model. `/infer` is taken from the `default` model.
pub(super) fn merge(models: &[(&str, Value)], default: Option<usize>) -> Value {
    let shared = shared(models);
    let mut documents = models.iter().map(|(name, document)| {
        let mut document = document.clone();
        rename(&mut document, name, &shared);
        document
    });
    let Some(mut merged) = documents.next() else { return Value::Null };
    let mut infer = (default == Some(0)).then(|| merged["paths"]["/infer"].clone());
    for (index, mut document) in documents.enumerate() {
        if default == Some(index + 1) {
            infer = Some(document["paths"]["/infer"].take());
        }
        for (path, item) in entries(document["paths"].take()).filter(|(path, _)| path.starts_with(TREE)) {
            merged["paths"][path] = item;
        }
        for (kind, components) in entries(document["components"].take()) {
            for (name, component) in entries(components) {
                merged["components"][&kind][name] = component;
            }
        }
    }
    if let Some(paths) = merged["paths"].as_object_mut() {
        match infer {
            Some(infer) => paths.insert("/infer".into(), infer),
            None => paths.remove("/infer"),
        };
    }
    merged
}

/// Returns the components that are equal in all documents, together with everything that they refer to.
fn shared(models: &[(&str, Value)]) -> HashSet<Component> {
    let Some(((_, first), others)) = models.split_first() else { return HashSet::new() };
    let mut shared: HashSet<Component> = HashSet::new();
    for (kind, components) in first["components"].as_object().into_iter().flatten() {
        for (name, component) in components.as_object().into_iter().flatten() {
            if others.iter().all(|(_, document)| document["components"][kind].get(name) == Some(component)) {
                shared.insert((kind.clone(), name.clone()));
            }
        }
    }
    loop {
        let differs = |(kind, name): &&Component| {
            let mut references = Vec::new();
            collect(&first["components"][kind][name], &mut references);
            !references.iter().all(|reference| shared.contains(reference))
        };
        let differing: Vec<Component> = shared.iter().filter(differs).cloned().collect();
        if differing.is_empty() {
            return shared;
        }
        shared.retain(|component| !differing.contains(component));
    }
}

/// Collects the components that a value refers to.
fn collect(value: &Value, found: &mut Vec<Component>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str).and_then(component));
            members.values().for_each(|member| collect(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        _ => {}
    }
}

const COMPONENTS: &str = "#/components/";

fn component(reference: &str) -> Option<Component> {
    let (kind, name) = reference.strip_prefix(COMPONENTS)?.split_once('/')?;
    Some((kind.to_string(), name.to_string()))
}

/// Prefixes the names of a document's own components, of the references to them, and of its operations with the model's
/// name.
fn rename(document: &mut Value, model: &str, shared: &HashSet<Component>) {
    if let Some(components) = document["components"].as_object_mut() {
        for (kind, of_kind) in components {
            let renamed: Map<String, Value> = entries(of_kind.take())
                .map(|(name, component)| {
                    let is_shared = shared.contains(&(kind.clone(), name.clone()));
                    (if is_shared { name } else { format!("{model}.{name}") }, component)
                })
                .collect();
            *of_kind = renamed.into();
        }
    }
    if let Some(paths) = document["paths"].as_object_mut() {
        for item in
            paths.iter_mut().filter(|(path, _)| path.starts_with(TREE)).flat_map(|(_, item)| item.as_object_mut())
        {
            for operation in item.values_mut() {
                if let Some(Value::String(id)) = operation.get_mut("operationId") {
                    *id = format!("{model}.{id}");
                }
            }
        }
    }
    rename_references(document, model, shared);
}

fn rename_references(value: &mut Value, model: &str, shared: &HashSet<Component>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get_mut("$ref")
                && let Some(component) = component(reference)
                && !shared.contains(&component)
            {
                *reference = format!("{COMPONENTS}{}/{model}.{}", component.0, component.1);
            }
            members.values_mut().for_each(|member| rename_references(member, model, shared));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename_references(item, model, shared)),
        _ => {}
    }
}

fn entries(value: Value) -> impl Iterator<Item = (String, Value)> {
    let members = if let Value::Object(members) = value { members } else { Map::new() };
    members.into_iter()
}
