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
/// It is the output of Question Answering, with the action `predict`.
///
/// The JSON and the action follow the convention of Hugging Face pipelines. Chariot documents neither, so any other
/// action is accepted too. By that convention positions count characters, as Python does, and a missing answer is an
/// empty string. A question comes with the text that it is about, so the input is usually a
/// [`Json`](crate::input::Json) of both.
///
/// <details><summary>Question Answering: requests and responses</summary>
///
/// ```json
#[doc = include_str!("golden/question_answering.json")]
/// ```
///
/// </details>
///
/// ```
/// use chariot_engine::tasks::ExtractedAnswer;
///
/// let answer = ExtractedAnswer::new("Berlin", 0.75, 13, 19).unwrap();
/// assert_eq!(answer.text(), "Berlin");
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
    use crate::tasks::{check::tests::failure, golden::tests::assert_form};

    #[test]
    fn an_answer_has_the_golden_form() {
        for answer in [ExtractedAnswer::new("a \"b\"", 0.87, 3, 8), ExtractedAnswer::new("", 1.0, 0, 0)] {
            assert_form("Question Answering", None, "predict", &answer.unwrap().json().unwrap());
        }
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
