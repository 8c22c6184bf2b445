//! The timeout in the parameters of a request: `timeout`, from Triton's schedule policy extension. The host reads it once
//! a request is decoded.

use std::time::Duration;

use crate::{
    error::{Expected, Rejection, quoted},
    protocol::Parameters,
};

/// Returns the parameter `timeout`, which is in microseconds. `None` if it is missing or 0.
///
/// # Errors
/// Rejects a value that is not a non-negative integer.
pub(super) fn from_parameters(parameters: &Parameters) -> Result<Option<Duration>, Rejection> {
    const NAME: &str = "timeout";
    let Some(value) = parameters.get(NAME) else {
        return Ok(None);
    };
    let micros: u64 = value.parse().map_err(|_| {
        let got = match value.as_str().as_bytes().first() {
            Some(b'"') => "a string".to_string(),
            Some(b'{') => "an object".to_string(),
            Some(b'[') => "a list".to_string(),
            Some(b't' | b'f') => "a boolean".to_string(),
            _ => quoted(value.as_str()),
        };
        Rejection::new(Expected::new("a non-negative integer number of microseconds", got))
            .at(format_args!("parameters.{NAME}"))
    })?;
    Ok((micros > 0).then(|| Duration::from_micros(micros)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRONG: [&str; 6] = [
        r#"{"timeout":-1}"#,
        r#"{"timeout":1.5}"#,
        r#"{"timeout":"1s"}"#,
        r#"{"timeout":true}"#,
        r#"{"timeout":[1]}"#,
        r#"{"timeout":{}}"#,
    ];

    fn timeout(text: &'static str) -> Result<Option<Duration>, String> {
        from_parameters(&Parameters::from_text(text).unwrap()).map_err(|fault| fault.text().to_string())
    }

    #[test]
    fn only_a_number_of_microseconds_is_a_timeout() {
        assert_eq!(timeout(r#"{"timeout":1500}"#), Ok(Some(Duration::from_micros(1500))));
        for none in ["{}", r#"{"timeout":0}"#, r#"{"timeout":null}"#] {
            assert_eq!(timeout(none), Ok(None), "{none}");
        }
        for wrong in WRONG {
            assert!(timeout(wrong).unwrap_err().starts_with("parameters.timeout: "), "{wrong}");
        }
    }

    #[test]
    fn messages_of_invalid_timeouts() {
        let messages: Vec<String> =
            WRONG.iter().map(|text| format!("{text} → {}", timeout(text).unwrap_err())).collect();
        insta::assert_snapshot!("timeout_parameter", messages.join("\n"));
    }
}
