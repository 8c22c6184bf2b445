//! Log lines on a standard stream: standard output, or standard error for a command that has other output. They are JSON,
//! or text for people on a terminal. `run` installs the subscriber, and a panic hook that logs in the same format.
//!
//! No log line ever fails, blocks a request or ends the process: lines for standard output pass through a queue, and a line
//! that cannot be written is lost and counted. No caller can fill the log: lines of the network stack are left out, and
//! those that repeat are counted.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    io::{self, IsTerminal, Write, stderr, stdout},
    panic::PanicHookInfo,
    sync::{LazyLock, OnceLock},
    thread,
    time::{Duration, Instant},
};

use tracing::{Event, Subscriber};
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    fmt::writer::BoxMakeWriter,
    layer::{Context, Layer, SubscriberExt},
};

use super::{
    log_escape::{PrintableFields, escaped_json},
    log_limit::{LeftOut, LogLimit},
    log_queue::LogQueue,
    log_scope::LogScope,
};
use crate::{
    error::put_causes_on_lines,
    settings::{LogFilter, LogFormat, LogLevel},
    telemetry::panics::is_caught,
};

/// The stream that log lines are written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Output,
    Error,
}

/// The most bytes of lines that wait for the reader of standard output.
const CAPACITY: usize = 4 << 20;

/// The time that the last lines get to reach the reader before the process exits.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The beginning of the targets of this crate.
const SDK: &str = "chariot_engine";

/// The target of the spans of requests, for subscribers of embedders. This process's own log reads [`LogScope`] instead.
pub(crate) const SPANS: &str = "chariot_engine::inference";

/// The beginnings of the targets of the network stack, whose lines are about the bytes of callers. Only its errors matter
/// to operators.
const NETWORK: [&str; 9] =
    ["h2::", "hyper::", "hyper_util::", "mio::", "rustls::", "tokio::", "tokio_util::", "tower::", "want::"];

/// The lines for standard output, of which a process has only one.
static QUEUE: OnceLock<LogQueue> = OnceLock::new();

/// The limit for the lines that repeat on standard output.
static LIMIT: LazyLock<LogLimit> = LazyLock::new(LogLimit::default);

/// Returns the number of log lines that the reader of standard output has not received.
pub(super) fn lost_lines() -> u64 {
    QUEUE.get().map_or(0, LogQueue::lost)
}

/// Waits until every line is written, for at most a second. The process calls it before it exits.
pub(crate) fn flush() {
    if let Some(queue) = QUEUE.get() {
        report_left_out(LIMIT.end_all());
        queue.flush(LAST_LINES);
    }
}

fn level_filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

/// Returns the levels of all targets. `own` is the engine's own crate.
fn targets(filter: &LogFilter, own: Option<&str>) -> Targets {
    let level = level_filter(filter.level());
    // Those who look for bugs see everything.
    let limited = |most: LevelFilter| if filter.level() >= LogLevel::Debug { level } else { level.min(most) };
    let others = if own.is_some() { limited(LevelFilter::WARN) } else { level };
    // The longest target counts: one that the filter names as a crate would be less than that with the colons.
    let network = NETWORK.into_iter().filter(|target| filter.of(target.trim_end_matches(':')).is_none());
    Targets::new()
        .with_default(others)
        .with_targets([Some(SDK), own].into_iter().flatten().map(|target| (target, level)))
        .with_target(SPANS, LevelFilter::OFF)
        .with_targets(network.map(|target| (target, limited(LevelFilter::ERROR))))
        .with_targets(filter.targets().map(|(target, level)| (target, level_filter(level))))
}

/// Installs the subscriber and the panic hook of this process. An existing subscriber is kept.
///
/// `own` is the engine's own crate, if it is known: then other crates log warnings and errors only.
pub(crate) fn install(filter: &LogFilter, own: Option<&str>, format: Option<LogFormat>, stream: Stream) {
    // The modules of the SDK matter to those who look for its bugs, not to operators.
    let has_target = filter.level() >= LogLevel::Debug;
    let most = filter.targets().map(|(_, level)| level).fold(filter.level(), LogLevel::max);
    let on_terminal = match stream {
        Stream::Output => stdout().is_terminal(),
        Stream::Error => stderr().is_terminal(),
    };
    let format = format.unwrap_or(if on_terminal { LogFormat::Human } else { LogFormat::Json });
    let writer = match stream {
        Stream::Output => {
            let queue = QUEUE.get_or_init(|| LogQueue::new(CAPACITY));
            BoxMakeWriter::new(move || Lines { format, sink: |lines: Vec<u8>| queue.push(lines) })
        }
        // A command prints messages of its own there, and serves nobody: its lines are written in their order.
        Stream::Error => BoxMakeWriter::new(move || Lines { format, sink: write_to_stderr }),
    };
    let builder =
        tracing_subscriber::fmt().with_max_level(level_filter(most)).with_writer(writer).with_ansi(on_terminal);
    // The subscriber reports an error with `eprintln!`, which panics if standard error is broken too.
    let builder = builder.log_internal_errors(false);
    let targets = targets(filter, own);
    let limited = Limited { is_on: stream == Stream::Output };
    let installed = match format {
        LogFormat::Human => {
            let builder = builder.with_target(false).fmt_fields(PrintableFields::default());
            tracing::subscriber::set_global_default(builder.finish().with(targets).with(limited))
        }
        LogFormat::Json => {
            let builder = builder.json().flatten_event(true).with_target(has_target);
            let builder = builder.with_current_span(false).with_span_list(false);
            tracing::subscriber::set_global_default(builder.finish().with(targets).with(limited))
        }
    };
    if installed.is_ok() {
        LogScope::read_by_log();
        // A command prints messages on lines of its own output.
        if format == LogFormat::Human && stream == Stream::Output {
            put_causes_on_lines();
        }
        std::panic::set_hook(Box::new(move |panic| {
            // Whoever catches it logs it as what it is.
            if !is_caught() {
                log_panic(panic, format);
            }
        }));
        if stream == Stream::Output {
            start_writing();
        }
    }
}

