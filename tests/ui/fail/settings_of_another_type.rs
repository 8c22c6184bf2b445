//! `load` takes the settings that the model declares.

use chariot_engine::prelude::*;

#[derive(Settings)]
struct Limits {
    #[setting(default = 80)]
    longest: usize,
}

#[chariot_engine]
struct Lengths;

impl Model for Lengths {
    type Settings = ();
    type Input = Text;
    type Output = Json<usize>;

    async fn load(_: &LoadContext<Limits>) -> Result<Self> {
        Ok(Lengths)
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<usize>>> {
        batch.try_map(|text| Ok(Json(text.as_str().len())))
    }
}
