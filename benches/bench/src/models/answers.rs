//! The comparison of answers: servers of one model agree, but for the rounding of their numbers.

use serde_json::Value;

use crate::Failure;

/// Checks that two answers have the same outputs. Two numbers may differ by `tolerance`.
pub(crate) fn agree(one: &[u8], other: &[u8], tolerance: f64) -> Result<(), Failure> {
    let data = |answer: &[u8]| -> Result<Value, Failure> {
        let answer: Value = serde_json::from_slice(answer)?;
        answer.pointer("/outputs/0/data").cloned().ok_or_else(|| format!("an answer without data: {answer}").into())
    };
    close(&data(one)?, &data(other)?, tolerance)
}

fn close(one: &Value, other: &Value, tolerance: f64) -> Result<(), Failure> {
    let same = match (one, other) {
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            return one.iter().zip(other).try_for_each(|(one, other)| close(one, other, tolerance));
        }
        (Value::Object(one), Value::Object(other)) if one.len() == other.len() => {
            return one
                .iter()
                .try_for_each(|(key, value)| close(value, other.get(key).unwrap_or(&Value::Null), tolerance));
        }
        (Value::Number(one), Value::Number(other)) => match (one.as_f64(), other.as_f64()) {
            (Some(one), Some(other)) => (one - other).abs() <= tolerance,
            _ => false,
        },
        (one, other) => one == other,
    };
    if same { Ok(()) } else { Err(format!("answers differ: {one} and {other}").into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(data: &str) -> Vec<u8> {
        format!(r#"{{"outputs": [{{"name": "a", "data": {data}}}]}}"#).into_bytes()
    }

    #[test]
    fn answers_agree_up_to_rounding() {
        let one = answer(r#"[[0.25, "a", {"score": 1}]]"#);
        assert!(agree(&one, &answer(r#"[[0.2500001, "a", {"score": 1.0001}]]"#), 1e-3).is_ok());
        for other in [r#"[[0.26, "a", {"score": 1}]]"#, r#"[[0.25, "b", {"score": 1}]]"#, r#"[[0.25, "a"]]"#, "[]"] {
            assert!(agree(&one, &answer(other), 1e-3).is_err(), "{other}");
        }
        assert!(agree(&one, b"{}", 1e-3).is_err());
    }
}
