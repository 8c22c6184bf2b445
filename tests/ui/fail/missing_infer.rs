//! A model without `infer`.

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

    async fn warm_up(&self, _: &Worker) -> Result<()> {
        Ok(())
    }
}
