//! [`DepthwiseConv2d`]: a convolution in which each channel has a kernel of its own.

use candle_core::{Device, Module, Result, Tensor};
use candle_nn::{Conv2dConfig, Init, VarBuilder, init::DEFAULT_KAIMING_NORMAL};

use super::{
    slide::{SLACK, Slide, slide},
    threads::for_each,
    values::{Values, are_plain, count, expect_shape, unexpected, unexpected_rank},
};

/// A two-dimensional convolution with a group per channel: channel `i` of the output depends on channel `i` of the input
/// alone.
///
/// ```
/// use chariot_engine::{
///     candle::{DType, Device, Result, Tensor},
///     candle_nn::Conv2dConfig,
///     ops::DepthwiseConv2d,
/// };
///
/// # fn main() -> Result<()> {
/// let weight = Tensor::ones((32, 1, 3, 3), DType::F32, &Device::Cpu)?;
/// let layer = DepthwiseConv2d::new(weight, None, Conv2dConfig { padding: 1, stride: 2, ..Default::default() })?;
/// let image = Tensor::ones((1, 32, 112, 112), DType::F32, &Device::Cpu)?;
/// assert_eq!(layer.forward(&image)?.dims(), [1, 32, 56, 56]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct DepthwiseConv2d {
    /// `[channels, 1, rows, columns]`, contiguous.
    weight: Tensor,
    /// `[channels]`, contiguous.
    bias: Option<Tensor>,
    config: Conv2dConfig,
}

impl DepthwiseConv2d {
    /// Makes a layer of a weight `[channels, 1, rows, columns]` and a bias `[channels]`. Padding, stride and dilation are
    /// those of both dimensions. The configuration's `groups` is not read: it is the number of channels.
    ///
    /// # Errors
    ///
    /// Returns an error if the shapes are others, or if a kernel is empty, or stride or dilation is 0.
    pub fn new(weight: Tensor, bias: Option<Tensor>, config: Conv2dConfig) -> Result<Self> {
        let &[channels, inputs, rows, columns] = weight.dims() else { return Err(unexpected_rank(4, &weight)) };
        if inputs != 1 || rows == 0 || columns == 0 {
            let expected = [channels, 1, rows.max(1), columns.max(1)];
            return Err(unexpected("ops::DepthwiseConv2d: weight", &expected, weight.dims()));
        }
        if let Some(bias) = &bias {
            expect_shape("ops::DepthwiseConv2d: bias", &[channels], bias)?;
        }
        if config.stride == 0 || config.dilation == 0 {
            candle_core::bail!(
                "ops::DepthwiseConv2d: expected a stride and a dilation of at least 1, got {} and {}",
                config.stride,
                config.dilation
            );
        }
        let bias = bias.map(|bias| bias.contiguous()).transpose()?;
        Ok(Self { weight: weight.contiguous()?, bias, config: Conv2dConfig { groups: channels, ..config } })
    }

