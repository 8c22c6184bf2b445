//! The OpenAPI document of an engine, compared with its behavior: every route, every example, every response.

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::Answer;

/// An OpenAPI document.
#[derive(Clone, Debug)]
pub struct OpenApi(Value);

impl OpenApi {
    /// Takes the document from the response of a route.
    ///
    /// # Panics
    /// Panics if the response is not a document of OpenAPI 3.1.
    pub fn from_answer(answer: &Answer) -> Self {
        let document = answer.ok();
        assert_eq!(document["openapi"], "3.1.0", "{document}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        OpenApi(document)
    }

    /// Returns the document as JSON.
    pub fn json(&self) -> &Value {
        &self.0
    }

    /// Requests every route under every server of the document, by GET or by POST with each of its examples, and checks
    /// every response against the document. `ask` takes the method, the path and the body.
    ///
    /// # Panics
    /// Panics if an example or a response violates its schema.
    pub fn check_routes(&self, mut ask: impl FnMut(&str, &str, &str) -> Answer) {
        for (path, item) in self.0["paths"].as_object().expect("paths") {
            let servers = item.get("servers").unwrap_or(&self.0["servers"]).as_array().expect("servers");
            for server in servers {
                let url = server["url"].as_str().expect("a server");
                let path = format!("{}{path}", url.trim_end_matches('/'));
                if let Some(operation) = item.get("get") {
                    self.check_response(operation, &path, &ask("GET", &path, ""));
                }
                if let Some(operation) = item.get("post") {
                    let body = Self::body(operation);
                    for (name, example) in self.examples_of(&body) {
                        if let Err(faults) = self.check(&format!("{body}/schema"), example) {
                            panic!("the example {name} violates its schema: {faults}");
                        }
                        let answer = ask("POST", &path, &example.to_string());
                        assert_eq!(answer.status, 200, "the example {name} on {path}: {answer:?}");
                        self.check_response(operation, &path, &answer);
                    }
                    self.check_response_examples(operation, &path);
                }
            }
        }
    }

    /// Returns the examples of an inference, each with the name of its protocol.
    pub fn examples(&self) -> Vec<(&str, &Value)> {
        self.examples_of(BODY)
    }

    /// Returns the JSON pointer of the body of an operation.
    fn body(operation: &Value) -> String {
        let reference = operation["requestBody"]["$ref"].as_str().expect("a body");
        format!("{}/content/application~1json", reference.trim_start_matches('#'))
    }

    fn examples_of(&self, body: &str) -> Vec<(&str, &Value)> {
        let examples = self.0.pointer(&format!("{body}/examples")).and_then(Value::as_object);
        examples.into_iter().flatten().map(|(name, example)| (&**name, &example["value"])).collect()
    }

    /// Checks the body of a request against the document.
    ///
    /// # Errors
    /// Returns the violations of the schema.
    pub fn check_request(&self, body: &Value) -> Result<(), String> {
        self.check(&format!("{BODY}/schema"), body)
    }

    /// Checks the response to an inference against the document.
    ///
    /// # Panics
    /// Panics if the response violates its schema.
    pub fn check_answer(&self, answer: &Answer) {
        self.check_response(&self.0["paths"]["/infer"]["post"], "/infer", answer);
    }

    fn check_response_examples(&self, operation: &Value, path: &str) {
        let name = operation["responses"]["200"]["$ref"].as_str().expect("a response");
        let json = format!("{}/content/application~1json", name.trim_start_matches('#'));
        for (name, example) in self.examples_of(&json) {
            if let Err(faults) = self.check(&format!("{json}/schema"), example) {
                panic!("the example {name} of a response of {path} violates its schema: {faults}");
            }
        }
    }

    fn check_response(&self, operation: &Value, path: &str, answer: &Answer) {
        let response = &operation["responses"][answer.status.to_string()];
        let name = response["$ref"].as_str().unwrap_or_else(|| panic!("{path} documents no such response: {answer:?}"));
        let media_type = answer.header("content-type").unwrap_or_default();
        let content = format!("{}/content/{}", name.trim_start_matches('#'), media_type.replace('/', "~1"));
        assert!(self.0.pointer(&content).is_some(), "{path} documents no response of type {media_type}: {answer:?}");
        if media_type != "application/json" {
            return;
        }
        let schema = format!("{content}/schema");
        if let Err(faults) = self.check(&schema, &answer.json()) {
            panic!("the response of {path} violates its schema: {faults}: {answer:?}");
        }
    }

    fn check(&self, schema: &str, value: &Value) -> Result<(), String> {
        let faults: Vec<String> = self.validator(schema).iter_errors(value).map(|fault| fault.to_string()).collect();
        if faults.is_empty() { Ok(()) } else { Err(faults.join("; ")) }
    }

    fn validator(&self, schema: &str) -> Validator {
        assert!(self.0.pointer(schema).is_some(), "{schema} not found in the document");
        let whole = json!({ "$ref": format!("#{schema}"), "components": self.0["components"] });
        jsonschema::draft202012::new(&whole).expect("a schema")
    }
}

/// The JSON pointer of the body of an inference.
const BODY: &str = "/components/requestBodies/Inference/content/application~1json";
