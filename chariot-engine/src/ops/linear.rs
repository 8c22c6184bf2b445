//! [`Linear`]: a linear layer whose bias, activation and residual cost no tensors of their own.

use std::sync::Arc;

use candle_core::{Device, Module, Result, Tensor, quantized::QTensor};
use candle_nn::{Activation, Init, VarBuilder, init::DEFAULT_KAIMING_NORMAL};
use rayon::prelude::*;

use super::{
    lanes::{Pointwise, activate},
    panels::Panels,
    product::{Matrix, Rows, Start},
    quantized::QuantizedPanels,
    threads::{for_blocks, pays, threads},
    values::{OWN_PRODUCTS, Values, are_plain, count, expect_shape, unexpected, unexpected_rank},
};

/// As many rows are computed, and then their activations, while they are in the cache.
const BLOCK: usize = 96;

/// With fewer rows for each thread, threads divide the columns instead.
const ROWS_OF_THREAD: usize = 24;

/// A linear layer, `x * weight^T + bias`.
///
/// An F32 weight on a CPU is laid out anew when the layer is made, as products read it fastest. This takes memory of the
/// layer's own, as much as the weight has. The weight that it was made from is free once nobody else holds it. A clone
/// shares the memory.
///
/// ```
/// use chariot_engine::{
///     candle::{Device, Result, Tensor},
///     ops::{Activation, Linear},
/// };
///
/// # fn main() -> Result<()> {
/// let weight = Tensor::new(&[[1_f32, 0.0], [0.0, 2.0], [1.0, 1.0]], &Device::Cpu)?;
/// let bias = Tensor::new(&[0_f32, 1.0, -9.0], &Device::Cpu)?;
/// let layer = Linear::new(weight, Some(bias))?;
/// let x = Tensor::new(&[[1_f32, 2.0]], &Device::Cpu)?;
/// assert_eq!(layer.forward(&x)?.to_vec2::<f32>()?, [[1.0, 5.0, -6.0]]);
/// assert_eq!(layer.forward_with(&x, Activation::Relu)?.to_vec2::<f32>()?, [[1.0, 5.0, 0.0]]);
/// let residual = Tensor::new(&[[1_f32, 1.0, 1.0]], &Device::Cpu)?;
/// assert_eq!(layer.forward_add(&x, &residual)?.to_vec2::<f32>()?, [[2.0, 6.0, -5.0]]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Linear {
    weight: Weight,
    /// `[out]`, contiguous.
    bias: Option<Tensor>,
}

/// A weight `[in, out]`.
#[derive(Clone, Debug)]
enum Weight {
    Panels(Arc<Panels>),
    Quantized(Arc<QuantizedPanels>),
    /// A view of the weight that was given.
    Tensor(Tensor),
}

impl Linear {
    /// Makes a layer of a weight `[out, in]` and a bias `[out]`.
    ///
    /// To compute several layers of the same input as one, concatenate their weights and their biases along the first
    /// dimension (`Tensor::cat`).
    ///
    /// # Errors
    ///
    /// Returns an error if the weight is not a matrix, or if the bias has another shape.
    pub fn new(weight: Tensor, bias: Option<Tensor>) -> Result<Self> {
        let &[out, from] = weight.dims() else { return Err(unexpected_rank(2, &weight)) };
        if let Some(bias) = &bias {
            expect_shape("ops::Linear: bias", &[out], bias)?;
        }
        let bias = bias.map(|bias| bias.contiguous()).transpose()?;
        if !OWN_PRODUCTS || !are_plain([&weight].into_iter().chain(&bias)) {
            return Ok(Self { weight: Weight::Tensor(weight.t()?), bias });
        }
        let mut panels = Panels::default();
        let &[row, column] = weight.stride() else { return Err(unexpected_rank(2, &weight)) };
        panels.fill([from, out], &Values::strided(&weight)?, [column, row], 1.0);
        Ok(Self { weight: Weight::Panels(Arc::new(panels)), bias })
    }

