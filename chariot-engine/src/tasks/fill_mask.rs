//! [`FillMask`]: the output of Text Fill Mask.

use serde::Serialize;

use super::{
    check,
    open_actions::open_task,
    schema::{count, list, number, object, text},
};
use crate::{error::Result, protocol::JsonText};

/// One candidate token for the mask.
///
/// ```
/// use chariot_engine::tasks::MaskPrediction;
///
/// let paris = MaskPrediction { sequence: "Paris is big.".into(), score: 0.5, token: 3000, token_str: "Paris".into() };
/// assert!(paris.sequence.contains(&paris.token_str));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MaskPrediction {
    /// The text with the token in place of the mask.
    pub sequence: String,
    /// The model's confidence.
    pub score: f32,
    /// The token's ID.
    pub token: u32,
    /// The token's text.
    pub token_str: String,
}

/// The candidate tokens for the mask of a text, best first.
///
/// It is the output of Text Fill Mask, with the action `predict`.
///
/// The JSON and the action follow the convention of Hugging Face pipelines. Chariot documents neither, so any other
/// action is accepted too. Tokens of equal score keep their order.
///
/// <details><summary>Text Fill Mask: requests and responses</summary>
///
/// ```json
#[doc = include_str!("golden/text_fill_mask.json")]
/// ```
///
/// </details>
///
/// ```
/// use chariot_engine::tasks::{FillMask, MaskPrediction};
///
/// let paris = MaskPrediction { sequence: "Paris is big.".into(), score: 0.5, token: 3000, token_str: "Paris".into() };
/// let output = FillMask::new(vec![paris]).unwrap();
/// assert_eq!(output.as_slice()[0].token, 3000);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct FillMask(Vec<MaskPrediction>);

impl FillMask {
    /// Creates an output from candidate tokens in any order.
    ///
    /// # Errors
    /// Returns an error if a score is not finite.
    pub fn new(mut predictions: Vec<MaskPrediction>) -> Result<Self> {
        for (index, prediction) in predictions.iter().enumerate() {
            check::finite("prediction", index, "score", prediction.score)?;
        }
        check::best_first(&mut predictions, |prediction| prediction.score);
        Ok(Self(predictions))
    }

    /// Returns the tokens, best first.
    pub fn as_slice(&self) -> &[MaskPrediction] {
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
    use crate::tasks::{check::tests::failure, golden::tests::assert_form};

    fn prediction(word: &str, token: u32, score: f32) -> MaskPrediction {
        MaskPrediction { sequence: format!("a {word}"), score, token, token_str: word.into() }
    }

    #[test]
    fn the_best_token_is_first_and_ties_keep_their_order() {
        let output =
            FillMask::new(vec![prediction("x", 7, 0.25), prediction("y", 3, 0.5), prediction("z", 1, 0.25)]).unwrap();
        assert_eq!(output.as_slice().iter().map(|one| one.token).collect::<Vec<_>>(), [3, 7, 1]);
        assert_form("Text Fill Mask", None, "predict", &output.json().unwrap());
        assert_form("Text Fill Mask", None, "predict", &FillMask::new(vec![]).unwrap().json().unwrap());
    }

    #[test]
    fn a_score_that_is_not_finite_is_the_engines_fault() {
        let predictions = vec![prediction("x", 7, 0.25), prediction("y", 3, f32::INFINITY)];
        failure(FillMask::new(predictions), "prediction 1: score: ");
    }
}
