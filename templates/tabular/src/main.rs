//! A classifier for rows of measurements, a logistic regression.

mod net;

use chariot_engine::prelude::*;
use serde::Deserialize;

use net::Net;

/// One row. Callers send columns by these names, or a matrix with its columns in this order.
#[derive(Clone, Copy, Deserialize)]
struct Flower {
    sepal_length: f32,
    sepal_width: f32,
    petal_length: f32,
    petal_width: f32,
}

impl Flower {
    /// Returns the columns in the order that the model was trained with.
    fn features(self) -> [f32; 4] {
        [
            self.sepal_length,
            self.sepal_width,
            self.petal_length,
            self.petal_width,
        ]
    }
}

/// Settings of this engine.
#[derive(Settings)]
struct TabularSettings {
    /// Longest accepted measurement, in cm; rows with a longer one are rejected
    #[setting(default = 100.0, range = 0.0..=1000.0)]
    longest: f32,
}

/// Species of irises, classified by four measurements in cm.
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
            for cm in features {
                if !(0.0..=self.longest).contains(&cm) {
                    reject!(
                        "expected measurements from 0 to {} cm, got {cm}",
                        self.longest
                    );
                }
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