    /// Makes a layer of a quantized weight `[out, in]`, such as those of a GGUF file, and a bias `[out]` of F32.
    ///
    /// On a CPU, a weight of type Q4_0, Q4_1 or Q8_0 takes as much memory as in its file, one of Q5_0 or Q5_1 as much as of
    /// Q8_0, and none of its numbers is rounded: the results are those of the dequantized weight, as other layers make them.
    /// candle's own product rounds `x` to 8 bits. A weight of another type is dequantized, here and on other devices.
    ///
    /// ```
    /// use chariot_engine::{
    ///     candle::{
    ///         DType, Device, Result, Tensor,
    ///         quantized::{GgmlDType, QTensor},
    ///     },
    ///     ops::Linear,
    /// };
    ///
    /// # fn main() -> Result<()> {
    /// let weight = QTensor::quantize(&Tensor::ones((3, 32), DType::F32, &Device::Cpu)?, GgmlDType::Q8_0)?;
    /// let layer = Linear::from_quantized(&weight, None)?;
    /// let x = Tensor::ones((1, 32), DType::F32, &Device::Cpu)?;
    /// assert_eq!(layer.forward(&x)?.dims(), [1, 3]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Returns an error if the weight is not a matrix, or if the bias has another shape.
    pub fn from_quantized(weight: &QTensor, bias: Option<Tensor>) -> Result<Self> {
        let quantized =
            if OWN_PRODUCTS && weight.device().is_cpu() && bias.as_ref().is_none_or(|bias| are_plain([bias])) {
                QuantizedPanels::new(weight)?
            } else {
                None
            };
        let Some(quantized) = quantized else { return Self::new(weight.dequantize(&weight.device())?, bias) };
        let [_, out] = quantized.size();
        if let Some(bias) = &bias {
            expect_shape("ops::Linear: bias", &[out], bias)?;
        }
        let bias = bias.map(|bias| bias.contiguous()).transpose()?;
        Ok(Self { weight: Weight::Quantized(Arc::new(quantized)), bias })
    }

    /// Returns rows of the weight, `[rows, in]`: the vectors of tokens, in a model whose output layer is its embedding too.
    ///
    /// # Errors
    ///
    /// Returns an error if the weight has no row with one of these indices.
    pub fn rows(&self, indices: &[u32]) -> Result<Tensor> {
        let [from, to] = self.size()?;
        if let Some(index) = indices.iter().find(|index| **index as usize >= to) {
            candle_core::bail!("ops::Linear: expected an index below {to}, got {index}");
        }
        let values = match &self.weight {
            Weight::Panels(weight) => columns(&**weight, indices),
            Weight::Quantized(weight) => columns(&**weight, indices),
            Weight::Tensor(weight) => {
                let indices = Tensor::new(indices, weight.device())?;
                return weight.t()?.contiguous()?.index_select(&indices, 0);
            }
        };
        Tensor::from_vec(values, (indices.len(), from), &Device::Cpu)
    }

