//! The programs that `describe --format python` prints, run unchanged against the stand-in for the platform's SDK; and
//! programs that differ from them in one place each, which the stand-in must refuse.

use std::{collections::BTreeMap, fs, process::Command, sync::OnceLock, time::Duration};

use chariot_engine::{
    EngineBuilder,
    prelude::*,
    registration::{DescribeOptions, EngineDescription, EnvVar},
    settings::Secret,
    tasks::ClassLabels,
};
use platform::{Run, run_program};
use serde_json::{Value, json};

/// A text with every character that could break a rendering.
const STRANGE: &str = "a \"b\" 'c' \\ \n\t# {x} ${y} %s : - é 😀 \u{7f}\u{85}\u{2028}\u{feff} \"\"\"";

/// The keywords of the calls, in the order of the platform's documentation.
const REGISTER: [&str; 15] = [
    "name",
    "project_id",
    "version",
    "container_image_cpu",
    "container_image_gpu",
    "is_default",
    "supports_multi_gpu",
    "env",
    "readiness_probe",
    "predictor_env_schema",
    "enforce_predictor_env_schema",
    "inference_protocol",
    "container_root_relative_base_url",
    "entrypoint",
    "command",
];
const IMPORT: [&str; 8] =
    ["project_id", "name", "summary", "version", "task_type", "artifact_type", "model_path", "class_labels"];

/// Settings of every type, with and without defaults, and with defaults that a form cannot hold.
#[derive(Settings)]
#[expect(dead_code, reason = "only their schema is used")]
struct OwnSettings {
    /// Labels: "the best" of 'them', in the layout `objects` and in no other, which is a long label for a form
    #[setting(default = 3, range = 1..=10)]
    top_k: usize,
    /// Exact results
    #[setting(default = false)]
    exact: bool,
    #[setting(default = 1e-7)]
    least: f64,
    #[setting(default = f64::INFINITY)]
    most: f64,
    #[setting(default = u64::MAX)]
    seed: u64,
    #[setting(default = Duration::from_secs(5))]
    patience: Duration,
    /// Address of the label service
    label_service: String,
    /// The key of that service
    api_key: Secret,
    count: Option<u8>,
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

fn builder() -> EngineBuilder {
    Engine::builder().model::<Labels>("My_Engine").version("1.2.0")
}

fn labels() -> ClassLabels {
    ["cat", "dog"].into_iter().collect()
}

/// Describes an engine with every option and every parameter of a registration.
fn whole() -> EngineDescription {
    let options = DescribeOptions::new()
        .project_id("project-1")
        .org_name("org")
        .project_name("project")
        .image_cpu("registry.internal/labels:1.2.0")
        .image_gpu("registry.internal/labels:1.2.0-cuda")
        .default_version()
        .base_url("/m-{model_id}")
        .all_settings()
        .class_labels(labels())
        .load_time(Duration::from_secs(90));
    let mut description = builder().describe(options).unwrap();
    description.registration.env.push(EnvVar::new("EMPTY", ""));
    description.registration.entrypoint = Some(vec!["/engine".into()]);
    description.registration.command = Some(vec!["serve".into(), "--port".into(), "8080".into()]);
    description
}

/// Returns the archive of a model; `None` if there is no Python.
fn archive() -> Option<&'static [u8]> {
    static ARCHIVE: OnceLock<Option<Vec<u8>>> = OnceLock::new();
    let made = || {
        let directory = tempfile::tempdir().unwrap();
        let path = |name| directory.path().join(name);
        fs::write(path("class_labels.json"), r#"["cat", "dog"]"#).unwrap();
        let mut python = Command::new("python3");
        python.args(["-m", "zipfile", "-c", "model.zip", "class_labels.json"]).current_dir(directory.path());
        match python.status() {
            Ok(status) => assert!(status.success()),
            Err(error) => {
                println!("skipped: python3 not found: {error}");
                return None;
            }
        }
        Some(fs::read(path("model.zip")).unwrap())
    };
    ARCHIVE.get_or_init(made).as_deref()
}

fn run_with(program: &str, env: &[(&str, &str)]) -> Option<Run> {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("model.zip"), archive()?).unwrap();
    run_program(program, directory.path(), env)
}

