//! The model: logistic regression over normalized measurements.

use chariot_engine::{
    candle::{Result, Tensor},
    candle_nn::{Linear, Module, VarBuilder, linear},
};

/// Number of columns of a row.
const FEATURES: usize = 4;

/// A classifier for rows of numbers.
pub struct Net {
    mean: Tensor,
    deviation: Tensor,
    class: Linear,
}

impl Net {
    /// Creates the model from the tensors of a weights file.
    pub fn new(classes: usize, weights: VarBuilder) -> Result<Self> {
        Ok(Net {
            mean: weights.get(FEATURES, "mean")?,
            deviation: weights.get(FEATURES, "deviation")?,
            class: linear(FEATURES, classes, weights.pp("species"))?,
        })
    }

    /// Returns the logits `[n, classes]` of rows `[n, 4]`.
    pub fn forward(&self, rows: &Tensor) -> Result<Tensor> {
        let normalized = rows
            .broadcast_sub(&self.mean)?
            .broadcast_div(&self.deviation)?;
        self.class.forward(&normalized)
    }
}
