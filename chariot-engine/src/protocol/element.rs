//! One element of a BYTES tensor, which came as JSON or in binary form. Items are cut from inputs as these.

use std::{borrow::Cow, fmt};

use bytes::Bytes;

use super::JsonText;
use crate::error::Rejection;

/// One element of a BYTES tensor: a JSON value, or bytes that came in binary form. A clone is cheap.
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
    /// Bytes of any kind: a text, the text of a JSON value, or a file.
    Binary(Bytes),
}

impl BytesElement {
    /// The element as a text: the string that the JSON value is, or the bytes as UTF-8. It is borrowed where JSON has no
    /// escapes.
    ///
    /// # Errors
    /// It is no JSON string, or not UTF-8.
    pub fn text(&self) -> Result<Cow<'_, str>, Rejection> {
        match self {
            BytesElement::Json(value) => value
                .as_json_string()
                .ok_or_else(|| Rejection::new(format!("a string is expected, {} came", value.kind()))),
            BytesElement::Binary(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(Cow::Borrowed(text)),
                Err(_) => Err(Rejection::new("a text in UTF-8 is expected, bytes that are none came")),
            },
        }
    }

    /// The element as a JSON value; bytes must be the text of one.
    ///
    /// # Errors
    /// Bytes that are not JSON, with line and column.
    pub fn json(self) -> Result<JsonText, Rejection> {
        match self {
            BytesElement::Json(value) => Ok(value),
            BytesElement::Binary(bytes) => JsonText::from_text(bytes),
        }
    }
}

impl fmt::Debug for BytesElement {
    /// What it is and how long: the payload stays out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BytesElement::Json(value) => value.fmt(f),
            BytesElement::Binary(bytes) => write!(f, "{} bytes", bytes.len()),
        }
    }
}
