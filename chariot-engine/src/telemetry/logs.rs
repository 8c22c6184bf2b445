//! The subscriber that writes log lines to standard output, or to standard error where a command has an output of its
//! own: one line each, for people on a terminal and JSON otherwise. `run` installs it, with a panic hook that writes a
//! line of the same kind.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    io::{self, IsTerminal, Write, stderr, stdout},
};

use tracing_subscriber::{filter::LevelFilter, fmt::writer::BoxMakeWriter};

use crate::settings::{LogFormat, LogLevel};

/// Where log lines go: a standard stream of the process.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stream {
    Output,
    Error,
}

/// Installs the subscriber and the panic hook of this process. If there is a subscriber already, it stays.
pub(crate) fn install(level: LogLevel, format: Option<LogFormat>, stream: Stream) {
    let level = match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let (on_terminal, writer) = match stream {
        Stream::Output => (stdout().is_terminal(), BoxMakeWriter::new(|| OneLine(stdout()))),
        Stream::Error => (stderr().is_terminal(), BoxMakeWriter::new(|| OneLine(stderr()))),
    };
    let format = format.unwrap_or(if on_terminal { LogFormat::Human } else { LogFormat::Json });
    let builder = tracing_subscriber::fmt().with_max_level(level).with_writer(writer).with_ansi(on_terminal);
    let installed = match format {
        LogFormat::Human => builder.with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init(),
    };
    if installed.is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            let text = panic.payload_as_str().unwrap_or("without a text").replace('\n', " | ");
            let thread = std::thread::current();
            // Captured if `RUST_BACKTRACE` or `RUST_LIB_BACKTRACE` is set.
            let backtrace = Backtrace::capture();
            let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
            tracing::error!(place, thread = thread.name().unwrap_or_default(), backtrace, "a panic: {text}");
        }));
    }
}

/// Writes an event on one line, whatever line breaks an author's text has. The subscriber writes an event whole.
struct OneLine<W>(W);

impl<W: Write> Write for OneLine<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = event.strip_suffix(b"\n").unwrap_or(event);
        if text.contains(&b'\n') {
            let mut line = Vec::with_capacity(event.len() + 16);
            for (index, part) in text.split(|byte| *byte == b'\n').enumerate() {
                line.extend_from_slice(if index > 0 { b" | " } else { b"" });
                line.extend_from_slice(part);
            }
            line.push(b'\n');
            self.0.write_all(&line)?;
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
    fn an_event_is_one_line() {
        let mut written = OneLine(Vec::new());
        for event in ["one\n", "two\nlines\n", ""] {
            written.write_all(event.as_bytes()).unwrap();
        }
        assert_eq!(written.0, b"one\ntwo | lines\n");
    }
}
