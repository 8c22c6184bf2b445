//! [`Pooling`]: the vector of a text from the vectors of its tokens. The `infer` of an embedding engine calls it.

use super::token_batch::TokenBatch;
use crate::{
    error::{Expected, Result},
    tasks::Embedding,
};

/// The way from the vectors of a text's tokens to the vector of the text.
///
/// ```
/// use chariot_engine::text::Pooling;
///
/// let pooling = Pooling::mean().normalized();
/// # let _ = pooling;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pooling {
    pub(super) tokens: Tokens,
    pub(super) normalize: bool,
}

/// The tokens whose vectors count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tokens {
    All,
    First,
    Last,
}

impl Pooling {
    /// Takes the mean over all tokens.
    pub fn mean() -> Self {
        Pooling { tokens: Tokens::All, normalize: false }
    }

    /// Takes the vector of the first token, which in BERT is `[CLS]`.
    pub fn cls() -> Self {
        Pooling { tokens: Tokens::First, normalize: false }
    }

    /// Takes the vector of the last token, as for models that read from left to right.
    pub fn last() -> Self {
        Pooling { tokens: Tokens::Last, normalize: false }
    }

    /// Divides the vector by its length (the L2 norm). A vector of zeros stays one.
    #[must_use]
    pub fn normalized(mut self) -> Self {
        self.normalize = true;
        self
    }
}

impl TokenBatch<'_> {
    /// Makes the embedding of each text from the vectors of its tokens, with its number of tokens.
    ///
    /// `hidden` has the shape `[texts, tokens, width]`, as a model returns it for this batch. Padding does not count.
    ///
    /// ```
    /// # use chariot_engine::text::{Pooling, TokenBatch, Tokenizer, TokenizerOptions};
    /// # let file = r#"{"version": "1.0", "pre_tokenizer": {"type": "Whitespace"}, "model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}}"#;
    /// # let tokenizer = Tokenizer::from_json(file, &TokenizerOptions::new().max_tokens(8)).unwrap();
    /// let texts = ["a a", "a"];
    /// let encodings = texts.map(|text| tokenizer.encode(text).unwrap());
    /// let batch = TokenBatch::new(texts.into_iter().zip(&encodings));
    /// let hidden = [1., 2., 3., 4., 5., 6., 100., 100.];
    /// let embeddings = batch.embeddings(&hidden, Pooling::mean()).unwrap();
    /// assert_eq!(embeddings[0].as_slice(), [2., 3.]);
    /// assert_eq!(embeddings[1].as_slice(), [5., 6.]);
    /// ```
    ///
    /// # Errors
    /// Returns an error if the length of `hidden` does not fit the shape, or if a vector is empty or not finite.
    pub fn embeddings(&self, hidden: &[f32], pooling: Pooling) -> Result<Vec<Embedding>> {
        let [rows, length] = self.shape;
        let cells = rows * length;
        if cells == 0 || !hidden.len().is_multiple_of(cells) {
            let what = format!("vectors of the shape [{rows}, {length}, width]");
            return Err(Expected::new(what, format_args!("{} numbers", hidden.len())).to_string().into());
        }
        let width = hidden.len() / cells;
        let pool = |(row, tokens): (usize, usize)| {
            let range = self.tokens_of(row);
            let vector = |position: usize| &hidden[(row * length + position) * width..][..width];
            let mut pooled = match pooling.tokens {
                Tokens::First => vector(range.start).to_vec(),
                Tokens::Last => vector(range.end - 1).to_vec(),
                Tokens::All => {
                    let mut mean = vec![0_f32; width];
                    for position in range.clone() {
                        mean.iter_mut().zip(vector(position)).for_each(|(sum, value)| *sum += value);
                    }
                    mean.iter_mut().for_each(|sum| *sum /= range.len() as f32);
                    mean
                }
            };
            if pooling.normalize {
                // In this precision the squares of large values stay finite.
                let norm = pooled.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
                if norm > 0.0 {
                    pooled.iter_mut().for_each(|value| *value = (f64::from(*value) / norm) as f32);
                }
            }
            Ok(Embedding::new(pooled)?.with_tokens(tokens))
        };
        self.lengths().enumerate().map(pool).collect()
    }
}
