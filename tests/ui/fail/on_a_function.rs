//! The attribute on a function, as in other frameworks.

use chariot_engine::prelude::*;

#[chariot_engine]
async fn infer(batch: Batch<Text>) -> Result<Vec<Json<usize>>> {
    batch.try_map(|text| Ok(Json(text.as_str().len())))
}
