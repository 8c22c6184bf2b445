//! The header `X-Request-Timeout`: the timeout of a request as a Go duration. The handler of inference requests reads it.

use std::time::Duration;

use http::{HeaderMap, HeaderName};

use crate::error::{Expected, Rejection, quoted};

const NAME: HeaderName = HeaderName::from_static("x-request-timeout");

/// Returns the timeout in the headers of a request. `None` if it is missing or 0.
///
/// # Errors
/// Rejects a value that is not a duration.
pub(super) fn from_headers(headers: &HeaderMap) -> Result<Option<Duration>, Rejection> {
    let Some(value) = headers.get(NAME) else {
        return Ok(None);
    };
    let timeout = value.to_str().ok().and_then(parse).ok_or_else(|| {
        let got = quoted(&String::from_utf8_lossy(value.as_bytes()));
        Rejection::new(Expected::new("a duration such as 300ms or 1.5s", got)).at("X-Request-Timeout")
    })?;
    Ok(Some(timeout).filter(|timeout| !timeout.is_zero()))
}

/// Parses numbers, each followed by its unit: `1m30.5s`. Only a single `0` may stand without a unit.
fn parse(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = Some(text).filter(|text| !text.is_empty())?;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let unit = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let number: f64 = rest[..unit].parse().ok()?;
        rest = &rest[unit..];
        let end = rest.find(|letter: char| letter.is_ascii_digit() || letter == '.').unwrap_or(rest.len());
        seconds += number
            * match &rest[..end] {
                "ns" => 1e-9,
                "us" | "µs" | "μs" => 1e-6,
                "ms" => 1e-3,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                _ => return None,
            };
        rest = &rest[end..];
    }
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_durations_are_accepted() {
        for (text, milliseconds) in
            [("300ms", 300), ("1.5s", 1500), ("1m30s", 90_000), ("2h45m", 9_900_000), ("0", 0), ("0s", 0), (".5s", 500)]
        {
            assert_eq!(parse(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        assert_eq!(parse("250us"), Some(Duration::from_micros(250)));
        for wrong in ["", "1", "s", "1x", "-1s", "1 s", "1..5s", "1sm", "1e3s", "inf", "99999999999999999999h"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
