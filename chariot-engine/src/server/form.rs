//! What the headers of a request say of its body. The handler of inference asks.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::{
    error::Rejection,
    protocol::{self, Form, MediaType},
};

const JSON_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");
const PARAMETERS: HeaderName = HeaderName::from_static("chariot-inference-parameters");

/// Reads the form of a body from headers.
///
/// # Errors
/// A length that is no number; a header twice of which one is expected.
pub(super) fn of(headers: &HeaderMap) -> Result<Form, Rejection> {
    let json_length = only(headers, &JSON_LENGTH, "length", protocol::JSON_LENGTH_HEADER)?;
    let parameters = only(headers, &PARAMETERS, "object", protocol::PARAMETERS_HEADER)?;
    let content_type = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    Ok(Form {
        json_length: json_length.map(|value| protocol::json_length(value.as_bytes())).transpose()?,
        media_type: content_type.map(MediaType::read).unwrap_or_default(),
        parameters: parameters.map(|value| Bytes::copy_from_slice(value.as_bytes())),
    })
}

fn only<'a>(
    headers: &'a HeaderMap,
    header: &HeaderName,
    what: &str,
    shown: &str,
) -> Result<Option<&'a HeaderValue>, Rejection> {
    let mut values = headers.get_all(header).iter();
    match (values.next(), values.next()) {
        (Some(_), Some(_)) => Err(Rejection::new(format!("one {what} is expected, several came")).at(shown)),
        (value, _) => Ok(value),
    }
}
