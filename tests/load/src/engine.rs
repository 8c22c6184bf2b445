//! The engine under load: `faulty` as a child process, with its memory and its metrics.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use e2e::Process;
use serde_json::json;

use crate::{Failure, Target};

/// Builds an engine in the profile of this binary and returns its path.
///
/// # Errors
/// Returns an error if cargo fails.
pub fn build_engine(target: Target) -> Result<PathBuf, Failure> {
    let (package, binary) = match target {
        Target::Faulty => ("faulty", "faulty"),
        Target::Besieged => (env!("CARGO_PKG_NAME"), "besieged"),
    };
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.args(["build", "--quiet", "-p", package, "--bin", binary]).current_dir(env!("CARGO_MANIFEST_DIR"));
    // `target/release/load`, or `target/debug/deps/short-...` of a test.
    let exe = std::env::current_exe()?;
    let mut folder = exe.parent().ok_or("this binary is not in a folder")?;
    if folder.ends_with("deps") {
        folder = folder.parent().ok_or("this binary is not in a folder")?;
    }
    if folder.ends_with("release") {
        build.arg("--release");
    }
    if let Some(target) = folder.parent() {
        build.arg("--target-dir").arg(target);
    }
    if !build.status()?.success() {
        return Err(format!("cargo build -p {package} --bin {binary} failed").into());
    }
    Ok(folder.join(binary))
}

/// A running engine, killed on drop.
pub(crate) struct Engine(pub(crate) Process);

impl Engine {
    pub(crate) fn start(exe: &std::path::Path, env: &[(&str, &str)]) -> Result<Self, Failure> {
        let exe = exe.to_str().ok_or("the path of the engine is not UTF-8")?;
        let mut all = vec![("CHARIOT_ENGINE_LOG_LEVEL", "info"), ("CHARIOT_ENGINE_GRACE", "10s")];
        all.extend(env);
        Ok(Engine(Process::ready(exe, &all)))
    }

    /// Returns the resident memory in bytes, from the metrics of the engine.
    pub(crate) fn resident(&self) -> f64 {
        self.figure("process_resident_memory_bytes")
    }

    /// Returns a metric of the engine by its name with labels; 0 if it is absent.
    pub(crate) fn figure(&self, name: &str) -> f64 {
        self.figures().get(name).copied().unwrap_or_default()
    }

    pub(crate) fn figures(&self) -> BTreeMap<String, f64> {
        let page = self.0.get("/metrics").text;
        let lines = page.lines().filter(|line| !line.starts_with('#'));
        lines
            .filter_map(|line| line.rsplit_once(' ').and_then(|(name, value)| Some((name.into(), value.parse().ok()?))))
            .collect()
    }

    /// Waits until nothing is in flight, and returns the metrics that are not 0 after the deadline.
    pub(crate) fn settle(&self) -> Vec<String> {
        const NAMES: [&str; 4] = ["in_flight_requests", "queued_requests", "running_calls", "in_flight_bytes"];
        let begin = Instant::now();
        loop {
            let figures = self.figures();
            let left: Vec<String> = NAMES
                .iter()
                .map(|name| format!("chariot_{name}{{model=\"faulty\"}}"))
                .filter(|name| figures.get(name).is_none_or(|value| *value != 0.0))
                .collect();
            if left.is_empty() || begin.elapsed() > Duration::from_secs(30) {
                return left;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Makes a request with these parameters and this number of bytes of text.
pub(crate) fn command(parameters: &serde_json::Value, bytes: usize) -> bytes::Bytes {
    let input = json!({"name": "text", "datatype": "BYTES", "shape": [1], "data": ["x".repeat(bytes)], "parameters": parameters});
    json!({ "inputs": [input] }).to_string().into()
}
