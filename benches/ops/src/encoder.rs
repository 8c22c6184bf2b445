//! An encoder of MiniLM's shape, with the operations of candle and of the SDK.

use std::{collections::HashMap, path::Path};

use chariot_engine::{
    candle::{D, DType, Device, Module, Result, Tensor, safetensors},
    candle_nn::{self, VarBuilder, VarMap},
    ops::{self, Activation, Mask},
};

const WIDTH: usize = 384;
const INNER: usize = 1536;
const HEADS: usize = 12;
const LAYERS: usize = 6;
const WORDS: usize = 30_522;
const POSITIONS: usize = 512;
const EPSILON: f64 = 1e-12;

/// Returns the two encoders with the same weights: of a file, or random ones.
pub(crate) fn load(weights: Option<&Path>) -> Result<(Plain, Fused)> {
    let tensors = match weights {
        Some(file) => safetensors::load(file, &Device::Cpu)?,
        None => random()?,
    };
    let vb = VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
    Ok((plain(&vb)?, fused(&vb)?))
}

fn random() -> Result<HashMap<String, Tensor>> {
    let map = VarMap::new();
    plain(&VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu))?;
    let variables = map.data().lock().map_err(|_| chariot_engine::candle::Error::msg("the variables are locked"))?;
    Ok(variables.iter().map(|(name, variable)| (name.clone(), variable.as_detached_tensor())).collect())
}

/// Returns the tokens of texts; `peer.py` makes the same.
pub(crate) fn ids(texts: usize, tokens: usize) -> Result<Tensor> {
    let ids = (0..texts * tokens).map(|at| 1000 + (at * 7919 % 20_000) as u32);
    Tensor::from_vec(ids.collect(), (texts, tokens), &Device::Cpu)
}

struct Embeddings {
    words: Tensor,
    /// The vectors of positions, with that of the only type.
    positions: Tensor,
}

impl Embeddings {
    fn load(vb: &VarBuilder<'_>) -> Result<Self> {
        let vb = vb.pp("embeddings");
        let table = |name: &str, size| vb.get((size, WIDTH), &format!("{name}_embeddings.weight"));
        let positions = table("position", POSITIONS)?.broadcast_add(&table("token_type", 2)?.narrow(0, 0, 1)?)?;
        Ok(Self { words: table("word", WORDS)?, positions })
    }

    fn forward(&self, ids: &Tensor) -> Result<Tensor> {
        let (texts, tokens) = ids.dims2()?;
        let words = self.words.index_select(&ids.flatten_all()?, 0)?.reshape((texts, tokens, WIDTH))?;
        words.broadcast_add(&self.positions.narrow(0, 0, tokens)?)
    }
}

fn scale() -> f64 {
    (WIDTH as f64 / HEADS as f64).powf(-0.5)
}

/// An encoder with norms and layers of candle's operations, or of those of the SDK.
pub(crate) struct Encoder<N, L> {
    embeddings: Embeddings,
    norm: N,
    layers: Vec<L>,
}

