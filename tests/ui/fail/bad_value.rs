//! Values that are invalid for their settings: all are reported together.

use chariot_engine::prelude::*;

#[chariot_engine(
    name = "",
    port = 70000,
    workers = 0,
    score_threshold = 1.5,
    timeout = true,
    device = "tpu",
    log_level = "loud",
    host = 127,
    main = "no"
)]
struct Lengths;

impl Model for Lengths {
    type Settings = ();
    type Input = Text;
    type Output = Json<usize>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Lengths)
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<usize>>> {
        batch.try_map(|text| Ok(Json(text.as_str().len())))
    }
}
