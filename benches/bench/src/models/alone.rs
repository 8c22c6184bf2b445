//! A model in Python without a server: a process that runs it for as long as it is told.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use serde::Deserialize;

use super::cases;
use crate::Failure;

/// A process that reads a number of seconds from each line, runs the model for that time, and writes what it did.
pub(crate) struct Alone {
    child: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// The time from its start to its first call.
    pub(crate) started_in: Duration,
}

/// The result of a round.
#[derive(Clone, Copy, Deserialize)]
pub(crate) struct Calls {
    /// Calls per second.
    pub(crate) rate: f64,
    /// CPU seconds per call.
    pub(crate) cpu: f64,
    /// The largest memory that its processes had resident, in bytes.
    pub(crate) memory: f64,
}

impl Alone {
    pub(crate) fn start(command: &cases::Alone) -> Result<Self, Failure> {
        let begin = Instant::now();
        let (program, arguments) = command.command.split_first().ok_or("a model without a command")?;
        let mut child = Command::new(program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let asks = child.stdin.take().ok_or("no standard input")?;
        let answers = BufReader::new(child.stdout.take().ok_or("no standard output")?);
        let mut alone = Alone { child, asks, answers, started_in: Duration::ZERO };
        alone.run(Duration::ZERO)?;
        alone.started_in = begin.elapsed();
        Ok(alone)
    }

    /// Runs the model for some time, and at least once.
    pub(crate) fn run(&mut self, time: Duration) -> Result<Calls, Failure> {
        writeln!(self.asks, "{}", time.as_secs_f64())?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        serde_json::from_str(&line).map_err(|error| format!("the model alone said {line:?}: {error}").into())
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
