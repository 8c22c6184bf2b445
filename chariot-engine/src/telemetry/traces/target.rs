//! [`Target`], where the environment says that spans go and which ones: the standard variables of OpenTelemetry. Those of headers,
//! of the resource and of batches are read by its SDK.

use std::time::Duration;

use http::Uri;
use opentelemetry_sdk::trace::Sampler;

use crate::settings::Environment;

/// The time that the specification gives an export.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The number of spans that the specification lets wait.
const QUEUE: usize = 2048;

/// A collector.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) endpoint: Uri,
    /// The time limit of one request to the collector.
    pub(super) timeout: Duration,
    /// The largest number of spans that wait.
    pub(super) queue: usize,
    pub(super) service_name: Option<String>,
    pub(super) sampler: Sampler,
}

impl Target {
    /// Reads the target; `None` if nothing is exported.
    ///
    /// # Errors
    /// Returns the fault of a variable, without its value.
    pub(super) fn of(environment: &Environment) -> Result<Option<Self>, String> {
        let get = |name: &str| environment.get(name).map(str::trim).filter(|value| !value.is_empty());
        if get("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        match get("OTEL_TRACES_EXPORTER") {
            Some("none") => return Ok(None),
            None | Some("otlp") => {}
            Some(_) => return Err("OTEL_TRACES_EXPORTER: expected otlp or none, got another exporter".into()),
        }
        let of_signal = |name: &str| {
            let [own, common] = [format!("OTEL_EXPORTER_OTLP_TRACES_{name}"), format!("OTEL_EXPORTER_OTLP_{name}")];
            match get(&own) {
                Some(value) => Some((own, value)),
                None => get(&common).map(|value| (common, value)),
            }
        };
        let Some((name, endpoint)) = of_signal("ENDPOINT") else { return Ok(None) };
        // The variable of the signal has the whole URL, the common one its beginning.
        let endpoint = match name.contains("TRACES") {
            true => endpoint.to_string(),
            false => format!("{}/v1/traces", endpoint.trim_end_matches('/')),
        };
        let endpoint: Option<Uri> = endpoint.parse().ok();
        let is_plain = |uri: &Uri| uri.scheme_str() == Some("http") && uri.host().is_some_and(|host| !host.is_empty());
        let Some(endpoint) = endpoint.filter(is_plain) else {
            return Err(format!("{name}: expected a URL that begins with http://, such as http://collector:4318"));
        };
        if let Some((name, protocol)) = of_signal("PROTOCOL")
            && protocol != "http/protobuf"
        {
            return Err(format!("{name}: expected http/protobuf, got another protocol"));
        }
        let timeout = match of_signal("TIMEOUT") {
            None => TIMEOUT,
            Some((name, value)) => {
                let milliseconds = value.parse().ok().filter(|milliseconds| *milliseconds > 0);
                Duration::from_millis(milliseconds.ok_or_else(|| format!("{name}: expected milliseconds above 0"))?)
            }
        };
        let queue = match get("OTEL_BSP_MAX_QUEUE_SIZE") {
            None => QUEUE,
            Some(value) => {
                let spans = value.parse().ok().filter(|spans| (1..=1_000_000).contains(spans));
                spans.ok_or("OTEL_BSP_MAX_QUEUE_SIZE: expected a number of spans from 1 to 1000000")?
            }
        };
        let service_name = get("OTEL_SERVICE_NAME").map(str::to_string);
        let sampler = sampler(get("OTEL_TRACES_SAMPLER"), get("OTEL_TRACES_SAMPLER_ARG"))?;
        Ok(Some(Target { endpoint, timeout, queue, service_name, sampler }))
    }
}

/// Returns the sampler of this name and argument.
fn sampler(name: Option<&str>, argument: Option<&str>) -> Result<Sampler, String> {
    let name = name.unwrap_or("parentbased_always_on");
    let (is_of_parent, root) = match name.strip_prefix("parentbased_") {
        Some(root) => (true, root),
        None => (false, name),
    };
    let root = match root {
        "always_on" => Sampler::AlwaysOn,
        "always_off" => Sampler::AlwaysOff,
        "traceidratio" => {
            let ratio =
                argument.map_or(Some(1.0), |text| text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio)));
            let ratio = ratio.ok_or("OTEL_TRACES_SAMPLER_ARG: expected a number from 0 to 1")?;
            Sampler::TraceIdRatioBased(ratio)
        }
        _ => {
            return Err("OTEL_TRACES_SAMPLER: expected always_on, always_off or traceidratio, or one of these after \
                        parentbased_, got another sampler"
                .into());
        }
    };
    Ok(if is_of_parent { Sampler::ParentBased(Box::new(root)) } else { root })
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
        let set = target(&[COMMON, ("OTEL_EXPORTER_OTLP_TIMEOUT", "250"), ("OTEL_BSP_MAX_QUEUE_SIZE", "7")]);
        let Target { timeout, queue, .. } = set.unwrap().unwrap();
        assert_eq!((timeout, queue), (Duration::from_millis(250), 7));
    }

    #[test]
    fn the_sampler_is_that_of_the_environment() {
        let shown = |name, argument| format!("{:?}", sampler(name, argument).unwrap());
        for (name, argument, expected) in [
            (None, None, "ParentBased(AlwaysOn)"),
            (Some("always_on"), None, "AlwaysOn"),
            (Some("parentbased_always_off"), None, "ParentBased(AlwaysOff)"),
            (Some("traceidratio"), Some("0.01"), "TraceIdRatioBased(0.01)"),
            (Some("parentbased_traceidratio"), None, "ParentBased(TraceIdRatioBased(1.0))"),
        ] {
            assert_eq!(shown(name, argument), expected);
        }
    }

    #[test]
    fn faults_name_the_variable_and_not_its_value() {
        for (name, value) in [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://secret@collector"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "secret:4318"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http:///secret"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "secret"),
            ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "secret"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"),
            ("OTEL_TRACES_EXPORTER", "secret"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
            ("OTEL_TRACES_SAMPLER", "secret"),
        ] {
            let fault = target(&[COMMON, (name, value)]).unwrap_err();
            assert!(fault.starts_with(name) && !fault.contains("secret"), "{fault}");
        }
        for ratio in ["secret", "1.5", "-0.1", "NaN"] {
            let fault = sampler(Some("traceidratio"), Some(ratio)).unwrap_err();
            assert_eq!(fault, "OTEL_TRACES_SAMPLER_ARG: expected a number from 0 to 1");
        }
    }
}
