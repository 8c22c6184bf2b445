//! The models: they do nothing, so that only the server is measured.

use chariot_engine::prelude::*;

/// Returns its input tensors.
pub(crate) struct Identity;

impl Model for Identity {
    type Settings = ();
    type Input = Tensors;
    type Output = Tensors;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Identity)
    }

    async fn infer(&self, batch: Batch<Tensors>) -> Result<Vec<Tensors>> {
        batch.try_map(|tensors| Ok(tensors.into_value()))
    }
}

/// Returns the same word for every text.
pub(crate) struct Nothing;

impl Model for Nothing {
    type Settings = ();
    type Input = Text;
    type Output = Json<&'static str>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Nothing)
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<&'static str>>> {
        batch.try_map(|_| Ok(Json("ok")))
    }
}
