//! Outputs that are one text: [`GeneratedText`], [`Summary`], [`Translation`].

use serde::Serialize;

use super::{
    open_actions::open_task,
    schema::{list_of, object, text},
};
use crate::{error::Result, protocol::JsonText};

/// The text that a model generated from a prompt.
///
/// | task | action `complete` |
/// |---|---|
/// | Text Generation | `[{"generated_text"}]` |
///
/// The JSON and the action follow the convention of Hugging Face pipelines. Chariot documents neither, so any other
/// action is accepted too.
///
/// ```
/// use chariot_engine::{input::modality, output::{EncodeContext, Output}, tasks::GeneratedText};
///
/// let output = GeneratedText("Once upon a time".into());
/// let json = Output::<modality::Text>::encode(output, &EncodeContext::new("complete")).unwrap();
/// assert_eq!(json.as_str(), r#"[{"generated_text":"Once upon a time"}]"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratedText(pub String);

/// The summary of a text.
///
/// | task | action `summarize` |
/// |---|---|
/// | Summarization | `[{"summary_text"}]` |
///
/// The JSON and the action follow the convention of Hugging Face pipelines. Chariot documents neither, so any other
/// action is accepted too.
///
/// ```
/// use chariot_engine::{input::modality, output::{EncodeContext, Output}, tasks::Summary};
///
/// let output = Summary("They met.".into());
/// let json = Output::<modality::Text>::encode(output, &EncodeContext::new("summarize")).unwrap();
/// assert_eq!(json.as_str(), r#"[{"summary_text":"They met."}]"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary(pub String);

/// The translation of a text.
///
/// | task | action `translate` |
/// |---|---|
/// | Translation | `[{"translation_text"}]` |
///
/// The JSON and the action follow the convention of Hugging Face pipelines. Chariot documents neither, so any other
/// action is accepted too.
///
/// ```
/// use chariot_engine::{input::modality, output::{EncodeContext, Output}, tasks::Translation};
///
/// let output = Translation("Guten Tag".into());
/// let json = Output::<modality::Text>::encode(output, &EncodeContext::new("translate")).unwrap();
/// assert_eq!(json.as_str(), r#"[{"translation_text":"Guten Tag"}]"#);
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

    #[test]
    fn each_is_a_list_of_one_object() {
        let text = || "a \"b\"\n\u{e9}".to_string();
        let json = |output: Result<JsonText>| output.unwrap().as_str().to_string();
        assert_eq!(json(GeneratedText(text()).json()), "[{\"generated_text\":\"a \\\"b\\\"\\n\u{e9}\"}]");
        assert_eq!(json(Summary(text()).json()), "[{\"summary_text\":\"a \\\"b\\\"\\n\u{e9}\"}]");
        assert_eq!(json(Translation(text()).json()), "[{\"translation_text\":\"a \\\"b\\\"\\n\u{e9}\"}]");
        assert_eq!(json(GeneratedText(String::new()).json()), r#"[{"generated_text":""}]"#);
    }
}
