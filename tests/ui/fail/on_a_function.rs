//! The attribute where other frameworks have it.

use chariot_engine::prelude::*;

#[chariot_engine]
async fn infer(batch: Batch<Text>) -> Result<Vec<Json<usize>>> {
    batch.try_map(|text| Ok(Json(text.len())))
}
