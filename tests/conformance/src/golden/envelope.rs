//! Comparison of a whole response with a golden one. `compare` calls it for every exchange.

use serde_json::{Map, Value};

use super::{file::Exchange, form::form};
use crate::{
    check::{Mismatch, is_close},
    text::short,
};

/// The tolerance of values, absolute below 1 and relative above.
const WITHIN: f64 = 1e-5;

/// A golden response, and the strictness of the comparison.
#[derive(Clone, Copy)]
pub(super) struct Expected<'a> {
    pub(super) exchange: &'a Exchange,
    pub(super) response: &'a Value,
    /// Set if the server has the model of the file, so that the values are equal too.
    pub(super) values: bool,
}

impl Expected<'_> {
    /// Compares a response in `chariot-v2-kserve`, or in `chariot-v2` if the golden one has an `output`.
    pub(super) fn check(&self, got: &Value) -> Vec<Mismatch> {
        let (Some(got), Some(golden)) = (got.as_object(), self.response.as_object()) else {
            return vec![Mismatch::new("an object", short(&got.to_string(), 200))];
        };
        if let Some(output) = golden.get("output") {
            let mut found = equal_but(got, golden, &["output"], "");
            found.extend(got.get("output").into_iter().flat_map(|got| self.result(got, output, "/output")));
            return found;
        }
        let mut found = head(got, golden);
        let list = |of: &Map<String, Value>| of.get("outputs").and_then(Value::as_array).cloned().unwrap_or_default();
        let (got, golden) = (list(got), list(golden));
        if got.len() != golden.len() {
            found.push(Mismatch::new(format!("/outputs: {} outputs", golden.len()), got.len().to_string()));
            return found;
        }
        for (index, (got, golden)) in got.iter().zip(&golden).enumerate() {
            found.extend(self.output(got, golden, &format!("/outputs/{index}")));
        }
        found
    }

    fn output(&self, got: &Value, golden: &Value, at: &str) -> Vec<Mismatch> {
        let (Some(got), Some(golden)) = (got.as_object(), golden.as_object()) else {
            return vec![Mismatch::new(format!("{at}: an object"), short(&got.to_string(), 200))];
        };
        let mut found = equal_but(got, golden, &["data"], at);
        let elements = |of: &Map<String, Value>| of.get("data").and_then(Value::as_array).cloned();
        let (got, golden) = (elements(got), elements(golden).unwrap_or_default());
        match got.filter(|got| got.len() == golden.len()) {
            None => found.push(Mismatch::new(format!("{at}/data: a list of {}", golden.len()), "another value")),
            Some(got) => {
                for (index, (got, golden)) in got.iter().zip(&golden).enumerate() {
                    found.extend(self.result(got, golden, &format!("{at}/data/{index}")));
                }
            }
        }
        found
    }

    /// Compares the result for one item.
    fn result(&self, got: &Value, golden: &Value, at: &str) -> Vec<Mismatch> {
        let found = form(got, golden, at);
        if !found.is_empty() {
            return found;
        }
        let rules = self.exchange.rules.iter().flat_map(|rule| rule.check(got));
        let in_place = |fault: Mismatch| Mismatch::new(format!("{at}{}", fault.expected), fault.got);
        let mut found: Vec<Mismatch> = rules.map(in_place).collect();
        if self.values && !is_close(got, golden, WITHIN) {
            let expected = format!("{at}: {}", short(&golden.to_string(), 400));
            found.push(Mismatch::new(expected, short(&got.to_string(), 400)));
        }
        found
    }
}

/// Compares the members of an object but these, which are only required.
fn equal_but(got: &Map<String, Value>, golden: &Map<String, Value>, but: &[&str], at: &str) -> Vec<Mismatch> {
    let mut found = Vec::new();
    let names = |of: &Map<String, Value>| of.keys().cloned().collect::<Vec<_>>().join(", ");
    if !got.keys().eq(golden.keys()) {
        found.push(Mismatch::new(format!("{at}: the members {}", names(golden)), names(got)));
    }
    for (name, golden) in golden.iter().filter(|(name, _)| !but.contains(&name.as_str())) {
        let other = got.get(name).filter(|got| *got != golden);
        found.extend(other.map(|got| Mismatch::new(format!("{at}/{name}: {golden}"), short(&got.to_string(), 200))));
    }
    found
}

/// Compares the members beside `outputs`. The names of the model and its version are those of the server.
fn head(got: &Map<String, Value>, golden: &Map<String, Value>) -> Vec<Mismatch> {
    let mut found = Vec::new();
    let allowed = ["id", "model_name", "model_version", "outputs", "parameters"];
    if let Some(name) = got.keys().find(|name| !allowed.contains(&name.as_str())) {
        found.push(Mismatch::new(format!("the members {}", allowed.join(", ")), name.clone()));
    }
    for (name, golden) in golden {
        match (name.as_str(), got.get(name)) {
            ("model_version", None) | ("outputs", Some(Value::Array(_))) => {}
            ("model_name" | "model_version", Some(Value::String(_))) => {}
            ("id", Some(got)) if got == golden => {}
            (_, got) => {
                let got = got.map_or("nothing".to_string(), |got| short(&got.to_string(), 200));
                let expected = match name.as_str() {
                    "outputs" => "a list".to_string(),
                    "model_name" | "model_version" => "a string".to_string(),
                    _ => golden.to_string(),
                };
                found.push(Mismatch::new(format!("/{name}: {expected}"), got));
            }
        }
    }
    found
}
