//! The runtime's own settings: a `Settings` struct like any author's, under the prefix `CHARIOT_ENGINE_`. The engine
//! reads it together with the author's.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use super::{
    ByteSize, DeviceChoice, Environment, Field, LogFormat, LogLevel, Origin, OutputEncoding, OutputLayout, Reader,
    SettingSpec, SettingValue, Settings, read,
};

/// The runtime's own settings.
///
/// `Default` is what an empty environment gives. Make one with `..EngineSettings::default()`: settings are added.
///
/// ```
/// use chariot_engine::settings::{EngineSettings, Environment, read};
/// use std::time::Duration;
///
/// let settings = EngineSettings { port: 0, timeout: Some(Duration::from_secs(2)), ..EngineSettings::default() };
/// assert_eq!(settings.queue_size, 100);
///
/// let environment = Environment::from_iter([("CHARIOT_ENGINE_QUEUE_SIZE", "8")]);
/// assert_eq!(read::<EngineSettings>(&environment).unwrap().queue_size, 8);
/// ```
#[derive(Clone, Debug, PartialEq, Settings)]
#[settings(prefix = "CHARIOT_ENGINE_", runtime)]
pub struct EngineSettings {
    /// The address to listen on
    #[setting(default = "0.0.0.0")]
    pub host: IpAddr,
    /// The port to listen on; 0 takes a free one
    #[setting(default = 8080, with = port)]
    pub port: u16,
    /// The path under which the engine is served; `{model_id}` in it stands for the model's id
    #[setting(default = "")]
    pub base_url: String,
    /// Where the model's files are; absent: `/mnt/models` if it is there, else `model` beside the engine
    pub model_dir: Option<PathBuf>,
    /// The model's name; absent: the engine's name
    pub model_name: Option<String>,
    /// The device to compute on; `auto` takes the best that opens
    #[setting(default = "auto")]
    pub device: DeviceChoice,
    /// The workers that run the model; absent: the cores over the threads on a CPU, one on a GPU
    #[setting(range = 1..)]
    pub workers: Option<usize>,
    /// The threads that one worker computes with; absent: the cores over the workers, which is 1 where neither is set
    #[setting(range = 1..)]
    pub threads: Option<usize>,
    /// The most calls of the model at once; absent: what the workers can run
    #[setting(range = 1..)]
    pub max_concurrency: Option<usize>,
    /// The requests that may wait beyond those that run; more are refused with 503
    #[setting(default = 100)]
    pub queue_size: usize,
    /// The most that one call of the model is given, in the engine's own unit; setting it lets requests share calls. Absent:
    /// what the engine says
    #[setting(range = 1..)]
    pub max_batch: Option<usize>,
    /// How long a call that several requests may share waits for those that are on their way; setting it lets requests
    /// share calls. Absent: what the engine says
    pub batch_delay: Option<Duration>,
    /// The score from which a result is reported where a request does not say
    #[setting(default = 0.5, range = 0.0..=1.0)]
    pub score_threshold: f32,
    /// The form of an answer, where the task has several; absent: the task's first
    pub output_layout: Option<OutputLayout>,
    /// How an answer stands in `data`: as a JSON value, or as a string of its JSON; not for named tensors and `chariot-v2`
    #[setting(default = "json")]
    pub output_encoding: OutputEncoding,
    /// The largest body of a request, as it comes and as it is decompressed; larger ones are refused with 413
    #[setting(default = "64MiB")]
    pub max_body: ByteSize,
    /// Whether answers are compressed where the caller asks for it, by gzip or deflate
    #[setting(default = false, with = compress_responses)]
    pub compress_responses: bool,
    /// The most bytes that all requests in flight may hold, bodies and what is decoded from them; beyond it requests are
    /// refused with 503. Absent: 1GiB, or four times the largest body if that is more
    pub max_inflight_bytes: Option<ByteSize>,
    /// The most pixels of a decoded picture; larger ones are refused
    #[setting(default = 50_000_000, range = 1..)]
    pub max_pixels: u64,
    /// How long the head of a request may take to arrive, the wait on an idle connection included
    #[setting(default = "30s")]
    pub header_timeout: Duration,
    /// How long the body of a request may take to arrive
    #[setting(default = "30s")]
    pub body_timeout: Duration,
    /// How long a client may take nothing of its answer before its connection is cut
    #[setting(default = "30s")]
    pub write_timeout: Duration,
    /// The most connections at once; more wait until one ends
    #[setting(default = 16384, range = 1..)]
    pub max_connections: usize,
    /// How long a request may take from its arrival to its answer; absent: as long as it needs
    pub timeout: Option<Duration>,
    /// How long a worker may be in one call of the model before readiness says so
    #[setting(default = "10m")]
    pub stall_timeout: Duration,
    /// How long requests are still accepted after the signal to stop, so that the platform can notice
    #[setting(default = "5s")]
    pub drain_delay: Duration,
    /// How long requests that run may take to finish after that
    #[setting(default = "20s")]
    pub grace: Duration,
    /// Whether `GET /metrics` is served
    #[setting(default = true)]
    pub metrics: bool,
    /// How much is logged; absent: what `LOG_LEVEL` without the prefix says
    #[setting(default = "info", with = log_level)]
    pub log_level: LogLevel,
    /// How log lines look; absent: human on a terminal, JSON otherwise
    pub log_format: Option<LogFormat>,
}

