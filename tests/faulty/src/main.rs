//! An engine that fails on command: the parameters of an input name the failure. The process tests control it.

use std::{fs::File, thread, time::Duration};

use chariot_engine::{device::DeviceFault, prelude::*};
use serde::Deserialize;

/// The failures that an operator can provoke.
#[derive(Settings)]
struct FaultySettings {
    /// Failure of the load: `slow:MS`, `fail:TEXT` or `panic:TEXT`
    #[setting(name = "FAULTY_LOAD")]
    load: Option<String>,
    /// Time in milliseconds for which the warm-up blocks its thread
    #[setting(name = "FAULTY_WARM_UP", default = 0)]
    warm_up: u64,
}

/// The failures that a caller can provoke.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Command {
    /// Logs this text before anything else, which shows that the item has reached the model.
    log: Option<String>,
    /// Prints this text to standard output, without the log.
    print: Option<String>,
    /// Logs this text while the item is admitted.
    admit_log: Option<String>,
    /// Blocks the decoder for this time.
    admit_ms: u64,
    /// Blocks the thread for this time.
    sleep_ms: u64,
    /// Awaits for this time.
    await_ms: u64,
    /// Emits this part, which the engine does not declare to stream.
    emit: Option<String>,
    /// Panics with this text.
    panic: Option<String>,
    /// Fails with this text.
    error: Option<String>,
    /// Fails like a device: `out_of_memory` or `lost`.
    device: Option<String>,
    /// Rejects the input with this text.
    reject: Option<String>,
    /// Returns this number of outputs instead of one per item.
    outputs: Option<usize>,
    /// Allocates this memory while it runs, in MiB.
    allocate_mb: usize,
    /// Opens files until the process can have no more, and keeps them open while it runs.
    open_files: bool,
    /// The batch cost of the item. Default: 1.
    cost: Option<usize>,
}

/// An engine that fails on command.
#[chariot_engine]
struct Faulty {
    warm_up: Duration,
}

impl Model for Faulty {
    type Settings = FaultySettings;
    type Input = WithParams<Text, Command>;
    type Output = Json<&'static str>;

    async fn load(ctx: &LoadContext<FaultySettings>) -> Result<Self> {
        let model = Faulty { warm_up: Duration::from_millis(ctx.settings().warm_up) };
        let Some(load) = &ctx.settings().load else {
            return Ok(model);
        };
        match load.split_once(':') {
            Some(("slow", ms)) => thread::sleep(Duration::from_millis(ms.parse().context("FAULTY_LOAD")?)),
            Some(("fail", text)) => return Err(Error::from(text.to_string()).context("loading on command")),
            Some(("panic", text)) => panic!("{text}"),
            _ => return Err(format!("FAULTY_LOAD: expected slow:MS, fail:TEXT or panic:TEXT, got '{load}'").into()),
        }
        Ok(model)
    }

    async fn warm_up(&self, _: &Worker) -> Result<()> {
        if !self.warm_up.is_zero() {
            tracing::info!("warming up");
            thread::sleep(self.warm_up);
        }
        Ok(())
    }

    fn admit(&self, item: &mut Item<Self::Input>) -> Result<BatchCost> {
        if let Some(text) = &item.params.admit_log {
            tracing::info!("{text}");
        }
        thread::sleep(Duration::from_millis(item.params.admit_ms));
        Ok(BatchCost::new(item.params.cost.unwrap_or(1)))
    }

    async fn infer(&self, batch: Batch<Self::Input>) -> Result<Vec<Self::Output>> {
        let mut answers = Vec::new();
        let mut count = batch.len();
        for item in &batch {
            let command = &item.params;
            if let Some(text) = &command.log {
                tracing::info!("{text}");
            }
            if let Some(text) = &command.print {
                println!("{text}");
            }
            let memory = vec![1u8; command.allocate_mb << 20];
            let mut files = Vec::new();
            while command.open_files
                && let Ok(file) = File::open("/dev/null")
            {
                files.push(file);
            }
            if command.sleep_ms > 0 {
                thread::sleep(Duration::from_millis(command.sleep_ms));
            }
            if command.await_ms > 0 {
                tokio::time::sleep(Duration::from_millis(command.await_ms)).await;
            }
            if let Some(part) = &command.emit {
                item.emit(part)?;
            }
            if let Some(text) = &command.panic {
                panic!("{text}");
            }
            if let Some(text) = &command.error {
                return Err(text.clone().into());
            }
            match command.device.as_deref() {
                None => {}
                Some("out_of_memory") => return Err(DeviceFault::OutOfMemory.into()),
                Some("lost") => return Err(DeviceFault::Lost.into()),
                Some(other) => reject!("parameters.device: expected 'out_of_memory' or 'lost', got '{other}'"),
            }
            if let Some(text) = &command.reject {
                reject!("{text}");
            }
            count = command.outputs.unwrap_or(count);
            answers.push(Json("ok"));
            drop((memory, files));
        }
        answers.resize(count, Json("ok"));
        Ok(answers)
    }
}
