//! A plain type as the output.

use chariot_engine::prelude::*;

#[chariot_engine]
struct Lengths;

impl Model for Lengths {
    type Settings = ();
    type Input = Text;
    type Output = usize;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Lengths)
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<usize>> {
        batch.try_map(|text| Ok(text.as_str().len()))
    }
}
