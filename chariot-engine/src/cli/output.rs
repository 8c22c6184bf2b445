//! What a command prints: to standard output what was asked for, and nothing else.

use std::{
    io::{self, Write},
    process::ExitCode,
};

/// Prints a text as it is, and says how the process ends.
pub(super) fn print(text: &str) -> ExitCode {
    match write(text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(format_args!("standard output cannot be written: {error}"), 1),
    }
}

/// Writes a text to standard output at once.
///
/// # Errors
/// It cannot be written, unless its reader has gone: that has read enough.
pub(super) fn write(text: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Says why a command ends, to standard error.
pub(super) fn fail(why: impl std::fmt::Display, code: u8) -> ExitCode {
    note("error", why);
    ExitCode::from(code)
}

/// Says something beside the result, to standard error.
pub(super) fn note(kind: &str, text: impl std::fmt::Display) {
    // There is nobody to tell if it cannot be written.
    let _ = writeln!(io::stderr(), "{kind}: {text}");
}
