//! A classifier for rows of measurements, which is an ONNX file.

use chariot_engine::{
    onnx::{Onnx, OnnxInput, OnnxSession},
    prelude::*,
};
use serde::Deserialize;

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
struct IrisSettings {
    /// Longest accepted measurement, in cm; rows with a longer one are rejected
    #[setting(default = 100.0, range = 0.0..=1000.0)]
    longest: f32,
}

/// Species of irises, classified by four measurements in cm.
#[chariot_engine]
struct Iris {
    onnx: Onnx,
    labels: ClassLabels,
    longest: f32,
}

impl Iris {
    /// Returns the probabilities of the classes for each row.
    fn probabilities(&self, session: &mut OnnxSession, rows: &[[f32; 4]]) -> Result<Vec<Vec<f32>>> {
        let shape = [rows.len(), 4];
        let features = OnnxInput::new(&shape, rows.as_flattened());
        let mut outputs = session.run_with(&[("features", features)])?;
        let output = outputs.take("probabilities");
        let (shape, values) = output.context("expected an output 'probabilities', got none")?;
        let expected = [rows.len(), self.labels.len()];
        if shape != expected {
            let fault = format!("expected shape {expected:?}, got {shape:?}");
            return Err(fault).context("output 'probabilities'");
        }
        let values = values
            .as_slice::<f32>()
            .context("output 'probabilities': expected numbers of type FP32")?;
        let rows = values.chunks_exact(self.labels.len());
        Ok(rows.map(<[f32]>::to_vec).collect())
    }
}

impl Model for Iris {
    type Settings = IrisSettings;
    type Input = Row<Flower>;
    type Output = Classification;

    async fn load(ctx: &LoadContext<IrisSettings>) -> Result<Self> {
        Ok(Iris {
            onnx: ctx.onnx("model.onnx")?,
            labels: ctx.class_labels()?,
            longest: ctx.settings().longest,
        })
    }

    // Each worker makes its session before the engine is ready. The row finds a file that does not fit this code.
    async fn warm_up(&self, worker: &Worker) -> Result<()> {
        let mut session = worker.scratch(|| self.onnx.session())?;
        self.probabilities(&mut session, &[[5.0, 3.4, 1.5, 0.2]])?;
        Ok(())
    }

    async fn infer(&self, batch: Batch<Row<Flower>>) -> Result<Vec<Classification>> {
        let mut session = batch.scratch(|| self.onnx.session())?;
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
        self.probabilities(&mut session, &rows)?
            .into_iter()
            .map(|probabilities| Classification::new(probabilities, &self.labels, 1))
            .collect()
    }
}

#[cfg(test)]
mod tests;
