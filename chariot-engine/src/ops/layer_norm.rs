//! [`LayerNorm`]: the normalization of rows, with a residual that is added before.

use candle_core::{Device, Module, Result, Tensor};
use candle_nn::{LayerNormConfig, VarBuilder};

use super::{
    lanes::{Norm, add, normalize},
    threads::for_blocks,
    values::{Values, are_plain, count, expect_shape, unexpected, unexpected_rank},
};

/// Normalization of the last dimension: `(x - mean) / sqrt(variance + epsilon) * weight + bias`.
///
/// ```
/// use chariot_engine::{
///     candle::{Device, Result, Tensor},
///     ops::LayerNorm,
/// };
///
/// # fn main() -> Result<()> {
/// let norm = LayerNorm::new(Tensor::new(&[1_f32, 1.0], &Device::Cpu)?, None, 1e-12)?;
/// let x = Tensor::new(&[[1_f32, 2.0]], &Device::Cpu)?;
/// assert_eq!(norm.forward(&x)?.to_vec2::<f32>()?, [[-1.0, 1.0]]);
/// let residual = Tensor::new(&[[7_f32, 0.0]], &Device::Cpu)?;
/// assert_eq!(norm.forward_add(&x, &residual)?.to_vec2::<f32>()?, [[1.0, -1.0]]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct LayerNorm {
    /// Its tensors are contiguous.
    inner: candle_nn::LayerNorm,
}

impl LayerNorm {
    /// Makes a layer of a weight `[size]`, a bias `[size]` if there is one, and what is added to the variance.
    ///
    /// # Errors
    ///
    /// Returns an error if the weight is not a vector, or if the bias has another shape.
    pub fn new(weight: Tensor, bias: Option<Tensor>, epsilon: f64) -> Result<Self> {
        Self::of(match bias {
            Some(bias) => candle_nn::LayerNorm::new(weight, bias, epsilon),
            None => candle_nn::LayerNorm::new_no_bias(weight, epsilon),
        })
    }

    /// Makes a layer that subtracts no mean: `x / sqrt(mean of x^2 + epsilon) * weight`.
    ///
    /// # Errors
    ///
    /// Returns an error if the weight is not a vector.
    pub fn rms(weight: Tensor, epsilon: f64) -> Result<Self> {
        Self::of(candle_nn::LayerNorm::rms_norm(weight, epsilon))
    }

    fn of(layer: candle_nn::LayerNorm) -> Result<Self> {
        let (weight, epsilon) = (layer.weight(), layer.eps());
        let &[size] = weight.dims() else { return Err(unexpected_rank(1, weight)) };
        let weight = weight.contiguous()?;
        let inner = match layer.bias() {
            Some(bias) => {
                expect_shape("ops::LayerNorm: bias", &[size], bias)?;
                candle_nn::LayerNorm::new(weight, bias.contiguous()?, epsilon)
            }
            None if layer.remove_mean() => candle_nn::LayerNorm::new_no_bias(weight, epsilon),
            None => candle_nn::LayerNorm::rms_norm(weight, epsilon),
        };
        Ok(Self { inner })
    }

    /// Returns `x`, of shape `[..., size]`, with each row normalized.
    ///
    /// # Errors
    ///
    /// Returns an error if the last dimension of `x` is not `size`, or if type or device are not those of the weight.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.run(x, None)
    }

    /// Returns `x + residual` with each row normalized.
    ///
    /// # Errors
    ///
    /// Returns an error in the cases of [`forward`](Self::forward), or if the two shapes differ.
    pub fn forward_add(&self, x: &Tensor, residual: &Tensor) -> Result<Tensor> {
        self.run(x, Some(residual))
    }

    fn run(&self, x: &Tensor, residual: Option<&Tensor>) -> Result<Tensor> {
        let (weight, bias) = (self.inner.weight(), self.inner.bias());
        let size = weight.elem_count();
        if x.dims().last() != Some(&size) {
            let leading = &x.dims()[..x.rank().saturating_sub(1)];
            return Err(unexpected("ops::LayerNorm: input", &[leading, &[size]].concat(), x.dims()));
        }
        if let Some(residual) = residual {
            expect_shape("ops::LayerNorm: residual", x.dims(), residual)?;
        }
        count("ops::LayerNorm", x.dims())?;
        if !are_plain([x, weight].into_iter().chain(bias).chain(residual)) {
            let sum = residual.map(|residual| x + residual).transpose()?;
            let x = sum.as_ref().unwrap_or(x);
            // The mean of no numbers cannot be computed everywhere.
            return if x.elem_count() == 0 { Ok(x.clone()) } else { self.inner.forward(x) };
        }
        let mut out = Values::contiguous(&x.contiguous()?)?.to_vec();
        let residual = residual.map(Tensor::contiguous).transpose()?;
        let residual = residual.as_ref().map(Values::contiguous).transpose()?;
        let (residual, weight) = (residual.as_deref(), Values::contiguous(weight)?);
        let bias = bias.map(Values::contiguous).transpose()?;
        let norm = Norm {
            weight: &weight,
            bias: bias.as_deref(),
            epsilon: self.inner.eps() as f32,
            remove_mean: self.inner.remove_mean(),
        };
        for_blocks(&mut out, size, 4, |first, block| {
            if let Some(residual) = residual {
                add(block, &residual[first * size..][..block.len()]);
            }
            normalize(block, norm);
        });
        Tensor::from_vec(out, x.shape(), &Device::Cpu)
    }
}

impl Module for LayerNorm {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        LayerNorm::forward(self, x)
    }
}