    /// Returns `x * weight^T + bias`, as `[..., out]`, for `x` of shape `[..., in]` with any leading dimensions.
    ///
    /// # Errors
    ///
    /// Returns an error if the last dimension of `x` is not `in`, or if type or device are not those of the weight.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.run(x, None, None)
    }

    /// Returns the activation of `x * weight^T + bias`.
    ///
    /// GELU by erf (`Gelu`), GELU by tanh (`NewGelu`, `GeluPytorchTanh`), ReLU and SiLU (`Silu`, `Swish`) are computed in
    /// the output's memory, all others by candle.
    ///
    /// # Errors
    ///
    /// Returns an error in the cases of [`forward`](Self::forward).
    pub fn forward_with(&self, x: &Tensor, activation: Activation) -> Result<Tensor> {
        self.run(x, Some(activation), None)
    }

    /// Returns `x * weight^T + bias + residual`.
    ///
    /// # Errors
    ///
    /// Returns an error in the cases of [`forward`](Self::forward), or if the residual has another shape than the result.
    pub fn forward_add(&self, x: &Tensor, residual: &Tensor) -> Result<Tensor> {
        self.run(x, None, Some(residual))
    }

    fn run(&self, x: &Tensor, activation: Option<Activation>, residual: Option<&Tensor>) -> Result<Tensor> {
        let [from, to] = self.size()?;
        let Some((last, leading)) = x.dims().split_last() else {
            return Err(unexpected("ops::Linear: input", &[from], &[]));
        };
        let shape = |last: usize| leading.iter().copied().chain([last]).collect::<Vec<_>>();
        if *last != from {
            return Err(unexpected("ops::Linear: input", &shape(from), x.dims()));
        }
        let shape = shape(to);
        if let Some(residual) = residual {
            expect_shape("ops::Linear: residual", &shape, residual)?;
        }
        let rows = count("ops::Linear", leading)?;
        count("ops::Linear", &shape)?;
        match &self.weight {
            Weight::Panels(weight) if are_plain([x].into_iter().chain(residual)) => {
                self.fused(&**weight, x, rows, shape, activation, residual)
            }
            Weight::Quantized(weight) if are_plain([x].into_iter().chain(residual)) => {
                self.fused(&**weight, x, rows, shape, activation, residual)
            }
            _ => self.plain(x, rows, shape, activation, residual),
        }
    }

    /// Returns the size of the weight, `[in, out]`.
    fn size(&self) -> Result<[usize; 2]> {
        match &self.weight {
            Weight::Panels(weight) => Ok(weight.size()),
            Weight::Quantized(weight) => Ok(weight.size()),
            Weight::Tensor(weight) => weight.dims2().map(<[usize; 2]>::from),
        }
    }

    fn fused(
        &self,
        weight: &impl Matrix,
        x: &Tensor,
        rows: usize,
        shape: Vec<usize>,
        activation: Option<Activation>,
        residual: Option<&Tensor>,
    ) -> Result<Tensor> {
        let x = x.contiguous()?;
        let x = Values::contiguous(&x)?;
        let bias = self.bias.as_ref().map(Values::contiguous).transpose()?;
        let [from, to] = weight.size();
        let mut out = match residual {
            Some(residual) => Values::contiguous(&residual.contiguous()?)?.to_vec(),
            None => vec![0.0; rows * to],
        };
        let (pointwise, other) = match activation {
            None => (None, None),
            Some(Activation::Gelu) => (Some(Pointwise::GeluErf), None),
            Some(Activation::NewGelu | Activation::GeluPytorchTanh) => (Some(Pointwise::GeluTanh), None),
            Some(Activation::Relu) => (Some(Pointwise::Relu), None),
            Some(Activation::Silu | Activation::Swish) => (Some(Pointwise::Silu), None),
            Some(other) => (None, Some(other)),
        };
        let rows = Rows { values: &x, stride: from };
        let start = Start { bias: bias.as_deref(), output: residual.is_some() };
        compute(weight, rows, &mut out, start, pointwise);
        let out = Tensor::from_vec(out, shape, &Device::Cpu)?;
        match other {
            Some(other) => other.forward(&out),
            None => Ok(out),
        }
    }

    fn plain(
        &self,
        x: &Tensor,
        rows: usize,
        shape: Vec<usize>,
        activation: Option<Activation>,
        residual: Option<&Tensor>,
    ) -> Result<Tensor> {
        let [from, to] = self.size()?;
        let mut out = if rows * to * from == 0 {
            // Not every device has products without elements.
            Tensor::zeros((rows, to), x.dtype(), x.device())?
        } else {
            let weight = match &self.weight {
                Weight::Panels(weight) => Tensor::from_vec(weight.unpacked(), (from, to), &Device::Cpu)?,
                Weight::Quantized(weight) => Tensor::from_vec(weight.unpacked(), (from, to), &Device::Cpu)?,
                Weight::Tensor(weight) => weight.clone(),
            };
            x.reshape((rows, from))?.matmul(&weight)?
        };
        if let Some(bias) = &self.bias {
            out = out.broadcast_add(bias)?;
        }
        out = out.reshape(shape)?;
        if let Some(residual) = residual {
            out = (out + residual)?;
        }
        match activation {
            Some(activation) => activation.forward(&out),
            None => Ok(out),
        }
    }
}

