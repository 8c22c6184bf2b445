//! Why an answer cannot be written as JSON. Encoders of values and of whole responses report it.

/// An answer that cannot be written as JSON: the model's fault, not the caller's.
///
/// ```
/// use chariot_engine::protocol::{EncodeError, JsonText};
///
/// let error = JsonText::from_value(&f32::NAN).unwrap_err();
/// assert_eq!(error, EncodeError::NotFinite("a number".into()));
/// assert_eq!(error.to_string(), "a number is NaN or infinite, which JSON cannot hold");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A `NaN` or an infinity; where it stands.
    #[error("{0} is NaN or infinite, which JSON cannot hold")]
    NotFinite(String),
    /// Bytes that came in binary form and are no text in UTF-8; where they stand.
    #[error("{0} is not UTF-8, which JSON cannot hold")]
    NotText(String),
    /// Anything else: what a type's own serialization reports, or a count of elements that is not the shape's.
    #[error("{0}")]
    Invalid(String),
}

impl EncodeError {
    /// The same, with the output that it is of.
    pub(super) fn of_output(self, name: &str) -> Self {
        match self {
            EncodeError::NotFinite(place) => EncodeError::NotFinite(format!("output {name}: {place}")),
            EncodeError::NotText(place) => EncodeError::NotText(format!("output {name}: {place}")),
            EncodeError::Invalid(text) => EncodeError::Invalid(format!("output {name}: {text}")),
        }
    }
}
