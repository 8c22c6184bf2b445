//! What callgrind counts. The binary asks.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use e2e::{Process, Signal};

use crate::Failure;

/// How many requests the two runs of a measurement are given.
const FEW: u32 = 1_000;
const MANY: u32 = 5_000;

/// FP32 [1, 4], in 105 bytes.
const BODY: &str = concat!(
    r#"{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 4], "#,
    r#""data": [0.12345678, 0.5, -0.25, 0.875]}]}"#
);

/// Whether there is a valgrind to count with.
pub(crate) fn is_possible() -> bool {
    let asked = Command::new("valgrind").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

/// The instructions of the whole process for one request.
///
/// # Errors
/// The engine refuses one, or callgrind says nothing.
pub(crate) fn a_request(engine: &str) -> Result<f64, Failure> {
    let folder = tempfile::tempdir()?;
    let few = all(engine, FEW, &folder.path().join("few"))?;
    let many = all(engine, MANY, &folder.path().join("many"))?;
    Ok((many as f64 - few as f64) / f64::from(MANY - FEW))
}

/// The instructions of an engine from its start to its end, with so many requests on one connection between.
fn all(engine: &str, requests: u32, written: &Path) -> Result<u64, Failure> {
    let out = written.to_str().ok_or("the path of the temporary folder is not UTF-8")?;
    let file = format!("--callgrind-out-file={out}");
    let process = Process::start_with("valgrind", &["--tool=callgrind", &file, engine], &[]);
    process.wait_until_ready();
    let mut connection = process.connect();
    for _ in 0..requests {
        let answer = connection.post("/infer", BODY)?;
        if answer.status != 200 {
            return Err(format!("200 is expected, {} came: {}", answer.status, answer.text).into());
        }
    }
    drop(connection);
    process.signal(Signal::Interrupt);
    if process.wait() != Some(0) {
        return Err(format!("the engine failed: {}", process.all_errors().join("\n")).into());
    }
    let counted = fs::read_to_string(written)?;
    let total = counted.lines().find_map(|line| line.strip_prefix("totals: ").or(line.strip_prefix("summary: ")));
    Ok(total.ok_or("callgrind has written no sum")?.trim().parse()?)
}
