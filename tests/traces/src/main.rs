//! An engine that exports spans: it returns the trace context of its item, and logs, streams or fails on command. The process
//! tests control it.

use std::time::Duration;

use chariot_engine::prelude::*;
use serde::{Deserialize, Serialize};

/// The wishes of a caller.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Command {
    /// Logs this text.
    log: Option<String>,
    /// Emits this number of parts.
    parts: usize,
    /// Emits parts until the caller has gone.
    endless: bool,
    /// Fails with this text, after the parts.
    error: Option<String>,
}

/// The headers that a call of another service would have.
#[derive(Serialize)]
struct Headers {
    traceparent: Option<String>,
    tracestate: Option<String>,
}

/// An engine that exports spans.
#[chariot_engine]
struct Traced;

impl Model for Traced {
    type Settings = ();
    type Input = WithParams<Text, Command>;
    type Output = Json<Headers>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Traced)
    }

    fn spec() -> Spec {
        Spec::new::<Self>().streaming()
    }

    async fn infer(&self, batch: Batch<Self::Input>) -> Result<Vec<Self::Output>> {
        let mut outputs = Vec::new();
        for item in &batch {
            let command = &item.params;
            if let Some(text) = &command.log {
                tracing::info!("{text}");
            }
            for index in 0..command.parts {
                item.emit_async(&index).await?;
            }
            if command.endless {
                loop {
                    item.emit_async("more").await?;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
            if let Some(text) = &command.error {
                return Err(text.clone().into());
            }
            let context = item.trace_context();
            outputs.push(Json(Headers {
                traceparent: context.map(|context| context.traceparent()),
                tracestate: context.and_then(|context| context.tracestate()).map(str::to_string),
            }));
        }
        Ok(outputs)
    }
}
