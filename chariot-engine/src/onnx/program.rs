//! The form that both backends have. `model` calls it.

use super::input::OnnxInput;
use crate::{error::Result, protocol::TensorData};

/// A file that a backend has loaded, shared by its sessions.
pub(super) trait Program: Send + Sync {
    /// Makes a session.
    fn session(&self) -> Result<Box<dyn Run>>;
}

/// A session: what one thread runs at a time.
pub(super) trait Run: Send {
    /// Runs the file on its inputs, which are checked and in the order of the file. Returns the outputs in the order of
    /// the file.
    fn run(&mut self, inputs: &[&OnnxInput<'_>]) -> Result<Vec<(Vec<usize>, TensorData)>>;
}