/// Returns columns of a matrix, one after the other.
fn columns(matrix: &impl Matrix, indices: &[u32]) -> Vec<f32> {
    let [depth, _] = matrix.size();
    let column = |index: &u32| {
        let index = *index as usize;
        (0..depth).map(move |row| matrix.get(row, index))
    };
    indices.iter().flat_map(column).collect()
}

/// Writes the product of rows with a weight, and its activation, to an output, on the threads of the pool.
fn compute(weight: &impl Matrix, rows: Rows<'_>, out: &mut [f32], start: Start<'_>, pointwise: Option<Pointwise>) {
    let [from, to] = weight.size();
    if out.is_empty() {
        return;
    }
    let count = out.len() / to;
    if count < ROWS_OF_THREAD * threads() && pays(weight.count(), out.len().saturating_mul(from)) {
        return compute_by_columns(weight, rows, out, start, pointwise);
    }
    for_blocks(out, to, from, |first, out| {
        for (block, out) in out.chunks_mut(BLOCK * to).enumerate() {
            let rows = Rows { values: &rows.values[(first + block * BLOCK) * from..], ..rows };
            weight.multiply(out.len() / to, rows, (out, to), start);
            if let Some(pointwise) = pointwise {
                activate(out, pointwise);
            }
        }
    });
}

/// Does so where each thread computes some columns, in memory of its own.
fn compute_by_columns(
    weight: &impl Matrix,
    rows: Rows<'_>,
    out: &mut [f32],
    start: Start<'_>,
    pointwise: Option<Pointwise>,
) {
    let [_, to] = weight.size();
    let share = weight.count().div_ceil(threads());
    let firsts = (0..weight.count()).into_par_iter().step_by(share);
    let parts = firsts.map(|first| {
        let panels = [first, weight.count().min(first + share)];
        let [begin, end] = weight.columns(panels);
        let mut part = if start.output {
            out.chunks_exact(to).flat_map(|row| &row[begin..end]).copied().collect()
        } else {
            vec![0.0; out.len() / to * (end - begin)]
        };
        weight.multiply_part(panels, out.len() / to, rows, (&mut part, end - begin), start);
        if let Some(pointwise) = pointwise {
            activate(&mut part, pointwise);
        }
        (begin, end - begin, part)
    });
    for (begin, width, part) in parts.collect::<Vec<_>>() {
        for (to, from) in out.chunks_exact_mut(to).zip(part.chunks_exact(width)) {
            to[begin..begin + width].copy_from_slice(from);
        }
    }
}

impl Module for Linear {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Linear::forward(self, x)
    }
}

/// Loads a [`Linear`] from the tensors `weight`, `[to, from]`, and `bias`, `[to]`.
///
/// # Errors
///
/// Returns an error if a tensor is missing or has another shape.
///
/// ```no_run
/// use chariot_engine::{Result, model::LoadContext, ops};
///
/// fn load(ctx: &LoadContext) -> Result<ops::Linear> {
///     Ok(ops::linear(384, 1536, ctx.safetensors("model.safetensors")?.pp("intermediate.dense"))?)
/// }
/// ```
pub fn linear(from: usize, to: usize, vb: VarBuilder<'_>) -> Result<Linear> {
    let bound = 1.0 / (from as f64).sqrt();
    let weight = vb.get_with_hints((to, from), "weight", DEFAULT_KAIMING_NORMAL)?;
    let bias = vb.get_with_hints(to, "bias", Init::Uniform { lo: -bound, up: bound })?;
    Linear::new(weight, Some(bias))
}

