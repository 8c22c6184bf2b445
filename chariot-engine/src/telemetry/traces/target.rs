//! [`Target`], where the environment says that spans go and which ones: the standard variables of OpenTelemetry. As its
//! specification asks, a variable without which the export is not what was asked for ends it, and the fault of another one is
//! a warning, after which it counts as not set. Messages do not quote what may hold secrets.

use std::{borrow::Cow, fmt::Display, time::Duration};

use http::{HeaderName, HeaderValue, Uri};
use opentelemetry_sdk::trace::Sampler;
use percent_encoding::percent_decode_str;

use crate::{
    error::{Expected, quoted},
    settings::Environment,
};

/// The time that the specification gives an export.
const TIMEOUT: u64 = 10_000;

/// The number of spans that the specification lets wait.
const QUEUE: u64 = 2048;

/// The milliseconds between exports, by the specification.
const DELAY: u64 = 5000;

/// The number of spans of an export, by the specification.
const BATCH: u64 = 512;

/// A larger number of milliseconds than anyone means: a year.
const MOST_MILLISECONDS: u64 = 365 * 24 * 60 * 60 * 1000;

/// The largest number of spans that can wait.
const MOST_SPANS: u64 = 1_000_000;

/// A collector.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) endpoint: Uri,
    pub(super) headers: Vec<(String, String)>,
    /// The time limit of one request to the collector.
    pub(super) timeout: Duration,
    /// The time between exports.
    pub(super) delay: Duration,
    /// The largest number of spans that wait.
    pub(super) queue: usize,
    /// The largest number of spans of an export.
    pub(super) batch: usize,
    /// The attributes of the resource that has the spans.
    pub(super) attributes: Vec<(String, String)>,
    pub(super) sampler: Sampler,
    /// The faults of variables that count as not set.
    pub(super) warnings: Vec<String>,
}

impl Target {
    /// Reads the target; `None` if nothing is exported.
    ///
    /// # Errors
    /// Returns the fault of a variable for which nothing can be exported.
    pub(super) fn of(environment: &Environment) -> Result<Option<Self>, String> {
        let mut variables = Variables { environment, warnings: Vec::new() };
        if let Some(is_disabled) = variables.get("OTEL_SDK_DISABLED") {
            if is_disabled.eq_ignore_ascii_case("true") {
                return Ok(None);
            }
            if !is_disabled.eq_ignore_ascii_case("false") {
                variables.ignore("OTEL_SDK_DISABLED", "true or false", quoted(is_disabled));
            }
        }
        match variables.get("OTEL_TRACES_EXPORTER") {
            Some("none") => return Ok(None),
            None | Some("otlp") => {}
            Some(other) => return Err(fault("OTEL_TRACES_EXPORTER", "otlp or none", quoted(other))),
        }
        let Some((name, endpoint)) = variables.of_signal("ENDPOINT") else { return Ok(None) };
        let endpoint = read_endpoint(&name, endpoint)?;
        if let Some((name, protocol)) = variables.of_signal("PROTOCOL").filter(|(_, given)| *given != "http/protobuf") {
            return Err(fault(&name, "http/protobuf", quoted(protocol)));
        }
        // The SDK reads it itself, and knows no word for no compression.
        if let Some((name, compression)) = variables.of_signal("COMPRESSION").filter(|(_, given)| *given != "gzip") {
            return Err(fault(&name, "gzip, or no such variable for no compression", quoted(compression)));
        }
        let headers = variables.headers()?;
        let timeout = variables.of_signal("TIMEOUT").map_or("OTEL_EXPORTER_OTLP_TIMEOUT".into(), |(name, _)| name);
        let timeout = variables.number(&timeout, "milliseconds", MOST_MILLISECONDS, TIMEOUT);
        let delay = variables.number("OTEL_BSP_SCHEDULE_DELAY", "milliseconds", MOST_MILLISECONDS, DELAY);
        let queue = variables.number("OTEL_BSP_MAX_QUEUE_SIZE", "spans", MOST_SPANS, QUEUE);
        let batch = variables.number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "spans", MOST_SPANS, BATCH);
        let attributes = variables.attributes();
        let sampler = variables.sampler();
        let [queue, batch] = [queue, batch].map(|spans| usize::try_from(spans).unwrap_or(usize::MAX));
        Ok(Some(Target {
            endpoint,
            headers,
            timeout: Duration::from_millis(timeout),
            delay: Duration::from_millis(delay),
            queue,
            batch: batch.min(queue),
            attributes,
            sampler,
            warnings: variables.warnings,
        }))
    }
}

