//! A stand-in for the platform: runs programs for its Python SDK, and unpacks the archives of models. The tests of this
//! crate and of the examples use it.
//!
//! The SDK, in `sdk/`, has the names that the platform documents and no others. It refuses every keyword, type and
//! value that the documentation does not show, and prints the calls.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// The programs that unpack a `.zip`, with `ARCHIVE` and `DIRECTORY` in place of the paths.
pub const UNZIP: [&[&str]; 2] =
    [&["unzip", "-q", "ARCHIVE", "-d", "DIRECTORY"], &["python3", "-m", "zipfile", "-e", "ARCHIVE", "DIRECTORY"]];

/// The programs that unpack a `.tar.gz`, with `ARCHIVE` and `DIRECTORY` in place of the paths.
pub const UNTAR: [&[&str]; 2] =
    [&["tar", "-xzf", "ARCHIVE", "-C", "DIRECTORY"], &["python3", "-m", "tarfile", "-e", "ARCHIVE", "DIRECTORY"]];

/// Unpacks an archive with one of these programs into an existing directory. Returns `false` and says so if the machine
/// lacks the program.
///
/// # Panics
/// Panics if the program fails, or warns of anything.
pub fn unpack(program: &[&str], archive: &Path, directory: &Path) -> bool {
    let arguments = program[1..].iter().map(|argument| match *argument {
        "ARCHIVE" => archive.as_os_str(),
        "DIRECTORY" => directory.as_os_str(),
        other => other.as_ref(),
    });
    match Command::new(program[0]).args(arguments).output() {
        Ok(output) => {
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && errors.is_empty(), "{program:?}: {errors}");
            true
        }
        Err(error) => {
            println!("skipped: {} not found: {error}", program[0]);
            false
        }
    }
}

/// The result of a program.
#[derive(Debug)]
pub struct Run {
    /// Set if the program ended without an exception.
    pub success: bool,
    /// The calls, in order: an object of `call`, `keywords` (the names in the order of the program) and `arguments`.
    pub calls: Vec<Value>,
    /// The text on standard error, which ends in the exception if there was one.
    pub errors: String,
}

impl Run {
    /// Returns the arguments of a call.
    ///
    /// # Panics
    /// Panics if the program has not made it, or has failed.
    #[track_caller]
    pub fn arguments(&self, call: &str) -> &Value {
        assert!(self.success, "{}", self.errors);
        let made = self.calls.iter().find(|made| made["call"] == call);
        &made.unwrap_or_else(|| panic!("no call of {call}: {:?}", self.calls))["arguments"]
    }
}

/// Runs a program in a directory, unchanged, with the variables that it reads set to their names in lower case, or to
/// what `env` says. Returns `None` and says so if there is no Python.
///
/// # Panics
/// Panics if the directory cannot be written, or if the program prints anything but its calls.
pub fn run_program(program: &str, directory: &Path, env: &[(&str, &str)]) -> Option<Run> {
    let file = directory.join("register.py");
    fs::write(&file, program).expect("the program can be written");
    let sdk: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk");
    let mut python = Command::new("python3");
    // Without the machine's own packages, of which one could be called `chariot` too, and without files of bytecode.
    python.arg("-sB").arg(&file).current_dir(directory).env("PYTHONPATH", sdk);
    for variable in ["CHARIOT_PROJECT_ID", "CHARIOT_ORG_NAME", "CHARIOT_PROJECT_NAME"] {
        python.env(variable, variable.to_lowercase());
    }
    let output = match python.env_remove("CHARIOT_TASK_TYPE").envs(env.iter().copied()).output() {
        Ok(output) => output,
        Err(error) => {
            println!("skipped: python3 not found: {error}");
            return None;
        }
    };
    let calls = String::from_utf8(output.stdout).expect("the calls are text");
    let calls = calls.lines().map(|line| serde_json::from_str(line).expect("a call is JSON")).collect();
    Some(Run { success: output.status.success(), calls, errors: String::from_utf8_lossy(&output.stderr).into_owned() })
}
