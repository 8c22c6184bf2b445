//! Rows of measurements, told apart by logistic regression.

mod net;

use chariot_engine::prelude::*;
use serde::Deserialize;

use net::Net;

/// One row: the columns by name, or a matrix whose columns are in this order.
#[derive(Clone, Copy, Deserialize)]
struct Flower {
    sepal_length: f32,
    sepal_width: f32,
    petal_length: f32,
    petal_width: f32,
}

impl Flower {
    /// The columns in the order in which the model learned them.
    fn features(self) -> [f32; 4] {
        [
            self.sepal_length,
            self.sepal_width,
            self.petal_length,
            self.petal_width,
        ]
    }
}

/// What an operator can set for this engine.
#[derive(Settings)]
struct TabularSettings {
    /// The longest measurement that is believed, in cm; a row with a longer one is refused
    #[setting(default = 100.0, range = 0.0..=1000.0)]
    longest: f32,
}

/// Species of irises, by four measurements in cm.
#[chariot_engine]
struct Tabular {
    net: Net,
    labels: ClassLabels,
    longest: f32,
}

impl Model for Tabular {
    type Settings = TabularSettings;
    type Input = Row<Flower>;
    type Output = Classification;

    async fn load(ctx: &LoadContext<TabularSettings>) -> Result<Self> {
        let labels = ctx.class_labels()?;
        Ok(Tabular {
            net: Net::new(labels.len(), ctx.safetensors("model.safetensors")?)?,
            labels,
            longest: ctx.settings().longest,
        })
    }

    async fn infer(&self, batch: Batch<Row<Flower>>) -> Result<Vec<Classification>> {
        let device = batch.device().clone();
        let rows = batch.try_map(|flower| {
            let features = flower.0.features();
            if !features.iter().all(|cm| (0.0..=self.longest).contains(cm)) {
                reject!("measurements from 0 to {} cm are expected", self.longest);
            }
            Ok(features)
        })?;
        let rows = Tensor::from_slice(rows.as_flattened(), (rows.len(), 4), device.as_candle())?;
        let logits = self.net.forward(&rows)?;
        Classification::from_logits(&logits, &self.labels, 1)
    }
}

#[cfg(test)]
mod tests;
