//! Outputs that are one text: [`GeneratedText`], [`Summary`], [`Translation`].

use serde::Serialize;

use super::{
    open_actions::open_task,
    schema::{list_of, object, text},
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
/// use chariot_engine::tasks::GeneratedText;
///
/// let output = GeneratedText("Once upon a time".into());
/// assert!(!output.0.is_empty());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratedText(pub String);

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
one_text!(GeneratedText, generated_text, "complete", "Text Generation");
one_text!(Summary, summary_text, "summarize", "Summarization");
one_text!(Translation, translation_text, "translate", "Translation");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::golden::tests::assert_form;

    #[test]
    fn each_has_the_golden_form_and_any_text() {
        for text in ["a \"b\"\n\u{e9}", ""] {
            for (task, action, json) in [
                ("Text Generation", "complete", GeneratedText(text.into()).json()),
                ("Summarization", "summarize", Summary(text.into()).json()),
                ("Translation", "translate", Translation(text.into()).json()),
            ] {
                let json = json.unwrap();
                assert_form(task, None, action, &json);
                assert!(json.as_str().contains(&serde_json::Value::from(text).to_string()), "{json:?}");
            }
        }
    }
}
