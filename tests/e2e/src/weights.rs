//! The fetched weights of an example; its tests call this.

use std::{path::PathBuf, process::Command};

/// Returns the folder `model` of an example whose script `fetch` has put its weights there, or `None` after a line that
/// says why they are missing. Runs the script, which downloads nothing if the weights are there.
///
/// `example` is the example's own folder: `env!("CARGO_MANIFEST_DIR")`.
pub fn weights(example: &str) -> Option<PathBuf> {
    let script = PathBuf::from(example).join("fetch");
    let why = match Command::new(&script).output() {
        Ok(output) if output.status.success() => return Some(PathBuf::from(example).join("model")),
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    println!("SKIPPED: {}: {why}", script.display());
    None
}
