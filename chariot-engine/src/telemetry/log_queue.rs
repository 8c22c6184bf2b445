//! [`LogQueue`]: log lines on their way to a reader that can be slow, stalled or gone. `logs` puts lines in; a thread of
//! its own writes them, so that nothing else ever waits for the reader.
//!
//! `tracing-appender` has such a queue too, but it counts lines and not bytes, does not count what a failed write loses,
//! and its guard prints to standard output, which panics if that is what is broken.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind, Write},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// The pause before the next attempt to write to a pipe that another process has made non-blocking, and that is full.
const RETRY: Duration = Duration::from_millis(20);

/// A bounded queue of lines. A line that does not fit, or whose write fails, is lost and counted.
#[derive(Debug)]
pub(super) struct LogQueue {
    /// The most bytes that wait.
    capacity: usize,
    state: Mutex<State>,
    /// Signals that a line waits.
    filled: Condvar,
    /// Signals that nothing is left to write.
    emptied: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: VecDeque<Vec<u8>>,
    /// The bytes of all waiting lines.
    bytes: usize,
    /// The thread has taken a line and not yet written it.
    is_writing: bool,
    lost: u64,
}

impl LogQueue {
    pub(super) fn new(capacity: usize) -> Self {
        LogQueue { capacity, state: Mutex::default(), filled: Condvar::new(), emptied: Condvar::new() }
    }

    /// Puts a line in, or counts it as lost if there is no room. Never waits for the reader.
    pub(super) fn push(&self, line: Vec<u8>) {
        let mut state = self.state();
        if state.bytes.saturating_add(line.len()) > self.capacity {
            state.lost += 1;
            return;
        }
        state.bytes += line.len();
        state.lines.push_back(line);
        drop(state);
        self.filled.notify_one();
    }

    /// Returns the number of lines that were lost.
    pub(super) fn lost(&self) -> u64 {
        self.state().lost
    }

    /// Writes lines as they arrive, for as long as the process lives. `report` is called with a number of lost lines
    /// once the reader has caught up again. `wake` is called before each wait for a line, and returns the time at which
    /// to call it again if there is none. Both can push lines.
    pub(super) fn write_to(&self, mut sink: impl Write, report: impl Fn(u64), wake: impl Fn() -> Option<Instant>) {
        let mut reported = 0;
        let mut cut = false;
        loop {
            let Some(line) = self.take(wake()) else { continue };
            let written = write_line(&mut sink, &line, &mut cut);
            let (lost, caught_up) = {
                let mut state = self.state();
                state.lost += u64::from(written.is_err());
                (state.lost, state.lines.is_empty())
            };
            if written.is_ok() && caught_up && lost > reported {
                report(lost - reported);
                reported = lost;
            }
            let mut state = self.state();
            state.is_writing = false;
            if state.lines.is_empty() {
                self.emptied.notify_all();
            }
        }
    }

