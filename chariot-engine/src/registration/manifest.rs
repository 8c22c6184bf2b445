//! The parts that the manifests for Kubernetes and KServe share: resources, probes, environment variables, and the
//! termination of pods.

use std::time::Duration;

use bytesize::ByteSize;

use super::{
    description::EngineDescription,
    document::{Probe, Registration},
    text::{dns_label, quoted},
};

/// The resources and the scaling of an engine in a cluster.
///
/// ```
/// use chariot_engine::registration::ManifestOptions;
///
/// let options = ManifestOptions::new().cpus(8);
/// assert_eq!(options.max_replicas, 4);
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ManifestOptions {
    /// The cores of a pod, as its request and its limit. The engine runs one worker per core of the limit. Default: 2.
    pub cpus: u32,
    /// The memory of a pod, as its request and its limit. Default: the limit on requests in flight plus 1 GiB for the
    /// model. The command `check` prints the memory that the model takes.
    pub memory: Option<ByteSize>,
    /// The maximum number of pods. Default: 4.
    pub max_replicas: u32,
    /// The metric that sets the number of pods. Default: [`ScaleBy::Cpu`], or [`ScaleBy::InFlight`] on GPUs.
    pub scale_by: Option<ScaleBy>,
}

impl Default for ManifestOptions {
    fn default() -> Self {
        ManifestOptions { cpus: 2, memory: None, max_replicas: 4, scale_by: None }
    }
}

/// The metric that sets the number of pods.
///
/// The CPU use of an engine that computes on a CPU reflects its load, and every cluster measures it. On a GPU, or where a
/// model awaits other services, CPU use does not reflect the load. The number of requests in flight does, and it grows
/// before any request is rejected. It is a metric of the engine, so the cluster needs an adapter that serves metrics from
/// Prometheus.
///
/// ```
/// use chariot_engine::registration::{ManifestOptions, ScaleBy};
///
/// let options = ManifestOptions::new().scale_by(ScaleBy::InFlight);
/// assert_eq!(options.scale_by, Some(ScaleBy::InFlight));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScaleBy {
    /// The use of the cores that a pod requests.
    Cpu,
    /// The metric `chariot_in_flight_requests`: the number of running and queued requests of a pod.
    InFlight,
}

/// The time between the end of the grace period and the kill of the pod, for the last responses and the process's exit.
const MARGIN: Duration = Duration::from_secs(5);

/// The memory for a model that has not been measured.
const MODEL_MEMORY: ByteSize = ByteSize::gib(1);

impl ManifestOptions {
    /// Creates the default options.
    pub fn new() -> Self {
        ManifestOptions::default()
    }

    /// Sets the cores of a pod.
    #[must_use]
    pub fn cpus(mut self, cpus: u32) -> Self {
        self.cpus = cpus;
        self
    }

    /// Sets the memory of a pod.
    #[must_use]
    pub fn memory(mut self, memory: ByteSize) -> Self {
        self.memory = Some(memory);
        self
    }

    /// Sets the maximum number of pods.
    #[must_use]
    pub fn max_replicas(mut self, pods: u32) -> Self {
        self.max_replicas = pods;
        self
    }

    /// Sets the metric that sets the number of pods.
    #[must_use]
    pub fn scale_by(mut self, metric: ScaleBy) -> Self {
        self.scale_by = Some(metric);
        self
    }

    /// Returns the metric that sets the number of this engine's pods.
    pub(super) fn metric(&self, engine: &EngineDescription) -> ScaleBy {
        self.scale_by.unwrap_or(if engine.wants_gpu() { ScaleBy::InFlight } else { ScaleBy::Cpu })
    }

    /// Returns the target number of requests in flight per pod: 70 % of its concurrent calls, beyond which queues grow
    /// quickly, or 100 % if requests wait to be batched.
    pub(super) fn target_in_flight(&self, engine: &EngineDescription) -> usize {
        // A GPU has one worker.
        let cores = if engine.wants_gpu() { 1 } else { usize::try_from(self.cpus).unwrap_or(usize::MAX) };
        let most = engine.workers.unwrap_or(cores).saturating_mul(engine.concurrency);
        let calls = engine.max_concurrency.unwrap_or(most).min(most);
        let share = if engine.batches { calls } else { calls.saturating_mul(7).div_ceil(10) };
        share.max(1)
    }

    /// Returns the memory of a pod, in Kubernetes' units.
    fn memory_quantity(&self, engine: &EngineDescription) -> String {
        const MIB: u64 = 1 << 20;
        let default = || engine.inflight_bytes.saturating_add(MODEL_MEMORY.as_u64());
        let bytes = self.memory.map_or_else(default, |size| size.as_u64());
        match bytes.div_ceil(MIB) {
            mib if mib % 1024 == 0 => format!("{}Gi", mib / 1024),
            mib => format!("{mib}Mi"),
        }
    }

    /// Renders the `resources` of a container.
    pub(super) fn resources(&self, engine: &EngineDescription, indent: usize) -> String {
        let (cpus, memory) = (self.cpus, self.memory_quantity(engine));
        let inflight = ByteSize(engine.inflight_bytes).display().iec();
        let gpu = if engine.wants_gpu() { "\n    nvidia.com/gpu: 1" } else { "" };
        let text = format!(
            "\
resources:
  # One worker runs per core of the limit. The memory holds the model and up to {inflight} of requests in flight.
  requests:
    cpu: {cpus}
    memory: {memory}
  limits:
    cpu: {cpus}
    memory: {memory}{gpu}
"
        );
        indented(&text, indent)
    }
}

