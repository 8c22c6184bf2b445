//! [`ExtractedAnswer`]: the output of Question Answering.

use serde::Serialize;

use super::{
    check,
    open_actions::open_task,
    schema::{count, number, object, text},
};
use crate::{error::Result, protocol::JsonText};

/// The part of a text that answers a question.
///
/// | task | action `predict` |
/// |---|---|
/// | Question Answering | `{"answer","score","start","end"}` |
///
/// The JSON and the action follow the convention of Hugging Face pipelines. Chariot documents neither, so any other
/// action is accepted too. By that convention positions count characters, as Python does, and a missing answer is an
/// empty string. A question comes with the text that it is about, so the input is usually a
/// [`Json`](crate::input::Json) of both.
///
/// ```
/// use chariot_engine::{input::modality, output::{EncodeContext, Output}, tasks::ExtractedAnswer};
///
/// let answer = ExtractedAnswer::new("Berlin", 0.75, 13, 19).unwrap();
/// assert_eq!(
///     Output::<modality::Json>::encode(answer, &EncodeContext::new("predict")).unwrap().as_str(),
///     r#"{"answer":"Berlin","score":0.75,"start":13,"end":19}"#
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExtractedAnswer {
    answer: String,
    score: f32,
    start: usize,
    end: usize,
}

impl ExtractedAnswer {
    /// Creates an output from the answer and its position in the text, in characters (not bytes). `start` is the first
    /// character of the answer, `end` the first one after it.
    ///
    /// # Errors
    /// Returns an error if the score is not finite or if `end` is before `start`.
    pub fn new(answer: impl Into<String>, score: f32, start: usize, end: usize) -> Result<Self> {
        check::finite("answer", 0, "score", score)?;
        check::span("answer", 0, start, end)?;
        Ok(Self { answer: answer.into(), score, start, end })
    }

    /// Returns the text of the answer.
    pub fn text(&self) -> &str {
        &self.answer
    }

    /// Returns the model's confidence.
    pub fn score(&self) -> f32 {
        self.score
    }

    fn json(&self) -> Result<JsonText> {
        Ok(JsonText::from_value(self)?)
    }
}

open_task!(
    ExtractedAnswer,
    "predict",
    object([("answer", text()), ("score", number()), ("start", count()), ("end", count())]),
    Text = Some("Question Answering"),
    Json = Some("Question Answering")
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::check::tests::failure;

    #[test]
    fn the_output_is_one_object() {
        let json = |answer: Result<ExtractedAnswer>| answer.unwrap().json().unwrap().as_str().to_string();
        assert_eq!(
            json(ExtractedAnswer::new("a \"b\"", 0.87, 3, 8)),
            r#"{"answer":"a \"b\"","score":0.87,"start":3,"end":8}"#
        );
        assert_eq!(json(ExtractedAnswer::new("", 1.0, 0, 0)), r#"{"answer":"","score":1.0,"start":0,"end":0}"#);
    }

    #[test]
    fn invalid_numbers_are_the_engines_fault() {
        for (answer, expected) in [
            (ExtractedAnswer::new("a", f32::NAN, 0, 1), "answer 0: score: "),
            (ExtractedAnswer::new("a", 0.5, 2, 1), "answer 0: "),
        ] {
            failure(answer, expected);
        }
    }
}
