//! The network: a decoder of the Llama family, with the caches of its sequences. The engine loads and runs it.

use chariot_engine::{
    candle::{Device, Result, Tensor},
    candle_nn::{Embedding, Module, kv_cache::KvCache, rotary_emb::rope},
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
    embedding: Embedding,
    layers: Vec<Layer>,
    norm: LayerNorm,
    /// The logits of a token are products with the rows of the embedding.
    head: Product,
    rotation: Rotation,
}

/// A product with a weight. The only place that knows how weights are kept.
#[derive(Debug)]
struct Product(Linear);

impl Product {
    fn new(weight: Tensor) -> Result<Self> {
        Linear::new(weight, None).map(Product)
    }

    /// Makes one product of several with the same input.
    fn joined(weights: &[Tensor]) -> Result<Self> {
        Self::new(Tensor::cat(weights, 0)?)
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.0.forward(x)
    }

    fn forward_add(&self, x: &Tensor, residual: &Tensor) -> Result<Tensor> {
        self.0.forward_add(x, residual)
    }
}

impl Llama {
    /// Builds the network, for sequences of at most `context` tokens.
    ///
    /// # Errors
    /// Returns an error if a tensor is missing or has another shape.
    pub(crate) fn new(config: &Config, weights: &Weights, context: usize) -> chariot_engine::Result<Self> {
        let width = config.hidden_size;
        let embedding = weights.get(None, "embed_tokens", &[config.vocab_size, width])?;
        let norm = weights.get(None, "norm", &[width])?;
        let layer = |index| Layer::new(config, weights, index);
        Ok(Self {
            layers: (0..config.num_hidden_layers).map(layer).collect::<chariot_engine::Result<_>>()?,
            norm: LayerNorm::rms(norm, config.rms_norm_eps)?,
            rotation: Rotation::new(
                width / config.num_attention_heads,
                config.rope_theta,
                context,
                embedding.device(),
            )?,
            head: Product::new(embedding.clone())?,
            embedding: Embedding::new(embedding, width),
        })
    }

    /// Returns the most tokens of a sequence.
    pub(crate) fn context(&self) -> usize {
        self.rotation.context
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
        let device = self.embedding.embeddings().device();
        let mut x = self.embedding.forward(&Tensor::new(ids, device)?)?;
        for (index, layer) in self.layers.iter().enumerate() {
            x = layer.forward(&x, &rotation, index, parts)?;
        }
        let mut ends = Vec::with_capacity(parts.len());
        for (cache, tokens) in parts {
            cache.tokens += tokens.len();
            ends.push(ends.last().map_or(0, |end| end + 1) + tokens.len() as u32 - 1);
        }
        let last = x.index_select(&Tensor::new(ends, device)?, 0)?;
        self.head.forward(&self.norm.forward(&last)?)
    }
}

#[derive(Debug)]
struct Layer {
    attention_norm: LayerNorm,
    qkv: Product,
    merge: Product,
    inner_norm: LayerNorm,
    gate: Linear,
    up: Product,
    down: Product,
    heads: usize,
    key_heads: usize,
    size: usize,
}

impl Layer {
    fn new(config: &Config, weights: &Weights, index: usize) -> chariot_engine::Result<Self> {
        let &Config { hidden_size: width, intermediate_size: inner, rms_norm_eps: epsilon, .. } = config;
        let (heads, key_heads) = (config.num_attention_heads, config.num_key_value_heads);
        let size = width / heads;
        let get = |name: &str, shape: &[usize]| weights.get(Some(index), name, shape);
        let keys = key_heads * size;
        let qkv = [
            get("self_attn.q_proj", &[width, width])?,
            get("self_attn.k_proj", &[keys, width])?,
            get("self_attn.v_proj", &[keys, width])?,
        ];
        Ok(Self {
            attention_norm: LayerNorm::rms(get("input_layernorm", &[width])?, epsilon)?,
            qkv: Product::joined(&qkv)?,
            merge: Product::new(get("self_attn.o_proj", &[width, width])?)?,
            inner_norm: LayerNorm::rms(get("post_attention_layernorm", &[width])?, epsilon)?,
            gate: Linear::new(get("mlp.gate_proj", &[inner, width])?, None)?,
            up: Product::new(get("mlp.up_proj", &[inner, width])?)?,
            down: Product::new(get("mlp.down_proj", &[width, inner])?)?,
            heads,
            key_heads,
            size,
        })
    }

    fn forward(
        &self,
        x: &Tensor,
        rotation: &[Tensor; 2],
        index: usize,
        parts: &mut [(&mut Cache, &[u32])],
    ) -> Result<Tensor> {
        let qkv = self.qkv.forward(&self.attention_norm.forward(x)?)?;
        let rows = qkv.dim(0)?;
        let (queries, keys) = (self.heads * self.size, self.key_heads * self.size);
        let heads = |first, heads| {
            let part = qkv.narrow(1, first, heads * self.size)?.reshape((rows, heads, self.size))?;
            part.transpose(0, 1)?.contiguous()
        };
        let rotated = |x: Tensor| rope(&x.unsqueeze(0)?, &rotation[0], &rotation[1])?.squeeze(0);
        let (q, k) = (rotated(heads(0, self.heads)?)?, rotated(heads(queries, self.key_heads)?)?);
        let v = heads(queries + keys, self.key_heads)?;
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

/// The rotations of queries and keys by their position.
#[derive(Debug)]
struct Rotation {
    /// The cosines and the sines, `[positions, size / 2]`.
    tables: [Tensor; 2],
    context: usize,
}

impl Rotation {
    fn new(size: usize, theta: f64, context: usize, device: &Device) -> Result<Self> {
        let frequencies: Vec<f64> = (0..size).step_by(2).map(|at| theta.powf(-(at as f64) / size as f64)).collect();
        let table = |of: fn(f64) -> f64| {
            let angles = (0..context).flat_map(|position| frequencies.iter().map(move |f| position as f64 * f));
            Tensor::from_vec(angles.map(|angle| of(angle) as f32).collect::<Vec<_>>(), (context, size / 2), device)
        };
        Ok(Rotation { tables: [table(f64::cos)?, table(f64::sin)?], context })
    }

    /// Returns the cosines and the sines of these positions.
    fn at(&self, positions: impl Iterator<Item = usize>) -> Result<[Tensor; 2]> {
        let positions: Vec<u32> = positions.map(|position| position as u32).collect();
        let positions = Tensor::new(positions, self.tables[0].device())?;
        Ok([self.tables[0].index_select(&positions, 0)?, self.tables[1].index_select(&positions, 0)?])
    }
}
