//! JSON Schemas of the answers to tasks, as the OpenAPI document shows them: they stand beside the encoders.

use serde_json::{Map, Value, json};

use crate::protocol::JsonText;

pub(super) fn number() -> Value {
    json!({ "type": "number" })
}

/// An integer of at least 0: an id, an index, a count.
pub(super) fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

pub(super) fn text() -> Value {
    json!({ "type": "string" })
}

pub(super) fn list(items: Value) -> Value {
    json!({ "type": "array", "items": items })
}

/// A list of so many.
pub(super) fn list_of(count: usize, items: Value) -> Value {
    json!({ "type": "array", "items": items, "minItems": count, "maxItems": count })
}

/// An object that has all of these members.
pub(super) fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    let names = members.each_ref().map(|(name, _)| *name);
    let properties: Map<String, Value> = members.into_iter().map(|(name, of)| (name.to_string(), of)).collect();
    json!({ "type": "object", "required": names.as_slice(), "properties": properties })
}

/// One of these.
pub(super) fn either<const N: usize>(forms: [Value; N]) -> Value {
    json!({ "anyOf": forms.as_slice() })
}

/// The schema as a text.
pub(super) fn written(schema: &Value) -> Option<JsonText> {
    JsonText::from_value(schema).ok()
}
