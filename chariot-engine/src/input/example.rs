//! Examples of requests, as the inputs of the SDK give them. The OpenAPI document shows one.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::row::trace;
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
    fn parameters_are_there_where_they_are_needed() {
        assert_eq!(input(WithParams::<Text, Optional>::example()).get("parameters"), None);
        assert_eq!(input(WithParams::<Text, Needed>::example())["parameters"]["top_k"], 0);
    }
}