impl Default for EngineSettings {
    fn default() -> Self {
        // Nothing from outside is read here, and a test reads the same defaults.
        read(&Environment::default()).expect("every default stands in this file")
    }
}

impl EngineSettings {
    /// The prefix of every variable.
    pub const PREFIX: &str = "CHARIOT_ENGINE_";

    /// Whether a setting is one of a model's, of which an engine of several has one for each; the others are of the process.
    pub(crate) fn is_of_a_model(setting: &SettingSpec) -> bool {
        setting.name.strip_prefix(Self::PREFIX).is_some_and(|bare| OF_A_MODEL.contains(&bare))
    }

    /// Warnings about variables under the prefix that no setting reads, each with the nearest name that one does.
    ///
    /// `own` are settings of the author, which may have the prefix too, and those of models
    /// [within their scopes](super::scoped_schema). What Kubernetes sets for a service whose name
    /// gives this prefix is passed over.
    pub fn unknown(environment: &Environment, own: &[SettingSpec]) -> Vec<String> {
        let mut known = Self::schema();
        known.extend_from_slice(own);
        let strange = |&(name, value): &(&str, &str)| {
            let is_known = || known.iter().any(|setting| setting.is_read_from(name));
            name.starts_with(Self::PREFIX) && !is_known() && !is_service_link(name, value)
        };
        environment.iter().filter(strange).map(|(name, _)| unknown_text(name, &known)).collect()
    }
}

/// The settings by which a model is served, without the prefix.
const OF_A_MODEL: [&str; 19] = [
    "MODEL_DIR",
    "MODEL_NAME",
    "DEVICE",
    "WORKERS",
    "THREADS",
    "MAX_CONCURRENCY",
    "QUEUE_SIZE",
    "MAX_BATCH",
    "BATCH_DELAY",
    "SCORE_THRESHOLD",
    "OUTPUT_LAYOUT",
    "OUTPUT_ENCODING",
    "MAX_BODY",
    "COMPRESS_RESPONSES",
    "MAX_INFLIGHT_BYTES",
    "MAX_PIXELS",
    "BODY_TIMEOUT",
    "TIMEOUT",
    "STALL_TIMEOUT",
];

fn unknown_text(name: &str, known: &[SettingSpec]) -> String {
    let alike = |of: &str| strsim::jaro_winkler(&without_prefix(name), &without_prefix(of));
    let nearest = known.iter().map(|of| (alike(&of.name), &of.name)).max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((alike, nearest)) if alike > 0.75 => format!("{name} is not a setting; {nearest} is the nearest"),
        _ => format!("{name} is not a setting"),
    }
}

/// Without the prefix: names would all be alike with it.
fn without_prefix(name: &str) -> String {
    name.strip_prefix(EngineSettings::PREFIX).unwrap_or(name).to_uppercase()
}

/// Kubernetes sets variables for every service of a namespace; one named `chariot-engine` or `chariot-engine-b` gives
/// names under our prefix.
fn is_service_link(name: &str, value: &str) -> bool {
    let of_port = |name: &str| name.ends_with("_PORT") && value.contains("://");
    name.ends_with("_SERVICE_HOST") || name.contains("_SERVICE_PORT") || name.contains("_PORT_") || of_port(name)
}

/// A service named `chariot-engine` would set the port to `tcp://10.0.0.7:8080`: that is nobody's wish.
fn port(reader: &mut Reader<'_>, field: Field<u16>) -> Option<u16> {
    match field.given() {
        Some(text) if text.starts_with("tcp://") => {
            let link = crate::error::quoted(text);
            reader.warn(format!("{} is ignored: {link} is a service link of Kubernetes, not a port", field.name()));
            reader.default(field)
        }
        _ => reader.field(field),
    }
}

/// What is built without codings has no answer to the wish for them.
fn compress_responses(reader: &mut Reader<'_>, field: Field<bool>) -> Option<bool> {
    let name = field.name().to_owned();
    match reader.field(field) {
        Some(true) if cfg!(not(feature = "compression")) => {
            reader.fault(name, "'false' is expected of an engine built without the feature `compression`, 'true' came");
            None
        }
        read => read,
    }
}

