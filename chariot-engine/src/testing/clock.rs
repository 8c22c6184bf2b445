//! A clock that a test moves. [`TestEngine::start_with_clock`] starts an engine on it.

use std::{sync::mpsc, time::Duration};

use tokio::runtime::{Builder, Handle, Runtime};

use super::TestEngine;
use crate::engine::{EngineBuilder, StartError};

/// What keeps a clock standing; when it is dropped, the runtime ends.
#[derive(Debug)]
pub(super) struct Clock {
    handle: Handle,
    _runs: mpsc::Sender<()>,
}

impl Clock {
    /// A runtime whose clock stands still, on a thread of its own.
    fn start() -> Self {
        let (runs, over) = mpsc::channel::<()>();
        let (started, start) = mpsc::channel();
        std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().start_paused(true).build();
            let runtime: Runtime = runtime.expect("a runtime for a test");
            let _ = started.send(runtime.handle().clone());
            // While a blocking task runs, tokio does not move the clock by itself.
            let _ = runtime.block_on(runtime.spawn_blocking(move || over.recv()));
            runtime.shutdown_background();
        });
        Clock { handle: start.recv().expect("the runtime starts"), _runs: runs }
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl TestEngine {
    /// Starts an engine, as [`start`](Self::start) does, whose clock stands still but for [`advance`](Self::advance):
    /// deadlines, delays of batches and limits of time.
    ///
    /// ```
    /// # use chariot_engine::prelude::*;
    /// # struct Shout;
    /// # impl Model for Shout {
    /// #     type Settings = ();
    /// #     type Input = Text;
    /// #     type Output = Json<String>;
    /// #     async fn load(_: &LoadContext) -> Result<Self> { Ok(Shout) }
    /// #     async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> { batch.try_map(|t| Ok(Json(t.to_uppercase()))) }
    /// # }
    /// use std::time::Duration;
    /// use chariot_engine::testing::{TestEngine, controlled};
    ///
    /// let (model, control) = controlled(Shout);
    /// control.hold();
    /// let builder = Engine::builder().instance("shout", model);
    /// let engine = TestEngine::start_with_clock(builder.setting("CHARIOT_ENGINE_TIMEOUT", "5s"))?;
    /// let call = engine.ask(r#"{"inputs": [{"name": "a", "data": ["hello"]}]}"#);
    /// control.wait_for_calls(1);
    /// engine.advance(Duration::from_secs(5));
    /// assert_eq!(call.answer().status, 504);
    /// control.release();
    /// # Ok::<(), chariot_engine::StartError>(())
    /// ```
    ///
    /// # Errors
    /// It does not start, or the model cannot be loaded.
    ///
    /// # Panics
    /// No tokio runtime can be started.
    pub fn start_with_clock(builder: EngineBuilder) -> Result<Self, StartError> {
        TestEngine::on(super::Stage::Clock(Clock::start()), builder)?.loaded()
    }

    /// Moves the clock on, and all that was to happen meanwhile happens.
    ///
    /// # Panics
    /// The engine was not started by [`start_with_clock`](Self::start_with_clock).
    pub fn advance(&self, by: Duration) {
        self.wait(async move {
            tokio::time::advance(by).await;
        });
    }
}
