//! What the headers of a request say of its body. The handler of inference asks.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::{
    error::Rejection,
    protocol::{self, BodyFormat, MediaType},
};

const JSON_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");
const PARAMETERS: HeaderName = HeaderName::from_static("chariot-inference-parameters");

/// Reads the form of a body from headers.
///
/// # Errors
/// A length that is no number; a header twice of which one is expected.
pub(super) fn of(headers: &HeaderMap) -> Result<BodyFormat, Rejection> {
    let (mut content_type, mut json_length, mut parameters) = (None, None, None);
    // A head is short: to go over it once takes less than to look each name up.
    for (name, value) in headers {
        if name == header::CONTENT_TYPE {
            content_type.get_or_insert(value.as_bytes());
        } else if name == JSON_LENGTH {
            only(&mut json_length, value, "length", protocol::JSON_LENGTH_HEADER)?;
        } else if name == PARAMETERS {
            only(&mut parameters, value, "object", protocol::PARAMETERS_HEADER)?;
        }
    }
    Ok(BodyFormat {
        json_length: json_length.map(|value| protocol::json_length(value.as_bytes())).transpose()?,
        media_type: content_type.map(MediaType::from_content_type).unwrap_or_default(),
        parameters: parameters.map(|value| Bytes::copy_from_slice(value.as_bytes())),
    })
}

/// Takes the one value that a header may have.
fn only<'a>(
    known: &mut Option<&'a HeaderValue>,
    value: &'a HeaderValue,
    what: &str,
    shown: &str,
) -> Result<(), Rejection> {
    match known.replace(value) {
        None => Ok(()),
        Some(_) => Err(Rejection::new(format!("one {what} is expected, several came")).at(shown)),
    }
}
