//! [`Classification`]: the output of Image Classification, Text Classification and Structured Data Classification.

use serde::Serialize;

use super::{labels::ClassLabels, schema};
use crate::{
    error::{Expected, Result},
    input::modality,
    output::{EncodeContext, Output},
    protocol::JsonText,
    settings::OutputLayout,
};

/// The class of an item, with the probability of every class.
///
/// It is the output of Image Classification, of Text Classification, and of Structured Data Classification for
/// [`Row`](crate::input::Row) or [`Json`](crate::input::Json). The action `predict` returns the label of the best class;
/// for texts, and for images in the layout `objects`, the best classes with their scores, best first. The action
/// `predict_proba` returns the probability of every class, by class ID.
///
/// Classes of equal probability are ordered by ID. The JSON of Text Classification follows the convention of Hugging Face
/// pipelines. Chariot documents neither that task nor Structured Data Classification, so those two treat any other
/// action as `predict`.
///
/// <details><summary>Image Classification: requests and responses</summary>
///
/// ```json
#[doc = include_str!("golden/image_classification.json")]
/// ```
///
/// </details>
///
/// <details><summary>Text Classification: requests and responses</summary>
///
/// ```json
#[doc = include_str!("golden/text_classification.json")]
/// ```
///
/// </details>
///
/// <details><summary>Structured Data Classification: requests and responses</summary>
///
/// ```json
#[doc = include_str!("golden/structured_data_classification.json")]
/// ```
///
/// </details>
///
/// ```
/// use chariot_engine::tasks::{ClassLabels, Classification};
///
/// let labels: ClassLabels = ["cat", "dog"].into_iter().collect();
/// let output = Classification::new(vec![0.2, 0.8], &labels, 1).unwrap();
/// assert_eq!(output.label(), "dog");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Classification {
    probabilities: Vec<f32>,
    labels: ClassLabels,
    top_k: usize,
}

impl Classification {
    /// Creates an output from the probability of every class, by class ID. Where the output is a list, it holds the best
    /// `top_k` classes, and at least one.
    ///
    /// # Errors
    /// Returns an error if the number of probabilities is not the number of labels, or if one of them is not finite.
    pub fn new(probabilities: Vec<f32>, labels: &ClassLabels, top_k: usize) -> Result<Self> {
        if probabilities.len() != labels.len() || labels.is_empty() {
            let what = format!("{} probabilities, one per label", labels.len());
            let expected = Expected::new(what, probabilities.len());
            return Err(format!("{expected}; class_labels.json may belong to another model").into());
        }
        if let Some(id) = probabilities.iter().position(|p| !p.is_finite()) {
            let expected = Expected::new("a finite number", probabilities[id]);
            return Err(format!("probability of class {id}: {expected}").into());
        }
        Ok(Self { probabilities, labels: labels.clone(), top_k })
    }

    /// Creates one output per row from logits of shape `[n, classes]`, by softmax.
    ///
    /// # Errors
    /// Returns an error if the shape differs, if the number of classes is not the number of labels, if a value is not
    /// finite, or if the device fails.
    #[cfg(feature = "candle")]
    pub fn from_logits(logits: &candle_core::Tensor, labels: &ClassLabels, top_k: usize) -> Result<Vec<Self>> {
        let logits = logits.to_dtype(candle_core::DType::F32)?;
        Self::from_probabilities(&candle_nn::ops::softmax_last_dim(&logits.contiguous()?)?, labels, top_k)
    }

    /// Creates one output per row from probabilities of shape `[n, classes]`.
    ///
    /// # Errors
    /// Returns the errors of [`from_logits`](Self::from_logits).
    #[cfg(feature = "candle")]
    pub fn from_probabilities(
        probabilities: &candle_core::Tensor,
        labels: &ClassLabels,
        top_k: usize,
    ) -> Result<Vec<Self>> {
        let rows = probabilities.to_dtype(candle_core::DType::F32)?.to_vec2::<f32>()?;
        rows.into_iter().map(|row| Self::new(row, labels, top_k)).collect()
    }

    /// Returns the label of the best class.
    pub fn label(&self) -> &str {
        let ids = 0..self.probabilities.len();
        // `max_by` returns the last of equal elements, so the order is reversed.
        let best = ids.rev().max_by(|&a, &b| self.probabilities[a].total_cmp(&self.probabilities[b]));
        best.and_then(|id| self.labels.get(id)).unwrap_or_default()
    }

    /// Returns the probability of every class, by class ID.
    pub fn probabilities(&self) -> &[f32] {
        &self.probabilities
    }

    /// Returns the class IDs, best first.
    fn best(&self) -> Vec<usize> {
        let mut ids: Vec<usize> = (0..self.probabilities.len()).collect();
        ids.sort_by(|&a, &b| self.probabilities[b].total_cmp(&self.probabilities[a]));
        ids
    }

    fn objects(&self) -> Result<JsonText> {
        #[derive(Serialize)]
        struct Object<'a> {
            label: &'a str,
            score: f32,
        }
        let best = self.best();
        let objects: Vec<_> = best
            .iter()
            .take(self.top_k.max(1))
            .map(|&id| Object { label: self.labels.get(id).unwrap_or_default(), score: self.probabilities[id] })
            .collect();
        Ok(JsonText::from_value(&objects)?)
    }

    fn encode_as(&self, action: &str, objects: bool) -> Result<JsonText> {
        match action {
            "predict_proba" => Ok(JsonText::from_value(&self.probabilities)?),
            _ if objects => self.objects(),
            _ => Ok(JsonText::from_value(self.label())?),
        }
    }
}

