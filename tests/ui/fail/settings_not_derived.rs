//! A settings type without its derive.

use chariot_engine::prelude::*;

struct Limits {
    longest: usize,
}

#[chariot_engine]
struct Lengths;

impl Model for Lengths {
    type Settings = Limits;
    type Input = Text;
    type Output = Json<usize>;

    async fn load(_: &LoadContext<Limits>) -> Result<Self> {
        Ok(Lengths)
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<usize>>> {
        batch.try_map(|text| Ok(Json(text.as_str().len())))
    }
}
