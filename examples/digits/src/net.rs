//! The network: three convolutions and a linear layer. Used by the engine and the training.

use chariot_engine::{
    candle::{Result, Tensor},
    candle_nn::{Conv2d, Conv2dConfig, Linear, Module, VarBuilder, conv2d, linear},
};

use crate::{CLASSES, SIDE, ink};

/// A small convolutional network that classifies a grayscale image of 8x8 pixels.
///
/// ```
/// use chariot_engine::{candle::{DType, Device, Tensor}, candle_nn::VarBuilder};
/// use digits::Cnn;
///
/// # fn main() -> chariot_engine::candle::Result<()> {
/// let net = Cnn::new(VarBuilder::zeros(DType::F32, &Device::Cpu))?;
/// let images = Tensor::zeros((5, 1, 8, 8), DType::F32, &Device::Cpu)?;
/// assert_eq!(net.forward(&images)?.dims(), [5, 10]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Cnn {
    edges: Conv2d,
    strokes: Conv2d,
    shapes: Conv2d,
    digit: Linear,
}

impl Cnn {
    /// Builds the network from `weights`, with the layers `edges`, `strokes`, `shapes` and `digit`. Each has a tensor
    /// `weight` and a tensor `bias`.
    ///
    /// # Errors
    /// Returns an error if a tensor is missing or has another shape.
    pub fn new(weights: VarBuilder<'_>) -> Result<Self> {
        let same_size = Conv2dConfig { padding: 1, ..Default::default() };
        Ok(Self {
            edges: conv2d(1, 16, 3, same_size, weights.pp("edges"))?,
            strokes: conv2d(16, 32, 3, same_size, weights.pp("strokes"))?,
            shapes: conv2d(32, 32, 3, same_size, weights.pp("shapes"))?,
            digit: linear(32 * (SIDE / 2) * (SIDE / 2), CLASSES, weights.pp("digit"))?,
        })
    }

    /// Returns the logits `[n, 10]` of images `[n, 1, 8, 8]` with values from 0 (black) to 1 (white).
    ///
    /// The ink can be lighter or darker than the background, at any contrast: see [`ink`](ink()).
    ///
    /// # Errors
    /// Returns an error if the images have another shape or datatype, or an error of the device.
    pub fn forward(&self, images: &Tensor) -> Result<Tensor> {
        let x = self.edges.forward(&ink(images)?)?.relu()?;
        let x = self.strokes.forward(&x)?.relu()?.max_pool2d(2)?;
        let x = self.shapes.forward(&x)?.relu()?;
        self.digit.forward(&x.flatten_from(1)?)
    }
}
