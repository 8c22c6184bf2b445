//! Example requests for the inputs of the SDK. The OpenAPI document shows one.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::trace;
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
