//! The suite against an engine of structured data, whose rows are items if they are sent as objects.

use chariot_engine::prelude::*;
use serde::Deserialize;

use crate::served::Served;

/// The features of a house.
#[derive(Deserialize)]
struct House {
    rooms: f64,
    area: f64,
}

/// A model of the prices of houses.
struct Prices;

impl Model for Prices {
    type Settings = ();
    type Input = Row<House>;
    type Output = Regression;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Prices)
    }

    async fn infer(&self, batch: Batch<Row<House>>) -> Result<Vec<Regression>> {
        batch.try_map(|row| Ok(Regression::from(10.0 * row.0.rooms + row.0.area)))
    }
}

#[test]
fn an_engine_of_rows_passes_with_its_rows_as_items() {
    let report = Served::start(Engine::builder().model::<Prices>("prices")).report("prices");
    assert_eq!(report.failed(), 0, "{}", report.table());
    assert!(["items", "row"].iter().all(|of| report.conditions.iter().any(|condition| condition == of)));
    // OpenAI's API is for models that generate or embed texts.
    for section in report.sections.iter().filter(|section| section.number != "9") {
        assert!(section.passed() > 0, "section {} runs: {}", section.number, report.table());
    }
}
