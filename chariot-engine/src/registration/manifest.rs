//! What the manifests of Kubernetes and of KServe have in common: resources, probes, variables, and the end of a pod.

use std::time::Duration;

use bytesize::ByteSize;

use super::{
    Description, Registration,
    text::{dns_label, quoted},
};

/// What a manifest asks of the cluster.
///
/// ```
/// use chariot_engine::registration::Manifest;
///
/// let manifest = Manifest { cpus: 8, ..Manifest::default() };
/// assert_eq!(manifest.max_replicas, 4);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Manifest {
    /// The cores of a pod (default: 2), both asked for and its limit: the engine runs a worker on each core of its limit.
    pub cpus: u32,
    /// The memory of a pod, both asked for and its limit. The default is what requests in flight may hold, and 1 GiB for
    /// the model: `check` says what the model takes.
    pub memory: Option<ByteSize>,
    /// The most pods (default: 4).
    pub max_replicas: u32,
    /// What the number of pods follows. The default is [`ScaleBy::Cpu`], or [`ScaleBy::InFlight`] on GPUs.
    pub scale_by: Option<ScaleBy>,
}

impl Default for Manifest {
    fn default() -> Self {
        Manifest { cpus: 2, memory: None, max_replicas: 4, scale_by: None }
    }
}

/// What the number of pods follows.
///
/// An engine that computes on a CPU uses its cores as far as it has work, so their use says what is needed, and any
/// cluster measures it. On a GPU, or where a model awaits, it says nothing: there the requests in hand do, which are
/// among the engine's metrics. They grow before anybody is refused, and the cluster needs an adapter that reads them from
/// Prometheus.
///
/// ```
/// use chariot_engine::registration::{Manifest, ScaleBy};
///
/// let manifest = Manifest { scale_by: Some(ScaleBy::InFlight), ..Manifest::default() };
/// # let _ = manifest;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScaleBy {
    /// The use of the cores that a pod asks for.
    Cpu,
    /// The metric `chariot_in_flight_requests`: what a pod has in hand, running and waiting.
    InFlight,
}

/// What is left between the end of the grace and the end of the pod: for the answers under way, and the process's end.
const MARGIN: Duration = Duration::from_secs(5);

/// What a model is given where nobody has measured it.
const FOR_THE_MODEL: ByteSize = ByteSize::gib(1);

impl Manifest {
    pub(super) fn scale_by(&self, engine: &Description) -> ScaleBy {
        self.scale_by.unwrap_or(if engine.wants_gpu() { ScaleBy::InFlight } else { ScaleBy::Cpu })
    }

    /// The requests in flight that one pod should have: seven tenths of the calls that it can make at once, from where on
    /// queues grow quickly, or all of them where they wait to be batched.
    pub(super) fn in_flight(&self, engine: &Description) -> usize {
        // On a GPU there is one worker.
        let cores = if engine.wants_gpu() { 1 } else { usize::try_from(self.cpus).unwrap_or(usize::MAX) };
        let most = engine.workers.unwrap_or(cores).saturating_mul(engine.concurrency);
        let calls = engine.max_concurrency.unwrap_or(most).min(most);
        let share = if engine.batches { calls } else { calls.saturating_mul(7).div_ceil(10) };
        share.max(1)
    }

    /// The memory of a pod, in Kubernetes' units.
    fn memory(&self, engine: &Description) -> String {
        const MIB: u64 = 1 << 20;
        let default = || engine.inflight_bytes.saturating_add(FOR_THE_MODEL.as_u64());
        let bytes = self.memory.map_or_else(default, |size| size.as_u64());
        match bytes.div_ceil(MIB) {
            mib if mib % 1024 == 0 => format!("{}Gi", mib / 1024),
            mib => format!("{mib}Mi"),
        }
    }

    /// The `resources` of a container.
    pub(super) fn resources(&self, engine: &Description, indent: usize) -> String {
        let (cpus, memory) = (self.cpus, self.memory(engine));
        let inflight = ByteSize(engine.inflight_bytes).display().iec();
        let gpu = if engine.wants_gpu() { "\n    nvidia.com/gpu: 1" } else { "" };
        let text = format!(
            "\
resources:
  # A worker runs on each core of the limit. The memory holds the model, and up to {inflight} of requests in flight.
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

/// The probes of readiness and of life.
pub(super) fn probes(engine: &Description, indent: usize) -> String {
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
# It says that the process answers, whatever becomes of the model.
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
        failures = probe.failure_threshold,
    );
    indented(&text, indent)
}

/// The `env` of a container: what the registration says, what more there is, the secrets of the engine, and what an
/// operator must fill in.
pub(super) fn env(engine: &Description, more: &[(&str, &str)], indent: usize) -> String {
    let known = engine.registration.env.iter().map(|variable| (variable.name.as_str(), variable.value.as_str()));
    let known = known.chain(more.iter().copied());
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
    // The platform would set this one.
    let id = engine.needs_model_id().then_some("CHARIOT_MODEL_ID");
    for name in required.map(|setting| setting.name.as_str()).chain(id) {
        let text = "# To be filled in: the engine does not start without it.";
        entries.push(format!("  {text}\n  - name: {}\n    value: \"\"\n", quoted(name)));
    }
    if entries.is_empty() { String::new() } else { indented(&format!("env:\n{}", entries.concat()), indent) }
}

/// What a container may do: nothing but compute, and write to `/tmp`.
pub(super) fn confinement(indent: usize) -> String {
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

/// How a pod ends, and what it is not given.
pub(super) fn pod(engine: &Description, indent: usize) -> String {
    let (drain_delay, grace) = (engine.drain_delay, engine.grace);
    let text = format!(
        "\
automountServiceAccountToken: false
# A service named chariot-engine would set CHARIOT_ENGINE_PORT.
enableServiceLinks: false
# A drain delay of {drain_delay}, a grace of {grace}, and a margin of {margin}.
terminationGracePeriodSeconds: {seconds}
securityContext:
  # Any user will do.
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

/// How long a pod may take to end.
pub(super) fn termination_seconds(drain_delay: Duration, grace: Duration) -> u64 {
    let whole = drain_delay.saturating_add(grace).saturating_add(MARGIN);
    whole.as_secs() + u64::from(whole.subsec_nanos() > 0)
}

/// The comment that a file of manifests begins with.
pub(super) fn head(engine: &Description, format: &str) -> String {
    let Registration { name, version, .. } = &engine.registration;
    // On one line, whatever the version is.
    let (name, version) = (quoted(name), quoted(version));
    format!(
        "# Engine {}, version {}: `describe --format {format}` writes this.\n",
        name.trim_matches('"'),
        version.trim_matches('"')
    )
}

/// The names of an engine in a cluster: its own, and the one of the claim that holds its model.
pub(super) fn names(engine: &Description) -> (String, String) {
    let name = &engine.registration.name;
    (dns_label(name, ""), dns_label(name, "-model"))
}

/// Every line behind so many blanks.
pub(super) fn indented(text: &str, indent: usize) -> String {
    text.lines().map(|line| format!("{:indent$}{line}\n", "")).collect()
}
