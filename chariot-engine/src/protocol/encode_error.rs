//! The reasons why an output cannot be written as JSON. The encoders of values and of responses report them.

/// An output that cannot be written as JSON: the model's fault, not the caller's.
///
/// ```
/// use chariot_engine::protocol::{EncodeError, JsonText};
///
/// let error = JsonText::from_value(&f32::NAN).unwrap_err();
/// assert_eq!(error, EncodeError::NotFinite("a number".into()));
/// assert_eq!(error.to_string(), "a number is NaN or infinite, which JSON cannot represent");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A `NaN` or an infinity, with its location.
    #[error("{0} is NaN or infinite, which JSON cannot represent")]
    NotFinite(String),
    /// Bytes received in binary form that are not UTF-8, with their location.
    #[error("{0} is not UTF-8, which JSON cannot represent")]
    NotText(String),
    /// Any other reason: an error of a type's own serialization, or a number of elements that does not match the shape.
    #[error("{0}")]
    Invalid(String),
}

impl EncodeError {
    /// Puts the name of the output in front of the message.
    pub(super) fn in_output(self, name: &str) -> Self {
        match self {
            EncodeError::NotFinite(location) => EncodeError::NotFinite(format!("output {name}: {location}")),
            EncodeError::NotText(location) => EncodeError::NotText(format!("output {name}: {location}")),
            EncodeError::Invalid(text) => EncodeError::Invalid(format!("output {name}: {text}")),
        }
    }
}
