//! Engines of one model each. The models do as little as possible, so that the server is measured.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use chariot_engine::prelude::*;
use clap::ValueEnum;

use super::alike::{self, SIDE};

/// A model that this binary serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Served {
    /// Returns tensors
    Identity,
    /// Returns texts
    Texts,
    /// Returns rows
    Rows,
    /// Decodes and resizes pictures
    Picture,
    /// Emits parts
    Events,
    /// Sleeps or computes for as long as a text says
    Block,
}

pub(super) fn serve(model: Served) -> ExitCode {
    let builder = Engine::builder();
    match model {
        Served::Identity => builder.model::<Identity>("identity"),
        Served::Texts => builder.model::<Texts>("texts"),
        Served::Rows => builder.model::<Rows>("rows"),
        Served::Picture => builder.model::<Picture>("picture"),
        Served::Events => builder.model::<Events>("events"),
        Served::Block => builder.model::<Block>("block"),
    }
    .run()
}

/// Declares a model without settings and without state.
macro_rules! model {
    ($(#[$doc:meta])* $name:ident: $input:ty => $output:ty, $spec:expr, |$batch:ident| $infer:expr) => {
        $(#[$doc])*
        struct $name;

        impl Model for $name {
            type Settings = ();
            type Input = $input;
            type Output = $output;

            async fn load(_: &LoadContext) -> Result<Self> {
                Ok($name)
            }

            fn spec() -> Spec {
                $spec
            }

            async fn infer(&self, $batch: Batch<$input>) -> Result<Vec<$output>> {
                $infer
            }
        }
    };
}

model! {
    /// Returns its input tensors.
    Identity: Tensors => Tensors,
    Spec::new::<Self>().example(
        r#"{"inputs": [{"name": "x", "datatype": "FP32", "shape": [2], "data": [1.0, 2.0]}]}"#,
    ),
    |batch| batch.try_map(|tensors| Ok(tensors.into_value()))
}

model! {
    /// Returns its texts.
    Texts: Text => Json<String>,
    Spec::new::<Self>(),
    |batch| batch.try_map(|text| Ok(Json(text.into_value().0)))
}

model! {
    /// Returns its rows.
    Rows: Row<alike::Row> => Json<alike::Row>,
    Spec::new::<Self>(),
    |batch| batch.try_map(|row| Ok(Json(row.into_value().0)))
}

model! {
    /// Resizes pictures and returns their mean brightness.
    Picture: Image => Json<f32>,
    Spec::new::<Self>(),
    |batch| {
        let pixels = Pixels::rgb(SIDE, SIDE);
        batch.try_map(|image| {
            let mut values = Vec::new();
            pixels.write(&image, &mut values)?;
            Ok(Json(values.iter().sum::<f32>() / values.len() as f32))
        })
    }
}

model! {
    /// Emits as many parts as the text says.
    Events: Text => Json<usize>,
    Spec::new::<Self>().streaming(),
    |batch| {
        let mut outputs = Vec::new();
        for text in &batch {
            let count = number(text.as_str())?;
            for index in 0..count {
                text.emit(&format!("part {index}"))?;
            }
            outputs.push(Json(count));
        }
        Ok(outputs)
    }
}

model! {
    /// Blocks its worker for some milliseconds: it sleeps (`sleep 200`) or computes (`compute 200`).
    Block: Text => Json<bool>,
    Spec::new::<Self>(),
    |batch| batch.try_map(|text| {
        let (how, time) = text.as_str().split_once(' ').unwrap_or(("sleep", text.as_str()));
        let time = Duration::from_millis(number(time)? as u64);
        if how == "compute" {
            let end = Instant::now() + time;
            while Instant::now() < end {
                std::hint::spin_loop();
            }
        } else {
            std::thread::sleep(time);
        }
        Ok(Json(true))
    })
}

fn number(text: &str) -> Result<usize> {
    text.parse().or_else(|_| reject!("expected a number, got '{text}'"))
}
