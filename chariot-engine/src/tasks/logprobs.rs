//! [`TokenLogprob`]: a token of a generated text with its logarithmic probability, and [`TextPart`], a part of the text with
//! its tokens. [`GeneratedText`](super::GeneratedText) has the former, and models emit the latter.

use serde::{Serialize, Serializer};

#[cfg(feature = "text")]
use crate::protocol::block;

/// A token of a generated text, with its logarithmic probability, by the names of the OpenAI API.
///
/// ```
/// use chariot_engine::tasks::TokenLogprob;
///
/// let token = TokenLogprob::new("Blue", -0.1);
/// assert_eq!(token.bytes.as_deref(), Some(&b"Blue"[..]));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TokenLogprob {
    /// The text of the token, or the name of a special one. Bytes that are not UTF-8 are written as `\xf0`.
    pub token: String,
    /// The natural logarithm of its probability: finite, -9999 for tokens that cannot be chosen.
    pub logprob: f32,
    /// The bytes of the token in the text. `None` for a special token, which is no text.
    pub bytes: Option<Vec<u8>>,
    /// The most likely tokens in its place, in order. The token itself can be one of them.
    pub top_logprobs: Vec<TopLogprob>,
}

impl TokenLogprob {
    /// Creates a token with the bytes of its text and without alternatives.
    pub fn new(token: impl Into<String>, logprob: f32) -> Self {
        let token = token.into();
        let bytes = Some(token.clone().into_bytes());
        TokenLogprob { token, logprob, bytes, top_logprobs: Vec::new() }
    }

    /// Returns the memory that it takes, in bytes.
    #[cfg(feature = "text")]
    pub(crate) fn memory(&self) -> usize {
        let texts =
            |token: &str, bytes: &Option<Vec<u8>>| block(token.len()) + block(bytes.as_ref().map_or(0, Vec::len));
        let top = self.top_logprobs.iter().map(|top| texts(&top.token, &top.bytes)).sum::<usize>();
        let own = size_of::<Self>() + texts(&self.token, &self.bytes);
        own + block(self.top_logprobs.capacity() * size_of::<TopLogprob>()) + top
    }
}

/// One of the most likely tokens in the place of a token.
///
/// ```
/// use chariot_engine::tasks::{TokenLogprob, TopLogprob};
///
/// let other = TopLogprob { token: "Red".into(), logprob: -2.5, bytes: None };
/// let token = TokenLogprob { top_logprobs: vec![other], ..TokenLogprob::new("Blue", -0.1) };
/// assert_eq!(token.top_logprobs[0].token, "Red");
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TopLogprob {
    /// The text of the token, or the name of a special one. Bytes that are not UTF-8 are written as `\xf0`.
    pub token: String,
    /// The natural logarithm of its probability: finite, -9999 for tokens that cannot be chosen.
    pub logprob: f32,
    /// The bytes of the token in the text. `None` for a special token, which is no text.
    pub bytes: Option<Vec<u8>>,
}

/// A part of a text that a model generates, with the tokens that begin in it, if the caller wants them. Models emit it.
///
/// It is serialized as the text, or as an object with `text` and `logprobs`.
///
/// ```
/// use chariot_engine::tasks::{TextPart, TokenLogprob};
///
/// let tokens = [TokenLogprob::new("Blue", -0.5)];
/// let plain = TextPart { text: "Blue", logprobs: None };
/// let whole = TextPart { logprobs: Some(&tokens), ..plain };
/// assert_eq!(serde_json::to_string(&plain).unwrap(), r#""Blue""#);
/// assert!(serde_json::to_string(&whole).unwrap().starts_with(r#"{"text":"Blue","logprobs":[{"token":"Blue","#));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TextPart<'a> {
    /// The text.
    pub text: &'a str,
    /// The tokens.
    pub logprobs: Option<&'a [TokenLogprob]>,
}

impl Serialize for TextPart<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Object<'a> {
            text: &'a str,
            logprobs: &'a [TokenLogprob],
        }
        match self.logprobs {
            None => serializer.serialize_str(self.text),
            Some(logprobs) => Object { text: self.text, logprobs }.serialize(serializer),
        }
    }
}