/// Loads a [`Linear`] without a bias from the tensor `weight`, `[to, from]`.
///
/// # Errors
///
/// Returns an error if the tensor is missing or has another shape.
pub fn linear_no_bias(from: usize, to: usize, vb: VarBuilder<'_>) -> Result<Linear> {
    Linear::new(vb.get_with_hints((to, from), "weight", DEFAULT_KAIMING_NORMAL)?, None)
}

#[cfg(test)]
mod tests {
    use candle_core::{D, DType, Var, quantized::GgmlDType};
    use proptest::prelude::*;

    use super::*;
    use crate::ops::random::{assert_close, assert_refused, sparse, tensor};

    /// Computes the same by candle.
    fn expected(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Tensor {
        let (to, from) = weight.dims2().unwrap();
        let mut shape = x.dims().to_vec();
        *shape.last_mut().unwrap() = to;
        let rows = shape[..shape.len() - 1].iter().product::<usize>();
        if rows * to * from == 0 {
            let zeros = Tensor::zeros(shape, x.dtype(), &Device::Cpu).unwrap();
            return bias.map_or(zeros.clone(), |bias| zeros.broadcast_add(bias).unwrap());
        }
        let y = candle_nn::Linear::new(weight.clone(), bias.cloned());
        y.forward(&x.contiguous().unwrap().reshape((rows, from)).unwrap()).unwrap().reshape(shape).unwrap()
    }

    proptest! {
        #[test]
        fn it_computes_what_candle_does(
            leading in proptest::collection::vec(0_usize..5, 0..4),
            from in 0_usize..40,
            to in 0_usize..100,
            with_bias: bool,
            apart: bool,
            seed: u64,
        ) {
            let make = if apart { sparse } else { tensor };
            let x = make(seed, &[&leading[..], &[from]].concat());
            let weight = make(seed ^ 1, &[to, from]);
            let bias = with_bias.then(|| make(seed ^ 2, &[to]));
            let layer = Linear::new(weight.clone(), bias.clone()).unwrap();
            prop_assert!(matches!(layer.weight, Weight::Panels(_)) || !OWN_PRODUCTS);
            let plain = expected(&x, &weight, bias.as_ref());
            assert_close(&layer.forward(&x).unwrap(), &plain, 1e-6);
            let residual = make(seed ^ 3, plain.dims());
            assert_close(&layer.forward_add(&x, &residual).unwrap(), &(&plain + &residual).unwrap(), 1e-6);
        }
    }

    #[test]
    fn a_quantized_weight_gives_the_results_of_the_dequantized_one() {
        let (x, bias) = (tensor(1, &[2, 50, 256]), tensor(3, &[70]));
        let residual = tensor(4, &[2, 50, 70]);
        for dtype in [GgmlDType::Q4_1, GgmlDType::Q8_0, GgmlDType::Q6K, GgmlDType::F16] {
            let weight = QTensor::quantize(&tensor(2, &[70, 256]), dtype).unwrap();
            let layer = Linear::from_quantized(&weight, Some(bias.clone())).unwrap();
            assert_eq!(matches!(layer.weight, Weight::Quantized(_)), OWN_PRODUCTS && dtype.block_size() == 32);
            let weight = weight.dequantize(&Device::Cpu).unwrap();
            let plain = expected(&x, &weight, Some(&bias));
            assert_close(&layer.forward(&x).unwrap(), &plain, 2e-6);
            assert_close(&layer.forward_add(&x, &residual).unwrap(), &(&plain + &residual).unwrap(), 2e-6);
            // A row is the same in every batch and on any number of threads.
            let alone = layer.forward(&x.narrow(1, 7, 1).unwrap()).unwrap();
            let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
            let all = pool.install(|| layer.forward(&x)).unwrap();
            assert_close(&alone, &all.narrow(1, 7, 1).unwrap(), 0.0);
            // Types that are not those of the fast path.
            let wide = layer.forward(&x.to_dtype(DType::F64).unwrap());
            assert!(wide.is_err(), "converted silently");
        }
        let weight = QTensor::quantize(&tensor(2, &[70, 256]), GgmlDType::Q4_1).unwrap();
        assert_refused(Linear::from_quantized(&weight, Some(tensor(3, &[256]))), &[70], &[256]);
    }

    #[test]
    fn rows_of_the_weight_are_those_that_it_was_made_from() {
        let weight = tensor(2, &[70, 64]);
        let quantized = QTensor::quantize(&weight, GgmlDType::Q8_0).unwrap();
        let layers = [
            (Linear::new(weight.clone(), None).unwrap(), weight.clone()),
            (Linear::from_quantized(&quantized, None).unwrap(), quantized.dequantize(&Device::Cpu).unwrap()),
            (Linear::new(weight.to_dtype(DType::F64).unwrap(), None).unwrap(), weight.to_dtype(DType::F64).unwrap()),
        ];
        for (layer, weight) in layers {
            let rows = layer.rows(&[69, 0, 69]).unwrap();
            let expected = weight.index_select(&Tensor::new(&[69_u32, 0, 69], &Device::Cpu).unwrap(), 0).unwrap();
            assert_close(&rows, &expected, 0.0);
            assert_eq!(layer.rows(&[]).unwrap().dims(), [0, 64]);
            let error = layer.rows(&[1, 70]).unwrap_err().to_string();
            assert!(error.contains("expected an index below 70, got 70"), "{error}");
        }
    }

    #[test]
    fn activations_are_those_of_candle() {
        let x = (tensor(1, &[3, 7, 24]) * 4.0).unwrap();
        let (weight, bias) = (tensor(2, &[33, 24]), tensor(3, &[33]));
        let layer = Linear::new(weight.clone(), Some(bias.clone())).unwrap();
        let plain = expected(&x, &weight, Some(&bias));
        use Activation::{Elu, Gelu, GeluPytorchTanh, NewGelu, Relu, Silu, Swish};
        for activation in [Gelu, NewGelu, GeluPytorchTanh, Relu, Silu, Swish, Elu(0.5)] {
            let expected = activation.forward(&plain).unwrap();
            assert_close(&layer.forward_with(&x, activation).unwrap(), &expected, 1e-6);
        }
    }

    #[test]
    fn a_row_is_the_same_in_every_batch_and_on_any_number_of_threads() {
        let layer = Linear::new(tensor(2, &[515, 520]), Some(tensor(3, &[515]))).unwrap();
        let (x, residual) = (tensor(1, &[100, 520]), tensor(4, &[100, 515]));
        let run = |threads: usize, first: usize, rows: usize| {
            let part = |t: &Tensor| t.narrow(0, first, rows).unwrap();
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let added = layer.forward_add(&part(&x), &part(&residual)).unwrap();
                let active = layer.forward_with(&part(&x), Activation::Gelu).unwrap();
                Tensor::cat(&[added, active], 1).unwrap()
            })
        };
        let all = run(1, 0, 100);
        // Few rows are divided by columns, many by rows.
        for (threads, first, rows) in
            [(1, 3, 1), (1, 7, 29), (2, 0, 100), (3, 99, 1), (3, 5, 20), (7, 0, 100), (40, 2, 3)]
        {
            assert_close(&run(threads, first, rows), &all.narrow(0, first, rows).unwrap(), 0.0);
        }
    }

    #[test]
    fn views_that_repeat_their_numbers_are_read_like_copies() {
        let repeated = |seed, shape: [usize; 2]| tensor(seed, &[1, shape[1]]).broadcast_as(&shape).unwrap();
        for shape in [[70, 9], [9, 70]] {
            let (x, weight) = (repeated(1, [5, shape[1]]), repeated(2, shape));
            let layer = Linear::new(weight.clone(), None).unwrap();
            assert_close(&layer.forward(&x).unwrap(), &expected(&x, &weight, None), 1e-6);
            let turned = repeated(3, [shape[1], shape[0]]).t().unwrap();
            let layer = Linear::new(turned.clone(), None).unwrap();
            assert_close(&layer.forward(&x).unwrap(), &expected(&x, &turned, None), 1e-6);
        }
    }

    #[test]
    fn other_types_and_tracked_tensors_are_left_to_candle() {
        let (x, weight, bias) = (tensor(1, &[2, 3, 8]), tensor(2, &[5, 8]), tensor(3, &[5]));
        let residual = tensor(4, &[2, 3, 5]);
        let exact = (expected(&x, &weight, Some(&bias)) + &residual).unwrap();
        for (dtype, tolerance) in [(DType::F16, 5e-3), (DType::BF16, 5e-2), (DType::F64, 1e-6)] {
            let to = |t: &Tensor| t.to_dtype(dtype).unwrap();
            let layer = Linear::new(to(&weight), Some(to(&bias))).unwrap();
            let got = layer.forward_add(&to(&x), &to(&residual)).unwrap();
            assert_close(&got, &to(&exact), tolerance);
            let empty = to(&x).narrow(0, 0, 0).unwrap();
            assert_eq!(layer.forward_with(&empty, Activation::Relu).unwrap().dims(), [0, 3, 5]);
            // Not converted silently.
            assert!(layer.forward(&x).is_err());
        }
        let weight = Var::from_tensor(&weight).unwrap();
        let layer = Linear::new(weight.as_tensor().clone(), None).unwrap();
        let gradients = layer.forward(&x).unwrap().sum_all().unwrap().backward().unwrap();
        let gradient = gradients.get(&weight).expect("no gradient of the weight");
        assert_close(&gradient.get(0).unwrap(), &x.sum(0).unwrap().sum(0).unwrap(), 1e-6);
    }

    #[test]
    fn wrong_shapes_are_named() {
        let layer = Linear::new(tensor(1, &[5, 8]), None).unwrap();
        assert_refused(layer.forward(&tensor(2, &[2, 7])), &[2, 8], &[2, 7]);
        assert_refused(layer.forward(&tensor(2, &[])), &[8], &[]);
        assert_refused(layer.forward_add(&tensor(2, &[2, 8]), &tensor(3, &[1, 5])), &[2, 5], &[1, 5]);
        assert_refused(Linear::new(tensor(1, &[5, 8]), Some(tensor(2, &[8]))), &[5], &[8]);
        assert!(Linear::new(tensor(1, &[5, 8, 1]), None).is_err());
        // A view of one number as more than any memory holds.
        let vast = tensor(1, &[1]).broadcast_as((1 << 40, 1)).unwrap();
        let wide = Linear::new(tensor(1, &[1 << 22, 1]), None).unwrap();
        assert!(wide.forward(&vast).is_err());
        assert_eq!(layer.forward(&tensor(4, &[3, 8])).unwrap().dim(D::Minus1).unwrap(), 5);
    }

    #[test]
    fn layers_are_loaded_under_the_names_of_candle() {
        let tensors = [("a.weight", tensor(1, &[5, 8])), ("a.bias", tensor(2, &[5]))];
        let tensors = tensors.map(|(name, tensor)| (name.to_string(), tensor)).into();
        let vb = VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
        let x = tensor(3, &[2, 8]);
        let expected = candle_nn::linear(8, 5, vb.pp("a")).unwrap().forward(&x).unwrap();
        assert_close(&linear(8, 5, vb.pp("a")).unwrap().forward(&x).unwrap(), &expected, 1e-6);
        let expected = candle_nn::linear_no_bias(8, 5, vb.pp("a")).unwrap().forward(&x).unwrap();
        assert_close(&linear_no_bias(8, 5, vb.pp("a")).unwrap().forward(&x).unwrap(), &expected, 1e-6);
        assert!(linear(8, 6, vb.pp("a")).is_err() && linear(8, 5, vb.pp("b")).is_err());
    }
}
