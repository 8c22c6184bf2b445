//! The header `X-Request-Timeout`: how long a caller waits, as Go writes durations. The handler of inference asks.

use std::time::Duration;

use http::{HeaderMap, HeaderName};

use crate::error::{Rejection, quoted};

const NAME: HeaderName = HeaderName::from_static("x-request-timeout");

/// The time that the head of a request gives it; none if it says nothing or 0.
///
/// # Errors
/// The value is no duration.
pub(super) fn own_limit(headers: &HeaderMap) -> Result<Option<Duration>, Rejection> {
    let Some(value) = headers.get(NAME) else {
        return Ok(None);
    };
    let limit = value.to_str().ok().and_then(parse).ok_or_else(|| {
        let came = quoted(&String::from_utf8_lossy(value.as_bytes()));
        Rejection::new(format!("a duration such as 300ms or 1.5s is expected, {came} came")).at("X-Request-Timeout")
    })?;
    Ok(Some(limit).filter(|limit| !limit.is_zero()))
}

/// Numbers, with a fraction or without, each followed by its unit: `1m30.5s`. `0` alone needs none.
fn parse(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = Some(text).filter(|text| !text.is_empty())?;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let unit = rest.find(|of: char| !of.is_ascii_digit() && of != '.')?;
        let number: f64 = rest[..unit].parse().ok()?;
        rest = &rest[unit..];
        let end = rest.find(|of: char| of.is_ascii_digit() || of == '.').unwrap_or(rest.len());
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
    fn durations_are_read_as_go_writes_them() {
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
