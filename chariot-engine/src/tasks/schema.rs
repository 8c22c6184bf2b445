//! Building blocks of the outputs' JSON Schemas, for the OpenAPI document. Each schema is next to its encoder.

use serde_json::{Map, Value, json};

use crate::protocol::JsonText;

pub(super) fn number() -> Value {
    json!({ "type": "number" })
}

/// Returns the schema of an integer of at least 0: an ID, an index or a count.
pub(super) fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

pub(super) fn text() -> Value {
    json!({ "type": "string" })
}

pub(super) fn list(items: Value) -> Value {
    json!({ "type": "array", "items": items })
}

/// Returns the schema of a list of exactly `count` items.
pub(super) fn list_of(count: usize, items: Value) -> Value {
    json!({ "type": "array", "items": items, "minItems": count, "maxItems": count })
}

/// Returns the schema of an object in which all of these members are required.
pub(super) fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    let names = members.each_ref().map(|(name, _)| *name);
    let properties: Map<String, Value> = members.into_iter().map(|(name, of)| (name.to_string(), of)).collect();
    json!({ "type": "object", "required": names.as_slice(), "properties": properties })
}

/// Adds members to the schema of an object that it need not have.
pub(super) fn with_optional<const N: usize>(mut object: Value, members: [(&str, Value); N]) -> Value {
    for (name, schema) in members {
        object["properties"][name] = schema;
    }
    object
}

/// Returns the schema of a value that matches one of these.
pub(super) fn either<const N: usize>(alternatives: [Value; N]) -> Value {
    json!({ "anyOf": alternatives.as_slice() })
}

/// Serializes the schema.
pub(super) fn to_json(schema: &Value) -> Option<JsonText> {
    JsonText::from_value(schema).ok()
}