fn run(program: &str) -> Option<Run> {
    run_with(program, &[])
}

/// Returns the parameters of a registration that have a value.
fn given(description: &EngineDescription, project_id: &str) -> Value {
    let mut registration = serde_json::to_value(&description.registration).unwrap();
    registration["project_id"] = project_id.into();
    let parameters = registration.as_object_mut().unwrap();
    parameters.retain(|name, value| !(value.is_null() || name == "env" && *value == json!([])));
    registration
}

/// Checks that the keywords of a call are in the order of the documentation.
#[track_caller]
fn in_order(run: &Run, call: &str, documented: &[&str]) {
    let made = run.calls.iter().find(|made| made["call"] == call).unwrap();
    let place = |name: &Value| documented.iter().position(|documented| name == documented).unwrap();
    let places: Vec<usize> = made["keywords"].as_array().unwrap().iter().map(place).collect();
    assert!(places.is_sorted(), "{call}: {}", made["keywords"]);
}

#[test]
fn the_program_runs_unchanged() {
    let description = builder().describe(DescribeOptions::new()).unwrap();
    let program = description.to_python();
    assert!(!program.contains("None"), "{program}");
    let Some(run) = run(&program) else { return };
    let registered = run.arguments("engines.create_engine_version");
    assert_eq!(*registered, given(&description, "chariot_project_id"));
    let imported = run.arguments("import_model");
    assert_eq!(imported["task_type"], "TaskType.TEXT_CLASSIFICATION");
    assert_eq!(imported["model_path"], "./model.zip");
    assert_eq!(imported.get("class_labels"), None);
    let selected = &run.arguments("set_inference_server_settings")["engine_selector"];
    let expected = json!({
        "org_name": "chariot_org_name", "project_name": "chariot_project_name", "engine_name": "My_Engine",
    });
    assert_eq!(*selected, expected);
    in_order(&run, "engines.create_engine_version", &REGISTER);
    in_order(&run, "import_model", &IMPORT);
}

#[test]
fn a_program_with_every_option_runs_unchanged_and_reads_no_variable() {
    let description = whole();
    let program = description.to_python();
    assert!(!program.contains("None") && !program.contains("os.environ"), "{program}");
    let Some(run) = run(&program) else { return };
    let registered = run.arguments("engines.create_engine_version");
    assert_eq!(*registered, given(&description, "project-1"));
    assert_eq!(registered.as_object().unwrap().len(), REGISTER.len(), "every keyword is passed");
    assert_eq!(registered["readiness_probe"]["failure_threshold"], 36, "twice the time of the load");
    let imported = run.arguments("import_model");
    assert_eq!(imported.as_object().unwrap().len(), IMPORT.len(), "every keyword is passed");
    assert_eq!(imported["class_labels"], json!({"cat": 0, "dog": 1}));
    let selected = &run.arguments("set_inference_server_settings")["engine_selector"];
    assert_eq!(*selected, json!({"org_name": "org", "project_name": "project", "engine_name": "My_Engine"}));
    in_order(&run, "engines.create_engine_version", &REGISTER);
    in_order(&run, "import_model", &IMPORT);
    // The whole of the text is reviewed where its settings are few.
    let types: BTreeMap<&str, &str> = registered["predictor_env_schema"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["name"].as_str().unwrap(), entry["type"].as_str().unwrap()))
        .collect();
    for (name, kind) in [
        ("TOP_K", "int"),
        ("EXACT", "bool"),
        ("LEAST", "float"),
        ("MOST", "string"),
        ("SEED", "string"),
        ("PATIENCE", "string"),
        ("LABEL_SERVICE", "string"),
        ("API_KEY", "string"),
        ("COUNT", "string"),
    ] {
        assert_eq!(types.get(name), Some(&kind), "{name}");
    }
}

