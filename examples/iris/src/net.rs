//! The model: logistic regression over normalized measurements. The engine and the training call it.

use chariot_engine::{
    candle::{Result, Tensor},
    candle_nn::{Linear, Module, VarBuilder, linear},
};

use crate::{FEATURES, SPECIES};

/// Tells the species of irises by their measurements.
///
/// How the measurements are normalized was learned from the data as well, so it is in the weights and not in the code.
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
    /// Takes from `weights` the tensors `mean` and `deviation` (`[4]`, in cm), `species.weight` (`[3, 4]`) and
    /// `species.bias` (`[3]`).
    ///
    /// # Errors
    /// A tensor that is missing or has another shape.
    pub fn new(weights: VarBuilder<'_>) -> Result<Self> {
        Ok(Self {
            mean: weights.get(FEATURES, "mean")?,
            deviation: weights.get(FEATURES, "deviation")?,
            species: linear(FEATURES, SPECIES.len(), weights.pp("species"))?,
        })
    }

    /// The logits `[n, 3]` of the flowers `[n, 4]`, whose measurements are in cm.
    ///
    /// # Errors
    /// Another shape or data type than these, or a fault of the device.
    pub fn forward(&self, flowers: &Tensor) -> Result<Tensor> {
        let normalized = flowers.broadcast_sub(&self.mean)?.broadcast_div(&self.deviation)?;
        self.species.forward(&normalized)
    }
}
