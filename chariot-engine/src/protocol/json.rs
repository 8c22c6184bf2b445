//! A JSON value that is text already. Elements of BYTES tensors, metadata and answers of models are carried as it.

use std::{borrow::Cow, fmt};

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    EncodeError,
    fault::Fault,
    finite::{Finite, NOT_FINITE},
    reader::{Reader, kind_of},
    said,
};
use crate::error::Rejection;

/// A JSON value as the text it came as or goes out as: valid JSON, UTF-8, without blanks around it.
///
/// A clone is cheap: it shares the text.
///
/// ```
/// use chariot_engine::protocol::JsonText;
///
/// let scores = JsonText::from_value(&[0.7_f32, 0.3])?;
/// assert_eq!(scores.as_str(), "[0.7,0.3]");
/// assert_eq!(scores.kind(), "a list");
/// assert_eq!(scores.parse::<Vec<f64>>().unwrap(), [0.7, 0.3]);
/// assert!(JsonText::from_value(&f32::NAN).is_err());
/// # Ok::<(), chariot_engine::protocol::EncodeError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct JsonText(Bytes);

impl JsonText {
    /// Writes `value` as JSON. Floats keep the shortest text that reads back as the same value of their type.
    ///
    /// # Errors
    /// What `value` itself reports, and a `NaN` or an infinity anywhere in it, which JSON cannot hold.
    pub fn from_value<T: Serialize + ?Sized>(value: &T) -> Result<JsonText, EncodeError> {
        let mut text = Vec::new();
        let written = value.serialize(Finite(&mut serde_json::Serializer::new(&mut text)));
        written.map_err(|error| match error.to_string() {
            text if text == NOT_FINITE => EncodeError::NotFinite("a number".into()),
            text => EncodeError::Invalid(text),
        })?;
        Ok(JsonText(text.into()))
    }

    /// Takes a text that someone else wrote, after checking that it is one JSON value. Blanks around it are cut.
    ///
    /// # Errors
    /// A text that is not JSON, with line and column.
    pub fn from_text(text: impl Into<Bytes>) -> Result<JsonText, Rejection> {
        let text = text.into();
        let checked = utf8(&text)?;
        let value = Reader::new(checked).whole().map_err(|fault| fault.rejection(checked))?;
        Ok(JsonText(text.slice_ref(value.as_bytes())))
    }

    /// A string as a JSON value.
    pub(super) fn of_string(string: &str) -> Self {
        // A string is written whatever it holds: serde_json has no error to report here.
        JsonText(serde_json::to_vec(string).unwrap_or_else(|_| b"\"\"".to_vec()).into())
    }

    /// A slice of a body that the reader has passed as one value.
    pub(super) fn checked(text: Bytes) -> Self {
        JsonText(text)
    }

    /// A part of this text that is a value of its own.
    pub(super) fn part(&self, part: &str) -> Self {
        JsonText(self.0.slice_ref(part.as_bytes()))
    }

    /// The text, shared.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// The text as bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        // Every way to a `JsonText` has checked it, so the empty text is never seen.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The string, if the value is one; borrowed if it has no escapes.
    pub fn as_json_string(&self) -> Option<Cow<'_, str>> {
        match self.0.first() {
            Some(b'"') => Reader::new(self.as_str()).string("a string").ok(),
            _ => None,
        }
    }

    /// What the value is, for an error text: `a string`, `a number`, `a list`, `an object`, `true or false`, `null`.
    pub fn kind(&self) -> &'static str {
        kind_of(self.0.first().copied())
    }

    /// Whether the value is `null`.
    pub fn is_null(&self) -> bool {
        self.0.first() == Some(&b'n')
    }

    /// Reads the value as a type of the caller's.
    ///
    /// # Errors
    /// What does not fit the type and where in the value, in words for the caller: without the payload and without Rust's
    /// names.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Rejection> {
        let text = self.as_str();
        serde_json::from_str(text).map_err(|error| said::json_fault(&error, text))
    }
}

impl fmt::Debug for JsonText {
    /// What it is and how long: the payload stays out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JsonText({} of {} bytes)", self.kind(), self.0.len())
    }
}

impl fmt::Display for JsonText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text of a body.
pub(super) fn utf8(bytes: &[u8]) -> Result<&str, Rejection> {
    std::str::from_utf8(bytes).map_err(|error| {
        let valid = std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
        Fault::at(valid.len(), "not valid JSON: the text is not UTF-8").rejection(valid)
    })
}
