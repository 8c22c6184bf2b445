//! The renderings, as read by a YAML parser: they must match the engine. `tests/platform` runs the Python program.

use std::time::Duration;

use bytesize::ByteSize;
use serde_json::{Value, json};

use super::*;
use crate::{ModelOptions, prelude::*, settings::Secret};

/// A text with every character that could break a rendering.
const STRANGE: &str = "a \"b\" 'c' \\ \n\t# {x} ${y} %s : - é 😀 \u{7f}\u{85}\u{2028}\u{feff} \"\"\"";

#[derive(Settings)]
#[expect(dead_code, reason = "only their schema is looked at")]
struct OwnSettings {
    /// Labels: "the best" of 'them'
    #[setting(default = 3, range = 1..=10)]
    top_k: usize,
    /// Address of the label service
    label_service: String,
    /// The key of that service
    api_key: Secret,
    /// Another key
    other_key: Option<Secret>,
    /// Number of labels to skip
    skipped: Option<u8>,
    #[setting(default = f32::INFINITY)]
    most: f32,
    #[setting(default = u64::MAX)]
    seed: u64,
    #[setting(default = Duration::from_secs(5))]
    patience: Duration,
}

struct Labels;

impl Model for Labels {
    type Settings = OwnSettings;
    type Input = Text;
    type Output = Classification;

    async fn load(_: &LoadContext<OwnSettings>) -> Result<Self> {
        Ok(Labels)
    }

    async fn infer(&self, _: Batch<Text>) -> Result<Vec<Classification>> {
        Ok(vec![])
    }
}

fn builder() -> crate::EngineBuilder {
    Engine::builder().model::<Labels>("My_Engine").version("1.2.0")
}

fn described(options: DescribeOptions) -> EngineDescription {
    builder().describe(options).unwrap()
}

/// Describes an engine with [`STRANGE`] in place of every text.
fn strange() -> EngineDescription {
    let labels = [STRANGE, "plain"].into_iter().collect();
    let options = DescribeOptions::new().project_id(STRANGE).image_cpu(STRANGE).class_labels(labels);
    let mut description = described(options);
    let registration = &mut description.registration;
    registration.version = STRANGE.into();
    registration.env.push(EnvVar::new("A", STRANGE));
    registration.predictor_env_schema[0].display_text = STRANGE.into();
    registration.container_root_relative_base_url = Some(STRANGE.into());
    description
}

