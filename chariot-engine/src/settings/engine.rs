//! [`EngineSettings`], the runtime's own settings: a settings struct like any author's, with the prefix `CHARIOT_ENGINE_`.
//! The engine reads it together with the author's.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use bytesize::ByteSize;

use super::{
    access::{cors_origins, token},
    choices::{DeviceChoice, LogFormat, LogLevel, OutputEncoding, OutputLayout, RequestLog},
    environment::Environment,
    explained::Origin,
    field::Field,
    log_filter::LogFilter,
    read::from_environment,
    reader::Reader,
    runtime_setting::{MODEL, Needs, Offered, PROCESS, Scope},
    scope::RUNTIME_PREFIX,
    secret::Secret,
    spec::SettingSpec,
    value::SettingValue,
};
use crate::error::{Expected, quoted};

/// The runtime's own settings.
///
/// `Default` returns the settings of an empty environment. To change some of them, assign to the fields; an engine's
/// settings are changed with [`EngineBuilder::configure`](crate::EngineBuilder::configure).
///
/// ```
/// use chariot_engine::settings::{EngineSettings, Environment, from_environment};
/// use std::time::Duration;
///
/// let mut settings = EngineSettings::default();
/// settings.timeout = Some(Duration::from_secs(2));
/// assert_eq!(settings.queue_size, 100);
///
/// let environment = Environment::from_iter([("CHARIOT_ENGINE_QUEUE_SIZE", "8")]);
/// assert_eq!(from_environment::<EngineSettings>(&environment).unwrap().queue_size, 8);
/// ```
// `runtime = ...` states a setting's scope, and when `describe` offers it to operators.
#[derive(Clone, Debug, PartialEq, crate::Settings)]
#[settings(prefix = "CHARIOT_ENGINE_", runtime)]
#[non_exhaustive]
pub struct EngineSettings {
    /// Listen address. A host name or an IP address.
    #[setting(runtime = PROCESS, default = "0.0.0.0", with = host)]
    pub host: String,
    /// Listen port. 0 selects a free port.
    #[setting(runtime = PROCESS, default = 8080, with = port)]
    pub port: u16,
    /// Base URL. The path under which the engine serves its routes; `{model_id}` in it stands for the model's id.
    #[setting(runtime = PROCESS, default = "")]
    pub base_url: String,
    /// Model directory. Default: `/mnt/models` if it exists, otherwise `model` in the working directory, or beside `Cargo.toml` under `cargo run`.
    #[setting(runtime = MODEL)]
    pub model_dir: Option<PathBuf>,
    /// Model name. Default: the engine's name.
    #[setting(runtime = MODEL)]
    pub model_name: Option<String>,
    /// Device. `auto` selects the best device that opens.
    #[setting(runtime = MODEL.offered(Offered::ByDefault), default = "auto")]
    pub device: DeviceChoice,
    /// Workers. The number of worker threads that run the model on each device. Default: the cores divided by the threads
    /// per worker on a CPU; 1 on a GPU and for models that generate text.
    #[setting(runtime = MODEL.offered(Offered::ByDefault), range = 1..)]
    pub workers: Option<usize>,
    /// Threads per worker. The number of threads that one worker computes with. Default: the cores divided by the workers,
    /// which is 1 on a CPU if neither is set; all cores for models that generate text.
    #[setting(runtime = MODEL.offered(Offered::OnRequest), range = 1..)]
    pub threads: Option<usize>,
    /// Maximum concurrent calls. The number of calls of the model at once. Default: as many as the workers can run.
    #[setting(runtime = MODEL, range = 1..)]
    pub max_concurrency: Option<usize>,
    /// Inline calls. Runs quick calls that do not block on the thread that read the request, instead of a worker.
    #[setting(runtime = MODEL, default = true)]
    pub inline: bool,
    /// Warm-up. Runs the engine's own example request on each worker before the engine is ready. Default: the engine's.
    #[setting(runtime = MODEL)]
    pub warm_up: Option<bool>,
    /// Queue size. The number of requests that can wait beyond those that run; further requests are rejected with 503.
    #[setting(runtime = MODEL.offered(Offered::OnRequest), default = 100)]
    pub queue_size: usize,
    /// Maximum batch cost. The largest batch cost of one call, in the engine's own unit; setting it lets requests share
    /// calls. Default: the engine's.
    #[setting(runtime = MODEL.offered(Offered::OnRequest), range = 1..)]
    pub max_batch: Option<usize>,
    /// Batch delay. The time that a call waits for requests that have arrived and are not queued yet; setting it lets
    /// requests share calls. Default: the engine's.
    #[setting(runtime = MODEL.offered(Offered::OnRequest))]
    pub batch_delay: Option<Duration>,
    /// Score threshold. The lowest score that is reported, for requests that do not specify one.
    #[setting(runtime = MODEL.offered(Offered::ByDefault).needs(Needs::ScoreThreshold), default = 0.5, range = 0.0..=1.0)]
    pub score_threshold: f32,
    /// Output layout. The layout of the outputs, if the task has several. Default: the form that the task's outputs have without a layout.
    #[setting(runtime = MODEL.offered(Offered::ByDefault).needs(Needs::Layouts))]
    pub output_layout: Option<OutputLayout>,
    /// Output encoding. The encoding of an output in `data`: a JSON value, or a string that contains JSON. Does not apply to
    /// named tensors and `chariot-v2`.
    #[setting(runtime = MODEL.offered(Offered::OnRequest).needs(Needs::Items), default = "json")]
    pub output_encoding: OutputEncoding,
    /// Maximum body size. The largest request body, as sent and after decompression; larger bodies are rejected with 413.
    #[setting(runtime = MODEL.offered(Offered::OnRequest), default = "64MiB")]
    pub max_body: ByteSize,
    /// Response compression. Compresses responses with gzip or deflate for callers that accept it.
    #[setting(runtime = MODEL, default = false, with = compress_responses)]
    pub compress_responses: bool,
    /// Memory for requests in flight. The bytes that all requests in flight can hold, bodies and decoded data; further
    /// requests are rejected with 503. Default: 1 GiB, or four times the maximum body size if that is larger.
    #[setting(runtime = MODEL.offered(Offered::OnRequest))]
    pub max_inflight_bytes: Option<ByteSize>,
    /// Memory for one request. The bytes that one request can hold with its response; larger ones are rejected with 413.
    /// Default: half of the memory for requests in flight, or twice the maximum body size if that is more.
    #[setting(runtime = MODEL)]
    pub max_request_bytes: Option<ByteSize>,
    /// Maximum image size. The number of pixels of a decoded image; larger images are rejected.
    #[setting(
        runtime = MODEL.offered(Offered::OnRequest).needs(Needs::Images),
        default = 50_000_000,
        range = 1..
    )]
    pub max_pixels: u64,
    /// Maximum text size. The bytes of one text; longer texts are rejected.
    #[setting(runtime = MODEL.offered(Offered::OnRequest).needs(Needs::Texts), default = "1MiB", range = ByteSize::b(1)..)]
    pub max_text: ByteSize,
    /// Bearer token. Every request but those of health checks needs it, as `Authorization: Bearer <token>`; others are rejected
    /// with 401. Default: no token is needed.
    #[setting(runtime = PROCESS, with = token)]
    pub token: Option<Secret>,
    /// Origins of web pages. The origins whose pages may read responses in a browser (CORS), separated by commas; `*` is any.
    #[setting(runtime = PROCESS, default = "", with = cors_origins)]
    pub cors_origins: Vec<String>,
    /// Maximum head size. The largest head of a request, which is its request line and its header fields; larger ones are
    /// rejected with 431, and so are more than 100 header fields in HTTP/1.
    #[setting(runtime = PROCESS, default = "64KiB", range = ByteSize::kib(8)..=ByteSize::mib(1))]
    pub max_head: ByteSize,
    /// Header timeout. The time for the head of a request to arrive, from its first byte.
    #[setting(runtime = PROCESS, default = "30s")]
    pub header_timeout: Duration,
    /// Idle timeout. The time that a connection stays open without a request; longer than proxies and load balancers keep
    /// theirs.
    #[setting(runtime = PROCESS, default = "620s")]
    pub idle_timeout: Duration,
    /// Minimum rate. The bytes per second at which a request body has to arrive after the body timeout, and a response has
    /// to be read after the write timeout. While memory is short, nothing takes longer than its timeout.
    #[setting(runtime = PROCESS, default = "1KiB", range = ByteSize::b(1)..)]
    pub min_rate: ByteSize,
    /// Body timeout. The time for the body of a request to arrive, unless it arrives at the minimum rate after it.
    #[setting(runtime = MODEL, default = "30s")]
    pub body_timeout: Duration,
    /// Write timeout. The time for a client to read its response, unless it reads at the minimum rate after it.
    #[setting(runtime = PROCESS, default = "30s")]
    pub write_timeout: Duration,
    /// Maximum connections. The number of open connections; a further one takes the place of the one that has been idle for
    /// longest, and waits if none is idle.
    #[setting(runtime = PROCESS, default = 16384, range = 1..)]
    pub max_connections: usize,
    /// Request timeout. The time from the arrival of a request to its response. Default: no limit.
    #[setting(runtime = MODEL.offered(Offered::ByDefault))]
    pub timeout: Option<Duration>,
    /// Stream timeout. The time from the arrival of a request to the end of its stream of server-sent events.
    #[setting(runtime = MODEL, default = "10m")]
    pub stream_timeout: Duration,
    /// Stall timeout. The time that a worker can spend in one call of the model before the engine stops being ready.
    #[setting(runtime = MODEL, default = "10m")]
    pub stall_timeout: Duration,
    /// Drain delay. The time after SIGTERM during which requests are still accepted, so that the platform can notice.
    #[setting(runtime = PROCESS, default = "5s")]
    pub drain_delay: Duration,
    /// Grace period. The time for running requests to finish after the drain delay.
    #[setting(runtime = PROCESS, default = "20s")]
    pub grace: Duration,
    /// Metrics endpoint. Serves `GET /metrics`.
    #[setting(runtime = PROCESS, default = true)]
    pub metrics: bool,
    /// Page. Serves a page to try the engine in to browsers, at `/` and at the base URL. Default: true for an engine on a
    /// terminal or under cargo, false otherwise and for embedded engines.
    #[setting(runtime = PROCESS, with = page)]
    pub page: Option<bool>,
    /// Log level. Other crates than the engine's own log warnings and errors only, unless it is debug or trace. Falls back
    /// to `LOG_LEVEL` without the prefix.
    #[setting(runtime = PROCESS.offered(Offered::ByDefault), default = "info", with = log_level)]
    pub log_level: LogFilter,
    /// Log format. Default: human on a terminal, JSON otherwise.
    #[setting(runtime = PROCESS)]
    pub log_format: Option<LogFormat>,
    /// Request log. The inference requests that have a line in the log, at the level info: none, those with an error, or all.
    #[setting(runtime = PROCESS.offered(Offered::OnRequest), default = "errors")]
    pub request_log: RequestLog,
}

