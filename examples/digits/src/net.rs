//! The network: three convolutions and one linear layer. The engine and the training call it.

use chariot_engine::{
    candle::{Result, Tensor},
    candle_nn::{Conv2d, Conv2dConfig, Linear, Module, VarBuilder, conv2d, linear},
};

use crate::{CLASSES, SIDE, ink};

/// A small convolutional network that reads one digit from a grey picture of 8x8 pixels.
///
/// ```
/// use chariot_engine::{candle::{DType, Device, Tensor}, candle_nn::VarBuilder};
/// use digits::Cnn;
///
/// # fn main() -> chariot_engine::candle::Result<()> {
/// let net = Cnn::new(VarBuilder::zeros(DType::F32, &Device::Cpu))?;
/// let pictures = Tensor::zeros((5, 1, 8, 8), DType::F32, &Device::Cpu)?;
/// assert_eq!(net.forward(&pictures)?.dims(), [5, 10]);
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
    /// Takes the layers' tensors from `weights`: `edges`, `strokes`, `shapes` and `digit`, each with `weight` and `bias`.
    ///
    /// # Errors
    /// A tensor that is missing or has another shape.
    pub fn new(weights: VarBuilder<'_>) -> Result<Self> {
        let same_size = Conv2dConfig { padding: 1, ..Default::default() };
        Ok(Self {
            edges: conv2d(1, 16, 3, same_size, weights.pp("edges"))?,
            strokes: conv2d(16, 32, 3, same_size, weights.pp("strokes"))?,
            shapes: conv2d(32, 32, 3, same_size, weights.pp("shapes"))?,
            digit: linear(32 * (SIDE / 2) * (SIDE / 2), CLASSES, weights.pp("digit"))?,
        })
    }

    /// The logits `[n, 10]` of the pictures `[n, 1, 8, 8]`, whose values are 0 (black) to 1 (white).
    ///
    /// Light ink on dark ground and dark ink on light ground are both read, at any contrast: see [`ink`](ink()).
    ///
    /// # Errors
    /// Another shape or data type than these, or a fault of the device.
    pub fn forward(&self, pictures: &Tensor) -> Result<Tensor> {
        let x = self.edges.forward(&ink(pictures)?)?.relu()?;
        let x = self.strokes.forward(&x)?.relu()?.max_pool2d(2)?;
        let x = self.shapes.forward(&x)?.relu()?;
        self.digit.forward(&x.flatten_from(1)?)
    }
}