    /// Returns the convolution of images `[batch, channels, rows, columns]`, as
    /// `[batch, channels, rows of the result, columns of the result]`.
    ///
    /// # Errors
    ///
    /// Returns an error if the images have another number of channels or are smaller than the kernel, or if type or
    /// device are not those of the weight.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (channels, _, kernel_rows, kernel_columns) = self.weight.dims4()?;
        let &[batch, got, rows, columns] = x.dims() else { return Err(unexpected_rank(4, x)) };
        if got != channels {
            return Err(unexpected("ops::DepthwiseConv2d: images", &[batch, channels, rows, columns], x.dims()));
        }
        let (height, width) = (self.slid(rows, kernel_rows)?, self.slid(columns, kernel_columns)?);
        let shape = [batch, channels, height, width];
        let all = count("ops::DepthwiseConv2d", &shape)?;
        if all == 0 {
            return Tensor::zeros(&shape, x.dtype(), x.device());
        }
        if !are_plain([x, &self.weight].into_iter().chain(&self.bias)) {
            let Conv2dConfig { padding, stride, dilation, groups, .. } = self.config;
            let out = x.conv2d(&self.weight, padding, stride, dilation, groups)?;
            return match &self.bias {
                Some(bias) => out.broadcast_add(&bias.reshape((1, channels, 1, 1))?),
                None => Ok(out),
            };
        }
        let mut out = vec![0.0; all];
        self.slide_all(x, &mut out, [height, width])?;
        Tensor::from_vec(out, &shape, &Device::Cpu)
    }

    /// Returns the number of places of a kernel in one dimension.
    fn slid(&self, size: usize, kernel: usize) -> Result<usize> {
        let Conv2dConfig { padding, stride, dilation, .. } = self.config;
        let padded = padding.checked_mul(2).and_then(|padding| padding.checked_add(size));
        let extent = (kernel - 1).checked_mul(dilation).and_then(|extent| extent.checked_add(1));
        match padded.zip(extent).and_then(|(padded, extent)| padded.checked_sub(extent)) {
            Some(free) => Ok(free / stride + 1),
            None => candle_core::bail!(
                "ops::DepthwiseConv2d: expected images of at least the kernel's size, got {size} for a kernel of \
                 {kernel} with padding {padding} and dilation {dilation}"
            ),
        }
    }

    fn slide_all(&self, x: &Tensor, out: &mut [f32], [height, width]: [usize; 2]) -> Result<()> {
        let Conv2dConfig { padding, stride, dilation, .. } = self.config;
        let (channels, _, kernel_rows, kernel_columns) = self.weight.dims4()?;
        let (rows, columns) = (x.dim(2)?, x.dim(3)?);
        let x = x.contiguous()?;
        let (x, weight) = (Values::contiguous(&x)?, Values::contiguous(&self.weight)?);
        let bias = self.bias.as_ref().map(Values::contiguous).transpose()?;
        let (x, weight, bias) = (&*x, &*weight, bias.as_deref());
        let in_kernel = kernel_rows * kernel_columns;
        let phase = (columns + 2 * padding).div_ceil(stride) + SLACK;
        let in_plane = count("ops::DepthwiseConv2d: padded image", &[rows + 1, stride, phase])?;
        let place = |at: usize| at % stride * phase + at / stride;
        // Once, as divisions take longer than a tap.
        let offsets: Vec<usize> = (0..kernel_columns).map(|column| place(column * dilation)).collect();
        let work = out.len().saturating_mul(in_kernel);
        for_each(out, height * width, work, |index, out, plane: &mut Vec<f32>| {
            // What is not written below is padding, and stays 0 from plane to plane. So does the last row, which stands for
            // those above and below the image.
            plane.resize(in_plane, 0.0);
            for row in 0..rows {
                let values = &x[(index * rows + row) * columns..][..columns];
                let phases = &mut plane[row * stride * phase..][..stride * phase];
                if stride == 1 {
                    phases[padding..padding + columns].copy_from_slice(values);
                    continue;
                }
                if stride == 2 {
                    take_apart(values, padding, phases.split_at_mut(phase));
                    continue;
                }
                for offset in 0..stride.min(columns) {
                    // Column `offset` of the image, and each `stride` columns after it.
                    let at = offset + padding;
                    let phase = &mut phases[at % stride * phase + at / stride..];
                    phase.iter_mut().zip(values[offset..].iter().step_by(stride)).for_each(|(to, value)| *to = *value);
                }
            }
            let channel = index % channels;
            let kernel = Slide {
                plane,
                rows,
                phase,
                kernel: &weight[channel * in_kernel..][..in_kernel],
                kernel_width: kernel_columns,
                offsets: &offsets,
                bias: bias.map_or(0.0, |bias| bias[channel]),
                padding,
                stride,
                dilation,
            };
            slide(out, width, &kernel);
        });
        Ok(())
    }
}

/// Writes each second number of a row into one phase and those between them into the other, after the padding.
fn take_apart(values: &[f32], padding: usize, (even, odd): (&mut [f32], &mut [f32])) {
    let (first, second) = match padding % 2 {
        0 => (&mut even[padding / 2..], &mut odd[padding / 2..]),
        _ => (&mut odd[padding / 2..], &mut even[padding.div_ceil(2)..]),
    };
    let (pairs, last) = values.as_chunks::<2>();
    let (heads, rest) = first.split_at_mut(pairs.len());
    for (([one, other], head), tail) in pairs.iter().zip(heads).zip(second) {
        (*head, *tail) = (*one, *other);
    }
    rest.iter_mut().zip(last).for_each(|(to, value)| *to = *value);
}

impl Module for DepthwiseConv2d {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        DepthwiseConv2d::forward(self, x)
    }
}