/// Renders the readiness probe and the liveness probe.
pub(super) fn probes(engine: &EngineDescription, indent: usize) -> String {
    let probe = &engine.registration.readiness_probe;
    let text = format!(
        "\
readinessProbe:
  httpGet:
    path: {path}
    port: {port}
  periodSeconds: {period}
  timeoutSeconds: {timeout}
  failureThreshold: {failures}
# Checks only that the process responds, whatever the state of the model.
livenessProbe:
  httpGet:
    path: /v2/health/live
    port: {port}
  periodSeconds: 10
  timeoutSeconds: {timeout}
  failureThreshold: 3
",
        path = quoted(&probe.path),
        port = probe.port,
        period = probe.period_seconds,
        timeout = probe.timeout_seconds,
        failures = ready_failures(engine),
    );
    indented(&text, indent)
}

/// Returns the number of failures that make a pod not ready. While the model loads, a pod is not ready anyway: failures
/// that the probe allows for the load would only keep traffic on a broken pod.
fn ready_failures(engine: &EngineDescription) -> u32 {
    let probe = &engine.registration.readiness_probe;
    match engine.load_time {
        Some(_) => Probe::new(probe.port).failure_threshold.min(probe.failure_threshold),
        None => probe.failure_threshold,
    }
}

/// Renders the `env` of a container: the variables of the registration, the `extra` ones, the engine's secrets, and the
/// required settings that an operator must fill in.
pub(super) fn env(engine: &EngineDescription, extra: &[(&str, &str)], indent: usize) -> String {
    let known = engine.registration.env.iter().map(|variable| (variable.name.as_str(), variable.value.as_str()));
    let known = known.chain(extra.iter().copied());
    let mut entries: Vec<String> =
        known.map(|(name, value)| format!("  - name: {}\n    value: {}\n", quoted(name), quoted(value))).collect();
    let secrets = quoted(&dns_label(&engine.registration.name, "-secrets"));
    for setting in engine.own_settings.iter().filter(|setting| setting.secret) {
        let name = quoted(&setting.name);
        let (optional, from) = (!setting.required, "valueFrom:\n      secretKeyRef:");
        entries.push(format!(
            "  - name: {name}\n    {from}\n        name: {secrets}\n        key: {name}\n        optional: {optional}\n"
        ));
    }
    let required = engine.own_settings.iter().filter(|setting| setting.required && !setting.secret);
    // On Chariot, the platform sets this variable.
    let id = engine.needs_model_id().then_some("CHARIOT_MODEL_ID");
    for name in required.map(|setting| setting.name.as_str()).chain(id) {
        let text = "# Fill in this value: the engine does not start without it.";
        entries.push(format!("  {text}\n  - name: {}\n    value: \"\"\n", quoted(name)));
    }
    if entries.is_empty() { String::new() } else { indented(&format!("env:\n{}", entries.concat()), indent) }
}

/// Renders the security context of a container, which can only compute and write to `/tmp`.
pub(super) fn container_security(indent: usize) -> String {
    let text = "\
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop:
      - ALL
";
    indented(text, indent)
}

/// Renders the termination and the restrictions of a pod.
pub(super) fn pod(engine: &EngineDescription, indent: usize) -> String {
    let (drain_delay, grace) = (engine.drain_delay, engine.grace);
    let text = format!(
        "\
automountServiceAccountToken: false
# With service links, a service named chariot-engine would set CHARIOT_ENGINE_PORT.
enableServiceLinks: false
# The sum of the drain delay ({drain_delay}), the grace period ({grace}) and a margin ({margin}).
terminationGracePeriodSeconds: {seconds}
securityContext:
  # Any non-root user works.
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
",
        drain_delay = humantime::format_duration(drain_delay),
        grace = humantime::format_duration(grace),
        margin = humantime::format_duration(MARGIN),
        seconds = termination_seconds(drain_delay, grace),
    );
    indented(&text, indent)
}

/// Returns the time that a pod has to terminate, rounded up.
pub(super) fn termination_seconds(drain_delay: Duration, grace: Duration) -> u64 {
    let whole = drain_delay.saturating_add(grace).saturating_add(MARGIN);
    whole.as_secs() + u64::from(whole.subsec_nanos() > 0)
}

/// Renders the comment at the top of a file of manifests.
pub(super) fn header(engine: &EngineDescription, format: &str) -> String {
    let Registration { name, version, .. } = &engine.registration;
    // Quoting keeps a version with line breaks on one line.
    let (name, version) = (quoted(name), quoted(version));
    format!(
        "# Engine {}, version {}. Generated by `describe --format {format}`.\n",
        name.trim_matches('"'),
        version.trim_matches('"')
    )
}

/// Returns the names of an engine in a cluster: its own, and that of the claim with its model.
pub(super) fn names(engine: &EngineDescription) -> (String, String) {
    let name = &engine.registration.name;
    (dns_label(name, ""), dns_label(name, "-model"))
}

/// Indents every line by this number of spaces.
pub(super) fn indented(text: &str, indent: usize) -> String {
    text.lines().map(|line| format!("{:indent$}{line}\n", "")).collect()
}
