//! How long a request may take by its own word: the parameter `timeout`, of Triton's schedule policy. The host asks when
//! a request has been decoded.

use std::time::Duration;

use crate::{error::Rejection, protocol::Parameters};

/// The time that the parameters of a request give it, in microseconds; none if they say nothing or 0.
///
/// # Errors
/// The value is no count of microseconds.
pub(super) fn own_limit(parameters: &Parameters) -> Result<Option<Duration>, Rejection> {
    const NAME: &str = "timeout";
    let Some(value) = parameters.get(NAME) else {
        return Ok(None);
    };
    let micros: u64 = value.parse().map_err(|_| {
        Rejection::new("a number of microseconds is expected, something else came")
            .at(format_args!("parameters.{NAME}"))
    })?;
    Ok((micros > 0).then(|| Duration::from_micros(micros)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microseconds_are_a_limit_and_nothing_else_is() {
        let of = |text: &'static str| {
            own_limit(&Parameters::from_text(text).unwrap()).map_err(|fault| fault.text().to_string())
        };
        assert_eq!(of(r#"{"timeout":1500}"#), Ok(Some(Duration::from_micros(1500))));
        for none in ["{}", r#"{"timeout":0}"#, r#"{"timeout":null}"#] {
            assert_eq!(of(none), Ok(None), "{none}");
        }
        for wrong in [r#"{"timeout":-1}"#, r#"{"timeout":1.5}"#, r#"{"timeout":"1s"}"#, r#"{"timeout":true}"#] {
            let text = "parameters.timeout: a number of microseconds is expected, something else came";
            assert_eq!(of(wrong), Err(text.into()), "{wrong}");
        }
    }
}
