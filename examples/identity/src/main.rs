//! An engine that answers with the tensors that it got, whatever they are: what it takes is what the server costs.

use chariot_engine::prelude::*;

/// The identity of tensors.
#[chariot_engine]
struct Identity;

impl Model for Identity {
    type Settings = ();
    type Input = Tensors;
    type Output = Tensors;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Identity)
    }

    fn spec() -> Spec {
        // Of tensors that may be any, nothing else knows an example.
        Spec::new::<Self>().example(
            r#"{"inputs": [{"name": "x", "datatype": "FP32", "shape": [2, 2], "data": [1.0, 2.0, 3.0, 4.0]}]}"#,
        )
    }

    async fn infer(&self, batch: Batch<Tensors>) -> Result<Vec<Tensors>> {
        batch.try_map(|tensors| Ok(tensors.into_value()))
    }
}
