//! A classifier for images of handwritten digits, a small convolutional network.

mod net;

use chariot_engine::prelude::*;

use net::{Net, SIDE};

/// Settings of this engine.
#[derive(Settings)]
struct ClassifierSettings {
    /// Number of labels to report, in the layout `objects`
    #[setting(default = 3, range = 1..=10)]
    top_k: usize,
}

/// Handwritten digits, light on a dark background.
#[chariot_engine]
struct Classifier {
    net: Net,
    labels: ClassLabels,
    top_k: usize,
}

impl Model for Classifier {
    type Settings = ClassifierSettings;
    type Input = Image;
    type Output = Classification;

    async fn load(ctx: &LoadContext<ClassifierSettings>) -> Result<Self> {
        let labels = ctx.class_labels()?;
        Ok(Classifier {
            net: Net::new(labels.len(), ctx.safetensors("model.safetensors")?)?,
            labels,
            top_k: ctx.settings().top_k,
        })
    }

    async fn infer(&self, batch: Batch<Image>) -> Result<Vec<Classification>> {
        let pixels = batch.to_tensor(Pixels::gray(SIDE, SIDE))?;
        Classification::from_logits(&self.net.forward(&pixels)?, &self.labels, self.top_k)
    }
}

#[cfg(test)]
mod tests;
