//! [`Text`]: one element as a text.

use std::fmt;

use super::{DecodeContext, ElementPayload, Input, example, modality};
use crate::{error::Result, protocol::JsonText};

/// One element of an input as a text, as it is (not base64).
///
/// ```
/// use chariot_engine::input::Text;
///
/// assert_eq!(Text::from("two words").as_str().split(' ').count(), 2);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(pub String);

impl Text {
    /// Returns the text as a string slice.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Text(text)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Text(text.into())
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

impl Input for Text {
    type Modality = modality::Text;
    const INLINE: bool = true;

    fn decode(part: ElementPayload, _: &DecodeContext<'_>) -> Result<Self> {
        Ok(Text(part.text()?.into_owned()))
    }

    fn example() -> Option<JsonText> {
        example::of_element("text", &JsonText::from_value("The quick brown fox jumps over the lazy dog.").ok()?)
    }
}
