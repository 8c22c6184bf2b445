//! A JSON value kept as text. Elements of BYTES tensors, metadata and outputs of models are carried as one.

use std::{borrow::Cow, fmt};

use bytes::Bytes;
use memchr::memchr;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    encode_error::EncodeError,
    fault::Fault,
    finite::{Finite, NOT_FINITE},
    meter::Meter,
    metered::Metered,
    reader::{JsonReader, kind_of},
    serde_error,
    write_string::write_string,
};
use crate::error::Rejection;

/// The length in bytes up to which the text of a value is copied from the buffer that it is written to, so that it keeps no
/// more memory than it needs.
const SHORT: usize = 256;

/// A JSON value as it was received or will be sent: valid JSON in UTF-8, without whitespace around it.
///
/// Cheap to clone: clones share the text.
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
    /// Returns an error if the serialization of `value` fails, or if `value` contains a `NaN` or an infinity, which JSON
    /// cannot represent.
    pub fn from_value<T: Serialize + ?Sized>(value: &T) -> Result<JsonText, EncodeError> {
        // Most outputs of a model are short, so the text seldom grows, which would take several allocations.
        let mut text = Vec::with_capacity(SHORT);
        let written = value.serialize(Finite(&mut serde_json::Serializer::new(&mut text)));
        written.map_err(|error| match error.to_string() {
            text if text == NOT_FINITE => EncodeError::NotFinite("a number".into()),
            text => EncodeError::Invalid(text),
        })?;
        Ok(JsonText(if text.len() <= SHORT { Bytes::copy_from_slice(&text) } else { text.into() }))
    }

    /// Checks that a text is one JSON value, and removes the whitespace around it and a byte order mark in front of it.
    ///
    /// # Errors
    /// Returns an error with line and column if the text is not JSON.
    pub fn from_text(text: impl Into<Bytes>) -> Result<JsonText, Rejection> {
        let text = without_mark(&text.into());
        let checked = utf8(&text)?;
        let value = JsonReader::new(checked).whole().map_err(|fault| fault.rejection_in(checked))?;
        Ok(JsonText(text.slice_ref(value.as_bytes())))
    }

    /// Writes a string as a JSON value.
    pub(super) fn from_string(string: &str) -> Self {
        let mut text = Vec::with_capacity(string.len() + 2);
        write_string(&mut text, string);
        JsonText(text.into())
    }

    /// Wraps a slice of a body that the reader has already checked to be one value.
    pub(super) fn new_unchecked(text: Bytes) -> Self {
        JsonText(text)
    }

    /// Returns a part of this text that is a value of its own.
    pub(crate) fn part(&self, part: &str) -> Self {
        JsonText(self.0.slice_ref(part.as_bytes()))
    }

    /// Returns the text without a copy.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// Returns the text as bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        // Every constructor has checked the text, so the default is never used.
        text_of(&self.0)
    }

    /// Returns the string, if the value is one; borrowed if it has no escapes.
    pub fn as_json_string(&self) -> Option<Cow<'_, str>> {
        let text = self.as_str();
        let inner = text.strip_prefix('"')?;
        if memchr(b'\\', inner.as_bytes()).is_some() {
            return JsonReader::new(text).string("a string").ok();
        }
        inner.strip_suffix('"').map(Cow::Borrowed)
    }

    /// Returns the kind of the value for an error message: `a string`, `a number`, `a list`, `an object`, `a boolean` or
    /// `null`.
    pub fn kind(&self) -> &'static str {
        kind_of(self.0.first().copied())
    }

    /// Returns `true` if the value is a string.
    pub(crate) fn is_string(&self) -> bool {
        self.0.first() == Some(&b'"')
    }

    /// Returns `true` if the value is `null`.
    pub fn is_null(&self) -> bool {
        self.0.first() == Some(&b'n')
    }

    /// Deserializes the value as a type of the author's.
    ///
    /// # Errors
    /// Returns an error that tells the caller which part of the value does not match the type, without the payload and
    /// without Rust's type names.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Rejection> {
        self.parse_metered(&Meter::default())
    }

    /// Deserializes the value as [`parse`](Self::parse) does, and reserves memory for it.
    pub(crate) fn parse_metered<T: DeserializeOwned>(&self, meter: &Meter<'_>) -> Result<T, Rejection> {
        self.parse_metered_borrowed(meter)
    }

    /// Deserializes the value as [`parse_metered`](Self::parse_metered) does, as a type that may borrow its texts.
    pub(crate) fn parse_metered_borrowed<'a, T: Deserialize<'a>>(&'a self, meter: &Meter<'_>) -> Result<T, Rejection> {
        let text = self.as_str();
        let mut reader = serde_json::Deserializer::from_str(text);
        let value = T::deserialize(Metered::new(&mut reader, meter)).and_then(|value| reader.end().map(|()| value));
        value.map_err(|error| serde_error::json_fault(&error, text))
    }
}

impl fmt::Debug for JsonText {
    /// Formats the kind and the length only, to keep the payload out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JsonText({} of {} bytes)", self.kind(), self.0.len())
    }
}

impl fmt::Display for JsonText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The byte order mark of UTF-8. Editors and tools of Windows write it in front of a text.
pub(super) const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Returns a text without the byte order mark in front of it.
pub(super) fn without_mark(text: &Bytes) -> Bytes {
    match text.strip_prefix(BYTE_ORDER_MARK) {
        Some(rest) => text.slice_ref(rest),
        None => text.clone(),
    }
}

/// Returns the text of bytes that are known to be UTF-8.
pub(super) fn text_of(bytes: &[u8]) -> &str {
    simdutf8::basic::from_utf8(bytes).unwrap_or_default()
}

/// Returns `true` if bytes are UTF-8.
pub(super) fn is_utf8(bytes: &[u8]) -> bool {
    simdutf8::basic::from_utf8(bytes).is_ok()
}

/// Returns the text of a body.
pub(super) fn utf8(bytes: &[u8]) -> Result<&str, Rejection> {
    if let Ok(text) = simdutf8::basic::from_utf8(bytes) {
        return Ok(text);
    }
    // Only this one tells where.
    std::str::from_utf8(bytes).map_err(|error| {
        let valid = std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
        Fault::at(valid.len(), "not valid JSON: the text is not UTF-8").rejection_in(valid)
    })
}
