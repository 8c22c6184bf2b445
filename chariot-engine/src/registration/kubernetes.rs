//! Manifests for Kubernetes: a Deployment, a Service and a HorizontalPodAutoscaler.

use super::{
    description::EngineDescription,
    manifest::{ManifestOptions, ScaleBy, container_security, env, header, indented, names, pod, probes},
    text::{label_value, quoted},
};

/// The time that a model has at least to load before its container is restarted.
const START_SECONDS: u64 = 600;

/// The interval of startup probes.
const START_PERIOD_SECONDS: u64 = 2;

pub(super) fn manifests(engine: &EngineDescription, options: &ManifestOptions) -> String {
    [deployment(engine, options), service(engine), autoscaler(engine, options)].join("---\n")
}

fn deployment(engine: &EngineDescription, options: &ManifestOptions) -> String {
    let (name, claim) = names(engine);
    let port = engine.registration.readiness_probe.port;
    let start = engine.registration.readiness_probe.patience().as_secs().max(START_SECONDS);
    let annotations = if engine.metrics {
        format!(
            "
      annotations:
        prometheus.io/scrape: \"true\"
        prometheus.io/path: /metrics
        prometheus.io/port: \"{port}\""
        )
    } else {
        String::new()
    };
    format!(
        "\
{header}apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  labels:
    app.kubernetes.io/name: {name}
    app.kubernetes.io/version: {version}
spec:
  # The HorizontalPodAutoscaler sets the number of replicas.
  selector:
    matchLabels:
      app.kubernetes.io/name: {name}
  strategy:
    rollingUpdate:
      maxSurge: 1
      maxUnavailable: 0
  template:
    metadata:
      labels:
        app.kubernetes.io/name: {name}
        app.kubernetes.io/version: {version}{annotations}
    spec:
{pod}      containers:
        - name: engine
          image: {image}
          ports:
            - name: http
              containerPort: {port}
{env}{resources}          # The model has {start} s to load.
          startupProbe:
            httpGet:
              path: {ready}
              port: {port}
            periodSeconds: {START_PERIOD_SECONDS}
            timeoutSeconds: {timeout}
            failureThreshold: {failures}
{probes}{security}          volumeMounts:
            - name: model
              mountPath: /mnt/models
              readOnly: true
            - name: tmp
              mountPath: /tmp
      volumes:
        # Contains the unpacked model files.
        - name: model
          persistentVolumeClaim:
            claimName: {claim}
            readOnly: true
        - name: tmp
          emptyDir:
            sizeLimit: 1Gi
",
        header = header(engine, "k8s"),
        version = quoted(&label_value(&engine.registration.version)),
        pod = pod(engine, 6),
        image = quoted(engine.image()),
        env = env(engine, &[], 10),
        resources = options.resources(engine, 10),
        ready = quoted(&engine.registration.readiness_probe.path),
        timeout = engine.registration.readiness_probe.timeout_seconds,
        failures = start.div_ceil(START_PERIOD_SECONDS),
        probes = probes(engine, 10),
        security = container_security(10),
    )
}

fn service(engine: &EngineDescription) -> String {
    let (name, _) = names(engine);
    format!(
        "\
apiVersion: v1
kind: Service
metadata:
  name: {name}
  labels:
    app.kubernetes.io/name: {name}
spec:
  selector:
    app.kubernetes.io/name: {name}
  ports:
    - name: http
      port: 80
      targetPort: http
"
    )
}

fn autoscaler(engine: &EngineDescription, options: &ManifestOptions) -> String {
    let (name, _) = names(engine);
    let metric = match options.metric(engine) {
        ScaleBy::Cpu => "\
# CPU use reflects the load of an engine that computes. For one that awaits other services, use --scale-by in-flight.
- type: Resource
  resource:
    name: cpu
    target:
      type: Utilization
      averageUtilization: 80
"
        .to_string(),
        ScaleBy::InFlight => format!(
            "\
# A metric of the engine: the number of running and queued requests. It requires an adapter that serves metrics from
# Prometheus.
- type: Pods
  pods:
    metric:
      name: chariot_in_flight_requests
    target:
      type: AverageValue
      averageValue: {}
",
            quoted(&options.target_in_flight(engine).to_string())
        ),
    };
    format!(
        "\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {name}
  labels:
    app.kubernetes.io/name: {name}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {name}
  minReplicas: 1
  maxReplicas: {most}
  metrics:
{metric}",
        most = options.max_replicas.max(1),
        metric = indented(&metric, 4),
    )
}
