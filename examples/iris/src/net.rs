//! The model: logistic regression over normalized measurements. Used by the engine and the training.

use chariot_engine::{
    candle::{Result, Tensor},
    candle_nn::{Linear, Module, VarBuilder, linear},
};

use crate::{FEATURES, SPECIES};

/// A classifier of the species of irises by their measurements.
///
/// The mean and the deviation for the normalization are computed from the training data and are part of the weights.
///
/// ```
/// use std::collections::HashMap;
///
/// use chariot_engine::{candle::{DType, Device, Tensor}, candle_nn::VarBuilder};
/// use iris::Net;
///
/// # fn main() -> chariot_engine::candle::Result<()> {
/// let cpu = Device::Cpu;
/// let tensors = HashMap::from([
///     ("mean".to_owned(), Tensor::new(&[5.8_f32, 3.1, 3.8, 1.2], &cpu)?),
///     ("deviation".to_owned(), Tensor::new(&[0.8_f32, 0.4, 1.8, 0.8], &cpu)?),
///     ("species.weight".to_owned(), Tensor::zeros((3, 4), DType::F32, &cpu)?),
///     ("species.bias".to_owned(), Tensor::new(&[0.0_f32, 1.0, 0.0], &cpu)?),
/// ]);
/// let net = Net::new(VarBuilder::from_tensors(tensors, DType::F32, &cpu))?;
/// let flowers = Tensor::new(&[[5.1_f32, 3.5, 1.4, 0.2], [6.2, 2.9, 4.3, 1.3]], &cpu)?;
/// assert_eq!(net.forward(&flowers)?.to_vec2::<f32>()?, [[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Net {
    mean: Tensor,
    deviation: Tensor,
    species: Linear,
}

impl Net {
    /// Builds the model from `weights`, with the tensors `mean` and `deviation` (`[4]`, in cm), `species.weight`
    /// (`[3, 4]`) and `species.bias` (`[3]`).
    ///
    /// # Errors
    /// Returns an error if a tensor is missing or has another shape.
    pub fn new(weights: VarBuilder<'_>) -> Result<Self> {
        Ok(Self {
            mean: weights.get(FEATURES, "mean")?,
            deviation: weights.get(FEATURES, "deviation")?,
            species: linear(FEATURES, SPECIES.len(), weights.pp("species"))?,
        })
    }

    /// Returns the logits `[n, 3]` of flowers `[n, 4]` with measurements in cm.
    ///
    /// # Errors
    /// Returns an error if the flowers have another shape or datatype, or an error of the device.
    pub fn forward(&self, flowers: &Tensor) -> Result<Tensor> {
        let normalized = flowers.broadcast_sub(&self.mean)?.broadcast_div(&self.deviation)?;
        self.species.forward(&normalized)
    }
}
