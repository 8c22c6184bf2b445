//! The output of a command: its result to standard output, everything else to standard error.

use std::{
    io::{self, Write},
    process::ExitCode,
};

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

/// Prints a note to standard error.
pub(super) fn note(kind: &str, text: impl std::fmt::Display) {
    // If this cannot be written, there is no other place to report it.
    let _ = writeln!(io::stderr(), "{kind}: {text}");
}