impl Default for EngineSettings {
    fn default() -> Self {
        // Nothing from outside is read here, and a test reads the same defaults.
        from_environment(&Environment::default()).expect("every default in this file is valid")
    }
}

impl EngineSettings {
    /// The prefix of every variable.
    pub const PREFIX: &str = RUNTIME_PREFIX;

    /// Returns `true` if the setting is one of a model's. An engine of several models has one such setting for each of them;
    /// the others belong to the process.
    pub(crate) fn is_of_a_model(setting: &SettingSpec) -> bool {
        setting.runtime_setting().is_some_and(|row| row.scope == Scope::Model)
    }
}

/// Accepts a host name or an IP address. Names are resolved when the port is opened.
fn host(reader: &mut Reader<'_>, field: Field<String>) -> Option<String> {
    let name = field.name().to_owned();
    let host = reader.field(field)?;
    let is_name = |host: &str| host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'));
    if host.parse::<IpAddr>().is_ok() || is_name(&host) {
        return Some(host);
    }
    reader.fault(name, Expected::new("a host name or an IP address", quoted(&host)));
    None
}

/// Returns the address of a host and a port as text, for functions that resolve names.
pub(crate) fn host_and_port(host: &str, port: u16) -> String {
    match host.parse() {
        Ok(IpAddr::V6(address)) => format!("[{address}]:{port}"),
        _ => format!("{host}:{port}"),
    }
}