fn yaml(text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[test]
fn the_registration_follows_from_the_code() {
    let options = DescribeOptions::new().all_settings().default_version().base_url("/m-{model_id}");
    let builder = builder()
        .default_setting("PORT", "9000")
        .default_setting("QUEUE_SIZE", "8")
        .setting("CHARIOT_ENGINE_WORKERS", "1")
        .configure(|settings| settings.grace = Duration::from_secs(60));
    let description = builder.describe(options).unwrap();
    let json: Value = serde_json::from_str(&description.to_json()).unwrap();
    assert_eq!(json["name"], "My_Engine");
    assert_eq!(json["container_image_cpu"], "My_Engine:1.2.0");
    assert_eq!(json["is_default"], true);
    assert_eq!(json["readiness_probe"]["port"], 9000);
    assert_eq!(json["env"], json!([{"name": "CHARIOT_ENGINE_BASE_URL", "value": "/m-{model_id}"}]));
    assert_eq!(json["container_root_relative_base_url"], "/m-{model_id}");
    assert_eq!(json["inference_protocol"], "chariot-v2-kserve");
    let schema = json["predictor_env_schema"].as_array().unwrap();
    let of = |name: &str| schema.iter().find(|setting| setting["name"] == name);
    assert_eq!(
        of("TOP_K").unwrap(),
        &json!({
            "name": "TOP_K", "type": "int", "default_value": "3",
            "display_text": "Labels: \"the best\" of 'them'"
        })
    );
    assert_eq!(of("CHARIOT_ENGINE_QUEUE_SIZE").unwrap()["default_value"], "8", "the default of the code");
    assert!(
        of("CHARIOT_ENGINE_OUTPUT_LAYOUT").is_some(),
        "a classification has the layout `objects` beside its default"
    );
    for absent in ["CHARIOT_ENGINE_PORT", "CHARIOT_ENGINE_WORKERS", "CHARIOT_ENGINE_MAX_PIXELS"] {
        assert!(of(absent).is_none(), "{absent} is not offered to operators of this engine");
    }
}

#[test]
fn the_default_model_names_an_engine_of_several_models_and_operators_are_offered_the_settings_of_all() {
    let builder = Engine::builder()
        .model::<Labels>("first")
        .model_with::<Labels>("second", ModelOptions::new().version("2").default_model())
        .configure(|settings| settings.max_inflight_bytes = Some(ByteSize::gib(2)));
    let description = builder.describe(DescribeOptions::new().all_settings()).unwrap();
    let Registration { name, version, predictor_env_schema, .. } = &description.registration;
    assert_eq!((name.as_str(), version.as_str()), ("second", "2"));
    let names: Vec<&str> = predictor_env_schema.iter().map(|setting| setting.name.as_str()).collect();
    for expected in ["FIRST_TOP_K", "SECOND_TOP_K", "CHARIOT_ENGINE_QUEUE_SIZE"] {
        assert!(names.contains(&expected), "{names:?}");
    }
    assert_eq!(description.inflight_bytes, 4 << 30);
}

#[test]
fn operators_get_the_common_settings_by_default() {
    let names = |options| {
        let description = described(options);
        let names = description.registration.predictor_env_schema.into_iter().map(|setting| setting.name);
        names.filter_map(|name| Some(name.strip_prefix("CHARIOT_ENGINE_")?.to_string())).collect::<Vec<_>>()
    };
    let common = names(DescribeOptions::new());
    assert_eq!(common, ["DEVICE", "WORKERS", "OUTPUT_LAYOUT", "TIMEOUT", "LOG_LEVEL"]);
    let all = names(DescribeOptions::new().all_settings());
    assert!(all.len() == 14 && common.iter().all(|name| all.contains(name)), "{all:?}");
}

#[test]
fn options_of_one_model_apply_to_that_model_alone() {
    let builder = Engine::builder()
        .model_with::<Labels>(
            "first",
            ModelOptions::new().default_model().configure(|settings| settings.workers = Some(3)),
        )
        .model::<Labels>("second")
        .setting("CHARIOT_ENGINE_SECOND_MAX_INFLIGHT_BYTES", "3GiB")
        .setting("CHARIOT_ENGINE_TIMEOUT", "5s")
        .default_setting("QUEUE_SIZE", "8");
    let description = builder.describe(DescribeOptions::new().all_settings()).unwrap();
    assert_eq!((description.workers, description.inflight_bytes), (Some(3), 4 << 30));
    let schema = &description.registration.predictor_env_schema;
    let default = |name: &str| schema.iter().find(|of| of.name == name).map(|of| of.default_value.as_str());
    assert_eq!(default("CHARIOT_ENGINE_QUEUE_SIZE"), Some("8"));
    // A form that sent a default would override the value for all models.
    assert_eq!(default("CHARIOT_ENGINE_FIRST_QUEUE_SIZE"), Some(""));
    assert_eq!(default("CHARIOT_ENGINE_FIRST_MAX_INFLIGHT_BYTES"), Some(""));
    for absent in ["SECOND_MAX_INFLIGHT_BYTES", "TIMEOUT", "FIRST_TIMEOUT", "FIRST_LOG_LEVEL", "FIRST_MAX_PIXELS"] {
        assert_eq!(default(&format!("CHARIOT_ENGINE_{absent}")), None, "{absent}");
    }
    assert!(schema.iter().any(|of| of.name == "CHARIOT_ENGINE_FIRST_WORKERS" && of.display_text.contains("'first'")));
}

#[test]
fn a_gpu_is_requested_if_there_is_an_image_for_gpus() {
    let description = described(DescribeOptions::new().image_gpu("gpu"));
    assert_eq!(description.registration.container_image_cpu, None);
    assert!(description.registration.supports_multi_gpu);
    let manifests = yaml(&description.to_kubernetes(&ManifestOptions::new()));
    let container = &manifests[0]["spec"]["template"]["spec"]["containers"][0];
    assert_eq!((&container["image"], &container["resources"]["limits"]["nvidia.com/gpu"]), (&json!("gpu"), &json!(1)));
    assert_eq!(manifests[2]["spec"]["metrics"][0]["pods"]["metric"]["name"], "chariot_in_flight_requests");
}

#[test]
fn base_urls_are_normalized() {
    for (given, variable, registered) in [
        ("m-{model_id}/", "/m-{model_id}", Some("/m-{model_id}")),
        ("//a///b//", "/a/b", Some("/a/b")),
        ("/", "/", None),
    ] {
        let options = DescribeOptions::new().base_url(given);
        let registration = builder().default_setting("BASE_URL", "/of/code").describe(options).unwrap().registration;
        assert_eq!(registration.env, [EnvVar::new("CHARIOT_ENGINE_BASE_URL", variable)]);
        assert_eq!(registration.container_root_relative_base_url.as_deref(), registered);
    }
    let of_code = builder().default_setting("BASE_URL", "a/").describe(DescribeOptions::new()).unwrap().registration;
    assert_eq!((of_code.env, of_code.container_root_relative_base_url.as_deref()), (vec![], Some("/a")));
}

#[test]
fn invalid_values_in_the_code_are_errors() {
    let wrong = builder().default_setting("PORT", "many").describe(DescribeOptions::new()).unwrap_err();
    assert!(wrong.to_string().contains("CHARIOT_ENGINE_PORT"), "{wrong}");
    let options = DescribeOptions::new().base_url("http://a");
    let wrong = builder().describe(options).unwrap_err();
    assert!(wrong.to_string().to_lowercase().contains("base url"), "{wrong}");
    assert!(Engine::builder().describe(DescribeOptions::new()).is_err());
}

#[test]
fn a_pod_has_the_time_that_its_engine_takes_to_shut_down() {
    for (drain_delay, grace, least) in [("5s", "20s", 30), ("500ms", "0s", 6), ("0s", "10m", 605)] {
        let builder = builder().default_setting("DRAIN_DELAY", drain_delay).default_setting("GRACE", grace);
        let description = builder.describe(DescribeOptions::new().all_settings()).unwrap();
        let deployment = yaml(&description.to_kubernetes(&ManifestOptions::new())).remove(0);
        assert_eq!(deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"], least);
        let service = yaml(&description.to_kserve(&ManifestOptions::new())).remove(1);
        assert_eq!(service["spec"]["predictor"]["terminationGracePeriodSeconds"], least);
    }
}

#[test]
fn a_deployment_is_restricted_and_probed_on_the_routes_of_the_engine() {
    let options =
        ManifestOptions::new().cpus(3).memory(ByteSize::mib(1500)).max_replicas(7).scale_by(ScaleBy::InFlight);
    let [deployment, service, autoscaler] = &yaml(&described(DescribeOptions::new()).to_kubernetes(&options))[..]
    else {
        panic!("expected three manifests");
    };
    let pod = &deployment["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    assert_eq!(pod["enableServiceLinks"], false);
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    for (probe, path) in
        [("startupProbe", "/ready"), ("readinessProbe", "/ready"), ("livenessProbe", "/v2/health/live")]
    {
        assert_eq!(container[probe]["httpGet"], json!({"path": path, "port": 8080}), "{probe}");
    }
    let model = json!({"name": "model", "mountPath": "/mnt/models", "readOnly": true});
    assert_eq!(container["volumeMounts"], json!([model, {"name": "tmp", "mountPath": "/tmp"}]));
    assert_eq!(container["resources"]["limits"], json!({"cpu": 3, "memory": "1500Mi"}));
    let secret = |key: &str, optional: bool| {
        let from = json!({"name": "my-engine-secrets", "key": key, "optional": optional});
        json!({"name": key, "valueFrom": {"secretKeyRef": from}})
    };
    assert_eq!(
        container["env"],
        json!([secret("API_KEY", false), secret("OTHER_KEY", true), {"name": "LABEL_SERVICE", "value": ""}]),
        "required settings are listed"
    );
    assert_eq!(pod["volumes"][0]["persistentVolumeClaim"]["claimName"], "my-engine-model");
    assert_eq!(service["spec"]["selector"], deployment["spec"]["selector"]["matchLabels"]);
    assert_eq!(autoscaler["spec"]["scaleTargetRef"]["name"], deployment["metadata"]["name"]);
    assert_eq!(autoscaler["spec"]["maxReplicas"], 7);
    assert_eq!(autoscaler["spec"]["metrics"][0]["pods"]["target"]["averageValue"], "3");
}

#[test]
fn replicas_follow_the_number_of_requests_in_flight() {
    let options = ManifestOptions::new().cpus(4).scale_by(ScaleBy::InFlight);
    let target = |description: &EngineDescription| options.target_in_flight(description);
    let description = described(DescribeOptions::new());
    assert_eq!(target(&description), 3, "70 % of four");
    let awaits = EngineDescription { concurrency: 64, ..description.clone() };
    assert_eq!(target(&awaits), 180);
    assert_eq!(target(&EngineDescription { max_concurrency: Some(10), ..awaits }), 7);
    assert_eq!(target(&EngineDescription { workers: Some(1), ..description.clone() }), 1);
    assert_eq!(target(&EngineDescription { batches: true, ..description }), 4);
    let batches = builder().default_setting("BATCH_DELAY", "5ms").describe(DescribeOptions::new()).unwrap();
    assert!(batches.batches);
}

#[test]
fn the_memory_includes_the_limit_on_requests_in_flight() {
    let description = builder().default_setting("MAX_BODY", "1GiB").describe(DescribeOptions::new()).unwrap();
    let deployment = yaml(&description.to_kubernetes(&ManifestOptions::new())).remove(0);
    let resources = &deployment["spec"]["template"]["spec"]["containers"][0]["resources"];
    assert_eq!(resources["requests"]["memory"], "5Gi");
}

#[test]
fn yaml_preserves_strange_texts() {
    let description = strange();
    for text in [description.to_kubernetes(&ManifestOptions::new()), description.to_kserve(&ManifestOptions::new())] {
        let manifests = yaml(&text);
        let pod = &manifests[0]["spec"];
        let pod = pod.get("template").map_or(pod, |template| &template["spec"]);
        assert_eq!(pod["containers"][0]["image"], STRANGE);
        assert_eq!(pod["containers"][0]["env"][0], json!({"name": "A", "value": STRANGE}));
    }
}

#[test]
fn a_registration_warns_of_what_will_hurt() {
    let mut description = described(DescribeOptions::new().load_time(Duration::from_secs(40)));
    assert_eq!(description.registration.readiness_probe.failure_threshold, 16, "twice the time of the load");
    let warnings = description.warnings();
    assert!(!warnings.iter().any(|warning| warning.contains("probe")), "{warnings:?}");
    assert_eq!(description.image_warnings(), [warnings[0].clone()]);
    description.registration.readiness_probe.failure_threshold = 7;
    insta::assert_snapshot!("warnings", description.warnings().join("\n"));
}

/// Readiness in a cluster: failures that are allowed for the load would keep traffic on a broken pod.
#[test]
fn a_long_load_extends_the_start_of_a_pod_and_not_its_readiness() {
    let description = described(DescribeOptions::new().load_time(Duration::from_secs(1000)));
    assert_eq!(description.registration.readiness_probe.failure_threshold, 400);
    let deployment = yaml(&description.to_kubernetes(&ManifestOptions::new())).remove(0);
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["startupProbe"]["failureThreshold"], 1000, "of 2 s each");
    assert_eq!(container["readinessProbe"]["failureThreshold"], 3);
}

/// The renderings as text, so that their comments are reviewed.
#[test]
fn renderings() {
    let mut description = described(DescribeOptions::new());
    // The settings are not part of this room.
    description.registration.predictor_env_schema.clear();
    insta::assert_snapshot!("python", description.to_python());
    insta::assert_snapshot!("kubernetes", description.to_kubernetes(&ManifestOptions::new()));
    let options = ManifestOptions::new().scale_by(ScaleBy::InFlight);
    let scaled = description.to_kubernetes(&options);
    insta::assert_snapshot!(
        "kubernetes_autoscaler_in_flight",
        scaled.rsplit("---\n").next().unwrap_or_default().to_string()
    );
    insta::assert_snapshot!("kserve", description.to_kserve(&ManifestOptions::new()));
}
