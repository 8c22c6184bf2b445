//! The model: logistic regression over normalized measurements.

use chariot_engine::{
    candle::{Result, Tensor},
    candle_nn::{Linear, Module, VarBuilder, linear},
};

/// How many columns a row has.
const FEATURES: usize = 4;

/// Tells classes apart by rows of numbers.
pub struct Net {
    mean: Tensor,
    deviation: Tensor,
    class: Linear,
}

impl Net {
    /// Takes its tensors from `weights`, by the names that they have in the file.
    pub fn new(classes: usize, weights: VarBuilder) -> Result<Self> {
        Ok(Net {
            mean: weights.get(FEATURES, "mean")?,
            deviation: weights.get(FEATURES, "deviation")?,
            class: linear(FEATURES, classes, weights.pp("species"))?,
        })
    }

    /// The logits `[n, classes]` of the rows `[n, 4]`.
    pub fn forward(&self, rows: &Tensor) -> Result<Tensor> {
        let normalized = rows
            .broadcast_sub(&self.mean)?
            .broadcast_div(&self.deviation)?;
        self.class.forward(&normalized)
    }
}
