//! Examples of requests, as the inputs of the SDK give them. The OpenAPI document shows one.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::row::{schema, trace};
use crate::protocol::{JsonText, Parameters};

/// A request of one element.
pub(super) fn of_element(name: &str, element: &JsonText) -> Option<JsonText> {
    let element: Value = element.parse().ok()?;
    let input = json!({ "name": name, "datatype": "BYTES", "shape": [1], "data": [element] });
    JsonText::from_value(&json!({ "inputs": [input] })).ok()
}

/// The same request with parameters that read as this type: none, if that is enough.
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

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::{
        input::{Input, Json, Row, Text, WithParams},
        protocol::InferRequest,
    };

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only read by serde")]
    struct Needed {
        top_k: u8,
        #[serde(default)]
        word: String,
    }

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only read by serde")]
    struct Optional {
        top_k: Option<u8>,
    }

    fn input(example: Option<JsonText>) -> Value {
        let body = example.unwrap();
        InferRequest::decode(&body.clone().into_bytes()).unwrap();
        body.parse::<Value>().unwrap()["inputs"][0].take()
    }

    #[test]
    fn an_element_is_what_its_type_reads() {
        assert!(input(Text::example())["data"][0].is_string());
        assert_eq!(input(Row::<Needed>::example())["data"], json!([{"top_k": 0, "word": ""}]));
        assert_eq!(input(Json::<Vec<u8>>::example())["name"], "json");
        assert!(Json::<Value>::example().is_none(), "of what is not known no example is made");
    }

    #[test]
    fn parameters_have_a_schema() {
        let schema = |schema: Option<JsonText>| schema.map(|text| text.parse::<Value>().unwrap());
        let top_k = json!({ "type": "integer", "minimum": 0, "maximum": 255 });
        let mut optional = top_k.clone();
        optional["type"] = json!(["integer", "null"]);
        let word = json!({ "type": ["string", "null"] });
        assert_eq!(
            schema(WithParams::<Text, Needed>::params_schema()),
            Some(json!({ "type": "object", "required": ["top_k"], "properties": { "top_k": top_k, "word": word } }))
        );
        assert_eq!(
            schema(WithParams::<Text, Optional>::params_schema()),
            Some(json!({ "type": "object", "properties": { "top_k": optional } }))
        );
        assert_eq!(schema(WithParams::<Text, Value>::params_schema()), None);
        assert_eq!(schema(Text::params_schema()), None);
    }

    #[test]
    fn parameters_are_there_where_they_are_needed() {
        assert_eq!(input(WithParams::<Text, Optional>::example()).get("parameters"), None);
        assert_eq!(input(WithParams::<Text, Needed>::example())["parameters"]["top_k"], 0);
    }
}
