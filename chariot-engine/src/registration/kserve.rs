//! Manifests for KServe: a ServingRuntime, and an InferenceService that uses it.

use super::{
    description::EngineDescription,
    manifest::{ManifestOptions, container_security, env, header, names, pod, probes},
    text::quoted,
};

pub(super) fn manifests(engine: &EngineDescription, options: &ManifestOptions) -> String {
    [runtime(engine, options), service(engine, options)].join("---\n")
}

fn runtime(engine: &EngineDescription, options: &ManifestOptions) -> String {
    let (name, _) = names(engine);
    let port = engine.registration.readiness_probe.port;
    let annotations = if engine.metrics {
        format!(
            "
  annotations:
    prometheus.kserve.io/path: /metrics
    prometheus.kserve.io/port: \"{port}\""
        )
    } else {
        String::new()
    };
    format!(
        "\
{header}apiVersion: serving.kserve.io/v1alpha1
kind: ServingRuntime
metadata:
  name: {name}
spec:{annotations}
  supportedModelFormats:
    - name: {name}
      autoSelect: true
  protocolVersions:
    - v2
  multiModel: false
  containers:
    - name: kserve-container
      image: {image}
      ports:
        - containerPort: {port}
          protocol: TCP
{env}{resources}{probes}{security}      volumeMounts:
        - name: tmp
          mountPath: /tmp
  volumes:
    - name: tmp
      emptyDir:
        sizeLimit: 1Gi
",
        header = header(engine, "kserve"),
        image = quoted(engine.image()),
        // KServe replaces this with the name of the InferenceService, which clients use as the model name.
        env = env(engine, &[("CHARIOT_ENGINE_MODEL_NAME", "{{.Name}}")], 6),
        resources = options.resources(engine, 6),
        probes = probes(engine, 6),
        security = container_security(6),
    )
}

fn service(engine: &EngineDescription, options: &ManifestOptions) -> String {
    let (name, claim) = names(engine);
    let scaling =
        if engine.wants_gpu() { String::new() } else { "    scaleMetric: cpu\n    scaleTarget: 80\n".to_string() };
    format!(
        "\
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: {name}
  annotations:
    # Gives pods the termination grace period below. To scale to zero, remove this annotation and
    # terminationGracePeriodSeconds, so that Knative controls both, and set minReplicas to 0.
    serving.kserve.io/deploymentMode: RawDeployment
spec:
  predictor:
    minReplicas: 1
    maxReplicas: {most}
{scaling}{pod}    model:
      modelFormat:
        name: {name}
      runtime: {name}
      protocolVersion: v2
      # Contains the unpacked model files. KServe mounts them at /mnt/models.
      storageUri: pvc://{claim}
",
        most = options.max_replicas.max(1),
        pod = pod(engine, 4),
    )
}
