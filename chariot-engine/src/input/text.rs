//! [`Text`]: one element as a text.

use std::ops::Deref;

use super::{DecodeContext, Element, Input, example, media};
use crate::{error::Result, protocol::JsonText};

/// One element of an input as a text, as it is (not base64).
///
/// ```
/// use chariot_engine::input::Text;
///
/// assert_eq!(Text("two words".into()).split(' ').count(), 2);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(pub String);

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Input for Text {
    type Medium = media::Text;
    const INLINE: bool = true;

    fn decode(part: Element, _: &DecodeContext<'_>) -> Result<Self> {
        Ok(Text(part.text()?.into_owned()))
    }

    fn example() -> Option<JsonText> {
        example::of_element("text", &JsonText::of("The quick brown fox jumps over the lazy dog.").ok()?)
    }
}
