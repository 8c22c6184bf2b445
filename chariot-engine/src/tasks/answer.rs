//! [`Answer`]: the answer of Question Answering.

use serde::Serialize;

use super::{
    check,
    open::open_task,
    schema::{count, number, object, text},
};
use crate::{error::Result, protocol::JsonText};

/// The part of a text that answers a question. Not to be taken for [`testing::Answer`](crate::testing::Answer) or
/// [`output::Answer`](crate::output::Answer): name it `tasks::Answer`; the prelude leaves it out.
///
/// | task | action `predict` |
/// |---|---|
/// | Question Answering | `{"answer","score","start","end"}` |
///
/// The form and the action are the convention of Hugging Face pipelines: Chariot documents none, so any other action is
/// taken too. By that convention places count characters as Python does, and no answer is an empty one. A question
/// comes with the text that it is about, so the input is mostly a [`Json`](crate::input::Json) of both.
///
/// ```
/// use chariot_engine::{input::modality, output::{EncodeContext, Output}, tasks};
///
/// let answer = tasks::Answer::new("Berlin", 0.75, 13, 19).unwrap();
/// assert_eq!(
///     Output::<modality::Json>::encode(answer, &EncodeContext::new("predict")).unwrap().as_str(),
///     r#"{"answer":"Berlin","score":0.75,"start":13,"end":19}"#
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    answer: String,
    score: f32,
    start: usize,
    end: usize,
}

impl Answer {
    /// An answer that stands in its text from `start` to `end`, in characters (not bytes); `end` is the first that is
    /// not part of it.
    ///
    /// # Errors
    /// The score is not finite, or it ends before it begins.
    pub fn new(answer: impl Into<String>, score: f32, start: usize, end: usize) -> Result<Self> {
        check::finite("answer", 0, "score", score)?;
        check::span("answer", 0, start, end)?;
        Ok(Self { answer: answer.into(), score, start, end })
    }

    /// The text of the answer.
    pub fn text(&self) -> &str {
        &self.answer
    }

    /// How sure the model is.
    pub fn score(&self) -> f32 {
        self.score
    }

    fn json(&self) -> Result<JsonText> {
        Ok(JsonText::from_value(self)?)
    }
}

open_task!(
    Answer,
    "predict",
    object([("answer", text()), ("score", number()), ("start", count()), ("end", count())]),
    Text = Some("Question Answering"),
    Json = Some("Question Answering")
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_one_object() {
        let json = |answer: Result<Answer>| answer.unwrap().json().unwrap().as_str().to_string();
        assert_eq!(json(Answer::new("a \"b\"", 0.87, 3, 8)), r#"{"answer":"a \"b\"","score":0.87,"start":3,"end":8}"#);
        assert_eq!(json(Answer::new("", 1.0, 0, 0)), r#"{"answer":"","score":1.0,"start":0,"end":0}"#);
    }

    #[test]
    fn what_a_model_gets_wrong_is_the_engines_fault() {
        for (answer, expected) in [
            (Answer::new("a", f32::NAN, 0, 1), "has the score NaN"),
            (Answer::new("a", 0.5, 2, 1), "ends before it begins: from 2 to 1"),
        ] {
            let error = answer.unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Failed);
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}
