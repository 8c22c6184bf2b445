//! The network: three convolutions and one linear layer.

use chariot_engine::{
    candle::{Result, Tensor},
    candle_nn::{Conv2d, Conv2dConfig, Linear, Module, VarBuilder, conv2d, linear},
};

/// Width and height of the network's input, in pixels.
pub const SIDE: u32 = 8;

/// A classifier for gray images of 8x8 pixels.
pub struct Net {
    edges: Conv2d,
    strokes: Conv2d,
    shapes: Conv2d,
    class: Linear,
}

impl Net {
    /// Creates the network from the tensors of a weights file.
    pub fn new(classes: usize, weights: VarBuilder) -> Result<Self> {
        let same_size = Conv2dConfig {
            padding: 1,
            ..Default::default()
        };
        // One pooling halves the width and the height.
        let area = (SIDE as usize / 2).pow(2);
        Ok(Net {
            edges: conv2d(1, 16, 3, same_size, weights.pp("edges"))?,
            strokes: conv2d(16, 32, 3, same_size, weights.pp("strokes"))?,
            shapes: conv2d(32, 32, 3, same_size, weights.pp("shapes"))?,
            class: linear(32 * area, classes, weights.pp("digit"))?,
        })
    }

    /// Returns the logits `[n, classes]` of images `[n, 1, 8, 8]` with values from 0 (black) to 1 (white).
    pub fn forward(&self, images: &Tensor) -> Result<Tensor> {
        let x = self.edges.forward(images)?.relu()?;
        let x = self.strokes.forward(&x)?.relu()?.max_pool2d(2)?;
        let x = self.shapes.forward(&x)?.relu()?;
        self.class.forward(&x.flatten_from(1)?)
    }
}
