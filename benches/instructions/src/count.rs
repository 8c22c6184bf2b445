//! The measurement with callgrind.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use e2e::{Process, Signal};

use crate::Failure;

/// The numbers of requests of the two runs of a measurement.
const FEW: u32 = 1_000;
const MANY: u32 = 5_000;

/// The body of a request: FP32 [1, 4], 105 bytes.
const BODY: &str = concat!(
    r#"{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 4], "#,
    r#""data": [0.12345678, 0.5, -0.25, 0.875]}]}"#
);

/// Returns `true` if valgrind is installed.
pub(crate) fn is_possible() -> bool {
    let asked = Command::new("valgrind").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

/// Measures the instructions of the whole process per request.
///
/// # Errors
/// Returns an error if the engine rejects a request or callgrind prints no count.
pub(crate) fn a_request(engine: &str) -> Result<f64, Failure> {
    let folder = tempfile::tempdir()?;
    let few = all(engine, FEW, &folder.path().join("few"))?;
    let many = all(engine, MANY, &folder.path().join("many"))?;
    Ok((many as f64 - few as f64) / f64::from(MANY - FEW))
}

/// Counts the instructions of an engine from its start to its exit, with this number of requests on one connection.
fn all(engine: &str, requests: u32, written: &Path) -> Result<u64, Failure> {
    let out = written.to_str().ok_or("the path of the temporary folder is not UTF-8")?;
    let file = format!("--callgrind-out-file={out}");
    let process = Process::start_with("valgrind", &["--tool=callgrind", &file, engine], &[]);
    process.wait_until_ready();
    let mut connection = process.connect();
    for _ in 0..requests {
        let answer = connection.post("/infer", BODY)?;
        if answer.status != 200 {
            return Err(format!("expected status 200, got {}: {}", answer.status, answer.text).into());
        }
    }
    drop(connection);
    process.signal(Signal::Interrupt);
    if process.wait() != Some(0) {
        return Err(format!("the engine failed: {}", process.all_errors().join("\n")).into());
    }
    let counted = fs::read_to_string(written)?;
    let total = counted.lines().find_map(|line| line.strip_prefix("totals: ").or(line.strip_prefix("summary: ")));
    Ok(total.ok_or("no total in the output of callgrind")?.trim().parse()?)
}