    /// Waits until every line is written, for at most this time.
    pub(super) fn flush(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        let mut state = self.state();
        while !state.lines.is_empty() || state.is_writing {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.emptied.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits for a line and takes it out. Returns `None` if there is none until this time.
    fn take(&self, until: Option<Instant>) -> Option<Vec<u8>> {
        let mut state = self.state();
        loop {
            if let Some(line) = state.lines.pop_front() {
                state.bytes -= line.len();
                state.is_writing = true;
                return Some(line);
            }
            state = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                Some(left) if left.is_zero() => return None,
                Some(left) => self.filled.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
                None => self.filled.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes a line. `cut` is `true` if the line before was written in part: this one then starts on a new line.
fn write_line(sink: &mut impl Write, line: &[u8], cut: &mut bool) -> io::Result<()> {
    if *cut {
        write_all(sink, b"\n").map_err(|(error, _)| error)?;
        *cut = false;
    }
    write_all(sink, line).map_err(|(error, written)| {
        *cut = written > 0;
        error
    })
}

/// Writes all bytes. An error says how many were written.
fn write_all(sink: &mut impl Write, bytes: &[u8]) -> Result<(), (io::Error, usize)> {
    let mut written = 0;
    while written < bytes.len() {
        match sink.write(&bytes[written..]) {
            Ok(0) => return Err((ErrorKind::WriteZero.into(), written)),
            Ok(more) => written += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(RETRY),
            Err(error) => return Err((error, written)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    };

    use super::*;

    const DEADLINE: Duration = Duration::from_secs(60);

    /// A reader that takes bytes only as the test says: for every write, the result of the write.
    struct Reader {
        asks: Sender<Vec<u8>>,
        answers: Receiver<io::Result<usize>>,
    }

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.asks.send(bytes.to_vec()).map_err(|_| ErrorKind::BrokenPipe)?;
            self.answers.recv().unwrap_or(Err(ErrorKind::BrokenPipe.into()))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A queue whose thread writes to a reader.
    struct Started {
        queue: Arc<LogQueue>,
        /// The bytes of each write.
        asked: Receiver<Vec<u8>>,
        /// The result of each write.
        answer: Sender<io::Result<usize>>,
        /// The reports of lost lines.
        reported: Receiver<u64>,
    }

    fn started(capacity: usize) -> Started {
        let queue = Arc::new(LogQueue::new(capacity));
        let (asks, asked) = channel();
        let (answer, answers) = channel();
        let (reports, reported) = channel();
        let writer = queue.clone();
        thread::spawn(move || {
            writer.write_to(Reader { asks, answers }, |lost| reports.send(lost).unwrap(), || None);
        });
        Started { queue, asked, answer, reported }
    }

    fn line(text: &str) -> Vec<u8> {
        format!("{text}\n").into_bytes()
    }

    #[test]
    fn a_stalled_reader_costs_only_what_does_not_fit() {
        let Started { queue, asked, answer, reported } = started(8);
        queue.push(line("one"));
        assert_eq!(asked.recv_timeout(DEADLINE).unwrap(), b"one\n");
        // The writer is held; two lines wait, one is too many.
        ["two", "six", "ten"].iter().for_each(|text| queue.push(line(text)));
        assert_eq!(queue.lost(), 1);
        queue.flush(Duration::ZERO);
        answer.send(Ok(4)).unwrap();
        for text in ["two\n", "six\n"] {
            assert_eq!(asked.recv_timeout(DEADLINE).unwrap(), text.as_bytes());
            assert!(reported.try_recv().is_err());
            answer.send(Ok(4)).unwrap();
        }
        assert_eq!(reported.recv_timeout(DEADLINE), Ok(1));
        queue.flush(DEADLINE);
        assert_eq!((queue.lost(), queue.state().bytes), (1, 0));
    }

    #[test]
    fn a_failed_write_loses_its_line_and_the_next_starts_on_a_new_line() {
        let Started { queue, asked, answer, reported } = started(1000);
        let write = |bytes: &[u8], result: io::Result<usize>| {
            assert_eq!(asked.recv_timeout(DEADLINE).unwrap(), bytes);
            answer.send(result).unwrap();
        };
        let full = || Err(ErrorKind::StorageFull.into());
        queue.push(line("one"));
        write(b"one\n", full());
        queue.push(line("two"));
        write(b"two\n", Ok(2));
        write(b"o\n", full());
        queue.push(line("three"));
        write(b"\n", full());
        queue.push(line("four"));
        write(b"\n", Ok(1));
        write(b"four\n", Err(ErrorKind::Interrupted.into()));
        write(b"four\n", Err(ErrorKind::WouldBlock.into()));
        write(b"four\n", Ok(5));
        assert_eq!(reported.recv_timeout(DEADLINE), Ok(3));
        queue.push(line("five"));
        write(b"five\n", Ok(5));
        queue.flush(DEADLINE);
        assert!(reported.try_recv().is_err());
    }
}
