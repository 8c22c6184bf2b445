//! The OpenAPI document of an engine, held against what the engine does: every route, every example, every answer.

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::Answer;

/// A document.
#[derive(Clone, Debug)]
pub struct OpenApi(Value);

impl OpenApi {
    /// The document that a route answered with.
    ///
    /// # Panics
    /// It is none of OpenAPI 3.1.
    pub fn of(answer: &Answer) -> Self {
        let document = answer.ok();
        assert_eq!(document["openapi"], "3.1.0", "{document}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        OpenApi(document)
    }

    /// The document itself.
    pub fn json(&self) -> &Value {
        &self.0
    }

    /// Asks every route under every server that the document names: by GET, or with each of its examples. What is
    /// answered must be as the document says.
    ///
    /// # Panics
    /// It is not.
    pub fn holds(&self, mut ask: impl FnMut(&str, &str, &str) -> Answer) {
        for (path, item) in self.0["paths"].as_object().expect("paths") {
            let servers = item.get("servers").unwrap_or(&self.0["servers"]).as_array().expect("servers");
            for server in servers {
                let url = server["url"].as_str().expect("a server");
                let path = format!("{}{path}", url.trim_end_matches('/'));
                if let Some(operation) = item.get("get") {
                    self.answered(operation, &path, &ask("GET", &path, ""));
                }
                if let Some(operation) = item.get("post") {
                    let body = Self::body(operation);
                    for (name, example) in self.examples_of(&body) {
                        if let Err(faults) = self.check(&format!("{body}/schema"), example) {
                            panic!("the example of {name} is not as its schema says: {faults}");
                        }
                        let answer = ask("POST", &path, &example.to_string());
                        assert_eq!(answer.status, 200, "the example of {name} on {path}: {answer:?}");
                        self.answered(operation, &path, &answer);
                    }
                }
            }
        }
    }

    /// The examples of an inference, by the protocol that they speak.
    pub fn examples(&self) -> Vec<(&str, &Value)> {
        self.examples_of(BODY)
    }

    /// Where the body of an operation stands.
    fn body(operation: &Value) -> String {
        let of = operation["requestBody"]["$ref"].as_str().expect("a body");
        format!("{}/content/application~1json", of.trim_start_matches('#'))
    }

    fn examples_of(&self, body: &str) -> Vec<(&str, &Value)> {
        let examples = self.0.pointer(&format!("{body}/examples")).and_then(Value::as_object);
        examples.into_iter().flatten().map(|(name, example)| (&**name, &example["value"])).collect()
    }

    /// Checks the body of a request.
    ///
    /// # Errors
    /// Where it is not as the document says.
    pub fn check_request(&self, body: &Value) -> Result<(), String> {
        self.check(&format!("{BODY}/schema"), body)
    }

    /// Checks the answer to an inference.
    ///
    /// # Panics
    /// It is not as the document says.
    pub fn check_answer(&self, answer: &Answer) {
        self.answered(&self.0["paths"]["/infer"]["post"], "/infer", answer);
    }

    fn answered(&self, operation: &Value, path: &str, answer: &Answer) {
        let response = &operation["responses"][answer.status.to_string()];
        let name = response["$ref"].as_str().unwrap_or_else(|| panic!("{path} has no such answer: {answer:?}"));
        let media_type = answer.header("content-type").unwrap_or_default();
        let content = format!("{}/content/{}", name.trim_start_matches('#'), media_type.replace('/', "~1"));
        assert!(self.0.pointer(&content).is_some(), "{path} is not answered as {media_type}: {answer:?}");
        if media_type != "application/json" {
            return;
        }
        let schema = format!("{content}/schema");
        if let Err(faults) = self.check(&schema, &answer.json()) {
            panic!("the answer of {path} is not as its schema says: {faults}: {answer:?}");
        }
    }

    fn check(&self, schema: &str, value: &Value) -> Result<(), String> {
        let faults: Vec<String> = self.validator(schema).iter_errors(value).map(|fault| fault.to_string()).collect();
        if faults.is_empty() { Ok(()) } else { Err(faults.join("; ")) }
    }

    fn validator(&self, schema: &str) -> Validator {
        assert!(self.0.pointer(schema).is_some(), "there is no {schema}");
        let whole = json!({ "$ref": format!("#{schema}"), "components": self.0["components"] });
        jsonschema::draft202012::new(&whole).expect("a schema")
    }
}

/// Where the body of an inference stands.
const BODY: &str = "/components/requestBodies/Inference/content/application~1json";
