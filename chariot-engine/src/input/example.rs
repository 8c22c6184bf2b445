//! Example requests for the inputs of the SDK. The OpenAPI document shows one.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{schema, trace};
use crate::protocol::{JsonText, Parameters};

/// Returns a request with one element.
pub(super) fn from_element(name: &str, element: &JsonText) -> Option<JsonText> {
    let element: Value = element.parse().ok()?;
    let input = json!({ "name": name, "datatype": "BYTES", "shape": [1], "data": [element] });
    JsonText::from_value(&json!({ "inputs": [input] })).ok()
}

/// Adds parameters that `P` can be read from, unless it can be read from none.
pub(super) fn with_parameters<P: DeserializeOwned>(body: JsonText) -> Option<JsonText> {
    if Parameters::default().decode::<P>().is_ok() {
        return Some(body);
    }
    let parameters = trace::example::<P>()?;
    Parameters::from_text(parameters.clone().into_bytes()).ok()?.decode::<P>().ok()?;
    let (mut body, parameters): (Value, Value) = (body.parse().ok()?, parameters.parse().ok()?);
    for input in body.get_mut("inputs")?.as_array_mut()? {
        input["parameters"] = parameters.clone();
    }
    JsonText::from_value(&body).ok()
}

/// Returns the JSON Schema of parameters that read as this type, or `None` if it is not known.
pub(super) fn parameters_schema<P: DeserializeOwned>() -> Option<JsonText> {
    let accepts =
        |value: &Value| Parameters::from_value(value).is_ok_and(|parameters| parameters.decode::<P>().is_ok());
    let mut schema = schema::object::<P>(&accepts)?;
    // The item has these members, and the type never sees them.
    for name in ["action", "metadata", "score_threshold"] {
        schema["properties"].as_object_mut()?.remove(name);
        if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
            required.retain(|member| member != name);
        }
    }
    let has_required = schema.get("required").and_then(Value::as_array).is_some_and(|names| !names.is_empty());
    if !has_required {
        schema.as_object_mut()?.remove("required");
    }
    JsonText::from_value(&schema).ok()
}