/// Loads a [`DepthwiseConv2d`] with square kernels from the tensors `weight`, `[channels, 1, kernel, kernel]`, and `bias`,
/// `[channels]`.
///
/// # Errors
///
/// Returns an error if a tensor is missing or has another shape, or in the cases of [`DepthwiseConv2d::new`].
///
/// ```no_run
/// use chariot_engine::{Result, candle_nn::Conv2dConfig, model::LoadContext, ops};
///
/// fn load(ctx: &LoadContext) -> Result<ops::DepthwiseConv2d> {
///     let config = Conv2dConfig { padding: 1, ..Default::default() };
///     Ok(ops::depthwise_conv2d(32, 3, config, ctx.safetensors("model.safetensors")?.pp("features.1.conv"))?)
/// }
/// ```
pub fn depthwise_conv2d(
    channels: usize,
    kernel: usize,
    config: Conv2dConfig,
    vb: VarBuilder<'_>,
) -> Result<DepthwiseConv2d> {
    let bound = 1.0 / kernel as f64;
    let weight = vb.get_with_hints((channels, 1, kernel, kernel), "weight", DEFAULT_KAIMING_NORMAL)?;
    let bias = vb.get_with_hints(channels, "bias", Init::Uniform { lo: -bound, up: bound })?;
    DepthwiseConv2d::new(weight, Some(bias), config)
}

/// Loads a [`DepthwiseConv2d`] with square kernels and without a bias from the tensor `weight`,
/// `[channels, 1, kernel, kernel]`.
///
/// # Errors
///
/// Returns an error if the tensor is missing or has another shape, or in the cases of [`DepthwiseConv2d::new`].
pub fn depthwise_conv2d_no_bias(
    channels: usize,
    kernel: usize,
    config: Conv2dConfig,
    vb: VarBuilder<'_>,
) -> Result<DepthwiseConv2d> {
    let weight = vb.get_with_hints((channels, 1, kernel, kernel), "weight", DEFAULT_KAIMING_NORMAL)?;
    DepthwiseConv2d::new(weight, None, config)
}

#[cfg(test)]
mod tests {
    use candle_core::DType;
    use proptest::prelude::*;

    use super::*;
    use crate::ops::random::{assert_close, assert_refused, sparse, tensor};

    fn config(padding: usize, stride: usize, dilation: usize, groups: usize) -> Conv2dConfig {
        Conv2dConfig { padding, stride, dilation, groups, cudnn_fwd_algo: None }
    }

    proptest! {
        #[test]
        fn it_computes_what_candle_does(
            (batch, channels) in (0_usize..3, 1_usize..5),
            (rows, columns) in (0_usize..40, 0_usize..40),
            (kernel_rows, kernel_columns) in (1_usize..5, 1_usize..5),
            (padding, stride, dilation) in (0_usize..4, 1_usize..4, 1_usize..4),
            with_bias: bool,
            apart: bool,
            seed: u64,
        ) {
            let make = if apart { sparse } else { tensor };
            let x = make(seed, &[batch, channels, rows, columns]);
            let weight = make(seed ^ 1, &[channels, 1, kernel_rows, kernel_columns]);
            let bias = with_bias.then(|| make(seed ^ 2, &[channels]));
            let layer = DepthwiseConv2d::new(weight.clone(), bias.clone(), config(padding, stride, dilation, 1)).unwrap();
            let got = layer.forward(&x);
            let extent = |kernel: usize| (kernel - 1) * dilation + 1;
            let too_small = rows + 2 * padding < extent(kernel_rows) || columns + 2 * padding < extent(kernel_columns);
            prop_assert_eq!(got.is_err(), too_small);
            let Ok(got) = got else { return Ok(()) };
            if x.elem_count() > 0 {
                let plain = candle_nn::Conv2d::new(weight, bias, config(padding, stride, dilation, channels));
                assert_close(&got, &plain.forward(&x.contiguous().unwrap()).unwrap(), 1e-5);
            } else if batch > 0 {
                // Nothing but padding is left.
                let bias = bias.unwrap_or_else(|| Tensor::zeros(channels, DType::F32, &Device::Cpu).unwrap());
                let expected = bias.reshape((1, channels, 1, 1)).unwrap().broadcast_as(got.shape()).unwrap();
                assert_close(&got, &expected, 0.0);
            }
        }
    }

