//! The engines that are counted, and their builds.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::Failure;

/// An engine that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    /// The engine in `benches/counted`.
    Counted,
    /// The example.
    Digits,
}

/// The build of the engines. `.ci/run` builds the same packages, so that cargo chooses the same features and has nothing
/// left to compile.
const BUILD: &str = "build --release -p digits -p iris -p identity -p embed-axum -p embed-hyper -p embed-tower \
                     -p several-models -p counted";

/// The binaries of the engines.
pub(crate) struct Engines {
    counted: PathBuf,
    digits: PathBuf,
}

impl Engines {
    /// Builds the engines in release mode.
    ///
    /// # Errors
    /// Returns an error if cargo fails.
    pub(crate) fn build() -> Result<Self, Failure> {
        let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        build.args(BUILD.split_whitespace()).arg("--quiet").current_dir(env!("CARGO_MANIFEST_DIR"));
        // `target/release/instructions`.
        let exe = std::env::current_exe()?;
        let target = exe.ancestors().nth(2).ok_or("this binary is not in a target directory")?;
        build.arg("--target-dir").arg(target);
        if !build.status()?.success() {
            return Err(format!("cargo {BUILD} failed").into());
        }
        let folder = target.join("release");
        Ok(Engines { counted: folder.join("counted"), digits: folder.join("digits") })
    }

    /// Uses another binary in place of `counted`.
    pub(crate) fn with_counted(self, counted: PathBuf) -> Self {
        Engines { counted, ..self }
    }

    /// Returns the binary of an engine.
    pub(crate) fn binary(&self, engine: Engine) -> &Path {
        match engine {
            Engine::Counted => &self.counted,
            Engine::Digits => &self.digits,
        }
    }
}

/// Returns the variables of an engine.
pub(crate) fn variables(engine: Engine) -> Vec<(&'static str, &'static str)> {
    let mut variables = vec![
        ("CHARIOT_ENGINE_HOST", "127.0.0.1"),
        ("CHARIOT_ENGINE_PORT", "0"),
        ("CHARIOT_ENGINE_WORKERS", "1"),
        ("CHARIOT_ENGINE_THREADS", "1"),
        ("CHARIOT_ENGINE_DRAIN_DELAY", "0s"),
        // Which calls run inline depends on the time that they take, so all run on the worker.
        ("CHARIOT_ENGINE_INLINE", "false"),
    ];
    if engine == Engine::Digits {
        let model = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/digits/model");
        variables.push(("CHARIOT_ENGINE_MODEL_DIR", model));
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_of_ci_builds_the_same_packages() {
        let script = include_str!("../../../.ci/run");
        assert!(script.lines().any(|line| line.trim() == format!("cargo {BUILD}")), "not in .ci/run: cargo {BUILD}");
    }
}
