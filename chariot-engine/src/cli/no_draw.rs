//! `infer --draw` in a build without the feature `draw`, which refuses it.

use std::path::{Path, PathBuf};

/// No drawing.
pub(super) enum Drawing {}

impl Drawing {
    /// Returns the refusal.
    pub(super) fn new(_: &Path, _: &[PathBuf], _: Option<&str>) -> Result<Self, String> {
        Err("--draw: this engine is built without the feature `draw` of chariot-engine; add it in Cargo.toml".into())
    }

    pub(super) fn lacks_score(&self, _: &str) -> bool {
        match *self {}
    }

    pub(super) fn draw(&self, _: usize, _: &[u8], _: &str, _: Option<&str>) -> Result<PathBuf, String> {
        match *self {}
    }
}
