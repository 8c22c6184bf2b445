//! The network: BERT, an encoder of texts. The engine loads and runs it.

use chariot_engine::{
    candle::{Result, Tensor},
    candle_nn::{Embedding, Module, VarBuilder, embedding},
    ops::{self, Activation, LayerNorm, Linear, Mask},
    text::TokenTensors,
};
use serde::Deserialize;

/// The sizes of the network, from `config.json`.
#[derive(Debug, Deserialize)]
pub(crate) struct Config {
    pub(crate) vocab_size: usize,
    pub(crate) max_position_embeddings: usize,
    type_vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    layer_norm_eps: f64,
    #[expect(dead_code, reason = "a file with another activation is refused")]
    hidden_act: HiddenAct,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum HiddenAct {
    Gelu,
}

/// The network.
#[derive(Debug)]
pub(crate) struct Bert {
    words: Embedding,
    positions: Tensor,
    types: Embedding,
    norm: LayerNorm,
    layers: Vec<Layer>,
}

impl Bert {
    /// Builds the network from weights with the names of Hugging Face.
    ///
    /// # Errors
    /// Returns an error if a tensor is missing or has another shape.
    pub(crate) fn new(config: &Config, weights: VarBuilder<'_>) -> Result<Self> {
        let tables = weights.pp("embeddings");
        let width = config.hidden_size;
        let layer = |index: usize| Layer::new(config, weights.pp("encoder.layer").pp(index));
        Ok(Self {
            words: embedding(config.vocab_size, width, tables.pp("word_embeddings"))?,
            positions: tables.pp("position_embeddings").get((config.max_position_embeddings, width), "weight")?,
            types: embedding(config.type_vocab_size, width, tables.pp("token_type_embeddings"))?,
            norm: ops::layer_norm(width, config.layer_norm_eps, tables.pp("LayerNorm"))?,
            layers: (0..config.num_hidden_layers).map(layer).collect::<Result<_>>()?,
        })
    }

    /// Returns the vectors of the tokens, `[texts, tokens, width]`. Each text has its number of tokens.
    ///
    /// # Errors
    /// Returns an error if there are more tokens than positions, or an error of the device.
    pub(crate) fn forward(&self, tokens: &TokenTensors, lengths: &[usize]) -> Result<Tensor> {
        let positions = self.positions.narrow(0, 0, tokens.ids.dim(1)?)?;
        let words = self.words.forward(&tokens.ids)?.broadcast_add(&positions)?;
        let x = self.norm.forward_add(&words, &self.types.forward(&tokens.type_ids)?)?;
        self.layers.iter().try_fold(x, |x, layer| layer.forward(&x, lengths))
    }
}

#[derive(Debug)]
struct Layer {
    qkv: Linear,
    merge: Linear,
    merge_norm: LayerNorm,
    up: Linear,
    down: Linear,
    down_norm: LayerNorm,
    heads: usize,
    scale: f64,
}

impl Layer {
    fn new(config: &Config, weights: VarBuilder<'_>) -> Result<Self> {
        let &Config { hidden_size: width, intermediate_size: inner, layer_norm_eps: epsilon, .. } = config;
        // One product instead of three: the weights one after the other.
        let parts = ["query", "key", "value"].map(|part| weights.pp("attention.self").pp(part));
        let matrices = parts.iter().map(|part| part.get((width, width), "weight")).collect::<Result<Vec<_>>>()?;
        let biases = parts.iter().map(|part| part.get(width, "bias")).collect::<Result<Vec<_>>>()?;
        Ok(Self {
            qkv: Linear::new(Tensor::cat(&matrices, 0)?, Some(Tensor::cat(&biases, 0)?))?,
            merge: ops::linear(width, width, weights.pp("attention.output.dense"))?,
            merge_norm: ops::layer_norm(width, epsilon, weights.pp("attention.output.LayerNorm"))?,
            up: ops::linear(width, inner, weights.pp("intermediate.dense"))?,
            down: ops::linear(inner, width, weights.pp("output.dense"))?,
            down_norm: ops::layer_norm(width, epsilon, weights.pp("output.LayerNorm"))?,
            heads: config.num_attention_heads,
            scale: (width as f64 / config.num_attention_heads as f64).powf(-0.5),
        })
    }

    fn forward(&self, x: &Tensor, lengths: &[usize]) -> Result<Tensor> {
        let attended = ops::self_attention(&self.qkv.forward(x)?, self.heads, Mask::Lengths(lengths), self.scale)?;
        let x = self.merge_norm.forward(&self.merge.forward_add(&attended, x)?)?;
        let inner = self.up.forward_with(&x, Activation::Gelu)?;
        self.down_norm.forward(&self.down.forward_add(&inner, &x)?)
    }
}
