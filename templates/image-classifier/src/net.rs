//! The network: three convolutions and one linear layer.

use chariot_engine::{
    candle::{Result, Tensor},
    candle_nn::{Conv2d, Conv2dConfig, Linear, Module, VarBuilder, conv2d, linear},
};

/// Width and height of a picture as the network sees it, in pixels.
pub const SIDE: u32 = 8;

/// Reads a grey picture of 8x8 pixels.
pub struct Net {
    edges: Conv2d,
    strokes: Conv2d,
    shapes: Conv2d,
    class: Linear,
}

impl Net {
    /// Takes its tensors from `weights`, by the names that they have in the file.
    pub fn new(classes: usize, weights: VarBuilder) -> Result<Self> {
        let same_size = Conv2dConfig {
            padding: 1,
            ..Default::default()
        };
        // After one pooling by 2.
        let area = (SIDE as usize / 2).pow(2);
        Ok(Net {
            edges: conv2d(1, 16, 3, same_size, weights.pp("edges"))?,
            strokes: conv2d(16, 32, 3, same_size, weights.pp("strokes"))?,
            shapes: conv2d(32, 32, 3, same_size, weights.pp("shapes"))?,
            class: linear(32 * area, classes, weights.pp("digit"))?,
        })
    }

    /// The logits `[n, classes]` of the pictures `[n, 1, 8, 8]`, whose values are 0 (black) to 1 (white).
    pub fn forward(&self, pictures: &Tensor) -> Result<Tensor> {
        let x = self.edges.forward(pictures)?.relu()?;
        let x = self.strokes.forward(&x)?.relu()?.max_pool2d(2)?;
        let x = self.shapes.forward(&x)?.relu()?;
        self.class.forward(&x.flatten_from(1)?)
    }
}
