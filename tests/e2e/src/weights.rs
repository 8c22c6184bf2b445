//! The fetched weights of an example; its tests call this.

use std::{path::PathBuf, process::Command};

/// Returns the folder `model` of an example whose script `fetch` has put its weights there, or `None` after a line that
/// says why they are missing. Runs the script, which downloads nothing if the weights are there.
///
/// `example` is the example's own folder: `env!("CARGO_MANIFEST_DIR")`.
pub fn weights(example: &str) -> Option<PathBuf> {
    let script = PathBuf::from(example).join("fetch");
    let result = Command::new(&script).output();
    match result {
        Ok(output) if output.status.success() => Some(PathBuf::from(example).join("model")),
        Ok(output) => {
            println!("SKIPPED: {}: {}", script.display(), String::from_utf8_lossy(&output.stderr).trim());
            None
        }
        Err(error) => {
            println!("SKIPPED: {}: {error}", script.display());
            None
        }
    }
}
