//! The output of a command: its result to standard output, everything else to standard error.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use crate::error::{LISTED, printable};

/// Prints a text as it is, and returns the exit code.
pub(super) fn print(text: &str) -> ExitCode {
    match write(text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(format_args!("cannot write to standard output: {error}"), 1),
    }
}

/// Writes a text to standard output, and flushes it.
///
/// # Errors
/// An error of the write, unless the reader has closed the pipe: it has read enough.
pub(super) fn write(text: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Prints an error to standard error, and returns the exit code.
pub(super) fn fail(error: impl std::fmt::Display, code: u8) -> ExitCode {
    note("error", error);
    ExitCode::from(code)
}

/// Prints a note to standard error, on one line.
pub(super) fn note(kind: &str, text: impl std::fmt::Display) {
    // If this cannot be written, there is no other place to report it.
    let _ = writeln!(io::stderr(), "{}", one_line(format!("{kind}: {text}")));
}

/// Returns a text on one line, with unprintable characters escaped.
pub(super) fn one_line(text: String) -> String {
    printable(&text.replace('\n', " | ")).into_owned()
}

/// Returns the first ten of these faults, and a line with the number of the others.
pub(super) fn first_faults(mut faults: Vec<String>) -> Vec<String> {
    if faults.len() > LISTED {
        let others = faults.drain(LISTED..).count();
        faults.push(format!("{others} more of these"));
    }
    faults
}
