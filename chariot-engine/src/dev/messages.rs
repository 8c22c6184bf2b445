//! The messages between a development loop and its engines: each is a line of JSON on a Unix socket.

use serde::{Deserialize, Serialize};

/// The status of a development loop. Its engines serve it as they receive it, to the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Status {
    /// The number of the engine that answers, from 1. It changes once the one before has closed the port.
    pub(crate) engine: u64,
    pub(crate) state: LoopState,
    /// The text of the error; empty if there is none.
    pub(crate) error: String,
}

/// The activity of a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LoopState {
    /// Waits for a change.
    Waiting,
    /// Compiles what has changed.
    Building,
    /// Loads the models of the next engine.
    Starting,
    /// Waits for a change after a build that failed.
    BuildFailed,
    /// Waits for a change after an engine that did not start.
    StartFailed,
}

/// The report of an engine to its loop.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Report {
    /// The models are loaded, and the engine serves.
    Ready,
    /// The engine does not start, for this reason.
    Failed(String),
}
