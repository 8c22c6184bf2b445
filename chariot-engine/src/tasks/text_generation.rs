//! Outputs that are one text: [`GeneratedText`] with its tokens, [`Summary`], [`Translation`].

use serde::Serialize;
use serde_json::{Value, json};

use super::{
    logprobs::TokenLogprob,
    open_actions::open_task,
    schema::{count, list, list_of, number, object, text, with_optional},
};
use crate::{error::Result, protocol::JsonText};

/// The text that a model generated from a prompt.
///
/// It is the output of Text Generation, with the action `complete`.
///
/// The JSON and the action follow the convention of Hugging Face pipelines. Chariot documents neither, so any other
/// action is accepted too.
///
/// <details><summary>Text Generation: requests and responses</summary>
///
/// ```json
#[doc = include_str!("golden/text_generation.json")]
/// ```
///
/// </details>
///
/// ```
/// use chariot_engine::tasks::{FinishReason, GeneratedText, Usage};
///
/// let output = GeneratedText::new("Once upon a time");
/// assert_eq!((&*output.text, output.usage), ("Once upon a time", None));
///
/// let usage = Usage { prompt_tokens: 12, completion_tokens: 4 };
/// let cut = GeneratedText { finish_reason: Some(FinishReason::Length), usage: Some(usage), ..output };
/// assert_eq!(cut.usage.unwrap().total_tokens(), 16);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct GeneratedText {
    /// The text.
    pub text: String,
    /// The reason why the model stopped, if it is known. Absent on the wire if it is not.
    pub finish_reason: Option<FinishReason>,
    /// The number of tokens, if they were counted. Absent on the wire if they were not.
    pub usage: Option<Usage>,
    /// The tokens of the text with their logarithmic probabilities, if the caller wants them
    /// ([`Sampling::logprobs`](crate::input::Sampling::logprobs)). Absent on the wire if they are not there.
    pub logprobs: Option<Vec<TokenLogprob>>,
}

impl GeneratedText {
    /// Creates an output of a text alone.
    pub fn new(text: impl Into<String>) -> Self {
        GeneratedText { text: text.into(), finish_reason: None, usage: None, logprobs: None }
    }

    fn json(&self) -> Result<JsonText> {
        #[derive(Serialize)]
        struct Object<'a> {
            generated_text: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            finish_reason: Option<FinishReason>,
            #[serde(skip_serializing_if = "Option::is_none")]
            usage: Option<Counted>,
            #[serde(skip_serializing_if = "Option::is_none")]
            logprobs: Option<&'a [TokenLogprob]>,
        }
        #[derive(Serialize)]
        struct Counted {
            #[serde(flatten)]
            usage: Usage,
            total_tokens: usize,
        }
        let usage = self.usage.map(|usage| Counted { usage, total_tokens: usage.total_tokens() });
        let (finish_reason, logprobs) = (self.finish_reason, self.logprobs.as_deref());
        Ok(JsonText::from_value(&[Object { generated_text: &self.text, finish_reason, usage, logprobs }])?)
    }

    /// Returns the JSON Schema of its tokens.
    fn tokens_schema() -> Value {
        let bytes = json!({ "type": ["array", "null"], "items": { "type": "integer", "minimum": 0, "maximum": 255 } });
        let token = || object([("token", text()), ("logprob", number()), ("bytes", bytes.clone())]);
        list(with_optional(token(), [("top_logprobs", list(token()))]))
    }
}

open_task!(
    GeneratedText,
    "complete",
    list_of(
        1,
        with_optional(
            object([("generated_text", text())]),
            [
                ("finish_reason", text()),
                ("usage", object(["prompt_tokens", "completion_tokens", "total_tokens"].map(|name| (name, count())))),
                ("logprobs", GeneratedText::tokens_schema()),
            ]
        )
    ),
    Text = Some("Text Generation"),
    Json = Some("Text Generation")
);

/// The reason why a model stopped to generate, by the names of the OpenAI API.
///
/// ```
/// use chariot_engine::tasks::FinishReason;
///
/// fn reason(is_complete: bool) -> FinishReason {
///     if is_complete { FinishReason::Stop } else { FinishReason::Length }
/// }
/// assert_ne!(reason(true), reason(false));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FinishReason {
    /// `stop`: the text is complete.
    Stop,
    /// `length`: the maximum number of tokens is reached.
    Length,
}