/// Ignores service links. Kubernetes sets this variable to `tcp://10.0.0.7:8080` for a service named `chariot-engine`, which
/// nobody means as a setting.
fn port(reader: &mut Reader<'_>, field: Field<u16>) -> Option<u16> {
    match field.given() {
        Some(text) if text.starts_with("tcp://") => {
            let link = quoted(text);
            reader.warn(format!("{} is ignored: {link} is a Kubernetes service link, not a port", field.name()));
            reader.default(field)
        }
        _ => reader.field(field),
    }
}

/// Rejects `true` in a build that cannot compress.
fn compress_responses(reader: &mut Reader<'_>, field: Field<bool>) -> Option<bool> {
    let name = field.name().to_owned();
    match reader.field(field) {
        Some(true) if cfg!(not(feature = "compression")) => {
            reader.fault(name, Expected::new("'false' in a build without the feature `compression`", "'true'"));
            None
        }
        read => read,
    }
}

/// Rejects `true` in a build without the page.
fn page(reader: &mut Reader<'_>, field: Field<Option<bool>>) -> Option<Option<bool>> {
    let name = field.name().to_owned();
    match reader.field(field) {
        Some(Some(true)) if cfg!(not(feature = "page")) => {
            reader.fault(name, Expected::new("'false' in a build without the feature `page`", "'true'"));
            None
        }
        read => read,
    }
}

