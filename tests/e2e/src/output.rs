//! The lines that a process writes, read as they arrive. A thread reads them, so that the process never blocks on its
//! output.

use std::{
    io::{BufRead, BufReader, Read},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Instant,
};

use crate::DEADLINE;

/// The lines of a stream, being read.
#[derive(Clone, Default)]
pub(crate) struct Output(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    lines: Vec<String>,
    ended: bool,
}

impl Output {
    /// Reads lines until the stream ends.
    pub(crate) fn read(stream: impl Read + Send + 'static) -> Self {
        let output = Output::default();
        let reader = output.clone();
        thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n') {
                let Ok(line) = line else { break };
                reader.change(|state| state.lines.push(String::from_utf8_lossy(&line).into_owned()));
            }
            reader.change(|state| state.ended = true);
        });
        output
    }

    /// Returns an output without lines, which has ended.
    pub(crate) fn none() -> Self {
        let output = Output::default();
        output.change(|state| state.ended = true);
        output
    }

    /// Returns all lines, once the stream has ended.
    pub(crate) fn whole(&self) -> Vec<String> {
        match self.wait(|_| None::<()>) {
            Err(Missing::Ended(lines)) => lines,
            other => panic!("the output has not ended: {other:?}"),
        }
    }

    /// Waits for a line for which `find` returns a value, and returns it.
    pub(crate) fn wait<T>(&self, find: impl Fn(&str) -> Option<T>) -> Result<T, Missing> {
        let begin = Instant::now();
        let mut seen = 0;
        let mut state = self.lock();
        loop {
            if let Some(found) = state.lines[seen..].iter().find_map(|line| find(line)) {
                return Ok(found);
            }
            seen = state.lines.len();
            if state.ended {
                return Err(Missing::Ended(state.lines.clone()));
            }
            let Some(left) = DEADLINE.checked_sub(begin.elapsed()) else {
                return Err(Missing::Late(state.lines.clone()));
            };
            state = self.0.1.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.0.1.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The reason why a line was not found, with the lines seen so far.
#[derive(Debug)]
pub(crate) enum Missing {
    /// The stream ended without it.
    Ended(Vec<String>),
    /// The line did not appear before the deadline.
    Late(#[expect(dead_code, reason = "shown in the message of a panic")] Vec<String>),
}