/// Writes lines to standard error. If they cannot be written, there is no other place to report it.
fn write_to_stderr(lines: Vec<u8>) {
    let _ = stderr().write_all(&lines);
}

/// Starts the thread that writes the lines for standard output.
fn start_writing() {
    let Some(queue) = QUEUE.get() else { return };
    let report = |lines| tracing::warn!(lines, "{lines} log lines were lost: standard output was broken or too slow");
    let end_window = || {
        let (left_out, next) = LIMIT.end_window(Instant::now());
        report_left_out(left_out);
        next
    };
    let write = move || queue.write_to(standard_output(), report, end_window);
    let started = thread::Builder::new().name("chariot-log".into()).spawn(write);
    // No other thread can be started either, and the engine fails to start for that reason.
    if let Err(error) = started {
        let _ = writeln!(stderr(), "error: cannot start the thread of the log: {error}");
    }
}

/// Logs how many lines were left out, with the first of each kind.
fn report_left_out(left_out: Vec<LeftOut>) {
    for LeftOut { lines, example } in left_out {
        tracing::warn!(left_out = lines, "{lines} lines like this were left out: {example}");
    }
}

/// Opens standard output without the buffer and the lock of the standard library: a writer that is held by a stalled
/// reader holds up neither another writer nor the exit.
fn standard_output() -> Box<dyn Write> {
    #[cfg(unix)]
    {
        use std::{fs::File, os::fd::AsFd};
        if let Ok(owned) = stdout().as_fd().try_clone_to_owned() {
            return Box::new(File::from(owned));
        }
    }
    Box::new(stdout())
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
    if cfg!(panic = "abort") {
        flush();
    }
}

/// Leaves out lines that repeat, if it is on.
struct Limited {
    is_on: bool,
}

impl<S: Subscriber> Layer<S> for Limited {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        !self.is_on || LIMIT.allows(event)
    }
}

/// Passes events on. The subscriber writes an event as a whole.
struct Lines<F> {
    format: LogFormat,
    sink: F,
}

impl<F: FnMut(Vec<u8>)> Write for Lines<F> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        if !event.is_empty() {
            let scoped = match self.format {
                LogFormat::Human => LogScope::add_to_text(event),
                LogFormat::Json => LogScope::add_to_json(event),
            };
            let scoped = scoped.as_deref().unwrap_or(event);
            let lines = match self.format {
                LogFormat::Human => indented(scoped),
                LogFormat::Json => printable_json(scoped),
            };
            (self.sink)(lines.unwrap_or_else(|| scoped.to_vec()));
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns an event with all lines after the first indented, so that no text can be mistaken for another event. Returns
/// `None` if it has one line.
fn indented(event: &[u8]) -> Option<Vec<u8>> {
    let text = event.strip_suffix(b"\n").unwrap_or(event);
    text.contains(&b'\n').then(|| {
        let mut lines = Vec::with_capacity(event.len() + 64);
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            lines.extend_from_slice(if index > 0 { b"\n    " } else { b"" });
            lines.extend_from_slice(line);
        }
        lines.push(b'\n');
        lines
    })
}

/// Returns an event in JSON with unprintable characters escaped, or `None` if there are none.
fn printable_json(event: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(event).ok()?;
    let escaped = escaped_json(text.strip_suffix('\n')?)?;
    Some((escaped + "\n").into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_crates_log_warnings_unless_the_filter_says_otherwise() {
        use tracing::Level;

        let most = |filter: &str, own, target: &str| {
            let targets = targets(&crate::settings::SettingValue::parse(filter).unwrap(), own);
            let levels = [Level::TRACE, Level::DEBUG, Level::INFO, Level::WARN, Level::ERROR];
            levels.into_iter().find(|level| targets.would_enable(target, level)).map(|level| level.to_string())
        };
        let own = Some("digits");
        for (filter, own, target, expected) in [
            ("info", own, "digits::net", "INFO"),
            ("info", own, "chariot_engine::engine::run", "INFO"),
            ("info", own, "ort::logging", "WARN"),
            ("info", own, "hyper::proto", "ERROR"),
            ("info", None, "anything", "INFO"),
            ("error", own, "ort", "ERROR"),
            ("debug", own, "ort", "DEBUG"),
            ("info,ort=debug", own, "ort::logging", "DEBUG"),
            ("warn,digits=trace", own, "digits", "TRACE"),
            ("info,hyper=info", own, "hyper::proto", "INFO"),
            ("info,hyper=info", own, "h2::proto", "ERROR"),
        ] {
            assert_eq!(most(filter, own, target).as_deref(), Some(expected), "{filter}: {target}");
        }
        assert_eq!(most("info,ort=off", own, "ort"), None);
    }

    #[test]
    fn the_later_lines_of_an_event_are_indented() {
        let mut written = Vec::new();
        let mut lines = Lines { format: LogFormat::Human, sink: |lines: Vec<u8>| written.extend(lines) };
        for event in ["one\n", "two\nlines\n", ""] {
            lines.write_all(event.as_bytes()).unwrap();
        }
        assert_eq!(written, b"one\ntwo\n    lines\n");
    }
}
