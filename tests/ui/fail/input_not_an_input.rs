//! A plain type as the input.

use chariot_engine::prelude::*;

#[chariot_engine]
struct Lengths;

impl Model for Lengths {
    type Settings = ();
    type Input = String;
    type Output = Json<usize>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Lengths)
    }

    async fn infer(&self, batch: Batch<String>) -> Result<Vec<Json<usize>>> {
        batch.try_map(|text| Ok(Json(text.value().len())))
    }
}
