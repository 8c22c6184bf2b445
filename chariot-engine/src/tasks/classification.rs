//! [`Classification`]: the answer of Image Classification, Text Classification and Structured Data Classification.

use serde::Serialize;

use super::{ClassLabels, schema};
use crate::{
    error::Result,
    input::modality,
    output::{EncodeContext, Output},
    protocol::JsonText,
    settings::OutputLayout,
};

/// Which class an item belongs to, with the probability of every class.
///
/// | task | action `predict` | layout `objects` | action `predict_proba` |
/// |---|---|---|---|
/// | Image Classification | `"<label>"` | `[{"label","score"},...]`, best first | `[p0, p1, ...]` by class id |
/// | Text Classification | `[{"label","score"},...]`, best first | the same | `[p0, p1, ...]` by class id |
/// | Structured Data Classification, by [`Row`](crate::input::Row) or [`Json`](crate::input::Json) | `"<label>"` | | `[p0, p1, ...]` by class id |
///
/// Classes of equal probability are ordered by id. The form of Text Classification is the convention of Hugging Face
/// pipelines. Chariot documents neither it nor that of Structured Data Classification, so those two take any other
/// action too, as they take `predict`.
///
/// ```
/// use chariot_engine::tasks::{ClassLabels, Classification};
///
/// let labels: ClassLabels = ["cat", "dog"].into_iter().collect();
/// let answer = Classification::new(vec![0.2, 0.8], &labels, 1).unwrap();
/// assert_eq!(answer.label(), "dog");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Classification {
    probabilities: Vec<f32>,
    labels: ClassLabels,
    top_k: usize,
}

impl Classification {
    /// An answer from the probability of every class, by class id; a list of labels holds the best `top_k`.
    ///
    /// # Errors
    /// There are not as many probabilities as labels, or one of them is not finite.
    pub fn new(probabilities: Vec<f32>, labels: &ClassLabels, top_k: usize) -> Result<Self> {
        if probabilities.len() != labels.len() || labels.is_empty() {
            return Err(format!(
                "the model has {} classes, and there are {} labels: class_labels.json belongs to another model",
                probabilities.len(),
                labels.len()
            )
            .into());
        }
        if let Some(id) = probabilities.iter().position(|p| !p.is_finite()) {
            return Err(format!("the model's probability of class {id} is {}", probabilities[id]).into());
        }
        Ok(Self { probabilities, labels: labels.clone(), top_k })
    }

    /// One answer a row from logits of shape `[n, classes]`, by softmax.
    ///
    /// # Errors
    /// The shape is another, its classes are not as many as the labels, a value is not finite, or the device fails.
    #[cfg(feature = "candle")]
    pub fn from_logits(logits: &candle_core::Tensor, labels: &ClassLabels, top_k: usize) -> Result<Vec<Self>> {
        let logits = logits.to_dtype(candle_core::DType::F32)?;
        Self::from_probabilities(&candle_nn::ops::softmax_last_dim(&logits.contiguous()?)?, labels, top_k)
    }

    /// One answer a row from probabilities of shape `[n, classes]`.
    ///
    /// # Errors
    /// As [`from_logits`](Self::from_logits).
    #[cfg(feature = "candle")]
    pub fn from_probabilities(
        probabilities: &candle_core::Tensor,
        labels: &ClassLabels,
        top_k: usize,
    ) -> Result<Vec<Self>> {
        let rows = probabilities.to_dtype(candle_core::DType::F32)?.to_vec2::<f32>()?;
        rows.into_iter().map(|row| Self::new(row, labels, top_k)).collect()
    }

    /// The best class's label.
    pub fn label(&self) -> &str {
        let ids = 0..self.probabilities.len();
        // Of equals `max_by` takes the last.
        let best = ids.rev().max_by(|&a, &b| self.probabilities[a].total_cmp(&self.probabilities[b]));
        best.and_then(|id| self.labels.get(id)).unwrap_or_default()
    }

    /// The probability of every class, by class id.
    pub fn probabilities(&self) -> &[f32] {
        &self.probabilities
    }

    /// Class ids, best first.
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

/// The schema of the answers to all actions.
fn schema(objects: bool) -> Option<JsonText> {
    let best = if objects {
        schema::list(schema::object([("label", schema::text()), ("score", schema::number())]))
    } else {
        schema::text()
    };
    schema::written(&schema::either([best, schema::list(schema::number())]))
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
    // Not documented by the platform, so the set stays open: an engine closes it with `Spec::actions`.
    const DEFAULT_ACTION: &'static str = "predict";
    const LAYOUTS: &'static [OutputLayout] = &[OutputLayout::Objects];

    fn schema(_: Option<OutputLayout>) -> Option<JsonText> {
        schema(true)
    }

    fn encode(self, cx: &EncodeContext<'_>) -> Result<JsonText> {
        self.encode_as(cx.action, true)
    }
}

/// A row of structured data is answered alike, whatever form it comes in.
macro_rules! structured {
    ($($(#[$attribute:meta])? $modality:ident)*) => {$(
        $(#[$attribute])?
        impl Output<modality::$modality> for Classification {
            const TASK: Option<&'static str> = Some("Structured Data Classification");
            // As for texts.
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
    // The compiler's list of what could be an output stays short enough to be printed whole.
    #[diagnostic::do_not_recommend]
    Row
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Classification {
        let labels = ["a", "b", "c"].into_iter().collect();
        Classification::new(vec![0.25, 0.5, 0.25], &labels, 2).unwrap()
    }

    #[test]
    fn every_form_is_the_documented_text() {
        let image = |action, layout| {
            let cx = EncodeContext::new(action).layout(layout);
            Output::<modality::Image>::encode(answer(), &cx).unwrap().as_str().to_string()
        };
        let objects = r#"[{"label":"b","score":0.5},{"label":"a","score":0.25}]"#;
        assert_eq!(image("predict", None), r#""b""#);
        assert_eq!(image("predict", Some(OutputLayout::Objects)), objects);
        assert_eq!(image("predict_proba", None), "[0.25,0.5,0.25]");
        let text = |action| {
            Output::<modality::Text>::encode(answer(), &EncodeContext::new(action)).unwrap().as_str().to_string()
        };
        assert_eq!(text("predict"), objects);
        assert_eq!(text(""), objects);
        assert_eq!(text("predict_proba"), "[0.25,0.5,0.25]");
        let json = |action| {
            Output::<modality::Json>::encode(answer(), &EncodeContext::new(action)).unwrap().as_str().to_string()
        };
        let row = |action| {
            Output::<modality::Row>::encode(answer(), &EncodeContext::new(action)).unwrap().as_str().to_string()
        };
        assert_eq!((json("predict"), row("predict")), (r#""b""#.into(), r#""b""#.into()));
        assert_eq!((json("predict_proba"), row("predict_proba")), ("[0.25,0.5,0.25]".into(), "[0.25,0.5,0.25]".into()));
    }

    #[test]
    fn what_does_not_fit_the_labels_is_the_engines_fault() {
        let labels: ClassLabels = ["a", "b"].into_iter().collect();
        for probabilities in [vec![1.0], vec![f32::NAN, 1.0], vec![]] {
            let error = Classification::new(probabilities, &labels, 1).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Failed);
        }
    }
}
