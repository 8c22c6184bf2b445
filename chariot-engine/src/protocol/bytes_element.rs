//! One element of a BYTES tensor, received as JSON or in binary form. Items are made from them.

use std::{borrow::Cow, fmt};

use bytes::Bytes;

use super::json_text::JsonText;
use crate::error::{Expected, Rejection};

/// One element of a BYTES tensor: a JSON value, or bytes received in binary form. Cheap to clone.
///
/// ```
/// use chariot_engine::protocol::{BytesElement, JsonText};
///
/// let written = BytesElement::Json(JsonText::from_value("caf\u{e9}").unwrap());
/// let binary = BytesElement::Binary("caf\u{e9}".into());
/// assert_eq!(written.text().unwrap(), binary.text().unwrap());
/// assert!(BytesElement::Binary(vec![0xff].into()).text().is_err());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub enum BytesElement {
    /// A JSON value.
    Json(JsonText),
    /// Bytes of any kind: a string, the text of a JSON value, or a file.
    Binary(Bytes),
}

impl BytesElement {
    /// Returns the number of bytes that the element takes in the body.
    pub(crate) fn len(&self) -> usize {
        match self {
            BytesElement::Json(value) => value.as_bytes().len(),
            BytesElement::Binary(bytes) => bytes.len(),
        }
    }

    /// Returns the element as a string: the string of a JSON value, or bytes decoded as UTF-8. Borrowed unless the JSON
    /// string has escapes.
    ///
    /// # Errors
    /// Returns an error if the JSON value is not a string, or if the bytes are not UTF-8.
    pub fn text(&self) -> Result<Cow<'_, str>, Rejection> {
        match self {
            BytesElement::Json(value) => {
                value.as_json_string().ok_or_else(|| Rejection::new(Expected::new("a string", value.kind())))
            }
            BytesElement::Binary(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(Cow::Borrowed(text)),
                Err(_) => Err(Rejection::new(Expected::new("UTF-8 text", "bytes that are not UTF-8"))),
            },
        }
    }

    /// Returns the element as a JSON value; bytes must be the text of one.
    ///
    /// # Errors
    /// Returns an error with line and column if the bytes are not JSON.
    pub fn json(self) -> Result<JsonText, Rejection> {
        match self {
            BytesElement::Json(value) => Ok(value),
            BytesElement::Binary(bytes) => JsonText::from_text(bytes),
        }
    }
}

impl fmt::Debug for BytesElement {
    /// Formats the kind and the length only, to keep the payload out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BytesElement::Json(value) => value.fmt(f),
            BytesElement::Binary(bytes) => write!(f, "{} bytes", bytes.len()),
        }
    }
}
