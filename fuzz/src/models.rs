//! The models of the engines under test: what they answer follows from the request. The target `server` and the live
//! engines serve them.

use std::{thread, time::Duration};

use chariot_engine::prelude::*;

/// Returns the named tensors of its input.
pub(crate) struct EchoTensors;

impl Model for EchoTensors {
    type Settings = ();
    type Input = Tensors;
    type Output = Tensors;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(EchoTensors)
    }

    async fn infer(&self, batch: Batch<Tensors>) -> Result<Vec<Tensors>> {
        batch.try_map(|tensors| Ok(tensors.into_value()))
    }
}

/// Returns the string of its input.
pub(crate) struct EchoText;

impl Model for EchoText {
    type Settings = ();
    type Input = Text;
    type Output = Json<String>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(EchoText)
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> {
        batch.try_map(|text| Ok(Json(text.into_value().0)))
    }
}

/// The most that a text can ask of [`Obeys`]: KiB of a response, milliseconds, parts.
const MOST_KIB: usize = 256;
const MOST_MILLISECONDS: usize = 5;
const MOST_PARTS: usize = 64;

/// Returns the first word of its input, and obeys the others: `k8` adds 8 KiB to the response, `s2` blocks the worker for
/// 2 ms, `e3` emits 3 parts.
pub(crate) struct Obeys;

impl Model for Obeys {
    type Settings = ();
    type Input = Text;
    type Output = Json<String>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Obeys)
    }

    fn spec() -> Spec {
        Spec::new::<Self>().streaming()
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> {
        batch.try_map(|text| {
            let mut words = text.0.split_whitespace();
            let mut said = words.next().unwrap_or_default().to_owned();
            for word in words {
                let number = |most: usize| word.get(1..).and_then(|rest| rest.parse().ok()).unwrap_or(0).min(most);
                match word.as_bytes()[0] {
                    b'k' => said.push_str(&"x".repeat(number(MOST_KIB) << 10)),
                    b's' => thread::sleep(Duration::from_millis(number(MOST_MILLISECONDS) as u64)),
                    b'e' => (0..number(MOST_PARTS)).try_for_each(|_| text.emit(&said))?,
                    _ => {}
                }
            }
            Ok(Json(said))
        })
    }
}
