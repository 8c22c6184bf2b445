//! The network: a decoder of the Llama family, with the caches of its sequences. The engine loads and runs it.

use chariot_engine::{
    candle::{Device, Result, Tensor},
    candle_nn::{
        kv_cache::KvCache,
        rotary_emb::{rope, rope_i},
    },
    ops::{Activation, LayerNorm, Linear, Mask, attention},
};

use crate::weights::{Config, Weights};

/// The tokens by which the cache of a sequence grows.
const GROWTH: usize = 256;

/// The keys and the values of one sequence, by layer: `[heads of keys, tokens, size]`.
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
    rotation: Rotation,
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
        let layer = |index| Layer::new(config, weights, index);
        Ok(Self {
            layers: (0..config.num_hidden_layers).map(layer).collect::<chariot_engine::Result<_>>()?,
            norm: weights.norm(None, "norm")?,
            rotation: Rotation::new(config, weights.alternates(), context, device)?,
            words: weights.product(None, "embed_tokens", [config.vocab_size, config.hidden_size])?,
        })
    }

    /// Returns the most tokens of a sequence.
    pub(crate) fn context(&self) -> usize {
        self.rotation.cosines.dims()[0]
    }

    /// Returns the cache of a sequence without tokens.
    pub(crate) fn cache(&self) -> Cache {
        Cache { layers: vec![KvCache::new(1, GROWTH); self.layers.len()], tokens: 0 }
    }

    /// Reads tokens, at least one, at the end of each sequence. Returns the logits of the token that follows each of them,
    /// `[sequences, vocabulary]`.
    ///
    /// # Errors
    /// Returns an error if a sequence has more tokens than the context, or an error of the device.
    pub(crate) fn forward(&self, parts: &mut [(&mut Cache, &[u32])]) -> Result<Tensor> {
        // The tokens of all sequences are rows of one product.
        let ids: Vec<u32> = parts.iter().flat_map(|(_, tokens)| *tokens).copied().collect();
        let positions = parts.iter().flat_map(|(cache, tokens)| (cache.tokens..).take(tokens.len()));
        let rotation = self.rotation.at(positions)?;
        let mut x = self.words.rows(&ids)?;
        for (index, layer) in self.layers.iter().enumerate() {
            x = layer.forward(&x, &rotation, index, parts)?;
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
        rotation: &Rotation,
        index: usize,
        parts: &mut [(&mut Cache, &[u32])],
    ) -> Result<Tensor> {
        let normed = self.attention_norm.forward(x)?;
        let heads = |part: &Linear, heads| {
            let part = part.forward(&normed)?;
            part.reshape((part.dim(0)?, heads, self.size))?.transpose(0, 1)?.contiguous()
        };
        let q = rotation.turn(heads(&self.queries, self.heads)?)?;
        let k = rotation.turn(heads(&self.keys, self.key_heads)?)?;
        let v = heads(&self.values, self.key_heads)?;
        let mut start = 0;
        let mut attended = Vec::with_capacity(parts.len());
        for (cache, tokens) in parts {
            let count = tokens.len();
            let part = |x: &Tensor| x.narrow(1, start, count)?.contiguous();
            let (k, v) = cache.layers[index].append(&part(&k)?, &part(&v)?)?;
            attended.push(self.attend(&part(&q)?, &k, &v)?);
            start += count;
        }
        let x = self.merge.forward_add(&Tensor::cat(&attended, 0)?, x)?;
        let normed = self.inner_norm.forward(&x)?;
        let inner = (self.gate.forward_with(&normed, Activation::Silu)? * self.up.forward(&normed)?)?;
        self.down.forward_add(&inner, &x)
    }

    /// Returns the attention of the last tokens of a sequence to all of them, `[tokens, width]`.
    fn attend(&self, q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor> {
        let (count, all, group) = (q.dim(1)?, k.dim(1)?, self.heads / self.key_heads);
        // Several heads share the keys of one: they are more queries of it.
        let q = q.reshape((self.key_heads, 1, group * count, self.size))?;
        let mask = causal(count, all, group, q.device())?;
        let mask = mask.as_ref().map_or(Mask::None, Mask::Added);
        let out = attention(&q, &k.unsqueeze(1)?, &v.unsqueeze(1)?, mask, (self.size as f64).powf(-0.5))?;
        out.reshape((self.heads, count, self.size))?.transpose(0, 1)?.reshape((count, self.heads * self.size))
    }
}

/// Returns a mask by which each of the last tokens of a sequence attends to those before it, for a group of heads. `None` if
/// there is one token, which attends to all.
fn causal(count: usize, all: usize, group: usize, device: &Device) -> Result<Option<Tensor>> {
    if count == 1 {
        return Ok(None);
    }
    let row = |token: usize| {
        let seen = all - count + token + 1;
        (0..all).map(move |key| if key < seen { 0.0 } else { f32::NEG_INFINITY })
    };
    let mask: Vec<f32> = (0..group).flat_map(|_| (0..count).flat_map(row)).collect();
    Tensor::from_vec(mask, (1, 1, group * count, all), device).map(Some)
}

/// The rotations of queries and keys by their positions.
#[derive(Debug)]
struct Rotation {
    /// `[positions, size / 2]`.
    cosines: Tensor,
    sines: Tensor,
    /// Set if the numbers of the two halves of a head alternate.
    alternates: bool,
}

impl Rotation {
    /// Computes the rotations of all positions of a context.
    fn new(config: &Config, alternates: bool, context: usize, device: &Device) -> Result<Self> {
        let size = config.hidden_size / config.num_attention_heads;
        let frequency = |at: usize| config.rope_theta.powf(-(at as f64) / size as f64);
        let frequencies: Vec<f64> = (0..size).step_by(2).map(frequency).collect();
        let table = |of: fn(f64) -> f64| {
            let angles = (0..context).flat_map(|position| frequencies.iter().map(move |f| position as f64 * f));
            let values: Vec<f32> = angles.map(|angle| of(angle) as f32).collect();
            Tensor::from_vec(values, (context, size / 2), device)
        };
        Ok(Rotation { cosines: table(f64::cos)?, sines: table(f64::sin)?, alternates })
    }

    /// Returns the rotations of these positions.
    fn at(&self, positions: impl Iterator<Item = usize>) -> Result<Self> {
        let positions: Vec<u32> = positions.map(|position| position as u32).collect();
        let positions = Tensor::new(positions, self.cosines.device())?;
        let of = |table: &Tensor| table.index_select(&positions, 0);
        Ok(Rotation { cosines: of(&self.cosines)?, sines: of(&self.sines)?, alternates: self.alternates })
    }

    /// Rotates queries or keys, `[heads, tokens, size]`.
    fn turn(&self, x: Tensor) -> Result<Tensor> {
        let turn = if self.alternates { rope_i } else { rope };
        turn(&x.unsqueeze(0)?, &self.cosines, &self.sines)?.squeeze(0)
    }
}
