//! Log lines on a standard stream: standard output, or standard error for a command that has other output. They are JSON,
//! or text for people on a terminal. `run` installs the subscriber, and a panic hook that logs in the same format.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    io::{self, IsTerminal, Write, stderr, stdout},
    panic::PanicHookInfo,
};

use tracing_subscriber::{filter::LevelFilter, fmt::writer::BoxMakeWriter};

use crate::{
    error::put_causes_on_lines,
    settings::{LogFormat, LogLevel},
};

/// The stream that log lines are written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Output,
    Error,
}

/// Installs the subscriber and the panic hook of this process. An existing subscriber is kept.
pub(crate) fn install(level: LogLevel, format: Option<LogFormat>, stream: Stream) {
    // The modules of the SDK matter to those who look for its bugs, not to operators.
    let has_target = level >= LogLevel::Debug;
    let level = match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let (on_terminal, writer) = match stream {
        Stream::Output => (stdout().is_terminal(), BoxMakeWriter::new(|| Indented(stdout()))),
        Stream::Error => (stderr().is_terminal(), BoxMakeWriter::new(|| Indented(stderr()))),
    };
    let format = format.unwrap_or(if on_terminal { LogFormat::Human } else { LogFormat::Json });
    let builder = tracing_subscriber::fmt().with_max_level(level).with_writer(writer).with_ansi(on_terminal);
    let installed = match format {
        LogFormat::Human => builder.with_target(false).try_init(),
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_target(has_target)
            .with_current_span(false)
            .with_span_list(false)
            .try_init(),
    };
    if installed.is_ok() {
        // A command prints messages on lines of its own output.
        if format == LogFormat::Human && stream == Stream::Output {
            put_causes_on_lines();
        }
        std::panic::set_hook(Box::new(move |panic| log_panic(panic, format)));
    }
}

/// Logs a panic, with its backtrace if `RUST_BACKTRACE` or `RUST_LIB_BACKTRACE` asks for one.
fn log_panic(panic: &PanicHookInfo<'_>, format: LogFormat) {
    let location = panic.location().map(ToString::to_string).unwrap_or_default();
    let text = panic.payload_as_str().unwrap_or("no message");
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or_default();
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    match (format, backtrace) {
        // As a field it would be one long line.
        (LogFormat::Human, Some(backtrace)) => {
            tracing::error!("thread '{thread}' panicked at {location}: {text}\n{backtrace}");
        }
        (LogFormat::Human, None) => tracing::error!("thread '{thread}' panicked at {location}: {text}"),
        (LogFormat::Json, backtrace) => {
            let backtrace = backtrace.as_deref();
            tracing::error!(location, thread, backtrace, "thread '{thread}' panicked at {location}: {text}");
        }
    }
}

/// Writes events, with all lines of an event after the first indented, so that no text can be mistaken for another event.
/// The subscriber writes an event as a whole. In JSON, events have no line breaks.
struct Indented<W>(W);

impl<W: Write> Write for Indented<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = event.strip_suffix(b"\n").unwrap_or(event);
        if text.contains(&b'\n') {
            let mut lines = Vec::with_capacity(event.len() + 64);
            for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
                lines.extend_from_slice(if index > 0 { b"\n    " } else { b"" });
                lines.extend_from_slice(line);
            }
            lines.push(b'\n');
            self.0.write_all(&lines)?;
        } else {
            self.0.write_all(event)?;
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_lines_of_an_event_are_indented() {
        let mut written = Indented(Vec::new());
        for event in ["one\n", "two\nlines\n", ""] {
            written.write_all(event.as_bytes()).unwrap();
        }
        assert_eq!(written.0, b"one\ntwo\n    lines\n");
    }
}
