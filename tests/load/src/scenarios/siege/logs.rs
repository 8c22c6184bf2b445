//! Attacks through the log: callers make the engine write lines while standard output is not read, gone or full.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    process::Stdio,
    thread,
    time::Duration,
};

use serde_json::json;

use super::{
    super::{Failure, Outcome, Scale},
    ground::{Ground, TEXTS, post},
    honest::Asks,
    stage::{Plan, run},
};

pub(super) fn unread(exe: &Path, scale: Scale) -> Result<Outcome, Failure> {
    let (reader, out, err) = pipe()?;
    let outcome = failing(exe, scale, [out, err]);
    drop(reader);
    outcome
}

pub(super) fn slow(exe: &Path, scale: Scale) -> Result<Outcome, Failure> {
    let (mut reader, out, err) = pipe()?;
    thread::spawn(move || {
        // Ends with the engine.
        while reader.read(&mut [0; 200]).is_ok_and(|bytes| bytes > 0) {
            thread::sleep(Duration::from_millis(100));
        }
    });
    failing(exe, scale, [out, err])
}

pub(super) fn gone(exe: &Path, scale: Scale) -> Result<Outcome, Failure> {
    let (reader, out, err) = pipe()?;
    drop(reader);
    failing(exe, scale, [out, err])
}

pub(super) fn full(exe: &Path, scale: Scale) -> Result<Outcome, Failure> {
    let full = || File::options().write(true).open("/dev/full").map(Stdio::from);
    failing(exe, scale, [full()?, full()?])
}

/// Returns a pipe for standard output and standard error.
fn pipe() -> io::Result<(io::PipeReader, Stdio, Stdio)> {
    let (reader, writer) = io::pipe()?;
    Ok((reader, writer.try_clone()?.into(), writer.into()))
}

fn failing(exe: &Path, scale: Scale, output: [Stdio; 2]) -> Result<Outcome, Failure> {
    run(exe, scale, Plan { output: Some(output), seconds: 10, ..Plan::beside(Asks::Text) }, failing_requests)
}

/// Sends requests that fail with a long text, which the engine logs.
fn failing_requests(ground: Ground) -> impl Future<Output = ()> + Send + 'static {
    let parameters = json!({"fail": "x".repeat(4000)});
    let input = json!({"name": "a", "datatype": "BYTES", "shape": [1], "data": ["x"], "parameters": parameters});
    let request = post(TEXTS, &[], json!({ "inputs": [input] }).to_string().as_bytes());
    let client = move |ground: Ground, _| {
        let request = request.clone();
        async move { ground.ask(&request).await }
    };
    ground.crowd(8, client)
}
