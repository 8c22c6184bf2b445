//! The network: a decoder of the Llama family, with the caches of its sequences. The engine loads and runs it.

use chariot_engine::{
    candle::{Device, Result, Tensor},
    ops::{Activation, KvCache, LayerNorm, Linear, RotaryEmbedding, cached_attention},
};

use crate::weights::{Config, Weights};

/// The keys and the values of one sequence, by layer.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    layers: Vec<KvCache>,
    tokens: usize,
}

/// The network.
#[derive(Debug)]
pub(crate) struct Llama {
    /// The vector of each token. Their products with the result are the logits.
    words: Linear,
    layers: Vec<Layer>,
    norm: LayerNorm,
    rotary: RotaryEmbedding,
}

impl Llama {
    /// Builds the network, for sequences of at most `context` tokens.
    ///
    /// # Errors
    /// Returns an error if a tensor is missing or has another shape.
    pub(crate) fn new(
        config: &Config,
        weights: &Weights,
        context: usize,
        device: &Device,
    ) -> chariot_engine::Result<Self> {
        let size = config.hidden_size / config.num_attention_heads;
        let layer = |index| Layer::new(config, weights, index);
        Ok(Self {
            layers: (0..config.num_hidden_layers).map(layer).collect::<chariot_engine::Result<_>>()?,
            norm: weights.norm(None, "norm")?,
            rotary: RotaryEmbedding::new(size, config.rope_theta, context, weights.pairs(), device)?,
            words: weights.product(None, "embed_tokens", [config.vocab_size, config.hidden_size])?,
        })
    }

    /// Returns the most tokens of a sequence.
    pub(crate) fn context(&self) -> usize {
        self.rotary.positions()
    }

    /// Returns the cache of a sequence without tokens.
    pub(crate) fn cache(&self) -> Cache {
        Cache { layers: vec![KvCache::new(); self.layers.len()], tokens: 0 }
    }

    /// Reads tokens, at least one, at the end of each sequence. Returns the logits of the token that follows each of them,
    /// `[sequences, vocabulary]`.
    ///
    /// # Errors
    /// Returns an error if a sequence has more tokens than the context, or an error of the device.
    pub(crate) fn forward(&self, parts: &mut [(&mut Cache, &[u32])]) -> Result<Tensor> {
        // The tokens of all sequences are rows of one product.
        let ids: Vec<u32> = parts.iter().flat_map(|(_, tokens)| *tokens).copied().collect();
        let positions = parts.iter().flat_map(|(cache, tokens)| (cache.tokens as u32..).take(tokens.len()));
        let positions: Vec<u32> = positions.collect();
        let rotate = |x: Tensor| self.rotary.forward(&x, &positions);
        let mut x = self.words.rows(&ids)?;
        for (index, layer) in self.layers.iter().enumerate() {
            let caches = parts.iter_mut().map(|(cache, tokens)| (&mut cache.layers[index], tokens.len()));
            x = layer.forward(&x, rotate, &mut caches.collect::<Vec<_>>())?;
        }
        let mut ends = Vec::with_capacity(parts.len());
        for (cache, tokens) in parts {
            cache.tokens += tokens.len();
            ends.push(ends.last().map_or(0, |end| end + 1) + tokens.len() as u32 - 1);
        }
        let last = x.index_select(&Tensor::new(ends, x.device())?, 0)?;
        self.words.forward(&self.norm.forward(&last)?)
    }
}

#[derive(Debug)]
struct Layer {
    attention_norm: LayerNorm,
    queries: Linear,
    keys: Linear,
    values: Linear,
    merge: Linear,
    inner_norm: LayerNorm,
    gate: Linear,
    up: Linear,
    down: Linear,
    heads: usize,
    key_heads: usize,
    size: usize,
}

impl Layer {
    fn new(config: &Config, weights: &Weights, index: usize) -> chariot_engine::Result<Self> {
        let &Config { hidden_size: width, intermediate_size: inner, .. } = config;
        let (heads, key_heads) = (config.num_attention_heads, config.num_key_value_heads);
        let size = width / heads;
        let product = |name: &str, out, from| weights.product(Some(index), name, [out, from]);
        Ok(Self {
            attention_norm: weights.norm(Some(index), "input_layernorm")?,
            queries: product("self_attn.q_proj", width, width)?,
            keys: product("self_attn.k_proj", key_heads * size, width)?,
            values: product("self_attn.v_proj", key_heads * size, width)?,
            merge: product("self_attn.o_proj", width, width)?,
            inner_norm: weights.norm(Some(index), "post_attention_layernorm")?,
            gate: product("mlp.gate_proj", inner, width)?,
            up: product("mlp.up_proj", inner, width)?,
            down: product("mlp.down_proj", width, inner)?,
            heads,
            key_heads,
            size,
        })
    }

    fn forward(
        &self,
        x: &Tensor,
        rotate: impl Fn(Tensor) -> Result<Tensor>,
        caches: &mut [(&mut KvCache, usize)],
    ) -> Result<Tensor> {
        let normed = self.attention_norm.forward(x)?;
        let part = |part: &Linear, heads| part.forward(&normed)?.reshape((x.dim(0)?, heads, self.size));
        let q = rotate(part(&self.queries, self.heads)?)?;
        let k = rotate(part(&self.keys, self.key_heads)?)?;
        let v = part(&self.values, self.key_heads)?;
        let attended = cached_attention(&q, &k, &v, caches, (self.size as f64).powf(-0.5))?;
        let x = self.merge.forward_add(&attended, x)?;
        let normed = self.inner_norm.forward(&x)?;
        let inner = (self.gate.forward_with(&normed, Activation::Silu)? * self.up.forward(&normed)?)?;
        self.down.forward_add(&inner, &x)
    }
}
