//! A raw pointer, as wrappers of C libraries have.

use chariot_engine::prelude::*;

#[chariot_engine]
struct Lengths {
    handle: *mut u8,
}

impl Model for Lengths {
    type Settings = ();
    type Input = Text;
    type Output = Json<usize>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Lengths { handle: std::ptr::null_mut() })
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<usize>>> {
        batch.try_map(|text| Ok(Json(text.as_str().len())))
    }
}
