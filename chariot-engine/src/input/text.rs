//! [`Text`]: one element as a text.

use std::fmt;

use super::{context::DecodeContext, decode::Input, example, modality, payload::ElementPayload};
use crate::{
    error::{Error, Expected, Result},
    protocol::{JsonText, block},
};

/// One element of an input as a text. It is taken as it is: base64 is not decoded.
///
/// ```
/// use chariot_engine::input::Text;
///
/// let text = Text::from("two words");
/// assert_eq!(text.as_str().split(' ').count(), 2);
/// assert_eq!(text, "two words");
/// assert_eq!(text.to_string(), "two words");
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
        f.pad(&self.0)
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

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0
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

impl PartialEq<String> for Text {
    fn eq(&self, other: &String) -> bool {
        self.0 == *other
    }
}

impl Input for Text {
    type Modality = modality::Text;
    const INLINE: bool = true;

    fn decode(payload: ElementPayload, cx: &DecodeContext<'_>) -> Result<Self> {
        // No escape is shorter than the text that it stands for.
        cx.reserve(block(payload.value.len()))?;
        let text = payload.text()?;
        let (len, limit) = (text.len() as u64, cx.max_text);
        if len > limit {
            let what = format_args!("at most {limit} bytes of text (CHARIOT_ENGINE_MAX_TEXT)");
            return Err(Error::rejected(Expected::new(what, len)));
        }
        Ok(Text(text.into_owned()))
    }

    fn memory(&self) -> usize {
        block(self.0.capacity())
    }

    fn example() -> Option<JsonText> {
        example::from_element("text", &JsonText::from_value("The quick brown fox jumps over the lazy dog.").ok()?)
    }
}
