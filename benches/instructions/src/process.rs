//! An engine under callgrind as a child process on one core.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::{
    process::{Pid, Signal, kill_process},
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};

use crate::{
    Failure,
    client::Connection,
    engine::{Engine, variables},
};

/// The longest wait for an engine that starts or stops.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

/// A process, killed on drop.
pub(crate) struct Process {
    child: Child,
    address: SocketAddr,
    /// Reads the rest of the log, so that the process never waits for its reader.
    log: Option<JoinHandle<String>>,
}

impl Process {
    /// Starts an engine under callgrind, which writes to a file, and waits until it is ready.
    ///
    /// # Errors
    /// Returns an error if the engine does not start.
    pub(crate) fn start(engine: Engine, binary: &Path, written: &Path) -> Result<Self, Failure> {
        let mut command = Command::new("valgrind");
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("CHARIOT_") || name == "LOG_LEVEL") {
                command.env_remove(name);
            }
        }
        let mut file = std::ffi::OsString::from("--callgrind-out-file=");
        file.push(written);
        command.args(["--tool=callgrind", "--quiet"]).arg(file).arg(binary).envs(variables(engine));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = on_one_core(|| Ok(command.spawn()?))?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("no standard output")?);
        let Some(address) = listening(&mut lines)? else {
            // It has closed its output, or will soon.
            let _ = child.kill();
            let mut error = String::new();
            child.stderr.take().ok_or("no standard error")?.read_to_string(&mut error)?;
            return Err(format!("{} does not listen: {error}", binary.display()).into());
        };
        let mut errors = child.stderr.take().ok_or("no standard error")?;
        let log = thread::spawn(move || {
            let both = thread::spawn(move || lines.read_to_end(&mut Vec::new()));
            let mut text = String::new();
            // What cannot be read is missing in a message.
            let _ = errors.read_to_string(&mut text);
            let _ = both.join();
            text
        });
        let process = Process { child, address, log: Some(log) };
        let mut connection = process.connect()?;
        let begin = Instant::now();
        while !connection.is_ready()? {
            if begin.elapsed() > DEADLINE {
                return Err(format!("{} is not ready", binary.display()).into());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(process)
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// Returns the error of the system.
    pub(crate) fn connect(&self) -> Result<Connection, Failure> {
        Ok(Connection::open(self.address)?)
    }

    /// Stops the process and waits for its end.
    ///
    /// # Errors
    /// Returns an error if the process fails.
    pub(crate) fn stop(mut self) -> Result<(), Failure> {
        kill_process(Pid::from_child(&self.child), Signal::INT)?;
        let status = self.child.wait()?;
        if !status.success() {
            let log = self.log.take().and_then(|log| log.join().ok()).unwrap_or_default();
            return Err(format!("the engine failed: {status}: {log}").into());
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails if the process has exited, when there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the log up to the address on which the engine listens; `None` if there is none.
fn listening(lines: &mut BufReader<ChildStdout>) -> Result<Option<SocketAddr>, Failure> {
    let mut line = String::new();
    while lines.read_line(&mut line)? > 0 {
        let address = line.split_once("listening on http://").and_then(|(_, rest)| rest.split('"').next());
        if let Some(address) = address {
            return Ok(Some(address.parse()?));
        }
        line.clear();
    }
    Ok(None)
}

/// Runs a function whose child processes get one core, so that an engine has the same threads on every machine.
fn on_one_core<T>(start: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    let all = sched_getaffinity(None)?;
    let first = (0..CpuSet::MAX_CPU).find(|core| all.is_set(*core)).ok_or("no core")?;
    let mut one = CpuSet::new();
    one.set(first);
    sched_setaffinity(None, &one)?;
    let started = start();
    sched_setaffinity(None, &all)?;
    started
}
