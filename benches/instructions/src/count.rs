//! The measurement with callgrind.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use crate::{Failure, engine::Engines, paths::CountedPath, process::Process};

/// The wait after a response. By then the threads of the engine sleep, so that each request wakes them.
const PAUSE: Duration = Duration::from_millis(1);

/// Returns `true` if valgrind is installed.
pub(crate) fn is_possible() -> bool {
    let asked = Command::new("valgrind").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

/// Measures the instructions of the whole process per request or event of a path.
///
/// # Errors
/// Returns an error if the engine rejects a request or callgrind prints no count.
pub(crate) fn measure(path: &CountedPath, engines: &Engines) -> Result<f64, Failure> {
    let folder = tempfile::tempdir()?;
    let few = all(path, engines, path.few, &folder.path().join("few"))?;
    let many = all(path, engines, path.many, &folder.path().join("many"))?;
    Ok((many as f64 - few as f64) / f64::from(path.many - path.few))
}

/// Counts the instructions of an engine from its start to its exit, with this number of requests on one connection.
fn all(path: &CountedPath, engines: &Engines, number: u32, written: &Path) -> Result<u64, Failure> {
    let (request, times) = path.traffic(number)?;
    let process = Process::start(path.engine, engines.binary(path.engine), written)?;
    let mut connection = process.connect()?;
    for _ in 0..times {
        connection.exchange(&request)?;
        thread::sleep(PAUSE);
    }
    drop(connection);
    process.stop()?;
    let counted = fs::read_to_string(written)?;
    let total = counted.lines().find_map(|line| line.strip_prefix("totals: ").or(line.strip_prefix("summary: ")));
    Ok(total.ok_or("no total in the output of callgrind")?.trim().parse()?)
}
