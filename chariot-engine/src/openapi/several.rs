//! One document of several: each model's own becomes a part of the engine's. What is the same in all of them stands
//! there once; what differs has the name of its model before its own.

use std::collections::HashSet;

use serde_json::{Map, Value};

/// The kind of a component and its name.
type Component = (String, String);

/// The routes that are the engine's, in whichever model's document they are read.
const TREE: &str = "/v2/models/";

/// Makes one document of those of an engine's models, each with its name. `/infer` is that of the `default` one.
pub(super) fn join(models: &[(&str, Value)], default: Option<usize>) -> Value {
    let same = same(models);
    let mut parts = models.iter().map(|(name, document)| {
        let mut document = document.clone();
        rename(&mut document, name, &same);
        document
    });
    let Some(mut whole) = parts.next() else { return Value::Null };
    let of_default = (default == Some(0)).then(|| whole["paths"]["/infer"].clone());
    let mut infer = of_default;
    for (index, mut part) in parts.enumerate() {
        if default == Some(index + 1) {
            infer = Some(part["paths"]["/infer"].take());
        }
        for (path, item) in entries(part["paths"].take()).filter(|(path, _)| path.starts_with(TREE)) {
            whole["paths"][path] = item;
        }
        for (kind, components) in entries(part["components"].take()) {
            for (name, component) in entries(components) {
                whole["components"][&kind][name] = component;
            }
        }
    }
    if let Some(paths) = whole["paths"].as_object_mut() {
        match infer {
            Some(infer) => paths.insert("/infer".into(), infer),
            None => paths.remove("/infer"),
        };
    }
    whole
}

/// The components that are the same in all documents, as is everything that they refer to.
fn same(models: &[(&str, Value)]) -> HashSet<Component> {
    let Some(((_, first), others)) = models.split_first() else { return HashSet::new() };
    let mut same: HashSet<Component> = HashSet::new();
    for (kind, components) in first["components"].as_object().into_iter().flatten() {
        for (name, component) in components.as_object().into_iter().flatten() {
            if others.iter().all(|(_, document)| document["components"][kind].get(name) == Some(component)) {
                same.insert((kind.clone(), name.clone()));
            }
        }
    }
    loop {
        let differs = |(kind, name): &&Component| {
            let mut references = Vec::new();
            collect(&first["components"][kind][name], &mut references);
            !references.iter().all(|reference| same.contains(reference))
        };
        let differing: Vec<Component> = same.iter().filter(differs).cloned().collect();
        if differing.is_empty() {
            return same;
        }
        same.retain(|component| !differing.contains(component));
    }
}

/// What a value refers to.
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

/// Puts the model's name before the components of a document that are its own, wherever they are referred to, and before
/// its operations.
fn rename(document: &mut Value, model: &str, same: &HashSet<Component>) {
    if let Some(components) = document["components"].as_object_mut() {
        for (kind, of_kind) in components {
            let renamed: Map<String, Value> = entries(of_kind.take())
                .map(|(name, component)| {
                    let is_same = same.contains(&(kind.clone(), name.clone()));
                    (if is_same { name } else { format!("{model}.{name}") }, component)
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
    refer(document, model, same);
}

fn refer(value: &mut Value, model: &str, same: &HashSet<Component>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get_mut("$ref")
                && let Some(of) = component(reference)
                && !same.contains(&of)
            {
                *reference = format!("{COMPONENTS}{}/{model}.{}", of.0, of.1);
            }
            members.values_mut().for_each(|member| refer(member, model, same));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| refer(item, model, same)),
        _ => {}
    }
}

fn entries(value: Value) -> impl Iterator<Item = (String, Value)> {
    let members = if let Value::Object(members) = value { members } else { Map::new() };
    members.into_iter()
}