#[test]
fn a_program_for_an_image_for_gpus_alone_runs() {
    let options = DescribeOptions::new().image_gpu("registry.internal/labels:1.2.0-cuda");
    let Some(run) = run(&builder().describe(options).unwrap().to_python()) else { return };
    let registered = run.arguments("engines.create_engine_version");
    assert_eq!(registered.get("container_image_cpu"), None);
    assert_eq!(registered["supports_multi_gpu"], true);
}

#[test]
fn every_task_has_its_constant_and_an_engine_without_one_reads_it() {
    for task in [
        "Image Classification",
        "Object Detection",
        "Oriented Object Detection",
        "Image Segmentation",
        "Image Embedding",
        "Text Embedding",
        "Token Classification",
        "Text Generation",
        "Summarization",
        "Translation",
        "Text Fill Mask",
        "Question Answering",
        "Structured Data Classification",
        "Structured Data Regression",
    ] {
        let constant = format!("TaskType.{}", task.to_uppercase().replace(' ', "_"));
        let mut description = builder().describe(DescribeOptions::new()).unwrap();
        for (declared, env) in [(Some(task.to_string()), &[][..]), (None, &[("CHARIOT_TASK_TYPE", task)])] {
            description.task = declared;
            let Some(run) = run_with(&description.to_python(), env) else { return };
            assert_eq!(run.arguments("import_model")["task_type"], constant);
        }
    }
}

#[test]
fn a_task_of_the_environment_is_read_in_every_spelling() {
    let mut description = builder().describe(DescribeOptions::new()).unwrap();
    description.task = None;
    let program = description.to_python();
    for task in [
        "image-classification",
        "IMAGE_CLASSIFICATION",
        "imageClassification",
        "  Image \t classification\n",
        "image - _classification",
    ] {
        let Some(run) = run_with(&program, &[("CHARIOT_TASK_TYPE", task)]) else { return };
        assert_eq!(run.arguments("import_model")["task_type"], "TaskType.IMAGE_CLASSIFICATION", "{task:?}");
    }
}

/// Checks that a program fails, names this on standard error, and has called nothing.
#[track_caller]
fn calls_nothing(run: &Run, named: &str) {
    assert!(!run.success && run.calls.is_empty(), "{run:?}");
    assert!(run.errors.contains(named), "{}", run.errors);
}

#[test]
fn a_program_without_the_archive_registers_nothing() {
    for description in [builder().describe(DescribeOptions::new()).unwrap(), whole()] {
        let directory = tempfile::tempdir().unwrap();
        let Some(run) = run_program(&description.to_python(), directory.path(), &[]) else { return };
        calls_nothing(&run, "`My_Engine pack model.zip`");
        assert_eq!(run.errors.lines().count(), 1, "{}", run.errors);
    }
}

#[test]
fn a_program_without_a_variable_registers_nothing() {
    let mut description = builder().describe(DescribeOptions::new()).unwrap();
    description.task = None;
    let program = description.to_python();
    for variable in ["CHARIOT_PROJECT_ID", "CHARIOT_ORG_NAME", "CHARIOT_PROJECT_NAME", "CHARIOT_TASK_TYPE"] {
        let unset = format!(
            "import os\n\nos.environ[\"CHARIOT_TASK_TYPE\"] = \"summarization\"\ndel os.environ[\"{variable}\"]\n"
        );
        let Some(run) = run(&program.replacen("import os\n", &unset, 1)) else { return };
        calls_nothing(&run, variable);
    }
    let Some(run) = run_with(&program, &[("CHARIOT_TASK_TYPE", "Chess")]) else { return };
    calls_nothing(&run, "CHESS");
}

#[test]
fn strange_texts_are_passed_as_they_are() {
    let options = DescribeOptions::new()
        .project_id(STRANGE)
        .org_name(STRANGE)
        .project_name(STRANGE)
        .image_cpu(STRANGE)
        .class_labels([STRANGE, "plain"].into_iter().collect());
    let mut description = builder().describe(options).unwrap();
    let registration = &mut description.registration;
    registration.name = STRANGE.into();
    registration.version = STRANGE.into();
    registration.env.push(EnvVar::new("A", STRANGE));
    registration.container_root_relative_base_url = Some(STRANGE.into());
    let Some(run) = run(&description.to_python()) else { return };
    assert_eq!(*run.arguments("engines.create_engine_version"), given(&description, STRANGE));
    assert_eq!(run.arguments("import_model")["class_labels"], json!({STRANGE: 0, "plain": 1}));
    let selected = &run.arguments("set_inference_server_settings")["engine_selector"];
    assert_eq!(*selected, json!({"org_name": STRANGE, "project_name": STRANGE, "engine_name": STRANGE}));
}