/// Falls back to plain `LOG_LEVEL`. That variable can be meant for other programs too, so it is never a fault.
fn log_level(reader: &mut Reader<'_>, field: Field<LogFilter>) -> Option<LogFilter> {
    const PLAIN: &str = "LOG_LEVEL";
    let Some(text) = reader.given(PLAIN).filter(|_| field.given().is_none()) else {
        return reader.field(field);
    };
    let level = match text.to_ascii_lowercase().as_str() {
        "warning" => Some(LogLevel::Warn.into()),
        "critical" | "fatal" => Some(LogLevel::Error.into()),
        _ => LogFilter::parse(text).ok(),
    };
    let Some(level) = level else {
        reader.warn(format!("{PLAIN} is ignored: {}", Expected::new(LogFilter::expected(), quoted(text))));
        return reader.field(field);
    };
    reader.take(field, level, Origin::Variable(PLAIN.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Settings, SettingsError};

    fn with(variables: &[(&str, &str)]) -> Environment {
        variables.iter().copied().collect()
    }

    fn read_with(variables: &[(&str, &str)]) -> (Result<EngineSettings, String>, Vec<String>) {
        let environment = with(variables);
        let mut reader = Reader::new(&environment);
        let settings = reader.read().map_err(|error: SettingsError| error.to_string());
        (settings, reader.warnings().to_vec())
    }

    #[test]
    fn an_empty_environment_gives_the_documented_defaults() {
        let settings = EngineSettings::default();
        assert_eq!(settings.host, "0.0.0.0");
        assert_eq!((settings.port, settings.base_url.as_str(), settings.queue_size), (8080, "", 100));
        assert_eq!((settings.device, settings.score_threshold), (DeviceChoice::Auto, 0.5));
        assert_eq!((settings.max_body, settings.max_pixels), (ByteSize::mib(64), 50_000_000));
        assert_eq!(
            (settings.header_timeout, settings.body_timeout),
            (Duration::from_secs(30), Duration::from_secs(30))
        );
        assert_eq!((settings.max_head, settings.idle_timeout), (ByteSize::kib(64), Duration::from_secs(620)));
        assert_eq!((settings.drain_delay, settings.grace), (Duration::from_secs(5), Duration::from_secs(20)));
        assert_eq!((settings.workers, settings.threads, settings.max_concurrency), (None, None, None));
        assert_eq!((settings.timeout, settings.log_level.level(), settings.log_format), (None, LogLevel::Info, None));
        assert_eq!(read_with(&[]), (Ok(settings), vec![]));
    }

    #[test]
    fn every_setting_has_the_prefix_and_a_help_text_and_none_is_required() {
        for setting in EngineSettings::schema() {
            assert!(setting.name.starts_with(EngineSettings::PREFIX), "{}", setting.name);
            assert!(!setting.help.is_empty() && !setting.required, "{}", setting.name);
        }
    }

    #[test]
    fn the_defaults_in_the_schema_are_read_as_themselves() {
        let shown: Vec<(String, String)> =
            EngineSettings::schema().into_iter().filter_map(|setting| Some((setting.name, setting.default?))).collect();
        assert!(shown.contains(&("CHARIOT_ENGINE_MAX_BODY".into(), "64MiB".into())), "{shown:?}");
        assert_eq!(from_environment(&Environment::from_iter(shown)), Ok(EngineSettings::default()));
    }

    #[test]
    fn a_service_link_is_not_a_port() {
        let (settings, warnings) = read_with(&[("CHARIOT_ENGINE_PORT", "tcp://10.0.0.7:8080")]);
        assert_eq!(settings.unwrap().port, 8080);
        insta::assert_snapshot!("service_link", warnings.join("\n"));
    }

    #[test]
    fn a_host_is_a_name_or_an_address() {
        let host = |host: &str| read_with(&[("CHARIOT_ENGINE_HOST", host)]).0.map(|settings| settings.host);
        for valid in ["localhost", "0.0.0.0", "::1", "::", "engine-1.example.org"] {
            assert_eq!(host(valid), Ok(valid.into()));
        }
        for invalid in ["localhost:80", "http://localhost", "a b"] {
            assert!(host(invalid).unwrap_err().starts_with("CHARIOT_ENGINE_HOST: "), "{invalid}");
        }
        assert_eq!(host_and_port("::", 80), "[::]:80");
        assert_eq!(host_and_port("localhost", 80), "localhost:80");
    }

    #[test]
    fn compression_needs_its_feature() {
        let (settings, _) = read_with(&[("CHARIOT_ENGINE_COMPRESS_RESPONSES", "on")]);
        if cfg!(feature = "compression") {
            assert!(settings.unwrap().compress_responses);
        } else {
            assert!(settings.unwrap_err().starts_with("CHARIOT_ENGINE_COMPRESS_RESPONSES: "));
        }
        assert!(!EngineSettings::default().compress_responses);
    }

    #[test]
    fn the_page_needs_its_feature() {
        assert_eq!(EngineSettings::default().page, None);
        let (settings, _) = read_with(&[("CHARIOT_ENGINE_PAGE", "true")]);
        if cfg!(feature = "page") {
            assert_eq!(settings.unwrap().page, Some(true));
        } else {
            assert!(settings.unwrap_err().starts_with("CHARIOT_ENGINE_PAGE: "));
        }
    }

    #[test]
    fn plain_log_level_counts_only_without_ours_and_is_never_a_fault() {
        let level = |variables: &[(&str, &str)]| {
            let (settings, warnings) = read_with(variables);
            (settings.unwrap().log_level.to_string(), warnings.len())
        };
        for (text, filter, warnings) in [
            ("DEBUG", "debug", 0),
            ("WARNING", "warn", 0),
            ("Critical", "error", 0),
            ("NOTSET", "info", 1),
            (" ", "info", 0),
            ("info,ort=warn", "info,ort=warn", 0),
        ] {
            assert_eq!(level(&[("LOG_LEVEL", text)]), (filter.to_string(), warnings));
        }
        let both = [("LOG_LEVEL", "NOTSET"), ("CHARIOT_ENGINE_LOG_LEVEL", "trace")];
        assert_eq!(level(&both), ("trace".to_string(), 0));
        assert!(read_with(&[("CHARIOT_ENGINE_LOG_LEVEL", "loud")]).0.is_err());
        insta::assert_snapshot!("log_level_ignored", read_with(&[("LOG_LEVEL", "NOTSET")]).1.join("\n"));
    }

    #[test]
    fn faults_of_the_engine_and_of_the_author_are_reported_together() {
        #[derive(Debug, Settings)]
        #[expect(dead_code, reason = "only its faults are used")]
        struct Own {
            #[setting(range = 1..=10)]
            top_k: u8,
        }
        let environment = with(&[("CHARIOT_ENGINE_SCORE_THRESHOLD", "1.5"), ("CHARIOT_ENGINE_DEVICE", "tpu")]);
        let error = from_environment::<(EngineSettings, Own)>(&environment).unwrap_err();
        let names: Vec<&str> = error.faults.iter().map(|fault| fault.name.as_str()).collect();
        assert_eq!(names, ["CHARIOT_ENGINE_DEVICE", "CHARIOT_ENGINE_SCORE_THRESHOLD", "TOP_K"]);
    }

    /// Every setting with a value that it does not accept.
    const INVALID: [(&str, &str); 16] = [
        ("HOST", "localhost:80"),
        ("PORT", "http"),
        ("DEVICE", "tpu"),
        ("WORKERS", "0"),
        ("QUEUE_SIZE", "-1"),
        ("SCORE_THRESHOLD", "1.5"),
        ("OUTPUT_LAYOUT", "rows"),
        ("MAX_BODY", "much"),
        ("TOKEN", "two words"),
        ("CORS_ORIGINS", "https://example.org/app"),
        ("MAX_HEAD", "1KiB"),
        ("TIMEOUT", "5 parsecs"),
        ("METRICS", "maybe"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
        ("REQUEST_LOG", "some"),
    ];

    #[test]
    fn an_invalid_value_is_reported_with_the_accepted_ones() {
        let mut messages = String::new();
        for (name, value) in INVALID {
            let name = format!("{}{name}", EngineSettings::PREFIX);
            let error = read_with(&[(&name, value)]).0.unwrap_err();
            assert!(error.starts_with(&format!("{name}: ")), "{error}");
            messages += &format!("{error}\n");
        }
        insta::assert_snapshot!("invalid_settings", messages);
    }
}
