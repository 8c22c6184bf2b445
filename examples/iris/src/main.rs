//! An engine that classifies iris flowers, with named tensors as its input and output.

use chariot_engine::{candle, candle_nn::ops::softmax_last_dim, prelude::*};
use iris::Net;

/// The input tensors.
#[derive(TensorInput)]
struct Flowers {
    /// Sepal length and width, petal length and width, in cm
    #[tensor(shape = [n, 4], convert)]
    features: Tensor,
}

/// The output tensors.
#[derive(TensorOutput)]
struct Species {
    /// The most probable species
    #[tensor(shape = [n])]
    label: Vec<String>,
    /// The probability of every species, by class id
    #[tensor(shape = [n, 3])]
    probabilities: Tensor,
}

/// A linear classifier of iris flowers.
#[chariot_engine]
struct Iris {
    net: Net,
    labels: ClassLabels,
}

impl Model for Iris {
    type Settings = ();
    type Input = Flowers;
    type Output = Species;

    async fn load(ctx: &LoadContext) -> Result<Self> {
        Ok(Self { net: Net::new(ctx.safetensors("model.safetensors")?)?, labels: ctx.class_labels()? })
    }

    fn spec() -> Spec {
        let setosa =
            r#"{"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 4], "data": [5.0, 3.4, 1.5, 0.2]}]}"#;
        Spec::new::<Self>().task("Structured Data Classification").max_batch(4096).example(setosa)
    }

    async fn infer(&self, batch: Batch<Flowers>) -> Result<Vec<Species>> {
        let (flowers, rows) = batch.join()?;
        let logits = self.net.forward(&flowers.features)?;
        let best = logits.argmax(candle::D::Minus1)?.to_vec1::<u32>()?;
        let name = |id: &u32| self.labels.get(*id as usize).map(str::to_string).context("a class without a label");
        let label = best.iter().map(name).collect::<Result<_>>()?;
        rows.split(Species { label, probabilities: softmax_last_dim(&logits)? })
    }
}
