//! [`FillMask`]: the answer of Text Fill Mask.

use serde::Serialize;

use super::{
    check,
    open::open_task,
    schema::{count, list, number, object, text},
};
use crate::{error::Result, protocol::JsonText};

/// One token that may stand where the mask is.
///
/// ```
/// use chariot_engine::tasks::Filling;
///
/// let paris = Filling { sequence: "Paris is big.".into(), score: 0.5, token: 3000, token_str: "Paris".into() };
/// assert!(paris.sequence.contains(&paris.token_str));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Filling {
    /// The text with the mask filled.
    pub sequence: String,
    /// How sure the model is.
    pub score: f32,
    /// The token's id.
    pub token: u32,
    /// The token's text.
    pub token_str: String,
}

/// What may stand where a text has a mask, best first.
///
/// | task | action `predict` |
/// |---|---|
/// | Text Fill Mask | `[{"sequence","score","token","token_str"},...]` |
///
/// The form and the action are the convention of Hugging Face pipelines: Chariot documents none, so any other action is
/// taken too. Tokens of equal score keep the order in which they were given.
///
/// ```
/// use chariot_engine::{input::modality, output::{EncodeContext, Output}, tasks::{FillMask, Filling}};
///
/// let paris = Filling { sequence: "Paris is big.".into(), score: 0.5, token: 3000, token_str: "Paris".into() };
/// let answer = FillMask::new(vec![paris]).unwrap();
/// assert_eq!(
///     Output::<modality::Text>::encode(answer, &EncodeContext::new("predict")).unwrap().as_str(),
///     r#"[{"sequence":"Paris is big.","score":0.5,"token":3000,"token_str":"Paris"}]"#
/// );
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct FillMask(Vec<Filling>);

impl FillMask {
    /// An answer of these tokens, in any order.
    ///
    /// # Errors
    /// A score is not finite.
    pub fn new(mut fillings: Vec<Filling>) -> Result<Self> {
        for (index, filling) in fillings.iter().enumerate() {
            check::finite("filling", index, "score", filling.score)?;
        }
        check::best_first(&mut fillings, |filling| filling.score);
        Ok(Self(fillings))
    }

    /// The tokens, best first.
    pub fn as_slice(&self) -> &[Filling] {
        &self.0
    }

    fn json(&self) -> Result<JsonText> {
        Ok(JsonText::from_value(&self.0)?)
    }
}

open_task!(
    FillMask,
    "predict",
    list(object([("sequence", text()), ("score", number()), ("token", count()), ("token_str", text())])),
    Text = Some("Text Fill Mask"),
    Json = Some("Text Fill Mask")
);

#[cfg(test)]
mod tests {
    use super::*;

    fn filling(word: &str, token: u32, score: f32) -> Filling {
        Filling { sequence: format!("a {word}"), score, token, token_str: word.into() }
    }

    #[test]
    fn the_best_stands_first_and_ties_keep_their_order() {
        let answer = FillMask::new(vec![filling("x", 7, 0.25), filling("y", 3, 0.5), filling("z", 1, 0.25)]).unwrap();
        assert_eq!(
            answer.json().unwrap().as_str(),
            r#"[{"sequence":"a y","score":0.5,"token":3,"token_str":"y"},{"sequence":"a x","score":0.25,"token":7,"token_str":"x"},{"sequence":"a z","score":0.25,"token":1,"token_str":"z"}]"#
        );
        assert_eq!(FillMask::new(vec![]).unwrap().json().unwrap().as_str(), "[]");
    }

    #[test]
    fn a_score_that_is_no_number_is_the_engines_fault() {
        let error = FillMask::new(vec![filling("x", 7, 0.25), filling("y", 3, f32::INFINITY)]).unwrap_err();
        assert_eq!(
            (error.kind(), &*error.to_string()),
            (crate::ErrorKind::Failed, "the model's filling 1 has the score inf")
        );
    }
}
