//! Checks of whole answers: the content that a server must return for a request.

use bytes::Bytes;
use serde_json::Value;

use crate::Failure;

/// The content of a right answer.
#[derive(Clone)]
pub(crate) enum Expected {
    /// The bytes of the request.
    Same,
    /// The data of the request's input as the data of the output.
    Data,
    /// JSON, and after it these bytes.
    Binary(Bytes),
    /// One number within a hundredth of this one.
    Near(f64),
    /// The texts of the request's lines, in lines.
    Lines,
    /// At least this many events.
    Events(usize),
}

impl Expected {
    /// Compares the body of an answer with the request.
    pub(crate) fn check(&self, request: &[u8], answer: &[u8]) -> Result<(), Failure> {
        let right = match self {
            Expected::Same => request == answer,
            Expected::Data => same_data(&data(request, "inputs")?, &data(answer, "outputs")?),
            Expected::Binary(tensor) => answer.starts_with(b"{") && answer.ends_with(tensor),
            Expected::Near(number) => match &data(answer, "outputs")? {
                Value::Array(data) if data.len() == 1 => {
                    data[0].as_f64().is_some_and(|got| (got - number).abs() < 0.01)
                }
                _ => false,
            },
            Expected::Lines => values(request, "input")? == values(answer, "output")?,
            Expected::Events(count) => {
                let text = std::str::from_utf8(answer)?;
                text.lines().filter(|line| line.starts_with("data: ")).count() >= *count && text.ends_with("\n\n")
            }
        };
        if right { Ok(()) } else { Err(format!("expected the right content, got {}", shortened(answer)).into()) }
    }
}

/// Returns the data of the first tensor.
fn data(body: &[u8], of: &str) -> Result<Value, Failure> {
    let mut body: Value = serde_json::from_slice(body).map_err(|error| format!("{error} in {}", shortened(body)))?;
    Ok(body.pointer_mut(&format!("/{of}/0/data")).map(Value::take).unwrap_or_default())
}

/// Compares two lists. Numbers are those of FP32, which can be written with more digits than they need.
fn same_data(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same_data(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, value)| other.get(name).is_some_and(|other| same_data(value, other)))
        }
        (Value::Number(one), Value::Number(other)) => {
            one.as_f64().map(|one| one as f32) == other.as_f64().map(|other| other as f32)
        }
        _ => one == other && !one.is_null(),
    }
}

/// Returns one member of the object in each line.
fn values(lines: &[u8], member: &str) -> Result<Vec<Value>, Failure> {
    let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let mut line: Value = serde_json::from_slice(line)?;
            Ok(line.get_mut(member).map(Value::take).unwrap_or_default())
        })
        .collect()
}

fn shortened(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn right_answers_pass_and_wrong_ones_do_not() {
        let request = br#"{"inputs": [{"data": [1.5, 0.1, "a", {"b": 2}]}]}"#;
        let right = br#"{"outputs": [{"data": [1.5, 0.10000000149011612, "a", {"b": 2.0}]}]}"#;
        let wrong = br#"{"outputs": [{"data": [1.5, 0.1, "b", {"b": 2}]}]}"#;
        assert!(Expected::Data.check(request, right).is_ok());
        assert!(Expected::Data.check(request, wrong).is_err());
        assert!(Expected::Data.check(request, b"{}").is_err());
        assert!(Expected::Lines.check(b"{\"input\": 1}\n", b"{\"output\": 1}\n").is_ok());
        assert!(Expected::Lines.check(b"{\"input\": 1}\n", b"").is_err());
        assert!(Expected::Events(2).check(b"", b"data: 1\n\ndata: 2\n\n").is_ok());
        assert!(Expected::Events(2).check(b"", b"data: 1\n\n").is_err());
        assert!(Expected::Near(0.5).check(b"", br#"{"outputs": [{"data": [0.503]}]}"#).is_ok());
    }
}
