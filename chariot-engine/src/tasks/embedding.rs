//! [`Embedding`]: the answer of Image Embedding and Text Embedding.

use super::{
    check,
    open::open_task,
    schema::{list, number},
};
use crate::{error::Result, protocol::JsonText};

/// The vector that stands for a picture or a text.
///
/// | task | action `embed` |
/// |---|---|
/// | Image Embedding, Text Embedding | `[f, f, ...]` |
///
/// The form and the action are the convention of Hugging Face pipelines: Chariot documents none, so any other action is
/// taken too.
///
/// ```
/// use chariot_engine::{input::modality, output::{EncodeContext, Output}, tasks::Embedding};
///
/// let answer = Embedding::new(vec![0.25, -1.0]).unwrap();
/// let json = Output::<modality::Text>::encode(answer, &EncodeContext::new("embed")).unwrap();
/// assert_eq!(json.as_str(), "[0.25,-1.0]");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Embedding(Vec<f32>);

impl Embedding {
    /// An answer of this vector.
    ///
    /// # Errors
    /// It is empty, or one of its numbers is not finite.
    pub fn new(vector: Vec<f32>) -> Result<Self> {
        if vector.is_empty() {
            return Err("the model's embedding has no numbers".into());
        }
        for (index, &value) in vector.iter().enumerate() {
            check::finite("dimension", index, "value", value)?;
        }
        Ok(Self(vector))
    }

    /// One answer a row from vectors of shape `[n, dimensions]`.
    ///
    /// # Errors
    /// The shape is another, a number is not finite, or the device fails.
    #[cfg(feature = "candle")]
    pub fn rows(vectors: &candle_core::Tensor) -> Result<Vec<Self>> {
        let rows = vectors.to_dtype(candle_core::DType::F32)?.to_vec2::<f32>()?;
        rows.into_iter().map(Self::new).collect()
    }

    /// The vector.
    pub fn as_slice(&self) -> &[f32] {
        &self.0
    }

    fn json(&self) -> Result<JsonText> {
        Ok(JsonText::from_value(&self.0)?)
    }
}

open_task!(
    Embedding,
    "embed",
    list(number()),
    Image = Some("Image Embedding"),
    Text = Some("Text Embedding"),
    Json = None
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        input::modality,
        output::{EncodeContext, Output},
    };

    #[test]
    fn numbers_keep_their_shortest_text_whatever_was_embedded() {
        let answer = Embedding::new(vec![0.1, -2.5, 0.702_009_8, 1e-20]).unwrap();
        let (text, cx) = ("[0.1,-2.5,0.7020098,1e-20]", EncodeContext::new("embed"));
        assert_eq!(Output::<modality::Image>::encode(answer.clone(), &cx).unwrap().as_str(), text);
        assert_eq!(Output::<modality::Text>::encode(answer.clone(), &cx).unwrap().as_str(), text);
        assert_eq!(Output::<modality::Json>::encode(answer, &EncodeContext::new("other")).unwrap().as_str(), text);
    }

    #[test]
    fn what_a_model_gets_wrong_is_the_engines_fault() {
        for (vector, expected) in [(vec![], "no numbers"), (vec![0.0, f32::NAN], "dimension 1 has the value NaN")] {
            let error = Embedding::new(vector).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Failed);
            assert!(error.to_string().contains(expected), "{error}");
        }
    }

    #[cfg(feature = "candle")]
    #[test]
    fn a_row_of_a_tensor_is_an_answer() {
        use candle_core::{DType, Device, Tensor};

        let vectors = Tensor::new(&[[1_f32, 2.], [3., 4.]], &Device::Cpu).unwrap();
        for dtype in [DType::F32, DType::F16, DType::F64] {
            let answers = Embedding::rows(&vectors.to_dtype(dtype).unwrap()).unwrap();
            assert_eq!(answers.iter().map(Embedding::as_slice).collect::<Vec<_>>(), [[1., 2.], [3., 4.]]);
        }
        assert!(Embedding::rows(&vectors.flatten_all().unwrap()).is_err());
    }
}
