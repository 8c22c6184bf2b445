//! [`Logprobs`]: the logarithmic probabilities of the tokens of a choice, as each route writes them. Responses and events have
//! them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use serde_json::value::RawValue;

use super::form::CompletionForm;

/// The member `logprobs` of a choice.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Logprobs<'a> {
    /// Those of a message: the tokens as outputs have them.
    Message { content: &'a RawValue, refusal: () },
    /// Those of a text: a list for each member of a token.
    Text(Lists<'a>),
}

#[derive(Default, Serialize)]
pub(super) struct Lists<'a> {
    /// The place in the text where each token begins, in characters.
    text_offset: Vec<usize>,
    token_logprobs: Vec<&'a RawValue>,
    tokens: Vec<Cow<'a, str>>,
    top_logprobs: Vec<Top<'a>>,
}

/// The most likely tokens in one place, and the chosen one.
struct Top<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl Serialize for Top<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (token, logprob) in &self.0 {
            map.serialize_entry(token, logprob)?;
        }
        map.end()
    }
}

/// A token as outputs have it.
#[derive(Deserialize)]
struct Token<'a> {
    #[serde(borrow)]
    token: Cow<'a, str>,
    #[serde(borrow)]
    logprob: &'a RawValue,
    bytes: Option<Vec<u8>>,
    #[serde(borrow, default)]
    top_logprobs: Vec<Token<'a>>,
}

impl<'a> Token<'a> {
    /// Returns its name on the route for texts, where that of a part of a character begins with `bytes:`.
    fn name(&self) -> Cow<'a, str> {
        match &self.bytes {
            Some(bytes) if str::from_utf8(bytes).is_err() => format!("bytes:{}", self.token).into(),
            _ => self.token.clone(),
        }
    }

    /// Returns the number of characters that begin in it. A special token has none.
    fn length(&self) -> usize {
        let bytes = self.bytes.as_deref().unwrap_or_default();
        bytes.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
    }
}

impl CompletionForm {
    /// Returns the tokens of a choice, or of a part of one that begins at this character, in the form of the route. Moves
    /// `offset` behind them.
    pub(super) fn logprobs<'a>(&self, tokens: Option<&'a RawValue>, offset: &mut usize) -> Option<Logprobs<'a>> {
        let content = tokens?;
        if self.is_chat() {
            return Some(Logprobs::Message { content, refusal: () });
        }
        let mut lists = Lists::default();
        for token in serde_json::from_str::<Vec<Token<'a>>>(content.get()).ok()? {
            lists.text_offset.push(*offset);
            *offset += token.length();
            let chosen = (token.name(), token.logprob);
            let mut top: Vec<(Cow<'a, str>, &RawValue)> = Vec::with_capacity(token.top_logprobs.len() + 1);
            let all = token.top_logprobs.iter().map(|top| (top.name(), top.logprob));
            for (name, logprob) in all.chain([chosen.clone()]) {
                if top.iter().all(|(known, _)| *known != name) {
                    top.push((name, logprob));
                }
            }
            lists.tokens.push(chosen.0);
            lists.token_logprobs.push(chosen.1);
            lists.top_logprobs.push(Top(top));
        }
        Some(Logprobs::Text(lists))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::openai::{Task, request::Answer};

    #[test]
    fn a_text_has_a_list_for_each_member_of_its_tokens() {
        let answer = Answer {
            task: Task::Completions,
            stream: false,
            include_usage: false,
            n: 1,
            logprobs: Some(1),
            base64: false,
            dimensions: None,
        };
        let form = CompletionForm::new("m", 0, answer);
        let token = |token: &str, bytes: Value, top: Value| json!({"token": token, "logprob": -1.5, "bytes": bytes, "top_logprobs": top});
        let other = |token: &str| json!({"token": token, "logprob": -0.5, "bytes": token.as_bytes()});
        let tokens = json!([
            token("aé", json!("aé".as_bytes()), json!([other("b")])),
            token("\\xf0", json!([0xf0]), json!([other("b"), other("b")])),
            token("\\x9f\\x98\\x80", json!([0x9f, 0x98, 0x80]), json!([])),
            token("<special>", Value::Null, json!([other("c")])),
            token("c", json!([b'c']), json!([other("c")])),
        ])
        .to_string();
        let mut offset = 7;
        let logprobs = form.logprobs(Some(serde_json::from_str(&tokens).unwrap()), &mut offset);
        let rest = "bytes:\\x9f\\x98\\x80";
        let expected = json!({
            "text_offset": [7, 9, 10, 10, 10],
            "token_logprobs": [-1.5, -1.5, -1.5, -1.5, -1.5],
            "tokens": ["aé", "bytes:\\xf0", rest, "<special>", "c"],
            "top_logprobs": [
                {"b": -0.5, "aé": -1.5}, {"b": -0.5, "bytes:\\xf0": -1.5}, {rest: -1.5}, {"c": -0.5, "<special>": -1.5},
                {"c": -0.5},
            ],
        });
        assert_eq!(serde_json::to_value(logprobs).unwrap(), expected);
        assert_eq!(offset, 11);
        assert!(form.logprobs(None, &mut offset).is_none());
    }
}
