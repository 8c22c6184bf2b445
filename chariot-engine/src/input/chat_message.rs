//! [`ChatMessage`]: one message of a conversation. [`Chat`](super::Chat) has several, and chat templates write them.

use std::borrow::Cow;

use serde::Deserialize;

#[cfg(feature = "image")]
use super::decode::Input;
#[cfg(feature = "image")]
use crate::input::image::Image;
use crate::protocol::block;

/// One message of a conversation.
///
/// ```
/// use chariot_engine::input::{ChatMessage, Role};
///
/// let message = ChatMessage::new(Role::User, "Name a color.");
/// assert_eq!(message.text().as_deref(), Some("Name a color."));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ChatMessage {
    /// The author of the message.
    pub role: Role,
    /// The parts of the message, in order.
    pub content: Vec<ChatPart>,
    /// The name of the author, if there is one.
    pub name: Option<String>,
}

impl ChatMessage {
    /// Creates a message of one text, without a name.
    pub fn new(role: Role, text: impl Into<String>) -> Self {
        ChatMessage { role, content: vec![ChatPart::Text(text.into())], name: None }
    }

    /// Returns the texts of the message one after the other, or `None` if a part is not a text.
    pub fn text(&self) -> Option<Cow<'_, str>> {
        match &self.content[..] {
            [] => Some("".into()),
            [part] => part.as_text().map(Cow::Borrowed),
            parts => parts.iter().map(ChatPart::as_text).collect::<Option<String>>().map(Cow::Owned),
        }
    }

    /// Returns the memory that it owns, in bytes.
    pub(super) fn memory(&self) -> usize {
        let part = |part: &ChatPart| match part {
            ChatPart::Text(text) => block(text.capacity()),
            #[cfg(feature = "image")]
            ChatPart::Image(image) => image.memory(),
        };
        let name = self.name.as_ref().map_or(0, |name| block(name.capacity()));
        block(self.content.capacity() * size_of::<ChatPart>()) + self.content.iter().map(part).sum::<usize>() + name
    }
}

/// A part of a message.
///
/// ```
/// use chariot_engine::input::ChatPart;
///
/// assert_eq!(ChatPart::from("a"), ChatPart::Text("a".into()));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ChatPart {
    /// A text.
    Text(String),
    /// A picture, which the caller sends as a data URL.
    #[cfg(feature = "image")]
    Image(Image),
}

impl ChatPart {
    /// Returns the text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            ChatPart::Text(text) => Some(text),
            #[cfg(feature = "image")]
            ChatPart::Image(_) => None,
        }
    }
}

impl From<&str> for ChatPart {
    fn from(text: &str) -> Self {
        ChatPart::Text(text.into())
    }
}

/// The author of a message.
///
/// ```
/// use chariot_engine::input::Role;
///
/// assert_eq!(Role::Assistant.as_str(), "assistant");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Role {
    /// `system`: instructions for the whole conversation.
    System,
    /// `developer`: the name of `system` in newer APIs.
    Developer,
    /// `user`: the person who asks.
    User,
    /// `assistant`: the model.
    Assistant,
    /// `tool`: the result of a tool.
    Tool,
}

impl Role {
    /// Returns the name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::System => "system",
            Role::Developer => "developer",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => "tool",
        }
    }
}