/// Plain `LOG_LEVEL` is read where ours is not set. It may be meant for others too, so it is never a fault.
fn log_level(reader: &mut Reader<'_>, field: Field<LogLevel>) -> Option<LogLevel> {
    const PLAIN: &str = "LOG_LEVEL";
    let Some(text) = reader.given(PLAIN).filter(|_| field.given().is_none()) else {
        return reader.field(field);
    };
    let level = match text.to_ascii_lowercase().as_str() {
        "warning" => Some(LogLevel::Warn),
        "critical" | "fatal" => Some(LogLevel::Error),
        other => LogLevel::parse(other).ok(),
    };
    let Some(level) = level else {
        let expected = LogLevel::expected();
        reader.warn(format!("{PLAIN} is ignored: {expected} is expected, {} came", crate::error::quoted(text)));
        return reader.field(field);
    };
    reader.take(field, level, Origin::Variable(PLAIN.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Settings, scoped_schema};

    fn with(variables: &[(&str, &str)]) -> Environment {
        variables.iter().copied().collect()
    }

    fn read_with(variables: &[(&str, &str)]) -> (Result<EngineSettings, String>, Vec<String>) {
        let environment = with(variables);
        let mut reader = Reader::new(&environment);
        let settings = reader.read().map_err(|error: crate::settings::SettingsError| error.to_string());
        (settings, reader.warnings().to_vec())
    }

    #[test]
    fn an_empty_environment_gives_the_documented_defaults() {
        let settings = EngineSettings::default();
        assert_eq!(settings.host, IpAddr::from([0, 0, 0, 0]));
        assert_eq!((settings.port, settings.base_url.as_str(), settings.queue_size), (8080, "", 100));
        assert_eq!((settings.device, settings.score_threshold), (DeviceChoice::Auto, 0.5));
        assert_eq!((settings.max_body, settings.max_pixels), (ByteSize::mib(64), 50_000_000));
        assert_eq!(
            (settings.header_timeout, settings.body_timeout),
            (Duration::from_secs(30), Duration::from_secs(30))
        );
        assert_eq!((settings.drain_delay, settings.grace), (Duration::from_secs(5), Duration::from_secs(20)));
        assert_eq!((settings.workers, settings.threads, settings.max_concurrency), (None, None, None));
        assert_eq!((settings.timeout, settings.log_level, settings.log_format), (None, LogLevel::Info, None));
        assert_eq!(read_with(&[]), (Ok(settings), vec![]));
    }

    #[test]
    fn every_setting_has_the_prefix_and_a_text_and_none_is_required() {
        for setting in EngineSettings::schema() {
            assert!(setting.name.starts_with(EngineSettings::PREFIX), "{}", setting.name);
            assert!(!setting.help.is_empty() && !setting.required, "{}", setting.name);
        }
    }

    #[test]
    fn what_a_schema_shows_as_a_default_is_read_as_that_default() {
        let shown: Vec<(String, String)> =
            EngineSettings::schema().into_iter().filter_map(|setting| Some((setting.name, setting.default?))).collect();
        assert!(shown.contains(&("CHARIOT_ENGINE_MAX_BODY".into(), "64MiB".into())), "{shown:?}");
        assert_eq!(read(&Environment::from_iter(shown)), Ok(EngineSettings::default()));
    }

    #[test]
    fn a_service_link_is_no_port_and_no_unknown_setting() {
        let link = ("CHARIOT_ENGINE_PORT", "tcp://10.0.0.7:8080");
        let (settings, warnings) = read_with(&[link]);
        assert_eq!(settings.unwrap().port, 8080);
        assert!(warnings[0].contains("CHARIOT_ENGINE_PORT is ignored"), "{warnings:?}");

        let names = [
            "CHARIOT_ENGINE_SERVICE_HOST",
            "CHARIOT_ENGINE_SERVICE_PORT",
            "CHARIOT_ENGINE_SERVICE_PORT_HTTP",
            "CHARIOT_ENGINE_PORT_8080_TCP",
            "CHARIOT_ENGINE_PORT_8080_TCP_ADDR",
            "CHARIOT_ENGINE_B_PORT",
        ];
        let mut environment = names.map(|name| (name, "tcp://10.0.0.7:8080")).into_iter().collect();
        assert_eq!(EngineSettings::unknown(&environment, &[]), [""; 0]);
        environment.set("CHARIOT_ENGINE_B_PORT", "9000");
        assert_eq!(EngineSettings::unknown(&environment, &[]).len(), 1);
    }

    #[test]
    fn an_unknown_setting_is_named_with_the_nearest_known_one() {
        let environment = with(&[
            ("CHARIOT_ENGINE_WORKER", "2"),
            ("CHARIOT_ENGINE_LOGLEVEL", "debug"),
            ("CHARIOT_ENGINE_ZZ", ""),
            ("CHARIOT_ENGINE_GRACE", "1s"),
            ("CHARIOT_MODEL_ID", "x"),
            ("WORKER", "2"),
        ]);
        let warnings = EngineSettings::unknown(&environment, &[]);
        assert_eq!(
            warnings,
            [
                "CHARIOT_ENGINE_LOGLEVEL is not a setting; CHARIOT_ENGINE_LOG_LEVEL is the nearest",
                "CHARIOT_ENGINE_WORKER is not a setting; CHARIOT_ENGINE_WORKERS is the nearest",
                "CHARIOT_ENGINE_ZZ is not a setting",
            ]
        );
        let own = Field::<u8>::new("CHARIOT_ENGINE_WORKER", "").spec();
        assert_eq!(EngineSettings::unknown(&environment, &[own]).len(), 2);
        let renamed = Field::<u8>::new("OTHER", "").alias("CHARIOT_ENGINE_WORKER").spec();
        assert_eq!(EngineSettings::unknown(&environment, &[renamed]).len(), 2);
    }

    #[test]
    fn files_of_settings_and_those_of_a_scope_are_known() {
        let environment = with(&[
            ("CHARIOT_ENGINE_PORT_FILE", "/port"),
            ("CHARIOT_ENGINE_PROT_FILE", "/port"),
            ("CHARIOT_ENGINE_DIGITS_WORKERS", "1"),
            ("CHARIOT_ENGINE_DIGITS_WORKERS_FILE", "/workers"),
        ]);
        assert_eq!(EngineSettings::unknown(&environment, &[]).len(), 3);
        let of_digits = scoped_schema(&EngineSettings::schema(), "DIGITS_");
        let warnings = EngineSettings::unknown(&environment, &of_digits);
        assert_eq!(warnings, ["CHARIOT_ENGINE_PROT_FILE is not a setting; CHARIOT_ENGINE_PORT is the nearest"]);
    }

    #[test]
    fn answers_are_compressed_by_an_engine_that_can() {
        let (settings, _) = read_with(&[("CHARIOT_ENGINE_COMPRESS_RESPONSES", "on")]);
        if cfg!(feature = "compression") {
            assert!(settings.unwrap().compress_responses);
        } else {
            assert!(settings.unwrap_err().contains("built without the feature `compression`, 'true' came"));
        }
        assert!(!EngineSettings::default().compress_responses);
    }

    #[test]
    fn plain_log_level_counts_only_without_ours_and_is_never_a_fault() {
        let level = |variables: &[(&str, &str)]| {
            let (settings, warnings) = read_with(variables);
            (settings.unwrap().log_level, warnings.len())
        };
        assert_eq!(level(&[("LOG_LEVEL", "DEBUG")]), (LogLevel::Debug, 0));
        assert_eq!(level(&[("LOG_LEVEL", "WARNING")]), (LogLevel::Warn, 0));
        assert_eq!(level(&[("LOG_LEVEL", "Critical")]), (LogLevel::Error, 0));
        assert_eq!(level(&[("LOG_LEVEL", "NOTSET")]), (LogLevel::Info, 1));
        assert_eq!(level(&[("LOG_LEVEL", " ")]), (LogLevel::Info, 0));
        assert_eq!(level(&[("LOG_LEVEL", "NOTSET"), ("CHARIOT_ENGINE_LOG_LEVEL", "trace")]), (LogLevel::Trace, 0));
        let (settings, _) = read_with(&[("CHARIOT_ENGINE_LOG_LEVEL", "loud")]);
        assert!(
            settings.unwrap_err().ends_with("one of off, error, warn, info, debug, trace is expected, 'loud' came")
        );
    }

    #[test]
    fn faults_of_the_engine_and_of_the_author_are_reported_together() {
        #[derive(Debug, Settings)]
        struct Own {
            #[setting(range = 1..=10)]
            #[expect(dead_code, reason = "only its faults are looked at")]
            top_k: u8,
        }
        let environment = with(&[("CHARIOT_ENGINE_SCORE_THRESHOLD", "1.5"), ("CHARIOT_ENGINE_DEVICE", "tpu")]);
        let error = read::<(EngineSettings, Own)>(&environment).unwrap_err();
        assert_eq!(
            error.to_string(),
            "3 settings cannot be read: \
             CHARIOT_ENGINE_DEVICE: one of auto, cpu, cuda, cuda:1, metal is expected, 'tpu' came; \
             CHARIOT_ENGINE_SCORE_THRESHOLD: a number from 0 to 1 is expected, '1.5' came; \
             TOP_K: an integer from 1 to 10 is expected, nothing is set"
        );
    }
}
