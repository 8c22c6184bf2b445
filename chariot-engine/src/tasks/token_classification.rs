//! [`TokenClassification`]: the answer of Token Classification.

use serde::Serialize;

use super::{
    ClassLabels, check,
    open::open_task,
    schema::{count, list, number, object, text},
};
use crate::{error::Result, protocol::JsonText};

/// One token of a text, and what it was found to be.
///
/// ```
/// use chariot_engine::tasks::Entity;
///
/// let berlin = Entity { class: 1, score: 0.9, index: 4, word: "Berlin".into(), start: 13, end: 19 };
/// assert_eq!(berlin.end - berlin.start, berlin.word.chars().count());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Entity {
    /// The id of its class.
    pub class: usize,
    /// How sure the model is.
    pub score: f32,
    /// Which token of the sequence it is.
    pub index: usize,
    /// The token's text.
    pub word: String,
    /// Where it begins in the text, in characters (not bytes).
    pub start: usize,
    /// Where it ends in the text, in characters; the first that is not part of it.
    pub end: usize,
}

/// The tokens of a text that belong to a class (names of people and places, say), in the order of the text.
///
/// | task | action `predict` |
/// |---|---|
/// | Token Classification | `[{"entity","score","index","word","start","end"},...]` |
///
/// The form and the action are the convention of Hugging Face pipelines: Chariot documents none, so any other action is
/// taken too. By that convention tokens of no class (`O`) are left out, and places count characters as Python does.
///
/// ```
/// use chariot_engine::tasks::{ClassLabels, Entity, TokenClassification};
/// use chariot_engine::{input::modality, output::{EncodeContext, Output}};
///
/// let labels: ClassLabels = ["O", "B-LOC"].into_iter().collect();
/// let berlin = Entity { class: 1, score: 0.5, index: 4, word: "Berlin".into(), start: 13, end: 19 };
/// let answer = TokenClassification::new(vec![berlin], &labels).unwrap();
/// assert_eq!(
///     Output::<modality::Text>::encode(answer, &EncodeContext::new("predict")).unwrap().as_str(),
///     r#"[{"entity":"B-LOC","score":0.5,"index":4,"word":"Berlin","start":13,"end":19}]"#
/// );
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TokenClassification {
    entities: Vec<Entity>,
    labels: ClassLabels,
}

impl TokenClassification {
    /// An answer of these tokens, in this order.
    ///
    /// # Errors
    /// A class has no label, a score is not finite, or a token ends before it begins.
    pub fn new(entities: Vec<Entity>, labels: &ClassLabels) -> Result<Self> {
        for (at, entity) in entities.iter().enumerate() {
            check::class("token", at, entity.class, labels)?;
            check::finite("token", at, "score", entity.score)?;
            check::span("token", at, entity.start, entity.end)?;
        }
        Ok(Self { entities, labels: labels.clone() })
    }

    /// The tokens, in the order of the text.
    pub fn as_slice(&self) -> &[Entity] {
        &self.entities
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
        let objects = self.entities.iter().map(|entity| Object {
            entity: self.labels.get(entity.class).unwrap_or_default(),
            score: entity.score,
            index: entity.index,
            word: &entity.word,
            start: entity.start,
            end: entity.end,
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

    fn labels() -> ClassLabels {
        ["O", "B-PER", "B-LOC"].into_iter().collect()
    }

    fn ada() -> Entity {
        Entity { class: 1, score: 0.25, index: 1, word: "Ad\"a".into(), start: 0, end: 4 }
    }

    #[test]
    fn tokens_keep_the_order_of_the_text() {
        let paris = Entity { class: 2, score: 0.87, index: 4, word: "Paris".into(), start: 14, end: 19 };
        let answer = TokenClassification::new(vec![ada(), paris], &labels()).unwrap();
        assert_eq!(
            answer.json().unwrap().as_str(),
            r#"[{"entity":"B-PER","score":0.25,"index":1,"word":"Ad\"a","start":0,"end":4},{"entity":"B-LOC","score":0.87,"index":4,"word":"Paris","start":14,"end":19}]"#
        );
        assert_eq!(TokenClassification::new(vec![], &labels()).unwrap().json().unwrap().as_str(), "[]");
    }

    #[test]
    fn what_a_model_gets_wrong_is_the_engines_fault() {
        for (fault, expected) in [
            (Entity { class: 3, ..ada() }, "token 1 is of class 3, and there are 3 labels"),
            (Entity { score: f32::NAN, ..ada() }, "token 1 has the score NaN"),
            (Entity { start: 5, ..ada() }, "token 1 ends before it begins: from 5 to 4"),
        ] {
            let error = TokenClassification::new(vec![ada(), fault], &labels()).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Failed);
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}
