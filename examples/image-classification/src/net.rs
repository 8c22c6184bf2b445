//! The network: MobileNetV2, with the names of torchvision's weights. The engine uses it.

use chariot_engine::{
    candle::{Result, Tensor},
    candle_nn::{
        BatchNormConfig, Conv2d, Conv2dConfig, Linear, Module, VarBuilder, batch_norm, conv2d_no_bias, linear,
    },
    ops::DepthwiseConv2d,
};

/// The number of classes.
const CLASSES: usize = 1000;

/// The blocks: how often their input is widened, their channels, how many follow each other, and the stride of the first.
const BLOCKS: [(usize, usize, usize, usize); 7] =
    [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)];

/// MobileNetV2: a network of inverted residual blocks that classifies color images of 224 x 224 pixels.
///
/// The normalization after each convolution is folded into it, so it costs nothing.
#[derive(Debug)]
pub(crate) struct MobileNetV2 {
    first: Conv2d,
    blocks: Vec<Block>,
    last: Conv2d,
    classes: Linear,
}

/// An inverted residual block: channels are added, each is filtered alone, and they are mixed into fewer.
#[derive(Debug)]
struct Block {
    widen: Option<Conv2d>,
    filter: DepthwiseConv2d,
    narrow: Conv2d,
    is_residual: bool,
}

impl MobileNetV2 {
    /// Builds the network from `weights` with torchvision's names.
    ///
    /// # Errors
    /// Returns an error if a tensor is missing or has another shape.
    pub(crate) fn new(weights: VarBuilder<'_>) -> Result<Self> {
        let features = weights.pp("features");
        let first = folded([3, 32, 3], config(2, 1), &features.pp(0), [0, 1])?;
        let (mut blocks, mut channels) = (Vec::new(), 32);
        for (factor, wider, count, stride) in BLOCKS {
            for index in 0..count {
                let stride = if index == 0 { stride } else { 1 };
                let parts = features.pp(blocks.len() + 1).pp("conv");
                blocks.push(Block::new([channels, channels * factor, wider], stride, &parts)?);
                channels = wider;
            }
        }
        let last = folded([channels, 1280, 1], config(1, 1), &features.pp(blocks.len() + 1), [0, 1])?;
        Ok(Self { first, blocks, last, classes: linear(1280, CLASSES, weights.pp("classifier").pp(1))? })
    }

    /// Returns the logits `[n, 1000]` of images `[n, 3, height, width]`, normalized as ImageNet's.
    ///
    /// # Errors
    /// Returns an error if the images have another shape, or an error of the device.
    pub(crate) fn forward(&self, images: &Tensor) -> Result<Tensor> {
        let x = relu6(&self.first.forward(images)?)?;
        let x = self.blocks.iter().try_fold(x, |x, block| block.forward(&x))?;
        let x = relu6(&self.last.forward(&x)?)?;
        self.classes.forward(&x.flatten_from(2)?.mean(2)?)
    }
}

impl Block {
    fn new([from, wide, to]: [usize; 3], stride: usize, parts: &VarBuilder<'_>) -> Result<Self> {
        // Channels that are not widened have no layer for it, and the names of the next layers move up.
        let (widen, next) = match wide == from {
            true => (None, 0),
            false => (Some(folded([from, wide, 1], config(1, 1), &parts.pp(0), [0, 1])?), 1),
        };
        let filter = folded([wide, wide, 3], config(stride, wide), &parts.pp(next), [0, 1])?;
        let filter = DepthwiseConv2d::new(filter.weight().clone(), filter.bias().cloned(), *filter.config())?;
        let narrow = folded([wide, to, 1], config(1, 1), parts, [next + 1, next + 2])?;
        Ok(Self { widen, filter, narrow, is_residual: stride == 1 && from == to })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let wide = match &self.widen {
            Some(widen) => relu6(&widen.forward(x)?)?,
            None => x.clone(),
        };
        let narrow = self.narrow.forward(&relu6(&self.filter.forward(&wide)?)?)?;
        if self.is_residual { narrow + x } else { Ok(narrow) }
    }
}

fn config(stride: usize, groups: usize) -> Conv2dConfig {
    Conv2dConfig { stride, groups, ..Default::default() }
}

/// Reads a convolution and the normalization after it, which have these numbers in `parts`, as one convolution.
fn folded(
    [from, to, kernel]: [usize; 3],
    config: Conv2dConfig,
    parts: &VarBuilder<'_>,
    [conv, norm]: [usize; 2],
) -> Result<Conv2d> {
    let config = Conv2dConfig { padding: kernel / 2, ..config };
    let norm = batch_norm(to, BatchNormConfig::default(), parts.pp(norm))?;
    conv2d_no_bias(from, to, kernel, config, parts.pp(conv))?.absorb_bn(&norm)
}

fn relu6(x: &Tensor) -> Result<Tensor> {
    x.clamp(0_f32, 6_f32)
}
