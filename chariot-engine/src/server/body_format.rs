//! The format of a request body according to its headers. The handler of inference requests uses it.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::{
    error::{Expected, Rejection},
    protocol::{self, BodyFormat},
};

const JSON_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");
const PARAMETERS: HeaderName = HeaderName::from_static("chariot-inference-parameters");

/// The header by which a caller asks for `Server-Timing`.
const WANTS_TIMES: HeaderName = HeaderName::from_static("x-server-timing");

/// The format of a body, and what the caller asks for.
#[derive(Debug)]
pub(super) struct Announced {
    pub(super) format: BodyFormat,
    /// The caller asks for the times of the stages.
    pub(super) wants_times: bool,
}

/// Reads the format of a body, and what the caller asks for, from headers.
///
/// # Errors
/// Rejects a JSON length that is not a number, and a repeated header.
pub(super) fn from_headers(headers: &HeaderMap) -> Result<Announced, Rejection> {
    let (mut content_type, mut json_length, mut parameters) = (None, None, None);
    let mut wants_times = false;
    // There are few headers, so one pass over them is faster than a lookup for each name.
    for (name, value) in headers {
        if name == header::CONTENT_TYPE {
            content_type.get_or_insert(value.as_bytes());
        } else if name == JSON_LENGTH {
            only(&mut json_length, value, "length", protocol::JSON_LENGTH_HEADER)?;
        } else if name == PARAMETERS {
            only(&mut parameters, value, "object", protocol::PARAMETERS_HEADER)?;
        } else if name == WANTS_TIMES {
            wants_times = value == "1";
        }
    }
    let mut format = content_type.map(BodyFormat::from_content_type).unwrap_or_default();
    format.json_length = json_length.map(|value| protocol::json_length(value.as_bytes())).transpose()?;
    format.parameters = parameters.map(|value| Bytes::copy_from_slice(value.as_bytes()));
    Ok(Announced { format, wants_times })
}

/// Returns `true` for a path of the Open Inference Protocol, which names a model: `/v2/models/digits/infer`. What a body
/// without a media type is on such a path does not depend on its bytes.
pub(super) fn names_model(path: &str) -> bool {
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    let mut before = None;
    segments.any(|segment| before.replace(segment) == Some("v2") && segment == "models")
}

/// Sets the value of a header that may occur only once.
fn only<'a>(
    known: &mut Option<&'a HeaderValue>,
    value: &'a HeaderValue,
    what: &str,
    shown: &str,
) -> Result<(), Rejection> {
    match known.replace(value) {
        None => Ok(()),
        Some(_) => Err(Rejection::new(Expected::new(format_args!("one {what}"), "several")).at(shown)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_the_open_inference_protocol_name_a_model() {
        for path in ["/v2/models/m/infer", "//v2//models/m/versions/1/infer/", "/base/v2/models/m/infer"] {
            assert!(names_model(path), "{path}");
        }
        for path in ["/infer", "/base/infer", "/models/m/infer", "/v2/m/models/infer", ""] {
            assert!(!names_model(path), "{path}");
        }
    }
}