/// Returns the message of a fault.
fn fault(name: &str, expected: impl Display, got: impl Display) -> String {
    format!("{name}: {}", Expected::new(expected, got))
}

/// Reads the URL of a collector, which may hold a password.
fn read_endpoint(name: &str, text: &str) -> Result<Uri, String> {
    // The variable of the signal has the whole URL, the common one its beginning.
    let text = match name.contains("TRACES") {
        true => Cow::Borrowed(text),
        false => Cow::Owned(format!("{}/v1/traces", text.trim_end_matches('/'))),
    };
    let endpoint = text.parse::<Uri>().ok().filter(|uri| uri.host().is_some_and(|host| !host.is_empty()));
    match endpoint {
        Some(endpoint) if endpoint.scheme_str() == Some("http") => Ok(endpoint),
        other => {
            let is_tls = other.is_some_and(|uri| uri.scheme_str() == Some("https"));
            let got = if is_tls { "one that begins with https://" } else { "another text" };
            Err(fault(name, "a URL that begins with http://, such as http://collector:4318", got))
        }
    }
}

/// The variables, and the faults of those that count as not set.
struct Variables<'a> {
    environment: &'a Environment,
    warnings: Vec<String>,
}

impl<'a> Variables<'a> {
    /// Returns a variable. One that is empty is not set.
    fn get(&self, name: &str) -> Option<&'a str> {
        self.environment.get(name).map(str::trim).filter(|value| !value.is_empty())
    }

    /// Returns the variable of traces, or that of all signals, with its name.
    fn of_signal(&self, name: &str) -> Option<(String, &'a str)> {
        let names = [format!("OTEL_EXPORTER_OTLP_TRACES_{name}"), format!("OTEL_EXPORTER_OTLP_{name}")];
        names.into_iter().find_map(|name| self.get(&name).map(|value| (name, value)))
    }

    fn ignore(&mut self, name: &str, expected: impl Display, got: impl Display) {
        self.warnings.push(fault(name, expected, got));
    }

    /// Returns a number above 0.
    fn number(&mut self, name: &str, unit: &str, most: u64, default: u64) -> u64 {
        let Some(text) = self.get(name) else { return default };
        let number = text.parse().ok().filter(|number| (1..=most).contains(number));
        number.unwrap_or_else(|| {
            self.ignore(name, format_args!("a number of {unit} from 1 to {most}"), quoted(text));
            default
        })
    }

    fn headers(&self) -> Result<Vec<(String, String)>, String> {
        let Some((name, text)) = self.of_signal("HEADERS") else { return Ok(Vec::new()) };
        let is_valid = |(name, value): &(String, String)| {
            HeaderName::try_from(name).is_ok() && HeaderValue::try_from(value).is_ok()
        };
        let headers = pairs(text).filter(|headers| headers.iter().all(is_valid));
        headers.ok_or_else(|| fault(&name, "headers as name=value,name=value, percent-encoded", "another text"))
    }

    fn attributes(&mut self) -> Vec<(String, String)> {
        const NAME: &str = "OTEL_RESOURCE_ATTRIBUTES";
        let mut attributes = self.get(NAME).map_or(Some(Vec::new()), pairs).unwrap_or_else(|| {
            self.ignore(NAME, "attributes as name=value,name=value, percent-encoded", "another text");
            Vec::new()
        });
        if let Some(name) = self.get("OTEL_SERVICE_NAME") {
            attributes.retain(|(attribute, _)| attribute != "service.name");
            attributes.push(("service.name".into(), name.into()));
        }
        attributes
    }

    fn sampler(&mut self) -> Sampler {
        const NAMES: &str = "always_on, always_off or traceidratio, or one of these after parentbased_";
        let given = self.get("OTEL_TRACES_SAMPLER").unwrap_or("parentbased_always_on");
        let (is_of_parent, root) = match given.strip_prefix("parentbased_") {
            Some(root) => (true, root),
            None => (false, given),
        };
        let (is_of_parent, root) = match root {
            "always_on" => (is_of_parent, Sampler::AlwaysOn),
            "always_off" => (is_of_parent, Sampler::AlwaysOff),
            "traceidratio" => (is_of_parent, Sampler::TraceIdRatioBased(self.ratio())),
            _ => {
                self.ignore("OTEL_TRACES_SAMPLER", NAMES, quoted(given));
                (true, Sampler::AlwaysOn)
            }
        };
        if is_of_parent { Sampler::ParentBased(Box::new(root)) } else { root }
    }

    fn ratio(&mut self) -> f64 {
        const NAME: &str = "OTEL_TRACES_SAMPLER_ARG";
        let Some(text) = self.get(NAME) else { return 1.0 };
        text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio)).unwrap_or_else(|| {
            self.ignore(NAME, "a number from 0 to 1", quoted(text));
            1.0
        })
    }
}

