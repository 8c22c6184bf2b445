//! Compares a layer of MiniLM's shape made of `chariot_engine::ops` with one of candle's operations, by turns, on one
//! thread: `RAYON_NUM_THREADS=1 cargo run --release -p ops-bench`.

use std::time::{Duration, Instant};

use chariot_engine::{
    candle::{D, DType, Device, Module, Result, Tensor},
    candle_nn::{self, VarBuilder, VarMap},
    ops::{self, Activation, Mask},
};

const WIDTH: usize = 384;
const INNER: usize = 1536;
const HEADS: usize = 12;
const TURNS: usize = 41;

struct Plain {
    qkv: candle_nn::Linear,
    merge: candle_nn::Linear,
    up: candle_nn::Linear,
    down: candle_nn::Linear,
    norm: candle_nn::LayerNorm,
}

impl Plain {
    fn forward(&self, x: &Tensor, scale: f64) -> Result<Tensor> {
        let (batch, tokens, _) = x.dims3()?;
        let parts = self.qkv.forward(x)?.reshape((batch, tokens, 3, HEADS, WIDTH / HEADS))?;
        let part = |at| parts.narrow(2, at, 1)?.squeeze(2)?.transpose(1, 2)?.contiguous();
        let (q, k, v) = (part(0)?, part(1)?, part(2)?);
        let scores = (q.matmul(&k.t()?)? * scale)?;
        let attended = candle_nn::ops::softmax(&scores, D::Minus1)?.matmul(&v)?;
        let attended = attended.transpose(1, 2)?.reshape(x.shape())?;
        let x = self.norm.forward(&(self.merge.forward(&attended)? + x)?)?;
        let inner = self.up.forward(&x)?.gelu_erf()?;
        self.norm.forward(&(self.down.forward(&inner)? + &x)?)
    }
}

struct Fused {
    qkv: ops::Linear,
    merge: ops::Linear,
    up: ops::Linear,
    down: ops::Linear,
    norm: ops::LayerNorm,
}

impl Fused {
    fn forward(&self, x: &Tensor, scale: f64) -> Result<Tensor> {
        let attended = ops::self_attention(&self.qkv.forward(x)?, HEADS, Mask::None, scale)?;
        let x = self.norm.forward(&self.merge.forward_add(&attended, x)?)?;
        let inner = self.up.forward_with(&x, Activation::Gelu)?;
        self.norm.forward(&self.down.forward_add(&inner, &x)?)
    }
}

/// Makes the two layers of the same weights.
fn layers() -> Result<(Plain, Fused)> {
    let map = VarMap::new();
    let vb = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
    let linear = |name: &str, from, to| -> Result<_> {
        let layer = candle_nn::linear(from, to, vb.pp(name))?;
        let (weight, bias) = (layer.weight().detach(), layer.bias().map(Tensor::detach));
        Ok((candle_nn::Linear::new(weight.clone(), bias.clone()), ops::Linear::new(weight, bias)?))
    };
    let (qkv, fused_qkv) = linear("qkv", WIDTH, 3 * WIDTH)?;
    let (merge, fused_merge) = linear("merge", WIDTH, WIDTH)?;
    let (up, fused_up) = linear("up", WIDTH, INNER)?;
    let (down, fused_down) = linear("down", INNER, WIDTH)?;
    let weight = Tensor::ones(WIDTH, DType::F32, &Device::Cpu)?;
    let bias = weight.zeros_like()?;
    let norm = candle_nn::LayerNorm::new(weight.clone(), bias.clone(), 1e-12);
    let fused_norm = ops::LayerNorm::new(weight, Some(bias), 1e-12)?;
    let fused = Fused { qkv: fused_qkv, merge: fused_merge, up: fused_up, down: fused_down, norm: fused_norm };
    Ok((Plain { qkv, merge, up, down, norm }, fused))
}

fn time(run: impl Fn() -> Result<Tensor>) -> Result<(Duration, Tensor)> {
    let start = Instant::now();
    let out = run()?;
    Ok((start.elapsed(), out))
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e3
}

fn main() -> Result<()> {
    if std::env::var("RAYON_NUM_THREADS").as_deref() != Ok("1") {
        chariot_engine::candle::bail!("expected RAYON_NUM_THREADS=1 in the environment");
    }
    let (plain, fused) = layers()?;
    let scale = (WIDTH as f64 / HEADS as f64).powf(-0.5);
    println!("| batch | tokens | candle | ops | ratio |\n|---|---|---|---|---|");
    for (batch, tokens) in [(1, 16), (8, 16), (1, 128), (8, 128)] {
        let x = Tensor::randn(0_f32, 1.0, (batch, tokens, WIDTH), &Device::Cpu)?;
        let (mut candle, mut ops) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            let (took, expected) = time(|| plain.forward(&x, scale))?;
            candle.push(took);
            let (took, got) = time(|| fused.forward(&x, scale))?;
            ops.push(took);
            let difference = (got - expected)?.abs()?.max_all()?.to_scalar::<f32>()?;
            if difference > 1e-3 {
                chariot_engine::candle::bail!("expected the same result, got one that differs by {difference}");
            }
        }
        let (candle, ops) = (median(candle), median(ops));
        println!("| {batch} | {tokens} | {candle:.2} ms | {ops:.2} ms | {:.2} |", candle / ops);
    }
    Ok(())
}
