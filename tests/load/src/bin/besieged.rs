//! The engine that the scenarios of a siege attack: texts with parameters, some of them streamed, tensors and pictures, each
//! served by a model of its own.

use std::{process::ExitCode, thread, time::Duration};

use chariot_engine::{ModelOptions, prelude::*};
use serde::Deserialize;

/// The parameters of a text.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Command {
    /// The time that the model takes for the item, in microseconds.
    sleep_us: u64,
    /// The number of parts that the model emits.
    parts: usize,
    /// The length of each part and of the output.
    length: usize,
    /// The text with which parts and output begin, up to eight characters.
    prefix: String,
    /// The text with which the model fails.
    fail: Option<String>,
}

/// A model that sleeps for each text, and emits parts.
struct Texts;

impl Model for Texts {
    type Settings = ();
    type Input = WithParams<Text, Command>;
    type Output = Json<String>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Texts)
    }

    async fn infer(&self, batch: Batch<Self::Input>) -> Result<Vec<Json<String>>> {
        let mut outputs = Vec::new();
        for item in &batch {
            let command = &item.params;
            thread::sleep(Duration::from_micros(command.sleep_us));
            if let Some(text) = &command.fail {
                return Err(text.clone().into());
            }
            let text: String = command.prefix.chars().take(8).chain(std::iter::repeat_n('x', command.length)).collect();
            for _ in 0..command.parts {
                item.emit(&text)?;
            }
            outputs.push(Json(text));
        }
        Ok(outputs)
    }

    fn spec() -> Spec {
        Spec::new::<Self>().streaming()
    }
}

/// A model that returns its tensors.
struct Echo;

impl Model for Echo {
    type Settings = ();
    type Input = Tensors;
    type Output = Tensors;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Echo)
    }

    async fn infer(&self, batch: Batch<Tensors>) -> Result<Vec<Tensors>> {
        batch.try_map(|tensors| Ok(tensors.into_value()))
    }

    fn spec() -> Spec {
        Spec::new::<Self>()
            .example(r#"{"inputs": [{"name": "x", "datatype": "FP32", "shape": [2], "data": [1.0, 2.0]}]}"#)
    }
}

/// A model that resizes pictures and returns their means.
struct Means;

impl Model for Means {
    type Settings = ();
    type Input = Image;
    type Output = Json<f32>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Means)
    }

    async fn infer(&self, batch: Batch<Image>) -> Result<Vec<Json<f32>>> {
        let pixels = Pixels::rgb(32, 32);
        batch.try_map(|image| {
            let mut values = Vec::new();
            pixels.write(&image, &mut values)?;
            Ok(Json(values.iter().sum::<f32>() / values.len() as f32))
        })
    }
}

fn main() -> ExitCode {
    Engine::builder()
        .model_with::<Texts>("texts", ModelOptions::new().default_model())
        .model::<Echo>("tensors")
        .model::<Means>("pictures")
        .command_line()
}
