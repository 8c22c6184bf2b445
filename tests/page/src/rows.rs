//! A model of structured data.

use chariot_engine::prelude::*;
use serde::Deserialize;

/// A row.
#[derive(Deserialize)]
pub(crate) struct Point {
    x: f64,
    y: f64,
    name: String,
}

/// Returns the sum of a row and of the length of its name.
pub(crate) struct Sums;

impl Model for Sums {
    type Settings = ();
    type Input = Row<Point>;
    type Output = Regression;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Sums)
    }

    async fn infer(&self, batch: Batch<Row<Point>>) -> Result<Vec<Regression>> {
        batch.try_map(|row| Ok(((row.0.x + row.0.y) as f32 + row.0.name.len() as f32).into()))
    }
}
