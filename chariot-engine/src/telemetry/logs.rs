//! The subscriber that writes log lines to standard output: one line each, for people on a terminal and JSON otherwise.
//! `run` installs it, with a panic hook that writes a line of the same kind.

use std::io::{IsTerminal, stdout};

use tracing_subscriber::filter::LevelFilter;

use crate::settings::{LogFormat, LogLevel};

/// Installs the subscriber and the panic hook of this process. If there is a subscriber already, it stays.
pub(crate) fn install(level: LogLevel, format: Option<LogFormat>) {
    let level = match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let on_terminal = stdout().is_terminal();
    let format = format.unwrap_or(if on_terminal { LogFormat::Human } else { LogFormat::Json });
    let builder = tracing_subscriber::fmt().with_max_level(level).with_writer(stdout).with_ansi(on_terminal);
    let installed = match format {
        LogFormat::Human => builder.with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init(),
    };
    if installed.is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            let text = panic.payload_as_str().unwrap_or("without a text").replace('\n', " | ");
            let thread = std::thread::current();
            tracing::error!(place, thread = thread.name().unwrap_or_default(), "a panic: {text}");
        }));
    }
}
