//! The registration from the engine's own binary: the program that `describe` prints, run unchanged with the archive that
//! `pack` makes, and the warnings of both.

use std::{
    fs::{self, File},
    path::Path,
    process::Command,
};

use platform::run_program;
use serde_json::{Value, json};

const DIGITS: &str = env!("CARGO_BIN_EXE_digits");
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/model");

/// The formats of `describe`.
const FORMATS: [&str; 4] = ["json", "python", "k8s", "kserve"];

/// The options of `describe` that the program can be given, all of them.
const EVERY_OPTION: [&str; 18] = [
    "--project-id",
    "project-1",
    "--org-name",
    "org",
    "--project-name",
    "project",
    "--image-cpu",
    "ghcr.io/team/digits:1",
    "--image-gpu",
    "ghcr.io/team/digits:1-cuda",
    "--default",
    "--base-url",
    "/m-{model_id}",
    "--all-settings",
    "--load-time",
    "90s",
    "--format",
    "python",
];

/// Runs a command of the engine that succeeds, in a directory. Returns its text on standard output, and its lines on
/// standard error.
fn run_in(directory: &Path, model: &str, arguments: &[&str]) -> (String, Vec<String>) {
    let mut command = Command::new(DIGITS);
    let output =
        command.args(arguments).current_dir(directory).env("CHARIOT_ENGINE_MODEL_DIR", model).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{arguments:?}: {errors}");
    (String::from_utf8(output.stdout).unwrap(), errors.lines().map(str::to_string).collect())
}

/// Returns the warnings of `describe` for the model in a directory.
fn warnings(model: &str, arguments: &[&str]) -> Vec<String> {
    run_in(Path::new("."), model, &[&["describe"], arguments].concat()).1
}

#[test]
fn the_printed_program_runs_unchanged_with_the_packed_archive() {
    let options: [&[&str]; 2] = [&["--format", "python"], &EVERY_OPTION];
    for (options, project) in options.into_iter().zip(["chariot_project_id", "project-1"]) {
        let directory = tempfile::tempdir().unwrap();
        let (packed, notes) = run_in(directory.path(), MODEL, &["pack"]);
        assert!(packed.contains("'model.zip'") && notes.is_empty(), "{packed} {notes:?}");
        let (program, _) = run_in(directory.path(), MODEL, &[&["describe"], options].concat());
        let Some(run) = run_program(&program, directory.path(), &[]) else { return };
        let registered = run.arguments("engines.create_engine_version");
        assert_eq!((&registered["name"], &registered["project_id"]), (&json!("digits"), &json!(project)));
        let imported = run.arguments("import_model");
        assert_eq!(imported["task_type"], "TaskType.IMAGE_CLASSIFICATION");
        assert_eq!(imported["class_labels"].as_object().unwrap().len(), 10);
        let selected = &run.arguments("set_inference_server_settings")["engine_selector"];
        assert_eq!(selected["engine_name"], "digits");
    }
}

#[test]
fn describe_warns_of_images() {
    let pinned = format!("ghcr.io/team/digits@sha256:{}", "0123456789abcdef".repeat(4));
    for (quiet, arguments) in [
        (false, &[][..]),
        (false, &["--image-cpu", "ghcr.io/team/digits"]),
        (false, &["--image-cpu", "ghcr.io/team/digits:latest"]),
        (false, &["--image-gpu", "ghcr.io/team/digits:latest"]),
        (false, &["--image-cpu", "registry.example.com/digits:1"]),
        (false, &["--image-cpu", "<registry>/digits:1"]),
        (false, &["--image-cpu", "https://ghcr.io/team/digits:1"]),
        (false, &["--image-cpu", "ghcr.io//digits:1"]),
        (false, &["--image-gpu", "ghcr.io/team/digits@sha256:abc"]),
        (false, &["--image-cpu", "your-registry/digits:0.1.0"]),
        (true, &["--image-cpu", "ghcr.io/team/digits:1"]),
        (true, &["--image-cpu", &pinned, "--image-gpu", "digits:1-cuda"]),
    ] {
        for format in FORMATS {
            let warnings = warnings(MODEL, &[arguments, &["--format", format]].concat());
            assert_eq!(warnings.is_empty(), quiet, "{arguments:?}: {warnings:?}");
            assert!(warnings.iter().all(|warning| warning.starts_with("warning: image ")), "{warnings:?}");
        }
    }
    let both = ["--image-cpu", "ghcr.io/team/digits", "--image-gpu", "ghcr.io/team/digits"];
    assert_eq!(warnings(MODEL, &both).len(), 1, "one image is one warning");
}

#[test]
fn describe_warns_of_labels_that_the_archive_lacks() {
    let describe = |model: &Path, format| {
        warnings(model.to_str().unwrap(), &["--image-cpu", "ghcr.io/team/digits:1", "--format", format])
    };
    let missing = tempfile::tempdir().unwrap();
    let broken = tempfile::tempdir().unwrap();
    fs::write(broken.path().join("class_labels.json"), "[1]").unwrap();
    for directory in [Path::new("/no/such/directory"), missing.path(), broken.path()] {
        for format in FORMATS {
            let [warning] = &describe(directory, format)[..] else { panic!("expected one warning for {format}") };
            assert!(warning.starts_with("warning: ") && warning.contains("'class_labels.json'"), "{format}: {warning}");
        }
    }
    for format in FORMATS {
        assert_eq!(describe(MODEL.as_ref(), format), [""; 0], "{format}");
    }
}

#[test]
fn describe_warns_of_a_model_that_may_load_for_longer_than_the_probe_waits() {
    let large = tempfile::tempdir().unwrap();
    fs::copy(Path::new(MODEL).join("class_labels.json"), large.path().join("class_labels.json")).unwrap();
    // Takes no space on the disk.
    File::create(large.path().join("model.safetensors")).unwrap().set_len(4 << 30).unwrap();
    let model = large.path().to_str().unwrap();
    let image = ["--image-cpu", "ghcr.io/team/digits:1"];
    for (warned, arguments) in [
        (true, &["--format", "json"][..]),
        (true, &["--format", "python"]),
        (false, &["--format", "python", "--load-time", "40s"]),
        // A pod has longer to start.
        (false, &["--format", "k8s"]),
    ] {
        let warnings = warnings(model, &[&image, arguments].concat());
        assert_eq!(
            warnings.iter().any(|warning| warning.contains("--load-time")),
            warned,
            "{arguments:?}: {warnings:?}"
        );
        assert_eq!(warnings.len(), usize::from(warned), "{warnings:?}");
    }
}

#[test]
fn describe_measures_the_load_on_request() {
    let arguments = ["describe", "--image-cpu", "ghcr.io/team/digits:1", "--load-time", "--format", "json"];
    let (printed, notes) = run_in(Path::new("."), MODEL, &arguments);
    let [note] = &notes[..] else { panic!("expected one note, got {notes:?}") };
    assert!(note.starts_with("note: ") && note.contains("to load"), "{note}");
    let registration: Value = serde_json::from_str(&printed).unwrap();
    assert!(registration["readiness_probe"]["failure_threshold"].as_u64() >= Some(3), "{registration}");

    let mut command = Command::new(DIGITS);
    let output = command.args(arguments).env("CHARIOT_ENGINE_MODEL_DIR", "/no/such/directory").output().unwrap();
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(1), &b""[..]), "{output:?}");
}
