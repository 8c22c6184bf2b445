//! An engine that reads handwritten digits.

use chariot_engine::prelude::*;
use digits::Cnn;

/// The settings of the engine.
#[derive(Settings)]
struct DigitsSettings {
    /// Number of labels, in the layout `objects`
    #[setting(default = 3, range = 1..=10)]
    top_k: usize,
}

/// A classifier of handwritten digits: a small convolutional network.
#[chariot_engine]
struct Digits {
    net: Cnn,
    labels: ClassLabels,
    top_k: usize,
}

impl Model for Digits {
    type Settings = DigitsSettings;
    type Input = Image;
    type Output = Classification;

    async fn load(ctx: &LoadContext<DigitsSettings>) -> Result<Self> {
        let weights = ctx.safetensors("model.safetensors")?;
        Ok(Self { net: Cnn::new(weights)?, labels: ctx.class_labels()?, top_k: ctx.settings().top_k })
    }

    async fn infer(&self, batch: Batch<Image>) -> Result<Vec<Classification>> {
        let pixels = batch.to_tensor(Pixels::gray(8, 8))?;
        Classification::from_logits(&self.net.forward(&pixels)?, &self.labels, self.top_k)
    }
}
