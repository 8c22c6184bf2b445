//! Defaults that nothing would read: without a generated `main` the builder has them.

use chariot_engine::prelude::*;

#[chariot_engine(main = false, port = 9000)]
struct Lengths;

impl Model for Lengths {
    type Settings = ();
    type Input = Text;
    type Output = Json<usize>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Lengths)
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<usize>>> {
        batch.try_map(|text| Ok(Json(text.len())))
    }
}

fn main() {}