/// Reads pairs as `name=value,name=value`, percent-encoded. Returns `None` if one of them is malformed.
fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let decoded = |text: &str| Some(percent_decode_str(text.trim()).decode_utf8().ok()?.into_owned());
    let members = text.split(',').filter(|member| !member.trim().is_empty());
    let pairs = members.map(|member| {
        let (name, value) = member.split_once('=')?;
        Some((decoded(name).filter(|name| !name.is_empty())?, decoded(value)?))
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(variables: &[(&str, &str)]) -> Result<Option<Target>, String> {
        Target::of(&variables.iter().copied().collect())
    }

    fn endpoint(variables: &[(&str, &str)]) -> Option<String> {
        target(variables).unwrap().map(|target| target.endpoint.to_string())
    }

    const COMMON: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/");

    #[test]
    fn spans_go_where_the_environment_says() {
        assert_eq!(endpoint(&[]), None);
        assert_eq!(endpoint(&[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")]), None);
        assert_eq!(endpoint(&[COMMON]).as_deref(), Some("http://collector:4318/v1/traces"));
        let own = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://[::1]:1/own");
        assert_eq!(endpoint(&[COMMON, own]).as_deref(), Some("http://[::1]:1/own"));
        for off in [("OTEL_SDK_DISABLED", "True"), ("OTEL_TRACES_EXPORTER", "none")] {
            assert_eq!(endpoint(&[COMMON, off]), None);
        }
        let set = [
            COMMON,
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "1"),
            ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "250"),
            ("OTEL_BSP_SCHEDULE_DELAY", "20"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "7"),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "9"),
            ("OTEL_SDK_DISABLED", "FALSE"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "key=a%20b, other=1=2"),
            ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", ""),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,a=1%2C2"),
            ("OTEL_SERVICE_NAME", "own"),
        ];
        let set = target(&set).unwrap().unwrap();
        assert_eq!((set.timeout, set.delay), (Duration::from_millis(250), Duration::from_millis(20)));
        assert_eq!((set.queue, set.batch), (7, 7));
        let strings = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect::<Vec<_>>()
        };
        assert_eq!(set.headers, strings(&[("key", "a b"), ("other", "1=2")]));
        assert_eq!(set.attributes, strings(&[("a", "1,2"), ("service.name", "own")]));
        assert_eq!(set.warnings, [""; 0]);
    }

    #[test]
    fn the_sampler_is_that_of_the_environment() {
        for (name, argument, expected) in [
            ("", "", "ParentBased(AlwaysOn)"),
            ("always_on", "", "AlwaysOn"),
            ("parentbased_always_off", "", "ParentBased(AlwaysOff)"),
            ("traceidratio", "0.01", "TraceIdRatioBased(0.01)"),
            ("parentbased_traceidratio", "", "ParentBased(TraceIdRatioBased(1.0))"),
        ] {
            let set = target(&[COMMON, ("OTEL_TRACES_SAMPLER", name), ("OTEL_TRACES_SAMPLER_ARG", argument)]);
            assert_eq!(format!("{:?}", set.unwrap().unwrap().sampler), expected);
        }
    }

    #[test]
    fn faults_that_end_the_export_name_the_variable() {
        const URL: &str = "expected a URL that begins with http://, such as http://collector:4318, got";
        const HEADERS: &str = "expected headers as name=value,name=value, percent-encoded, got another text";
        let tls = format!("{URL} one that begins with https://");
        let other = format!("{URL} another text");
        for (name, value, expected) in [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://secret@collector", tls.as_str()),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "secret:4318", &other),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http:///secret", &other),
            ("OTEL_EXPORTER_OTLP_HEADERS", "secret", HEADERS),
            ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a b=secret", HEADERS),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "expected http/protobuf, got 'grpc'"),
            ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json", "expected http/protobuf, got 'http/json'"),
            ("OTEL_TRACES_EXPORTER", "zipkin", "expected otlp or none, got 'zipkin'"),
            (
                "OTEL_EXPORTER_OTLP_COMPRESSION",
                "none",
                "expected gzip, or no such variable for no compression, got 'none'",
            ),
        ] {
            assert_eq!(target(&[COMMON, (name, value)]).unwrap_err(), format!("{name}: {expected}"));
        }
    }

    #[test]
    fn a_variable_with_another_fault_counts_as_not_set() {
        const YEAR: &str = "expected a number of milliseconds from 1 to 31536000000, got";
        const SPANS: &str = "expected a number of spans from 1 to 1000000, got";
        let ratio = ("OTEL_TRACES_SAMPLER", "traceidratio");
        let default = target(&[COMMON]).unwrap().unwrap();
        for (name, value, expected) in [
            ("OTEL_SDK_DISABLED", "yes", "expected true or false, got 'yes'".to_string()),
            ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "5s", format!("{YEAR} '5s'")),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "0", format!("{YEAR} '0'")),
            ("OTEL_BSP_SCHEDULE_DELAY", "-1", format!("{YEAR} '-1'")),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "0", format!("{SPANS} '0'")),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "many", format!("{SPANS} 'many'")),
            (
                "OTEL_RESOURCE_ATTRIBUTES",
                "a=1,b",
                "expected attributes as name=value,name=value, percent-encoded, got another text".into(),
            ),
            (
                "OTEL_TRACES_SAMPLER",
                "xray",
                "expected always_on, always_off or traceidratio, or one of these after parentbased_, got 'xray'".into(),
            ),
        ] {
            let set = target(&[COMMON, (name, value)]).unwrap().unwrap();
            assert_eq!(set.warnings, [format!("{name}: {expected}")]);
            assert_eq!(format!("{:?}", Target { warnings: Vec::new(), ..set }), format!("{default:?}"));
        }
        for argument in ["much", "1.5", "-0.1", "NaN"] {
            let set = target(&[COMMON, ratio, ("OTEL_TRACES_SAMPLER_ARG", argument)]).unwrap().unwrap();
            let expected = format!("OTEL_TRACES_SAMPLER_ARG: expected a number from 0 to 1, got '{argument}'");
            assert_eq!(set.warnings, [expected]);
            assert_eq!(format!("{:?}", set.sampler), "TraceIdRatioBased(1.0)");
        }
    }
}
