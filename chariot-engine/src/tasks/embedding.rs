//! [`Embedding`]: the output of Image Embedding and Text Embedding.

use std::any::Any;

use super::{
    check,
    open_actions::open_task,
    schema::{list, number},
};
use crate::{
    error::{Expected, Result},
    protocol::JsonText,
};

/// The vector that represents an image or a text.
///
/// It is the output of Image Embedding and Text Embedding, with the action `embed`.
///
/// The JSON and the action follow the convention of Hugging Face pipelines. Chariot documents neither, so any other
/// action is accepted too.
///
/// <details><summary>Image Embedding: requests and responses</summary>
///
/// ```json
#[doc = include_str!("golden/image_embedding.json")]
/// ```
///
/// </details>
///
/// <details><summary>Text Embedding: requests and responses</summary>
///
/// ```json
#[doc = include_str!("golden/text_embedding.json")]
/// ```
///
/// </details>
///
/// ```
/// use chariot_engine::tasks::Embedding;
///
/// let output = Embedding::new(vec![0.25, -1.0]).unwrap();
/// assert_eq!(output.as_slice(), [0.25, -1.0]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Embedding {
    vector: Vec<f32>,
    tokens: Option<usize>,
}

impl Embedding {
    /// Creates an output from a vector.
    ///
    /// # Errors
    /// Returns an error if the vector is empty or if one of its numbers is not finite.
    pub fn new(vector: Vec<f32>) -> Result<Self> {
        if vector.is_empty() {
            return Err(format!("embedding: {}", Expected::new("at least one number", "none")).into());
        }
        for (index, &value) in vector.iter().enumerate() {
            check::finite("dimension", index, "value", value)?;
        }
        Ok(Self { vector, tokens: None })
    }

    /// Creates one output per row from a tensor of shape `[n, dimensions]`.
    ///
    /// # Errors
    /// Returns an error if the shape differs, if a number is not finite, or if the device fails.
    #[cfg(feature = "candle")]
    pub fn from_rows(vectors: &candle_core::Tensor) -> Result<Vec<Self>> {
        let rows = vectors.to_dtype(candle_core::DType::F32)?.to_vec2::<f32>()?;
        rows.into_iter().map(Self::new).collect()
    }

    /// Returns the vector.
    pub fn as_slice(&self) -> &[f32] {
        &self.vector
    }

    /// Sets the number of tokens of the text, for those who count them: the form of the task has no place for it, so it is
    /// not on the wire.
    #[must_use]
    pub fn with_tokens(mut self, tokens: usize) -> Self {
        self.tokens = Some(tokens);
        self
    }

    /// Returns the number of tokens of the text, if it is known.
    pub fn tokens(&self) -> Option<usize> {
        self.tokens
    }

    /// Returns the number of tokens of an output of any type: 0 if it is no embedding, or if they are not counted.
    pub(crate) fn tokens_of<O: 'static>(output: &O) -> usize {
        let output: &dyn Any = output;
        let embedding = match output.downcast_ref::<Result<Embedding>>() {
            Some(result) => result.as_ref().ok(),
            None => output.downcast_ref(),
        };
        embedding.and_then(|embedding: &Embedding| embedding.tokens).unwrap_or(0)
    }

    fn json(&self) -> Result<JsonText> {
        Ok(JsonText::from_value(&self.vector)?)
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
    use crate::tasks::{check::tests::failure, golden::tests::assert_form};
    use crate::{
        input::modality,
        output::{EncodeContext, Output},
    };

    #[test]
    fn every_modality_has_the_golden_form_with_the_fewest_digits() {
        let output = Embedding::new(vec![0.1, -2.5, 0.702_009_8, 1e-20]).unwrap();
        let cx = EncodeContext::new("embed");
        let image = Output::<modality::Image>::encode(output.clone(), &cx).unwrap();
        let text = Output::<modality::Text>::encode(output.clone(), &cx).unwrap();
        let json = Output::<modality::Json>::encode(output.clone(), &EncodeContext::new("other")).unwrap();
        assert_form("Image Embedding", None, "embed", &image);
        assert_form("Text Embedding", None, "embed", &text);
        assert_eq!((&image, &image), (&text, &json));
        assert_eq!(image.parse::<Vec<f32>>().unwrap(), output.as_slice());
        assert!(image.as_str().contains("0.7020098") && image.as_str().contains("1e-20"), "{image:?}");
    }

    #[test]
    fn invalid_numbers_are_the_engines_fault() {
        for (vector, expected) in [(vec![], ""), (vec![0.0, f32::NAN], "dimension 1: value: ")] {
            failure(Embedding::new(vector), expected);
        }
    }

    #[cfg(feature = "candle")]
    #[test]
    fn a_row_of_a_tensor_is_an_output() {
        use candle_core::{DType, Device, Tensor};

        let vectors = Tensor::new(&[[1_f32, 2.], [3., 4.]], &Device::Cpu).unwrap();
        for dtype in [DType::F32, DType::F16, DType::F64] {
            let outputs = Embedding::from_rows(&vectors.to_dtype(dtype).unwrap()).unwrap();
            assert_eq!(outputs.iter().map(Embedding::as_slice).collect::<Vec<_>>(), [[1., 2.], [3., 4.]]);
        }
        assert!(Embedding::from_rows(&vectors.flatten_all().unwrap()).is_err());
    }
}
