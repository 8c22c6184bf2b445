//! An engine on KServe: a ServingRuntime, and an InferenceService that uses it.

use super::{
    Description, Manifest,
    manifest::{confinement, env, head, names, pod, probes},
    text::quoted,
};

pub(super) fn manifests(engine: &Description, manifest: &Manifest) -> String {
    [runtime(engine, manifest), service(engine, manifest)].join("---\n")
}

fn runtime(engine: &Description, manifest: &Manifest) -> String {
    let (name, _) = names(engine);
    let port = engine.registration.readiness_probe.port;
    let scraped = if engine.metrics {
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
{head}apiVersion: serving.kserve.io/v1alpha1
kind: ServingRuntime
metadata:
  name: {name}
spec:{scraped}
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
{env}{resources}{probes}{confinement}      volumeMounts:
        - name: tmp
          mountPath: /tmp
  volumes:
    - name: tmp
      emptyDir:
        sizeLimit: 1Gi
",
        head = head(engine, "kserve"),
        image = quoted(engine.image()),
        // KServe puts the name of the inference service here, by which clients ask.
        env = env(engine, &[("CHARIOT_ENGINE_MODEL_NAME", "{{.Name}}")], 6),
        resources = manifest.resources(engine, 6),
        probes = probes(engine, 6),
        confinement = confinement(6),
    )
}

fn service(engine: &Description, manifest: &Manifest) -> String {
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
    # Pods that end as the engine needs it. To scale to zero take this and terminationGracePeriodSeconds out, which leaves
    # both to Knative, and set minReplicas to 0.
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
      # The model's files, unpacked; KServe mounts them at /mnt/models.
      storageUri: pvc://{claim}
",
        most = manifest.max_replicas.max(1),
        pod = pod(engine, 4),
    )
}
