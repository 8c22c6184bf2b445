//! The rules of a golden file for the values of any model: ranges, orders and lengths. `envelope` applies them.

use serde::Deserialize;
use serde_json::Value;

use crate::{check::Mismatch, text::short};

/// A rule. Places are JSON Pointers into the result for an item; `*` stands for every element of a list.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub(super) enum Rule {
    /// The numbers are within these limits.
    Range { at: String, range: [f64; 2] },
    /// The numbers are in descending order, if `descending` is true.
    Descending { at: String, descending: bool },
    /// Each number is at most the one at the same position of the other place.
    AtMost { at: String, at_most: String },
    /// The lists have this length.
    Length { at: String, length: usize },
    /// The number is the length of a list.
    Counts { at: String, counts: String },
    /// The lists have the same length.
    SameLength { same_length: Vec<String> },
}

impl Rule {
    /// Returns the violations of the rule by a result.
    pub(super) fn check(&self, result: &Value) -> Vec<Mismatch> {
        match self {
            Rule::Range { at, range: [least, most] } => {
                let outside = numbers(result, at).into_iter().find(|number| !(*least..=*most).contains(number));
                fault(outside, || format!("{at}: numbers from {least} to {most}"))
            }
            Rule::Descending { at, descending } => {
                let numbers = numbers(result, at);
                let rising = numbers.windows(2).find(|pair| *descending && pair[0] < pair[1]);
                fault(rising.map(|pair| pair[1]), || format!("{at}: numbers in descending order"))
            }
            Rule::AtMost { at, at_most } => {
                let mut pairs = numbers(result, at).into_iter().zip(numbers(result, at_most));
                fault(pairs.find(|(low, high)| low > high).map(|(low, _)| low), || format!("{at}: at most {at_most}"))
            }
            Rule::Length { at, length } => {
                let other = lengths(result, at).into_iter().find(|other| other != length);
                fault(other, || format!("{at}: {length} elements"))
            }
            Rule::Counts { at, counts } => {
                let count = select(result, at).first().and_then(|count| count.as_u64());
                let length = lengths(result, counts).first().map(|length| *length as u64);
                fault(count.filter(|_| count != length), || format!("{at}: the number of elements of {counts}"))
            }
            Rule::SameLength { same_length } => {
                let lengths: Vec<usize> = same_length.iter().flat_map(|at| lengths(result, at)).collect();
                let other = lengths.iter().copied().find(|length| *length != lengths[0]);
                fault(other, || format!("{}: lists of the same length", same_length.join(", ")))
            }
        }
    }
}

fn fault<T: std::fmt::Display>(got: Option<T>, expected: impl FnOnce() -> String) -> Vec<Mismatch> {
    got.map(|got| Mismatch::new(expected(), short(&got.to_string(), 200))).into_iter().collect()
}

fn numbers(result: &Value, at: &str) -> Vec<f64> {
    select(result, at).into_iter().filter_map(Value::as_f64).collect()
}

fn lengths(result: &Value, at: &str) -> Vec<usize> {
    select(result, at).into_iter().filter_map(Value::as_array).map(Vec::len).collect()
}

/// Returns the values at a place. The form is compared before, so a place without values is that of an empty list.
fn select<'a>(result: &'a Value, at: &str) -> Vec<&'a Value> {
    at.split('/').skip(1).fold(vec![result], |values, segment| {
        let below = values.into_iter().flat_map(|value| match (segment, value) {
            ("*", Value::Array(list)) => list.iter().collect(),
            (segment, value) => value.pointer(&format!("/{segment}")).into_iter().collect::<Vec<_>>(),
        });
        below.collect()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_rule_finds_its_violation() {
        for (rule, good, bad) in [
            (
                json!({"at": "/*/score", "range": [0, 1]}),
                json!([{"score": 1}]),
                json!([{"score": 0.5}, {"score": 1.5}]),
            ),
            (json!({"at": "/*", "descending": true}), json!([2, 2, 1]), json!([1, 2])),
            (json!({"at": "/*/a", "at_most": "/*/b"}), json!([{"a": 1, "b": 1}]), json!([{"a": 2, "b": 1}])),
            (json!({"at": "/*", "length": 2}), json!([[1, 2], [3, 4]]), json!([[1, 2], [3]])),
            (json!({"at": "", "length": 1}), json!([7]), json!([])),
            (json!({"at": "/n", "counts": "/of"}), json!({"n": 1, "of": [4]}), json!({"n": 2, "of": [4]})),
            (json!({"same_length": ["/a", "/b"]}), json!({"a": [1], "b": [2]}), json!({"a": [1], "b": []})),
        ] {
            let rule: Rule = serde_json::from_value(rule).unwrap();
            assert!(rule.check(&good).is_empty(), "{rule:?}");
            assert_eq!(rule.check(&bad).len(), 1, "{rule:?}");
        }
        assert!(serde_json::from_value::<Rule>(json!({"at": "/a", "rnage": [0, 1]})).is_err());
    }
}
