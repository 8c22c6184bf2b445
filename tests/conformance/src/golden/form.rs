//! Comparison of the form of two values: the same members and the same kinds, whatever the model found. `envelope`
//! compares the values of a response by it.

use serde_json::Value;

use crate::{check::Mismatch, text::short};

/// Compares the form of a value with a golden one. Lists may differ in length; each element must have the form of some
/// element of the golden list. A golden integer needs an integer, and any other golden number needs a number.
pub(super) fn form(got: &Value, golden: &Value, at: &str) -> Vec<Mismatch> {
    match (got, golden) {
        (Value::Object(got), Value::Object(golden)) => {
            if !got.keys().eq(golden.keys()) {
                let names = |of: &serde_json::Map<String, Value>| of.keys().cloned().collect::<Vec<_>>().join(", ");
                return vec![Mismatch::new(format!("{at}: the members {}", names(golden)), names(got))];
            }
            golden.iter().flat_map(|(name, value)| form(&got[name], value, &format!("{at}/{name}"))).collect()
        }
        (Value::Array(got), Value::Array(golden)) => {
            let elements = got.iter().enumerate();
            elements.flat_map(|(index, element)| some_form(element, golden, &format!("{at}/{index}"))).collect()
        }
        (got, golden) if kind(got) == kind(golden) => Vec::new(),
        // A number without a fraction is a number too.
        (Value::Number(_), Value::Number(golden)) if golden.is_f64() => Vec::new(),
        (got, golden) => {
            vec![Mismatch::new(
                format!("{at}: {}", kind(golden)),
                format!("{} {}", kind(got), short(&got.to_string(), 200)),
            )]
        }
    }
}

/// Compares the form of an element with those of a golden list. An empty list says nothing about elements.
fn some_form(element: &Value, golden: &[Value], at: &str) -> Vec<Mismatch> {
    let mut found = Vec::new();
    for golden in golden {
        found = form(element, golden, at);
        if found.is_empty() {
            break;
        }
    }
    found
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a number",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_form_is_that_of_members_and_kinds() {
        let golden = json!([{"label": "ship", "score": 0.5, "index": 1}]);
        for same in [json!([]), json!([{"index": 7, "score": 1, "label": ""}]), golden.clone()] {
            assert!(form(&same, &golden, "").is_empty(), "{same}");
        }
        for other in [
            json!({}),
            json!([{"label": "ship", "score": 0.5}]),
            json!([{"label": "ship", "score": 0.5, "index": 1, "more": 1}]),
            json!([{"label": "ship", "score": "0.5", "index": 1}]),
            json!([{"label": "ship", "score": 0.5, "index": 1.0}]),
            json!([{"label": null, "score": 0.5, "index": 1}]),
            json!([{"label": "ship", "score": 0.5, "index": 1}, []]),
        ] {
            assert_eq!(form(&other, &golden, "").len(), 1, "{other}");
        }
    }
}
