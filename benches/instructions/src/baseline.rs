//! The committed counts, with the compiler that they hold for and the reason for each.

use std::{collections::BTreeMap, fs, path::PathBuf, process::Command};

use serde::{Deserialize, Serialize};

use crate::Failure;

/// Counts by the name of their path.
pub(crate) type Counts = BTreeMap<String, u64>;

/// The counts that new ones are compared with.
#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Baseline {
    pub(crate) build: Build,
    pub(crate) paths: BTreeMap<String, Entry>,
}

/// A build of the engines. Counts of different builds cannot be compared.
#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Build {
    /// The compiler, as `rustc --version` prints it.
    pub(crate) rustc: String,
    /// The profile of cargo.
    pub(crate) profile: String,
    /// The architecture of the processor.
    pub(crate) arch: String,
}

/// The count of a path.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    pub(crate) instructions: u64,
    /// The reason for which this count was accepted.
    pub(crate) reason: String,
}

/// The relative difference up to which two counts are taken for the same.
const NOISE: f64 = 0.01;

impl Baseline {
    /// Reads the committed file; empty if there is none.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read or has another form.
    pub(crate) fn read() -> Result<Self, Failure> {
        match fs::read_to_string(file()) {
            Ok(text) => serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file().display()).into()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Baseline::default()),
            Err(error) => Err(format!("{}: {error}", file().display()).into()),
        }
    }

    /// Writes the file.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub(crate) fn write(&self) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::write(file(), text).map_err(|error| format!("{}: {error}", file().display()).into())
    }

    /// Takes counts over, with the reason for those that changed, and returns the names of these. A count that differs by
    /// no more than the noise stays as it is, unless the build is another.
    pub(crate) fn accept(&mut self, counts: &Counts, build: Build, reason: &str) -> Vec<String> {
        let is_same_build = self.build == build;
        let mut changed = Vec::new();
        for (name, &instructions) in counts {
            let before = self.paths.get(name).filter(|_| is_same_build);
            if before.is_some_and(|entry| growth(entry.instructions, instructions).abs() <= NOISE) {
                continue;
            }
            self.paths.insert(name.clone(), Entry { instructions, reason: reason.into() });
            changed.push(name.clone());
        }
        self.build = build;
        changed
    }
}

impl Build {
    /// Returns the build that `cargo build --release` makes here.
    ///
    /// # Errors
    /// Returns an error if rustc cannot be asked for its version.
    pub(crate) fn current() -> Result<Self, Failure> {
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        // In this folder, where rust-toolchain.toml holds.
        let output = Command::new(rustc).arg("--version").current_dir(env!("CARGO_MANIFEST_DIR")).output()?;
        let rustc = String::from_utf8(output.stdout)?.trim().to_string();
        Ok(Build { rustc, profile: "release".into(), arch: arch() })
    }
}

/// Returns the architecture, with the extension that chooses other code at run time.
fn arch() -> String {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        return "x86_64 with AVX2".into();
    }
    std::env::consts::ARCH.into()
}

/// Returns the growth from one count to another, as a share of the first.
pub(crate) fn growth(from: u64, to: u64) -> f64 {
    (to as f64 - from as f64) / from as f64
}

fn file() -> PathBuf {
    concat!(env!("CARGO_MANIFEST_DIR"), "/baseline.json").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(rustc: &str) -> Build {
        Build { rustc: rustc.into(), profile: "release".into(), arch: "x86_64".into() }
    }

    fn counts(of: &[(&str, u64)]) -> Counts {
        of.iter().map(|(name, count)| (name.to_string(), *count)).collect()
    }

    fn entries(baseline: &Baseline) -> Vec<(&str, u64, &str)> {
        baseline.paths.iter().map(|(name, entry)| (&**name, entry.instructions, &*entry.reason)).collect()
    }

    #[test]
    fn the_reason_is_stored_for_each_changed_path_only() {
        let mut baseline = Baseline::default();
        assert_eq!(baseline.accept(&counts(&[("a", 1000), ("b", 1000)]), build("1"), "first"), ["a", "b"]);
        assert_eq!(baseline.accept(&counts(&[("a", 1009), ("b", 1011)]), build("1"), "second"), ["b"]);
        assert_eq!(entries(&baseline), [("a", 1000, "first"), ("b", 1011, "second")]);
        // A path that was not measured stays.
        assert_eq!(baseline.accept(&counts(&[("a", 900)]), build("1"), "third"), ["a"]);
        assert_eq!(entries(&baseline), [("a", 900, "third"), ("b", 1011, "second")]);
    }

    #[test]
    fn another_compiler_changes_every_path() {
        let mut baseline = Baseline::default();
        baseline.accept(&counts(&[("a", 1000)]), build("1"), "first");
        assert_eq!(baseline.accept(&counts(&[("a", 1000)]), build("2"), "rustc 2"), ["a"]);
        assert_eq!(baseline.build, build("2"));
    }

    #[test]
    fn the_committed_baseline_has_every_path_and_a_reason_for_each() {
        let baseline = Baseline::read().unwrap();
        let names: Vec<&str> = baseline.paths.keys().map(String::as_str).collect();
        let mut paths: Vec<&str> = crate::paths::PATHS.iter().map(|path| path.name).collect();
        paths.sort_unstable();
        assert_eq!(names, paths);
        assert!(baseline.paths.values().all(|entry| !entry.reason.trim().is_empty()));
    }
}
