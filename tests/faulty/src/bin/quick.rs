//! An engine whose calls are quick unless a text says otherwise, so that they run inline. The process tests control it.

use std::{
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use chariot_engine::prelude::*;

/// The interval at which a call looks for a file.
const LOOK: Duration = Duration::from_millis(1);

/// Longer than an inline call may take.
const SLOW: Duration = Duration::from_millis(20);

#[derive(Settings)]
struct QuickSettings {
    /// Makes a scratch value on each worker before the engine is ready
    #[setting(default = false)]
    sessions: bool,
}

/// The scratch value of a worker, which is expensive to make.
struct Session;

/// The number of sessions that were made.
static MADE: AtomicUsize = AtomicUsize::new(0);

impl Session {
    fn new() -> Result<Session> {
        MADE.fetch_add(1, Ordering::Relaxed);
        Ok(Session)
    }
}

/// An engine of quick calls. The text of an item is a command, and the output is the name of the thread that ran it.
#[chariot_engine]
struct Quick {
    sessions: bool,
}

impl Model for Quick {
    type Settings = QuickSettings;
    type Input = Text;
    type Output = Json<String>;

    async fn load(ctx: &LoadContext<QuickSettings>) -> Result<Self> {
        Ok(Quick { sessions: ctx.settings().sessions })
    }

    async fn warm_up(&self, worker: &Worker) -> Result<()> {
        if self.sessions {
            worker.scratch(Session::new)?;
        }
        Ok(())
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Self::Output>> {
        if self.sessions {
            batch.scratch(Session::new)?;
        }
        let mut names = Vec::with_capacity(batch.len());
        for item in &batch {
            match item.0.split_once(' ').unwrap_or((&item.0, "")) {
                // Blocks the thread until there is a file, and for longer than an inline call may take.
                ("wait", path) => {
                    thread::sleep(SLOW);
                    while !Path::new(path).exists() {
                        thread::sleep(LOOK);
                    }
                }
                ("await", _) => tokio::time::sleep(LOOK).await,
                // Blocks by means of tokio, which panics within a runtime.
                ("block", _) => block()?,
                ("panic", text) => panic!("{text}"),
                ("made", _) => {
                    names.push(Json(MADE.load(Ordering::Relaxed).to_string()));
                    continue;
                }
                _ => {}
            }
            names.push(Json(thread::current().name().unwrap_or_default().to_string()));
        }
        Ok(names)
    }
}

/// Blocks the thread by means of tokio: a channel, a runtime of its own, and a task of the engine's.
fn block() -> Result<()> {
    let own = tokio::runtime::Builder::new_current_thread().build()?;
    let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
    sender.blocking_send(own.block_on(async { 1 }))?;
    let task = tokio::spawn(async { 2 });
    let sum = receiver.blocking_recv().unwrap_or(0) + own.block_on(task)?;
    if sum == 3 { Ok(()) } else { Err(format!("expected 3, got {sum}").into()) }
}
