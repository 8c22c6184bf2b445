//! [`Chat`]: a conversation to answer, with sampling parameters. Models that answer in a conversation take it.

use std::{borrow::Cow, fmt, sync::Arc};

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer, value::SeqAccessDeserializer},
};
use serde_json::json;

use super::{
    context::DecodeContext, decode::Input, example, modality, payload::ElementPayload, prompt::PromptKind,
    sampling::Sampling,
};
#[cfg(feature = "image")]
use crate::input::image::{Image, ImageLimits};
use crate::{
    error::{Error, Expected, Rejection, Result, quoted},
    protocol::{BytesElement, JsonText, block},
};

/// A conversation to answer, or a prompt that is already written as the model expects it, with the sampling parameters of
/// the caller.
///
/// The element is a list of messages or an object with a member `messages`, in the form of the OpenAI API, or a string: the
/// prompt. In binary form it is the JSON text of the messages, or the prompt. The parameters are those of its input.
///
/// ```
/// use chariot_engine::input::{Chat, ChatContent, DecodeContext, ElementPayload, Input, Role};
/// use chariot_engine::protocol::{BytesElement, JsonText, Parameters};
///
/// let messages = JsonText::from_text(r#"[{"role": "user", "content": "Name a color."}]"#)?;
/// let payload = ElementPayload::new("a", BytesElement::Json(messages), Parameters::default());
/// let chat = Chat::decode(payload, &DecodeContext::default()).unwrap();
/// let ChatContent::Messages(messages) = &chat.content else { panic!("a prompt") };
/// assert_eq!((messages[0].role, messages[0].text().unwrap()), (Role::User, "Name a color.".into()));
/// # Ok::<(), chariot_engine::Rejection>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Chat {
    /// The conversation or the prompt.
    pub content: ChatContent,
    /// The sampling parameters, which all items of an input share.
    pub sampling: Arc<Sampling>,
}

/// What a model answers: the messages of a conversation, or a prompt.
///
/// ```
/// use chariot_engine::input::ChatContent;
///
/// fn is_written_by_the_caller(content: &ChatContent) -> bool {
///     matches!(content, ChatContent::Prompt(_))
/// }
/// assert!(is_written_by_the_caller(&ChatContent::Prompt("Once upon".into())));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ChatContent {
    /// The messages, at least one. A model's chat template makes a prompt of them.
    Messages(Vec<ChatMessage>),
    /// The prompt, which no template changes.
    Prompt(String),
}

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
    fn memory(&self) -> usize {
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

impl Input for Chat {
    type Modality = modality::Json;
    const PROMPT: Option<PromptKind> = Some(PromptKind::Chat);

    fn decode(payload: ElementPayload, cx: &DecodeContext<'_>) -> Result<Self> {
        let sampling = payload.parameters.decode_once(cx.meter())?;
        let is_prompt = match &payload.value {
            BytesElement::Json(value) => value.is_string(),
            BytesElement::Binary(bytes) => !matches!(bytes.trim_ascii_start().first(), Some(b'[' | b'{')),
        };
        let content = if is_prompt {
            cx.reserve(block(payload.value.len()))?;
            let text = payload.text()?;
            check_length(text.len(), cx)?;
            ChatContent::Prompt(text.into_owned())
        } else {
            ChatContent::Messages(messages(&payload.value.json()?, cx)?)
        };
        Ok(Chat { content, sampling })
    }

    fn memory(&self) -> usize {
        match &self.content {
            ChatContent::Prompt(text) => block(text.capacity()),
            ChatContent::Messages(messages) => {
                let own = block(messages.capacity() * size_of::<ChatMessage>());
                own + messages.iter().map(ChatMessage::memory).sum::<usize>()
            }
        }
    }

    fn example() -> Option<JsonText> {
        let messages = json!([{ "role": "user", "content": "Name three primary colors." }]);
        example::from_element("chat", &JsonText::from_value(&messages).ok()?)
    }

    fn params_schema() -> Option<JsonText> {
        Sampling::schema()
    }
}

fn check_length(length: usize, cx: &DecodeContext<'_>) -> Result<()> {
    let limit = cx.max_text;
    if length as u64 > limit {
        let what = format_args!("at most {limit} bytes of text (CHARIOT_ENGINE_MAX_TEXT)");
        return Err(Error::rejected(Expected::new(what, length)));
    }
    Ok(())
}

/// Reads the messages of a conversation.
fn messages(value: &JsonText, cx: &DecodeContext<'_>) -> Result<Vec<ChatMessage>> {
    // The texts are metered here, although most are still borrowed from the body.
    let Conversation(written) = value.parse_metered_borrowed(cx.meter())?;
    if written.is_empty() {
        return Err(Error::rejected(Expected::new("at least one message", "none")));
    }
    cx.reserve(written.len() * size_of::<ChatMessage>())?;
    check_length(written.iter().map(WrittenMessage::text_length).sum(), cx)?;
    let message = |(index, message): (usize, WrittenMessage<'_>)| {
        message.message(cx).map_err(|error| error.at(format_args!("[{index}]")))
    };
    written.into_iter().enumerate().map(message).collect()
}

/// The messages on the wire: a list, or an object with the list.
struct Conversation<'a>(Vec<WrittenMessage<'a>>);

