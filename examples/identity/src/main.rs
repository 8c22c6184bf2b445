//! An engine that returns its input tensors unchanged. The time of a request is the overhead of the server.

use chariot_engine::prelude::*;

/// The identity function on tensors.
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
        // The SDK cannot derive an example, because the tensors are not declared.
        Spec::new::<Self>().example(
            r#"{"inputs": [{"name": "x", "datatype": "FP32", "shape": [2, 2], "data": [1.0, 2.0, 3.0, 4.0]}]}"#,
        )
    }

    async fn infer(&self, batch: Batch<Tensors>) -> Result<Vec<Tensors>> {
        batch.try_map(|tensors| Ok(tensors.into_value()))
    }
}
