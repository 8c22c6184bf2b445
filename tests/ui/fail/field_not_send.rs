//! A field that cannot be shared between threads: all workers share one model.

use std::rc::Rc;

use chariot_engine::prelude::*;

#[chariot_engine]
struct Lengths {
    cache: Rc<Vec<String>>,
}

impl Model for Lengths {
    type Settings = ();
    type Input = Text;
    type Output = Json<usize>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Lengths { cache: Rc::new(vec![]) })
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<usize>>> {
        batch.try_map(|text| Ok(Json(text.as_str().len())))
    }
}