impl<'de> Deserialize<'de> for Conversation<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Object<'a> {
            #[serde(borrow)]
            messages: Vec<WrittenMessage<'a>>,
        }
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Conversation<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of messages, an object with the member 'messages', or a string")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<Self::Value, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(elements)).map(Conversation)
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
                let object = Object::deserialize(MapAccessDeserializer::new(members))?;
                Ok(Conversation(object.messages))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// A message on the wire.
#[derive(Deserialize)]
struct WrittenMessage<'a> {
    role: Role,
    #[serde(borrow, default)]
    content: Content<'a>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<de::IgnoredAny>>,
}

impl WrittenMessage<'_> {
    /// Returns the length of its texts in bytes.
    fn text_length(&self) -> usize {
        let part = |part: &WrittenPart<'_>| part.text.as_ref().map_or(0, |text| text.len());
        match &self.content {
            Content::Text(text) => text.len(),
            Content::Parts(parts) => parts.iter().map(part).sum(),
        }
    }

    fn message(self, cx: &DecodeContext<'_>) -> Result<ChatMessage> {
        if self.tool_calls.is_some_and(|calls| !calls.is_empty()) {
            return Err(
                Error::rejected(Expected::new("no tool calls", "some, which are not supported")).at("tool_calls")
            );
        }
        let content = match self.content {
            Content::Text(text) => vec![ChatPart::Text(text.into_owned())],
            Content::Parts(parts) => {
                cx.reserve(block(parts.len() * size_of::<ChatPart>()))?;
                let part = |(index, part): (usize, WrittenPart<'_>)| {
                    part.part(cx).map_err(|error| error.at(format_args!("content[{index}]")))
                };
                parts.into_iter().enumerate().map(part).collect::<Result<_>>()?
            }
        };
        Ok(ChatMessage { role: self.role, content, name: self.name })
    }
}

/// The content of a message on the wire: a text, a list of parts, or `null`.
enum Content<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<WrittenPart<'a>>),
}

impl Default for Content<'_> {
    fn default() -> Self {
        Content::Parts(Vec::new())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Content<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of parts")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Content::Text(text.into()))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Content::Text(text.to_owned().into()))
            }

            fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
                Ok(Content::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<Self::Value, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(elements)).map(Content::Parts)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// A part of a message on the wire.
#[derive(Deserialize)]
struct WrittenPart<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    image_url: Option<ImageUrl<'a>>,
}

