//! [`Chat`]: a conversation to answer, with sampling parameters. Models that answer in a conversation take it.

use std::sync::Arc;

use serde_json::json;

use super::{
    chat_message::ChatMessage, chat_wire, context::DecodeContext, decode::Input, example, modality,
    payload::ElementPayload, prompt_kind::PromptKind, sampling::Sampling,
};
use crate::{
    error::Result,
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

/// The text that a model answers: the messages of a conversation, or a prompt.
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
            chat_wire::check_length(text.len(), cx)?;
            ChatContent::Prompt(text.into_owned())
        } else {
            ChatContent::Messages(chat_wire::messages(&payload.value.json()?, cx)?)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{input::Role, protocol::Parameters};

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
        use crate::input::ChatPart;

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
