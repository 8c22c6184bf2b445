//! The engine that stands behind the proxies: it measures texts, in parts if asked to, and waits for files on command. The
//! tests of this package start it.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use chariot_engine::prelude::*;
use serde::{Deserialize, Serialize};

/// The command of the operator.
#[derive(Settings)]
struct Loading {
    /// File for which loading waits
    #[setting(name = "COMPATIBILITY_GATE")]
    gate: Option<PathBuf>,
}

/// The commands of a caller.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Command {
    /// Emits two parts, one before the gate and one after it.
    parts: bool,
    /// Waits until this file exists.
    gate: Option<PathBuf>,
    /// Logs a line of this many bytes.
    log: Option<usize>,
}

/// The size and the sum of a text, which show that the whole of it has arrived.
#[derive(Serialize)]
struct Measured {
    /// The length in bytes.
    bytes: usize,
    /// The sum of all bytes.
    sum: u64,
}

/// The time between two looks at a gate.
const INTERVAL: Duration = Duration::from_millis(5);

/// An engine that measures texts.
#[chariot_engine]
struct Compatibility;

impl Model for Compatibility {
    type Settings = Loading;
    type Input = WithParams<Text, Command>;
    type Output = Json<Measured>;

    async fn load(ctx: &LoadContext<Loading>) -> Result<Self> {
        if let Some(gate) = &ctx.settings().gate {
            opened(gate).await;
        }
        Ok(Compatibility)
    }

    fn spec() -> Spec {
        Spec::new::<Self>().streaming().concurrency(8)
    }

    async fn infer(&self, batch: Batch<Self::Input>) -> Result<Vec<Self::Output>> {
        let mut outputs = Vec::new();
        for item in &batch {
            let command = &item.params;
            if let Some(bytes) = command.log {
                tracing::info!("{}", "x".repeat(bytes));
            }
            if command.parts {
                item.emit("before the gate")?;
            }
            if let Some(gate) = &command.gate {
                opened(gate).await;
            }
            if command.parts {
                item.emit("after the gate")?;
            }
            let bytes = item.input.as_str().as_bytes();
            outputs.push(Json(Measured { bytes: bytes.len(), sum: bytes.iter().map(|byte| u64::from(*byte)).sum() }));
        }
        Ok(outputs)
    }
}

/// Waits until a file exists.
async fn opened(gate: &Path) {
    while !gate.exists() {
        tokio::time::sleep(INTERVAL).await;
    }
}