/// Loads a [`LayerNorm`] from the tensors `weight` and `bias`, or `gamma` and `beta`, as `candle_nn::layer_norm` does.
///
/// The configuration can be the epsilon alone.
///
/// # Errors
///
/// Returns an error if a tensor is missing or has another shape.
///
/// ```no_run
/// use chariot_engine::{Result, model::LoadContext, ops};
///
/// fn load(ctx: &LoadContext) -> Result<ops::LayerNorm> {
///     Ok(ops::layer_norm(384, 1e-12, ctx.safetensors("model.safetensors")?.pp("embeddings.LayerNorm"))?)
/// }
/// ```
pub fn layer_norm(size: usize, config: impl Into<LayerNormConfig>, vb: VarBuilder<'_>) -> Result<LayerNorm> {
    LayerNorm::of(candle_nn::layer_norm(size, config, vb)?)
}

#[cfg(test)]
mod tests {
    use candle_core::DType;
    use proptest::prelude::*;

    use super::*;
    use crate::ops::random::{assert_close, assert_refused, sparse, tensor};

    proptest! {
        #[test]
        fn it_computes_what_candle_does(
            leading in proptest::collection::vec(0_usize..5, 0..4),
            size in 0_usize..70,
            with_bias: bool,
            rms: bool,
            apart: bool,
            seed: u64,
        ) {
            let make = if apart { sparse } else { tensor };
            let shape = [&leading[..], &[size]].concat();
            let (x, residual) = (make(seed, &shape), make(seed ^ 1, &shape));
            let (weight, bias) = (make(seed ^ 2, &[size]), make(seed ^ 3, &[size]));
            // In a row whose numbers are nearly the same, rounding is enlarged without end.
            let epsilon = 1e-3;
            let (layer, plain) = match (rms, with_bias) {
                (true, _) => (
                    LayerNorm::rms(weight.clone(), epsilon),
                    candle_nn::LayerNorm::rms_norm(weight, epsilon),
                ),
                (false, true) => (
                    LayerNorm::new(weight.clone(), Some(bias.clone()), epsilon),
                    candle_nn::LayerNorm::new(weight, bias, epsilon),
                ),
                (false, false) => (
                    LayerNorm::new(weight.clone(), None, epsilon),
                    candle_nn::LayerNorm::new_no_bias(weight, epsilon),
                ),
            };
            let layer = layer.unwrap();
            let sum = (&x + &residual).unwrap();
            let expected = |x: &Tensor| if x.elem_count() == 0 { x.clone() } else { plain.forward(x).unwrap() };
            // The numbers of such a row are small, and their rounding is that of the inputs.
            let beside_one = |x: Tensor| if x.elem_count() == 0 { x } else { (x + 1.0).unwrap() };
            let close = |got: Tensor, expected| assert_close(&beside_one(got), &beside_one(expected), 1e-5);
            close(layer.forward(&x).unwrap(), expected(&x));
            close(layer.forward_add(&x, &residual).unwrap(), expected(&sum));
        }
    }

    #[test]
    fn several_threads_compute_the_same() {
        let (x, residual) = (tensor(1, &[301, 384]), tensor(2, &[301, 384]));
        let layer = LayerNorm::new(tensor(3, &[384]), Some(tensor(4, &[384])), 1e-12).unwrap();
        let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let run = |threads| pool(threads).install(|| layer.forward_add(&x, &residual)).unwrap();
        for threads in [2, 3, 7, 40] {
            assert_close(&run(threads), &run(1), 0.0);
        }
    }

    #[test]
    fn other_types_are_left_to_candle() {
        let (x, weight, bias) = (tensor(1, &[2, 3, 8]), tensor(2, &[8]), tensor(3, &[8]));
        for dtype in [DType::F16, DType::BF16] {
            let [x, weight, bias] = [&x, &weight, &bias].map(|t| t.to_dtype(dtype).unwrap());
            let layer = LayerNorm::new(weight.clone(), Some(bias.clone()), 1e-5).unwrap();
            let sum = (&x + &x).unwrap();
            let expected = candle_nn::LayerNorm::new(weight, bias, 1e-5).forward(&sum).unwrap();
            assert_close(&layer.forward_add(&x, &x).unwrap(), &expected, 0.0);
            assert_eq!(layer.forward(&x.narrow(1, 0, 0).unwrap()).unwrap().dims(), [2, 0, 8]);
        }
    }

    #[test]
    fn wrong_shapes_are_named() {
        let layer = LayerNorm::new(tensor(1, &[8]), None, 1e-5).unwrap();
        assert_refused(layer.forward(&tensor(2, &[2, 7])), &[2, 8], &[2, 7]);
        assert_refused(layer.forward(&tensor(2, &[])), &[8], &[]);
        assert_refused(layer.forward_add(&tensor(2, &[2, 8]), &tensor(3, &[8])), &[2, 8], &[8]);
        assert_refused(LayerNorm::new(tensor(1, &[8]), Some(tensor(2, &[7])), 1e-5), &[8], &[7]);
        assert!(LayerNorm::new(tensor(1, &[8, 1]), None, 1e-5).is_err());
    }

    #[test]
    fn layers_are_loaded_under_both_pairs_of_names() {
        let x = tensor(3, &[2, 8]);
        for names in [["weight", "bias"], ["gamma", "beta"]] {
            let tensors = [(names[0], tensor(1, &[8])), (names[1], tensor(2, &[8]))];
            let tensors = tensors.map(|(name, tensor)| (name.to_string(), tensor)).into();
            let vb = VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
            let expected = candle_nn::layer_norm(8, 1e-5, vb.clone()).unwrap().forward(&x).unwrap();
            assert_close(&layer_norm(8, 1e-5, vb.clone()).unwrap().forward(&x).unwrap(), &expected, 1e-5);
            assert!(layer_norm(9, 1e-5, vb).is_err());
        }
    }
}