/// Returns the schema of the outputs of all actions.
fn schema(objects: bool) -> Option<JsonText> {
    let best = if objects {
        schema::list(schema::object([("label", schema::text()), ("score", schema::number())]))
    } else {
        schema::text()
    };
    schema::to_json(&schema::either([best, schema::list(schema::number())]))
}

const ACTIONS: &[&str] = &["predict", "predict_proba"];

impl Output<modality::Image> for Classification {
    const TASK: Option<&'static str> = Some("Image Classification");
    const ACTIONS: &'static [&'static str] = ACTIONS;
    const LAYOUTS: &'static [OutputLayout] = &[OutputLayout::Objects];

    fn schema(layout: Option<OutputLayout>) -> Option<JsonText> {
        schema(layout == Some(OutputLayout::Objects))
    }

    fn encode(self, cx: &EncodeContext<'_>) -> Result<JsonText> {
        self.encode_as(cx.action, cx.layout == Some(OutputLayout::Objects))
    }
}

impl Output<modality::Text> for Classification {
    const TASK: Option<&'static str> = Some("Text Classification");
    // The platform does not document the actions of this task, so the set is open. An engine restricts it with
    // `Spec::actions`.
    const DEFAULT_ACTION: &'static str = "predict";
    const LAYOUTS: &'static [OutputLayout] = &[OutputLayout::Objects];

    fn schema(_: Option<OutputLayout>) -> Option<JsonText> {
        schema(true)
    }

    fn encode(self, cx: &EncodeContext<'_>) -> Result<JsonText> {
        self.encode_as(cx.action, true)
    }
}

/// Implements `Output` for structured data, which has one output whatever form its rows have.
macro_rules! structured {
    ($($(#[$attribute:meta])? $modality:ident)*) => {$(
        $(#[$attribute])?
        impl Output<modality::$modality> for Classification {
            const TASK: Option<&'static str> = Some("Structured Data Classification");
            // Open, as for text.
            const DEFAULT_ACTION: &'static str = "predict";

            fn schema(_: Option<OutputLayout>) -> Option<JsonText> {
                schema(false)
            }

            fn encode(self, cx: &EncodeContext<'_>) -> Result<JsonText> {
                self.encode_as(cx.action, false)
            }
        }
    )*};
}
structured! {
    Json
    // Keeps the compiler's list of possible outputs short enough to be printed in full.
    #[diagnostic::do_not_recommend]
    Row
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::golden::tests::assert_form;

    fn output() -> Classification {
        let labels = ["a", "b", "c"].into_iter().collect();
        Classification::new(vec![0.25, 0.5, 0.25], &labels, 2).unwrap()
    }

    #[test]
    fn every_action_and_layout_has_the_golden_form() {
        let objects = Some(OutputLayout::Objects);
        let image = |action, layout| {
            Output::<modality::Image>::encode(output(), &EncodeContext::new(action).layout(layout)).unwrap()
        };
        let text = |action| Output::<modality::Text>::encode(output(), &EncodeContext::new(action)).unwrap();
        let json = |action| Output::<modality::Json>::encode(output(), &EncodeContext::new(action)).unwrap();
        let row = |action| Output::<modality::Row>::encode(output(), &EncodeContext::new(action)).unwrap();
        assert_form("Image Classification", None, "predict", &image("predict", None));
        assert_form("Image Classification", objects, "predict as objects", &image("predict", objects));
        for layout in [None, objects] {
            assert_form("Image Classification", layout, "predict_proba", &image("predict_proba", layout));
        }
        for action in ["predict", "", "another"] {
            assert_form("Text Classification", None, "predict", &text(action));
            assert_eq!(text(action), image("predict", objects));
            for structured in [json(action), row(action)] {
                assert_form("Structured Data Classification", None, "predict", &structured);
                assert_eq!(structured, image("predict", None));
            }
        }
        assert_form("Text Classification", None, "predict_proba", &text("predict_proba"));
        for probabilities in
            [image("predict_proba", None), text("predict_proba"), json("predict_proba"), row("predict_proba")]
        {
            assert_eq!(probabilities.parse::<Vec<f32>>().unwrap(), output().probabilities());
        }
    }

    #[test]
    fn the_best_classes_are_first_and_ties_are_ordered_by_id() {
        assert_eq!((output().label(), output().best()), ("b", vec![1, 0, 2]));
        for (top_k, count) in [(0, 1), (1, 1), (2, 2), (9, 3)] {
            let objects = Classification { top_k, ..output() }.objects().unwrap();
            assert_eq!(objects.parse::<Vec<serde_json::Value>>().unwrap().len(), count);
        }
    }

    #[test]
    fn probabilities_that_do_not_fit_the_labels_are_the_engines_fault() {
        let labels: ClassLabels = ["a", "b"].into_iter().collect();
        for probabilities in [vec![1.0], vec![f32::NAN, 1.0], vec![]] {
            let error = Classification::new(probabilities, &labels, 1).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Failed);
        }
    }
}