impl WrittenPart<'_> {
    fn part(self, cx: &DecodeContext<'_>) -> Result<ChatPart> {
        match (&*self.kind, self.text, self.image_url) {
            ("text", Some(text), _) => Ok(ChatPart::Text(text.into_owned())),
            ("image_url", _, Some(url)) => url.decode(cx).map_err(|error| error.at("image_url")),
            ("text" | "image_url", ..) => {
                let what = format_args!("a member '{}'", self.kind);
                Err(Error::rejected(Expected::new(what, "none")))
            }
            (kind, ..) => {
                let what = if cfg!(feature = "image") { "'text' or 'image_url'" } else { "'text'" };
                Err(Error::rejected(Expected::new(what, quoted(kind))).at("type"))
            }
        }
    }
}

/// The URL of a picture on the wire: a string, or an object with the member `url`.
struct ImageUrl<'a>(Cow<'a, str>);

impl ImageUrl<'_> {
    #[cfg(feature = "image")]
    fn decode(self, cx: &DecodeContext<'_>) -> Result<ChatPart> {
        let data = self.data()?;
        Ok(ChatPart::Image(Image::decode_base64_metered(data, &ImageLimits::new(cx.max_pixels), cx.meter())?))
    }

    #[cfg(not(feature = "image"))]
    fn decode(self, _: &DecodeContext<'_>) -> Result<ChatPart> {
        self.data()?;
        Err(Error::rejected(Expected::new("a text", "a picture, which this engine does not take")))
    }

    /// Returns the base64 text of a data URL.
    fn data(&self) -> Result<&str, Rejection> {
        let what = "a data URL in base64 ('data:image/png;base64,...')";
        let rest = self.0.get(..5).filter(|scheme| scheme.eq_ignore_ascii_case("data:")).map(|_| &self.0[5..]);
        let Some(rest) = rest else {
            let got = match self.0.split_once("://") {
                Some((scheme, _)) => format!("a URL of {}, from which this engine fetches nothing", quoted(scheme)),
                None => "another text".to_owned(),
            };
            return Err(Rejection::new(Expected::new(what, got)));
        };
        match rest.split_once(',') {
            Some((head, data)) if head.to_ascii_lowercase().ends_with(";base64") => Ok(data),
            _ => Err(Rejection::new(Expected::new(what, "a data URL of another form"))),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for ImageUrl<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Object<'a> {
            #[serde(borrow)]
            url: Cow<'a, str>,
        }
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = ImageUrl<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with the member 'url'")
            }

            fn visit_borrowed_str<E: de::Error>(self, url: &'de str) -> Result<Self::Value, E> {
                Ok(ImageUrl(url.into()))
            }

            fn visit_str<E: de::Error>(self, url: &str) -> Result<Self::Value, E> {
                Ok(ImageUrl(url.to_owned().into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
                Ok(ImageUrl(Object::deserialize(MapAccessDeserializer::new(members))?.url))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Parameters;

    fn decoded(value: &str) -> Result<Chat> {
        let value = BytesElement::Json(JsonText::from_text(value.to_owned()).unwrap());
        Chat::decode(ElementPayload::new("a", value, Parameters::default()), &DecodeContext::default())
    }

    fn messages_of(chat: Chat) -> Vec<ChatMessage> {
        match chat.content {
            ChatContent::Messages(messages) => messages,
            ChatContent::Prompt(text) => panic!("expected messages, got the prompt {text:?}"),
        }
    }

    #[test]
    fn messages_are_read_in_each_form() {
        let list = r#"[{"role": "system", "content": "a\nb"}, {"role": "user", "content": [{"type": "text", "text": "c"},
            {"type": "text", "text": "d"}], "name": "me"}, {"role": "assistant", "content": null, "tool_calls": []}]"#;
        let object = format!(r#"{{"messages": {list}, "other": 1}}"#);
        let binary = |text: &str| {
            let payload = ElementPayload::new("a", BytesElement::Binary(text.to_owned().into()), Parameters::default());
            Chat::decode(payload, &DecodeContext::default()).unwrap()
        };
        let mut named = ChatMessage::new(Role::User, "c");
        named.content.push("d".into());
        named.name = Some("me".into());
        let mut empty = ChatMessage::new(Role::Assistant, "");
        empty.content.clear();
        let expected = vec![ChatMessage::new(Role::System, "a\nb"), named, empty];
        for chat in [decoded(list).unwrap(), decoded(&object).unwrap(), binary(&object), binary(list)] {
            assert_eq!(messages_of(chat), expected);
        }
        assert_eq!(expected[1].text().unwrap(), "cd");
        for chat in [decoded(r#""[a prompt]""#).unwrap(), binary("[a prompt]".strip_prefix('[').unwrap())] {
            assert!(matches!(&chat.content, ChatContent::Prompt(text) if text.ends_with("a prompt]")), "{chat:?}");
        }
    }

    #[test]
    fn what_is_no_conversation_is_rejected_by_name() {
        let image = |url: &str| {
            format!(r#"[{{"role": "user", "content": [{{"type": "image_url", "image_url": {{"url": "{url}"}}}}]}}]"#)
        };
        let cases = [
            "[]",
            "7",
            r#"{"message": []}"#,
            r#"["hello"]"#,
            r#"[{"content": "a"}]"#,
            r#"[{"role": "robot", "content": "a"}]"#,
            r#"[{"role": "user", "content": 7}]"#,
            r#"[{"role": "user", "content": [{"type": "text"}]}]"#,
            r#"[{"role": "user", "content": [{"text": "a"}]}]"#,
            r#"[{"role": "user", "content": [{"type": "input_audio"}]}]"#,
            r#"[{"role": "assistant", "tool_calls": [{"id": "a"}]}]"#,
        ];
        let mut messages = String::new();
        for case in cases {
            messages += &format!("{case} → {}\n", decoded(case).unwrap_err().public_message().unwrap());
        }
        for url in ["https://example.com/cat.png", "cat.png", "data:image/png,abc", "data:image/png;base64,****"] {
            let text = decoded(&image(url)).unwrap_err().public_message().unwrap();
            if cfg!(feature = "image") {
                messages += &format!("{url} → {text}\n");
            }
        }
        if cfg!(feature = "image") {
            insta::assert_snapshot!("chat", messages);
        }
    }

    #[cfg(feature = "image")]
    #[test]
    fn a_picture_is_decoded() {
        let gif = "data:image/gif;base64,R0lGODdhAQABAIAAAAAAAP///ywAAAAAAQABAAACAkQBADs=";
        for url in [format!(r#"{{"url": "{gif}", "detail": "low"}}"#), format!("{gif:?}")] {
            let content = format!(r#"[{{"type": "text", "text": "a"}}, {{"type": "image_url", "image_url": {url}}}]"#);
            let chat = decoded(&format!(r#"[{{"role": "user", "content": {content}}}]"#)).unwrap();
            let messages = messages_of(chat);
            let ChatPart::Image(image) = &messages[0].content[1] else { panic!("{messages:?}") };
            assert_eq!((image.width(), messages[0].text()), (1, None));
        }
    }

    #[test]
    fn all_texts_together_are_limited() {
        let mut cx = DecodeContext::default();
        cx.max_text = 5;
        let decode = |value: &str| {
            let value = BytesElement::Json(JsonText::from_text(value.to_owned()).unwrap());
            Chat::decode(ElementPayload::new("a", value, Parameters::default()), &cx)
        };
        let two =
            |text: &str| format!(r#"[{{"role": "user", "content": "abc"}}, {{"role": "user", "content": "{text}"}}]"#);
        assert!(decode(&two("de")).is_ok() && decode(r#""abcde""#).is_ok());
        for value in [two("def"), r#""abcdef""#.to_owned()] {
            let text = decode(&value).unwrap_err().public_message().unwrap();
            assert_eq!(text, "expected at most 5 bytes of text (CHARIOT_ENGINE_MAX_TEXT), got 6");
        }
    }

    #[test]
    fn its_memory_is_that_of_its_texts() {
        let chat = decoded(&format!(r#"[{{"role": "user", "content": "{}"}}]"#, "x".repeat(10_000))).unwrap();
        assert!((10_000..11_000).contains(&chat.memory()), "{}", chat.memory());
    }
}
