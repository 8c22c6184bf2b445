//! `Json<P>` as an output of a type that does not implement `Serialize`.

use chariot_engine::prelude::*;

struct Length {
    bytes: usize,
}

#[chariot_engine]
struct Lengths;

impl Model for Lengths {
    type Settings = ();
    type Input = Text;
    type Output = Json<Length>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Lengths)
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<Length>>> {
        batch.try_map(|text| Ok(Json(Length { bytes: text.as_str().len() })))
    }
}
