//! [`TokenTensors`]: a batch of tokens as candle's tensors, and pooling on the device. The `infer` of an engine on candle calls
//! it.

use candle_core::{D, DType, Tensor};

use super::{
    pooling::{Pooling, Tokens},
    token_batch::TokenBatch,
};
use crate::{
    error::{Expected, Result},
    tasks::Embedding,
};

/// A batch of tokens as tensors of shape `[texts, tokens]` and type `U32`, on the worker's device.
///
/// ```
/// use chariot_engine::{Result, candle::Tensor, text::TokenBatch};
///
/// fn vectors(table: &Tensor, batch: &TokenBatch) -> Result<Tensor> {
///     let tokens = batch.to_tensors()?;
///     let (texts, length) = tokens.ids.dims2()?;
///     let rows = table.index_select(&tokens.ids.flatten_all()?, 0)?;
///     Ok(rows.reshape((texts, length, ()))?)
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TokenTensors {
    /// The IDs of the tokens.
    pub ids: Tensor,
    /// The attention mask: 1 for a token, 0 for padding.
    pub mask: Tensor,
    /// The types of the tokens.
    pub type_ids: Tensor,
}

impl TokenBatch<'_> {
    /// Returns the batch as tensors on the worker's device.
    ///
    /// # Errors
    /// Returns an error if the device fails.
    pub fn to_tensors(&self) -> Result<TokenTensors> {
        let tensor = |values: &[i64]| -> Result<Tensor> {
            let values: Vec<u32> = values.iter().map(|value| *value as u32).collect();
            Ok(Tensor::from_vec(values, &self.shape[..], self.device.as_candle())?)
        };
        let (ids, mask, type_ids) = (tensor(self.ids())?, tensor(self.mask())?, tensor(self.type_ids())?);
        Ok(TokenTensors { ids, mask, type_ids })
    }

    /// Makes the vector of each text from the vectors of its tokens, on their device: a tensor of shape `[texts, width]` and
    /// type `F32` from one of shape `[texts, tokens, width]`. Otherwise like [`embeddings`](Self::embeddings).
    ///
    /// # Errors
    /// Returns an error if the shape differs, or if the device fails.
    pub fn pool(&self, hidden: &Tensor, pooling: Pooling) -> Result<Tensor> {
        let [rows, length] = self.shape;
        if hidden.rank() != 3 || hidden.dims()[..2] != self.shape {
            let what = format!("vectors of the shape [{rows}, {length}, width]");
            return Err(Expected::new(what, format_args!("{:?}", hidden.dims())).to_string().into());
        }
        let mut weights = vec![0_f32; rows * length];
        for row in 0..rows {
            let range = self.tokens_of(row);
            let of_row = &mut weights[row * length..][..length];
            match pooling.tokens {
                Tokens::All => of_row[range.clone()].fill(1.0 / range.len() as f32),
                Tokens::First => of_row[range.start] = 1.0,
                Tokens::Last => of_row[range.end - 1] = 1.0,
            }
        }
        let weights = Tensor::from_vec(weights, (rows, 1, length), hidden.device())?;
        let pooled = weights.matmul(&hidden.to_dtype(DType::F32)?.contiguous()?)?.squeeze(1)?;
        let pooled = pooled.narrow(0, 0, self.len())?;
        if !pooling.normalize {
            return Ok(pooled);
        }
        let norm = pooled.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?.maximum(f32::MIN_POSITIVE)?;
        Ok(pooled.broadcast_div(&norm)?)
    }

    /// Makes the embedding of each text from a tensor of shape `[texts, tokens, width]`: [`pool`](Self::pool), and the
    /// number of tokens of each text.
    ///
    /// # Errors
    /// Returns the errors of [`pool`](Self::pool), and an error if a vector is not finite.
    pub fn embeddings_from(&self, hidden: &Tensor, pooling: Pooling) -> Result<Vec<Embedding>> {
        let embeddings = Embedding::from_rows(&self.pool(hidden, pooling)?)?;
        Ok(embeddings.into_iter().zip(self.lengths()).map(|(text, tokens)| text.with_tokens(tokens)).collect())
    }
}
