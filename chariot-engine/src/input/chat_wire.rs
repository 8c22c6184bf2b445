//! The messages of a conversation on the wire, in the form of the OpenAI API. [`Chat`](super::Chat) reads them.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer, value::SeqAccessDeserializer},
};

use super::{
    chat_message::{ChatMessage, ChatPart, Role},
    context::DecodeContext,
};
#[cfg(feature = "image")]
use crate::input::image::{Image, ImageLimits};
use crate::{
    error::{Error, Expected, Rejection, Result, quoted},
    protocol::{JsonText, block},
};

/// Checks the length of a text, or of several together.
///
/// # Errors
/// Rejects a text that is longer than the limit.
pub(super) fn check_length(length: usize, cx: &DecodeContext<'_>) -> Result<()> {
    let limit = cx.max_text;
    if length as u64 > limit {
        let what = format_args!("at most {limit} bytes of text (CHARIOT_ENGINE_MAX_TEXT)");
        return Err(Error::rejected(Expected::new(what, length)));
    }
    Ok(())
}

/// Reads the messages of a conversation.
///
/// # Errors
/// Rejects what is no conversation, or one whose texts are too long together.
pub(super) fn messages(value: &JsonText, cx: &DecodeContext<'_>) -> Result<Vec<ChatMessage>> {
    // The texts are metered here, although most are still borrowed from the body.
    let Conversation(written) = value.parse_metered_borrowed(cx.meter())?;
    if written.is_empty() {
        return Err(Error::rejected(Expected::new("at least one message", "none")));
    }
    cx.reserve(written.len() * size_of::<ChatMessage>())?;
    check_length(written.iter().map(WrittenMessage::text_length).sum(), cx)?;
    let message = |(index, message): (usize, WrittenMessage<'_>)| message.message(index, cx);
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

    /// Makes the message at this index.
    fn message(self, index: usize, cx: &DecodeContext<'_>) -> Result<ChatMessage> {
        if self.tool_calls.is_some_and(|calls| !calls.is_empty()) {
            let fault = Expected::new("no tool calls", "some, which are not supported");
            return Err(Error::rejected(fault).at(format_args!("[{index}].tool_calls")));
        }
        let content = match self.content {
            Content::Text(text) => vec![ChatPart::Text(text.into_owned())],
            Content::Parts(parts) => {
                cx.reserve(block(parts.len() * size_of::<ChatPart>()))?;
                let part = |(at, part): (usize, WrittenPart<'_>)| {
                    let member = part.member();
                    part.part(cx).map_err(|error| error.at(format_args!("[{index}].content[{at}]{member}")))
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
    /// Returns the path of the member in which a fault is.
    fn member(&self) -> &'static str {
        match (&*self.kind, &self.image_url) {
            ("image_url", Some(_)) => ".image_url",
            ("text" | "image_url", _) => "",
            _ => ".type",
        }
    }

    fn part(self, cx: &DecodeContext<'_>) -> Result<ChatPart> {
        match (&*self.kind, self.text, self.image_url) {
            ("text", Some(text), _) => Ok(ChatPart::Text(text.into_owned())),
            ("image_url", _, Some(url)) => url.decode(cx),
            ("text" | "image_url", ..) => {
                let what = format_args!("a member '{}'", self.kind);
                Err(Error::rejected(Expected::new(what, "none")))
            }
            (kind, ..) => {
                let what = if cfg!(feature = "image") { "'text' or 'image_url'" } else { "'text'" };
                Err(Error::rejected(Expected::new(what, quoted(kind))))
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
