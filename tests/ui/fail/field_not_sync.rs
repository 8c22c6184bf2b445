//! A field that cannot be mutated by several workers at once.

use std::cell::RefCell;

use chariot_engine::prelude::*;

#[chariot_engine]
struct Lengths {
    cache: RefCell<Vec<String>>,
}

impl Model for Lengths {
    type Settings = ();
    type Input = Text;
    type Output = Json<usize>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Lengths { cache: RefCell::default() })
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<usize>>> {
        batch.try_map(|text| Ok(Json(text.as_str().len())))
    }
}
