//! An engine on Kubernetes: a Deployment, a Service and a HorizontalPodAutoscaler.

use super::{
    Description, Manifest, ScaleBy,
    manifest::{confinement, env, head, indented, names, pod, probes},
    text::{label_value, quoted},
};

/// How long a model may take to load before its pod is started anew.
const START_SECONDS: u32 = 600;

/// How often a pod that starts is asked.
const START_PERIOD_SECONDS: u32 = 2;

pub(super) fn manifests(engine: &Description, manifest: &Manifest) -> String {
    [deployment(engine, manifest), service(engine), autoscaler(engine, manifest)].join("---\n")
}

fn deployment(engine: &Description, manifest: &Manifest) -> String {
    let (name, claim) = names(engine);
    let port = engine.registration.readiness_probe.port;
    let scraped = if engine.metrics {
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
{head}apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  labels:
    app.kubernetes.io/name: {name}
    app.kubernetes.io/version: {version}
spec:
  # The autoscaler sets the number of replicas.
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
        app.kubernetes.io/version: {version}{scraped}
    spec:
{pod}      containers:
        - name: engine
          image: {image}
          ports:
            - name: http
              containerPort: {port}
{env}{resources}          # The model may take {START_SECONDS} s to load.
          startupProbe:
            httpGet:
              path: {ready}
              port: {port}
            periodSeconds: {START_PERIOD_SECONDS}
            timeoutSeconds: {timeout}
            failureThreshold: {failures}
{probes}{confinement}          volumeMounts:
            - name: model
              mountPath: /mnt/models
              readOnly: true
            - name: tmp
              mountPath: /tmp
      volumes:
        # The model's files, unpacked.
        - name: model
          persistentVolumeClaim:
            claimName: {claim}
            readOnly: true
        - name: tmp
          emptyDir:
            sizeLimit: 1Gi
",
        head = head(engine, "k8s"),
        version = quoted(&label_value(&engine.registration.version)),
        pod = pod(engine, 6),
        image = quoted(engine.image()),
        env = env(engine, &[], 10),
        resources = manifest.resources(engine, 10),
        ready = quoted(&engine.registration.readiness_probe.path),
        timeout = engine.registration.readiness_probe.timeout_seconds,
        failures = START_SECONDS / START_PERIOD_SECONDS,
        probes = probes(engine, 10),
        confinement = confinement(10),
    )
}

fn service(engine: &Description) -> String {
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

fn autoscaler(engine: &Description, manifest: &Manifest) -> String {
    let (name, _) = names(engine);
    let metric = match manifest.scale_by(engine) {
        ScaleBy::Cpu => "\
# An engine that computes uses its cores as far as it has work. One that awaits does not: --scale-by in-flight.
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
# One of the engine's metrics, which an adapter must read from Prometheus: requests that run or wait, before any is
# refused.
- type: Pods
  pods:
    metric:
      name: chariot_in_flight_requests
    target:
      type: AverageValue
      averageValue: {}
",
            quoted(&manifest.in_flight(engine).to_string())
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
        most = manifest.max_replicas.max(1),
        metric = indented(&metric, 4),
    )
}
