//! [`TokenClassification`]: the output of Token Classification.

use serde::Serialize;

use super::{
    check,
    labels::ClassLabels,
    open_actions::open_task,
    schema::{count, list, number, object, text},
};
use crate::{error::Result, protocol::JsonText};

/// One token of a text, and its class.
///
/// ```
/// use chariot_engine::tasks::ClassifiedToken;
///
/// let berlin = ClassifiedToken { class: 1, score: 0.9, index: 4, word: "Berlin".into(), start: 13, end: 19 };
/// assert_eq!(berlin.end - berlin.start, berlin.word.chars().count());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ClassifiedToken {
    /// The ID of its class.
    pub class: usize,
    /// The model's confidence.
    pub score: f32,
    /// The index of the token in the sequence.
    pub index: usize,
    /// The token's text.
    pub word: String,
    /// The position of its first character in the text, in characters (not bytes).
    pub start: usize,
    /// The position of the first character after it, in characters.
    pub end: usize,
}

/// The tokens of a text that belong to a class, such as names of people and places, in the order of the text.
///
/// It is the output of Token Classification, with the action `predict`.
///
/// The JSON and the action follow the convention of Hugging Face pipelines. Chariot documents neither, so any other
/// action is accepted too. By that convention tokens of no class (`O`) are left out, and positions count
/// characters, as Python does.
///
/// <details><summary>Token Classification: requests and responses</summary>
///
/// ```json
#[doc = include_str!("golden/token_classification.json")]
/// ```
///
/// </details>
///
/// ```
/// use chariot_engine::tasks::{ClassLabels, ClassifiedToken, TokenClassification};
///
/// let labels: ClassLabels = ["O", "B-LOC"].into_iter().collect();
/// let berlin = ClassifiedToken { class: 1, score: 0.5, index: 4, word: "Berlin".into(), start: 13, end: 19 };
/// let output = TokenClassification::new(vec![berlin], &labels).unwrap();
/// assert_eq!(output.as_slice()[0].word, "Berlin");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TokenClassification {
    tokens: Vec<ClassifiedToken>,
    labels: ClassLabels,
}

impl TokenClassification {
    /// Creates an output from classified tokens, in this order.
    ///
    /// # Errors
    /// Returns an error if a class has no label, if a score is not finite, or if the end of a token is before its start.
    pub fn new(tokens: Vec<ClassifiedToken>, labels: &ClassLabels) -> Result<Self> {
        for (index, token) in tokens.iter().enumerate() {
            check::class("token", index, token.class, labels)?;
            check::finite("token", index, "score", token.score)?;
            check::span("token", index, token.start, token.end)?;
        }
        Ok(Self { tokens, labels: labels.clone() })
    }

    /// Returns the tokens, in the order of the text.
    pub fn as_slice(&self) -> &[ClassifiedToken] {
        &self.tokens
    }

    fn json(&self) -> Result<JsonText> {
        #[derive(Serialize)]
        struct Object<'a> {
            entity: &'a str,
            score: f32,
            index: usize,
            word: &'a str,
            start: usize,
            end: usize,
        }
        let objects = self.tokens.iter().map(|token| Object {
            entity: self.labels.get(token.class).unwrap_or_default(),
            score: token.score,
            index: token.index,
            word: &token.word,
            start: token.start,
            end: token.end,
        });
        Ok(JsonText::from_value(&objects.collect::<Vec<_>>())?)
    }
}

open_task!(
    TokenClassification,
    "predict",
    list(object([
        ("entity", text()),
        ("score", number()),
        ("index", count()),
        ("word", text()),
        ("start", count()),
        ("end", count()),
    ])),
    Text = Some("Token Classification"),
    Json = Some("Token Classification")
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::{check::tests::failure, golden::tests::assert_form};

    fn labels() -> ClassLabels {
        ["O", "B-PER", "B-LOC"].into_iter().collect()
    }

    fn ada() -> ClassifiedToken {
        ClassifiedToken { class: 1, score: 0.25, index: 1, word: "Ad\"a".into(), start: 0, end: 4 }
    }

    #[test]
    fn tokens_keep_the_order_of_the_text() {
        let paris = ClassifiedToken { class: 2, score: 0.87, index: 4, word: "Paris".into(), start: 14, end: 19 };
        let output = TokenClassification::new(vec![ada(), paris], &labels()).unwrap();
        assert_eq!(output.as_slice().iter().map(|token| token.index).collect::<Vec<_>>(), [1, 4]);
        assert_form("Token Classification", None, "predict", &output.json().unwrap());
        let none = TokenClassification::new(vec![], &labels()).unwrap();
        assert_form("Token Classification", None, "predict", &none.json().unwrap());
    }

    #[test]
    fn invalid_numbers_are_the_engines_fault() {
        for (fault, expected) in [
            (ClassifiedToken { class: 3, ..ada() }, "token 1: "),
            (ClassifiedToken { score: f32::NAN, ..ada() }, "token 1: score: "),
            (ClassifiedToken { start: 5, ..ada() }, "token 1: "),
        ] {
            failure(TokenClassification::new(vec![ada(), fault], &labels()), expected);
        }
    }
}