/// The stand-in would prove nothing if it took any program.
#[test]
fn a_program_that_differs_in_one_place_is_refused() {
    let program = whole().to_python();
    match run(&program) {
        Some(run) => assert!(run.success, "{}", run.errors),
        None => return,
    }
    for (text, other) in [
        // Names.
        (
            "from chariot.models import ArtifactType, engines",
            "from chariot import engines\nfrom chariot.models import ArtifactType",
        ),
        ("from chariot.client import connect", "from chariot import connect"),
        ("from chariot.models import TaskType", "from chariot.client import TaskType"),
        ("ArtifactType.CUSTOM_ENGINE", "ArtifactType.CUSTOM"),
        ("TaskType.TEXT_CLASSIFICATION", "TaskType.TEXT_CLASSES"),
        ("engines.create_engine_version(", "engines.create_engine("),
        ("model.set_inference_server_settings(", "model.set_settings("),
        // Keywords.
        ("    is_default=", "    default="),
        ("    supports_multi_gpu=", "    multi_gpu="),
        ("    enforce_predictor_env_schema=", "    enforce_schema="),
        ("        port=", "        http_port="),
        ("        timeout_seconds=5,\n", ""),
        ("    name=\"My_Engine\",\n", ""),
        ("    summary=", "    description="),
        ("            \"display_text\"", "            \"label\""),
        ("            \"value\"", "            \"content\""),
        ("            \"engine_name\"", "            \"engine\""),
        ("    command=[", "    args=["),
        // Types.
        ("engines.ReadinessProbe(", "dict("),
        ("    is_default=True", "    is_default=\"true\""),
        ("        port=8080", "        port=\"8080\""),
        ("        period_seconds=5", "        period_seconds=5.0"),
        ("\"default_value\": \"3\"", "\"default_value\": 3"),
        ("\"default_value\": \"false\"", "\"default_value\": False"),
        ("\"default_value\": \"false\"", "\"default_value\": \"False\""),
        ("    container_image_gpu=\"registry.internal/labels:1.2.0-cuda\"", "    container_image_gpu=None"),
        ("    version=\"1.2.0\"", "    version=1.2"),
        ("task_type=TaskType.TEXT_CLASSIFICATION", "task_type=\"TEXT_CLASSIFICATION\""),
        ("artifact_type=ArtifactType.CUSTOM_ENGINE", "artifact_type=\"CUSTOM_ENGINE\""),
        ("\"cat\": 0", "\"cat\": \"0\""),
        // Values.
        ("\"type\": \"int\"", "\"type\": \"integer\""),
        (
            "\"type\": \"string\",\n            \"default_value\": \"inf\"",
            "\"type\": \"float\",\n            \"default_value\": \"inf\"",
        ),
        ("\"name\": \"TOP_K\"", "\"name\": \"TOP K\""),
        ("\"default_value\": \"3\"", "\"default_value\": \"\""),
        ("        path=\"/ready\"", "        path=\"ready\""),
        ("        success_threshold=1", "        success_threshold=0"),
        ("inference_protocol=\"chariot-v2-kserve\"", "inference_protocol=\"kserve\""),
        ("\"dog\": 1", "\"dog\": 2"),
        ("./model.zip", "./other.zip"),
        ("./model.zip", "./register.py"),
        // The order of the calls.
        ("connect()\n\nengines", "engines"),
    ] {
        assert!(program.contains(text), "{text}: {program}");
        let Some(run) = run(&program.replacen(text, other, 1)) else { return };
        assert!(!run.success, "`{other}` in place of `{text}` was accepted");
    }
}
