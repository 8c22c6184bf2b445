//! A process that computes cases when it is told to.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use crate::{Failure, worker::Case};

pub(crate) struct Contestant {
    pub(crate) name: String,
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl Contestant {
    /// Starts this program as a worker.
    pub(crate) fn ours(
        library: &str,
        allocator: &str,
        env: &[(&str, &str)],
        weights: Option<&Path>,
    ) -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("worker").arg(library).args(weights).envs(env.iter().copied());
        Self::start(format!("{library}, {allocator}"), command)
    }

    /// Starts ONNX Runtime in Python.
    pub(crate) fn onnx(python: &Path) -> Result<Self, Failure> {
        let mut command = Command::new(python);
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/peer.py"));
        Self::start("ONNX Runtime".to_string(), command)
    }

    fn start(name: String, mut command: Command) -> Result<Self, Failure> {
        command.env("RAYON_NUM_THREADS", "1").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("starting {name}: {error}"))?;
        let answers = BufReader::new(child.stdout.take().ok_or("expected a pipe")?);
        Ok(Self { name, child, answers })
    }

    /// Computes a case for some time. Returns the CPU seconds of one call, and some numbers of its result.
    pub(crate) fn measure(&mut self, case: Case, seconds: f64) -> Result<(f64, Vec<f64>), Failure> {
        let questions = self.child.stdin.as_mut().ok_or("expected a pipe")?;
        writeln!(questions, "{case} {seconds}")?;
        questions.flush()?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        let numbers: Vec<f64> = answer.split_whitespace().filter_map(|number| number.parse().ok()).collect();
        match numbers.split_first() {
            Some((seconds, sample)) if !sample.is_empty() => Ok((*seconds, sample.to_vec())),
            _ => Err(format!("{}: expected the seconds of a call and its result, got {answer:?}", self.name).into()),
        }
    }
}

impl Drop for Contestant {
    fn drop(&mut self) {
        // Ends the input, and so the process.
        drop(self.child.stdin.take());
        if let Err(error) = self.child.wait() {
            eprintln!("ops-bench: waiting for {}: {error}", self.name);
        }
    }
}