    #[test]
    fn several_threads_compute_the_same() {
        let x = tensor(1, &[2, 33, 56, 56]);
        let layer = DepthwiseConv2d::new(tensor(2, &[33, 1, 3, 3]), None, config(1, 2, 1, 33)).unwrap();
        let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let run = |threads| pool(threads).install(|| layer.forward(&x)).unwrap();
        for threads in [2, 3, 7, 40] {
            assert_close(&run(threads), &run(1), 0.0);
        }
    }

    #[test]
    fn other_types_are_left_to_candle() {
        let (x, weight, bias) = (tensor(1, &[2, 3, 8, 7]), tensor(2, &[3, 1, 3, 3]), tensor(3, &[3]));
        let exact = DepthwiseConv2d::new(weight.clone(), Some(bias.clone()), config(1, 1, 1, 3)).unwrap();
        let exact = exact.forward(&x).unwrap();
        // candle has no such convolution of BF16 on a CPU.
        for (dtype, tolerance) in [(DType::F16, 1e-2), (DType::F64, 1e-5)] {
            let [x, weight, bias] = [&x, &weight, &bias].map(|t| t.to_dtype(dtype).unwrap());
            let layer = DepthwiseConv2d::new(weight, Some(bias), config(1, 1, 1, 3)).unwrap();
            assert_close(&layer.forward(&x).unwrap(), &exact.to_dtype(dtype).unwrap(), tolerance);
            assert_eq!(layer.forward(&x.narrow(0, 0, 0).unwrap()).unwrap().dims(), [0, 3, 8, 7]);
        }
    }

    #[test]
    fn wrong_shapes_are_named() {
        let weight = || tensor(1, &[3, 1, 3, 3]);
        let layer = DepthwiseConv2d::new(weight(), None, config(0, 1, 1, 3)).unwrap();
        assert_refused(layer.forward(&tensor(2, &[1, 4, 8, 8])), &[1, 3, 8, 8], &[1, 4, 8, 8]);
        assert!(layer.forward(&tensor(2, &[3, 8, 8])).is_err());
        let small = layer.forward(&tensor(2, &[1, 3, 8, 2])).unwrap_err().to_string();
        assert!(small.contains("expected images of at least the kernel's size, got 2 for a kernel of 3"), "{small}");
        let refused = |weight: Tensor, bias, config| DepthwiseConv2d::new(weight, bias, config);
        assert_refused(refused(tensor(1, &[3, 2, 3, 3]), None, config(0, 1, 1, 3)), &[3, 1, 3, 3], &[3, 2, 3, 3]);
        assert_refused(refused(tensor(1, &[3, 1, 0, 3]), None, config(0, 1, 1, 3)), &[3, 1, 1, 3], &[3, 1, 0, 3]);
        assert_refused(refused(weight(), Some(tensor(1, &[2])), config(0, 1, 1, 3)), &[3], &[2]);
        for (stride, dilation) in [(0, 1), (1, 0)] {
            assert!(refused(weight(), None, config(0, stride, dilation, 3)).is_err());
        }
        for (padding, stride, dilation) in
            [(usize::MAX / 2, 1, 1), (1, 1, usize::MAX), (1 << 61, 1, 1), (1 << 61, 1 << 63, 1)]
        {
            let vast = refused(weight(), None, config(padding, stride, dilation, 3)).unwrap();
            assert!(vast.forward(&tensor(2, &[1, 3, 8, 8])).is_err());
        }
    }

    #[test]
    fn layers_are_loaded_under_the_names_of_candle() {
        let tensors = [("weight", tensor(1, &[4, 1, 3, 3])), ("bias", tensor(2, &[4]))];
        let tensors = tensors.map(|(name, tensor)| (name.to_string(), tensor)).into();
        let vb = VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
        let (x, config) = (tensor(3, &[1, 4, 9, 9]), config(1, 2, 1, 4));
        let expected = candle_nn::conv2d(4, 4, 3, config, vb.clone()).unwrap().forward(&x).unwrap();
        let got = depthwise_conv2d(4, 3, config, vb.clone()).unwrap().forward(&x).unwrap();
        assert_close(&got, &expected, 1e-5);
        let expected = candle_nn::conv2d_no_bias(4, 4, 3, config, vb.clone()).unwrap().forward(&x).unwrap();
        let got = depthwise_conv2d_no_bias(4, 3, config, vb.clone()).unwrap().forward(&x).unwrap();
        assert_close(&got, &expected, 1e-5);
        assert!(depthwise_conv2d(5, 3, config, vb).is_err());
    }
}
