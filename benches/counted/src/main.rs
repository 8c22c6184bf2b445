//! The engine whose requests `instructions` counts: tensors, rows, texts, and texts that are answered in parts, each served by
//! a model of its own that does next to nothing.

use std::{process::ExitCode, thread, time::Duration};

use chariot_engine::{ModelOptions, prelude::*};
use serde::Deserialize;

/// The wait before a response and after a part. By then the thread that writes them sleeps, under callgrind too, so that
/// each wakes it once, however the system schedules the threads.
const PAUSE: Duration = Duration::from_millis(2);

/// Returns its tensors.
struct Echo;

impl Model for Echo {
    type Settings = ();
    type Input = Tensors;
    type Output = Tensors;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Echo)
    }

    async fn infer(&self, batch: Batch<Tensors>) -> Result<Vec<Tensors>> {
        thread::sleep(PAUSE);
        batch.try_map(|tensors| Ok(tensors.into_value()))
    }

    fn spec() -> Spec {
        Spec::new::<Self>()
            .example(r#"{"inputs": [{"name": "x", "datatype": "FP32", "shape": [2], "data": [1.0, 2.0]}]}"#)
    }
}

/// A row of a table, sent as a matrix with its columns in this order.
#[derive(Deserialize)]
struct Flower {
    sepal_length: f32,
    sepal_width: f32,
    petal_length: f32,
    petal_width: f32,
}

/// Adds up the columns of each row.
struct Sums;

impl Model for Sums {
    type Settings = ();
    type Input = Row<Flower>;
    type Output = Regression;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Sums)
    }

    async fn infer(&self, batch: Batch<Row<Flower>>) -> Result<Vec<Regression>> {
        thread::sleep(PAUSE);
        batch.try_map(|row| {
            let Flower { sepal_length, sepal_width, petal_length, petal_width } = row.0;
            Ok((sepal_length + sepal_width + petal_length + petal_width).into())
        })
    }

    fn spec() -> Spec {
        Spec::new::<Self>().max_batch(100)
    }
}

/// Returns its texts.
struct Texts;

impl Model for Texts {
    type Settings = ();
    type Input = Text;
    type Output = Json<String>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Texts)
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> {
        thread::sleep(PAUSE);
        batch.try_map(|text| Ok(Json(text.into_value().0)))
    }

    fn spec() -> Spec {
        Spec::new::<Self>().max_batch(100)
    }
}

/// Emits as many parts as the text says, and returns the text.
struct Parts;

impl Model for Parts {
    type Settings = ();
    type Input = Text;
    type Output = Json<String>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Parts)
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> {
        batch.try_map(|item| {
            let parts: usize = item.as_str().parse()?;
            for _ in 0..parts {
                item.emit("a word ")?;
                thread::sleep(PAUSE);
            }
            Ok(Json(item.as_str().to_string()))
        })
    }

    fn spec() -> Spec {
        Spec::new::<Self>().streaming()
    }
}

fn main() -> ExitCode {
    Engine::builder()
        .model_with::<Echo>("tensors", ModelOptions::new().default_model())
        .model::<Sums>("rows")
        .model::<Texts>("texts")
        .model::<Parts>("parts")
        .command_line()
}
