//! The build of the default engine.

use std::{path::PathBuf, process::Command};

use crate::Failure;

/// Builds `identity` in release mode and returns its path.
///
/// # Errors
/// Returns an error if cargo fails.
pub(crate) fn build() -> Result<PathBuf, Failure> {
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.args(["build", "--quiet", "--release", "-p", "identity"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    // `target/release/instructions`.
    let exe = std::env::current_exe()?;
    let target = exe.ancestors().nth(2).ok_or("this binary is not in a target directory")?;
    build.arg("--target-dir").arg(target);
    if !build.status()?.success() {
        return Err("cargo build -p identity failed".into());
    }
    Ok(target.join("release").join("identity"))
}