impl<N: Module, L: Module> Encoder<N, L> {
    fn load(
        vb: &VarBuilder<'_>,
        norm: impl FnOnce(VarBuilder<'_>) -> Result<N>,
        layer: impl Fn(&VarBuilder<'_>) -> Result<L>,
    ) -> Result<Self> {
        Ok(Self {
            embeddings: Embeddings::load(vb)?,
            norm: norm(vb.pp("embeddings.LayerNorm"))?,
            layers: (0..LAYERS).map(|index| layer(&vb.pp("encoder.layer").pp(index))).collect::<Result<_>>()?,
        })
    }

    pub(crate) fn forward(&self, ids: &Tensor) -> Result<Tensor> {
        let x = self.norm.forward(&self.embeddings.forward(ids)?)?;
        self.layers.iter().try_fold(x, |x, layer| layer.forward(&x))
    }
}

/// An encoder of candle's operations.
pub(crate) type Plain = Encoder<candle_nn::LayerNorm, PlainLayer>;

/// An encoder of the operations of the SDK.
pub(crate) type Fused = Encoder<ops::LayerNorm, FusedLayer>;

fn plain(vb: &VarBuilder<'_>) -> Result<Plain> {
    Encoder::load(vb, |vb| candle_nn::layer_norm(WIDTH, EPSILON, vb), PlainLayer::load)
}

fn fused(vb: &VarBuilder<'_>) -> Result<Fused> {
    Encoder::load(vb, |vb| ops::layer_norm(WIDTH, EPSILON, vb), FusedLayer::load)
}

pub(crate) struct PlainLayer {
    query: candle_nn::Linear,
    key: candle_nn::Linear,
    value: candle_nn::Linear,
    merge: candle_nn::Linear,
    merge_norm: candle_nn::LayerNorm,
    up: candle_nn::Linear,
    down: candle_nn::Linear,
    down_norm: candle_nn::LayerNorm,
}

impl PlainLayer {
    fn load(vb: &VarBuilder<'_>) -> Result<Self> {
        let norm = |name| candle_nn::layer_norm(WIDTH, EPSILON, vb.pp(name));
        let linear = |from, to, name| candle_nn::linear(from, to, vb.pp(name));
        Ok(Self {
            query: linear(WIDTH, WIDTH, "attention.self.query")?,
            key: linear(WIDTH, WIDTH, "attention.self.key")?,
            value: linear(WIDTH, WIDTH, "attention.self.value")?,
            merge: linear(WIDTH, WIDTH, "attention.output.dense")?,
            merge_norm: norm("attention.output.LayerNorm")?,
            up: linear(WIDTH, INNER, "intermediate.dense")?,
            down: linear(INNER, WIDTH, "output.dense")?,
            down_norm: norm("output.LayerNorm")?,
        })
    }
}

impl Module for PlainLayer {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (texts, tokens, _) = x.dims3()?;
        let heads = |layer: &candle_nn::Linear| {
            layer.forward(x)?.reshape((texts, tokens, HEADS, WIDTH / HEADS))?.transpose(1, 2)?.contiguous()
        };
        let (query, key, value) = (heads(&self.query)?, heads(&self.key)?, heads(&self.value)?);
        let scores = (query.matmul(&key.t()?)? * scale())?;
        let attended = candle_nn::ops::softmax_last_dim(&scores)?.matmul(&value)?;
        let attended = attended.transpose(1, 2)?.flatten_from(D::Minus2)?;
        let x = self.merge_norm.forward(&(self.merge.forward(&attended)? + x)?)?;
        let inner = self.up.forward(&x)?.gelu_erf()?;
        self.down_norm.forward(&(self.down.forward(&inner)? + &x)?)
    }
}

pub(crate) struct FusedLayer {
    qkv: ops::Linear,
    merge: ops::Linear,
    merge_norm: ops::LayerNorm,
    up: ops::Linear,
    down: ops::Linear,
    down_norm: ops::LayerNorm,
}

impl FusedLayer {
    fn load(vb: &VarBuilder<'_>) -> Result<Self> {
        let norm = |name| ops::layer_norm(WIDTH, EPSILON, vb.pp(name));
        let linear = |from, to, name| ops::linear(from, to, vb.pp(name));
        let parts = ["query", "key", "value"].map(|part| vb.pp("attention.self").pp(part));
        let weights = parts.iter().map(|vb| vb.get((WIDTH, WIDTH), "weight")).collect::<Result<Vec<_>>>()?;
        let biases = parts.iter().map(|vb| vb.get(WIDTH, "bias")).collect::<Result<Vec<_>>>()?;
        Ok(Self {
            qkv: ops::Linear::new(Tensor::cat(&weights, 0)?, Some(Tensor::cat(&biases, 0)?))?,
            merge: linear(WIDTH, WIDTH, "attention.output.dense")?,
            merge_norm: norm("attention.output.LayerNorm")?,
            up: linear(WIDTH, INNER, "intermediate.dense")?,
            down: linear(INNER, WIDTH, "output.dense")?,
            down_norm: norm("output.LayerNorm")?,
        })
    }
}

impl Module for FusedLayer {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let attended = ops::self_attention(&self.qkv.forward(x)?, HEADS, Mask::None, scale())?;
        let x = self.merge_norm.forward(&self.merge.forward_add(&attended, x)?)?;
        let inner = self.up.forward_with(&x, Activation::Gelu)?;
        self.down_norm.forward(&self.down.forward_add(&inner, &x)?)
    }
}
