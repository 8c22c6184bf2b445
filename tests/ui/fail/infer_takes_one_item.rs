//! A model takes a batch, not an item.

use chariot_engine::prelude::*;

#[chariot_engine]
struct Lengths;

impl Model for Lengths {
    type Settings = ();
    type Input = Text;
    type Output = Json<usize>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Lengths)
    }

    async fn infer(&self, text: Text) -> Result<Vec<Json<usize>>> {
        Ok(vec![Json(text.as_str().len())])
    }
}