/// The number of tokens that a request took, by the names of the OpenAI API.
///
/// ```
/// use chariot_engine::tasks::Usage;
///
/// assert_eq!(Usage { prompt_tokens: 12, completion_tokens: 4 }.total_tokens(), 16);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// The tokens of the prompt.
    pub prompt_tokens: usize,
    /// The generated tokens.
    pub completion_tokens: usize,
}

impl Usage {
    /// Returns the sum, which is on the wire beside the two numbers.
    pub fn total_tokens(&self) -> usize {
        self.prompt_tokens.saturating_add(self.completion_tokens)
    }
}

/// The summary of a text.
///
/// It is the output of Summarization, with the action `summarize`.
///
/// The JSON and the action follow the convention of Hugging Face pipelines. Chariot documents neither, so any other
/// action is accepted too.
///
/// <details><summary>Summarization: requests and responses</summary>
///
/// ```json
#[doc = include_str!("golden/summarization.json")]
/// ```
///
/// </details>
///
/// ```
/// use chariot_engine::tasks::Summary;
///
/// let output = Summary("They met.".into());
/// assert!(!output.0.is_empty());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary(pub String);

/// The translation of a text.
///
/// It is the output of Translation, with the action `translate`.
///
/// The JSON and the action follow the convention of Hugging Face pipelines. Chariot documents neither, so any other
/// action is accepted too.
///
/// <details><summary>Translation: requests and responses</summary>
///
/// ```json
#[doc = include_str!("golden/translation.json")]
/// ```
///
/// </details>
///
/// ```
/// use chariot_engine::tasks::Translation;
///
/// let output = Translation("Guten Tag".into());
/// assert!(!output.0.is_empty());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Translation(pub String);

/// Implements an output that is encoded as a list of one object with one member.
macro_rules! one_text {
    ($output:ident, $member:ident, $action:literal, $task:literal) => {
        impl $output {
            fn json(&self) -> Result<JsonText> {
                #[derive(Serialize)]
                struct Object<'a> {
                    $member: &'a str,
                }
                Ok(JsonText::from_value(&[Object { $member: &self.0 }])?)
            }
        }

        open_task!(
            $output,
            $action,
            list_of(1, object([(stringify!($member), text())])),
            Text = Some($task),
            Json = Some($task)
        );
    };
}
one_text!(Summary, summary_text, "summarize", "Summarization");
one_text!(Translation, translation_text, "translate", "Translation");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::{TopLogprob, golden::tests::assert_form};

    #[test]
    fn each_has_the_golden_form_and_any_text() {
        for text in ["a \"b\"\n\u{e9}", ""] {
            for (task, action, json) in [
                ("Text Generation", "complete", GeneratedText::new(text).json()),
                ("Summarization", "summarize", Summary(text.into()).json()),
                ("Translation", "translate", Translation(text.into()).json()),
            ] {
                let json = json.unwrap();
                assert_form(task, None, action, &json);
                assert!(json.as_str().contains(&serde_json::Value::from(text).to_string()), "{json:?}");
            }
        }
    }

    #[test]
    fn reason_and_tokens_are_on_the_wire_if_they_are_known() {
        let all = GeneratedText {
            finish_reason: Some(FinishReason::Length),
            usage: Some(Usage { prompt_tokens: 12, completion_tokens: 4 }),
            ..GeneratedText::new("a")
        };
        let usage = r#"{"prompt_tokens":12,"completion_tokens":4,"total_tokens":16}"#;
        let expected = format!(r#"[{{"generated_text":"a","finish_reason":"length","usage":{usage}}}]"#);
        assert_eq!(all.json().unwrap().as_str(), expected);
        let top = TopLogprob { token: "b".into(), logprob: -1.5, bytes: None };
        let token = TokenLogprob { top_logprobs: vec![top], ..TokenLogprob::new("a", -0.25) };
        let text = GeneratedText { logprobs: Some(vec![token]), ..GeneratedText::new("a") };
        let token =
            r#"{"token":"a","logprob":-0.25,"bytes":[97],"top_logprobs":[{"token":"b","logprob":-1.5,"bytes":null}]}"#;
        assert_eq!(text.json().unwrap().as_str(), format!(r#"[{{"generated_text":"a","logprobs":[{token}]}}]"#));
        assert_eq!(GeneratedText::new("a").json().unwrap().as_str(), r#"[{"generated_text":"a"}]"#);
    }
}
