//! The engine with two models as a real process, and its command line.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use e2e::Process;
use platform::{UNTAR, unpack};
use serde_json::{Value, json};

const ENGINE: &str = env!("CARGO_BIN_EXE_several-models");

fn text(text: &str) -> Value {
    json!({"inputs": [{"name": "text", "data": [text]}]})
}

#[test]
fn both_models_are_served_with_their_own_settings_and_files() {
    let process = Process::ready(ENGINE, &[("BANNED_CASE", "true"), ("CHARIOT_ENGINE_BANNED_TIMEOUT", "7s")]);
    assert_eq!(process.infer(&text("the cat")).values(), ["en"]);
    let banned = |words: &str| process.post("/v2/models/banned/infer", &text(words)).values();
    assert_eq!(banned("a darn Heck of a cat"), [json!(["darn"])]);
    assert_eq!(process.get("/v2/models").ok(), json!({"models": ["language", "banned"]}));
    assert_eq!(process.get("/ready").ok()["name"], "language");
    let index = process.post_text("/v2/repository/index", "").ok();
    let states: Vec<_> = index.as_array().unwrap().iter().map(|model| (&model["name"], &model["state"])).collect();
    assert_eq!(states, [(&json!("language"), &json!("READY")), (&json!("banned"), &json!("READY"))]);
}

#[test]
fn a_model_with_a_missing_file_ends_the_engine_and_is_named() {
    let empty = std::env::temp_dir().join(format!("no-words-{}", std::process::id()));
    fs::create_dir_all(&empty).unwrap();
    let process = Process::start(ENGINE, &[("CHARIOT_ENGINE_BANNED_MODEL_DIR", empty.to_str().unwrap())]);
    assert_eq!(process.wait(), Some(1));
    let line = process.wait_for_line("the failed model", |line| line["level"] == "ERROR" && line["model"] == "banned");
    assert!(line["message"].as_str().unwrap().contains("'words.txt'"), "{line}");
    fs::remove_dir_all(empty).unwrap();
}

fn run(arguments: &[&str], env: &[(&str, &str)]) -> Output {
    let mut command = Command::new(ENGINE);
    command.args(arguments).env("CHARIOT_ENGINE_PORT", "0").envs(env.iter().copied());
    command.output().expect("the engine runs")
}

#[track_caller]
fn ok(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).expect("text")
}

#[test]
fn the_command_line_serves_both_models() {
    let file: PathBuf = std::env::temp_dir().join(format!("banned-{}.txt", std::process::id()));
    fs::write(&file, "oh darn").unwrap();
    let path = file.to_str().unwrap();
    assert_eq!(ok(&run(&["infer", path], &[])).trim(), r#""unknown""#);
    assert_eq!(ok(&run(&["infer", "--model", "banned", path], &[])).trim(), r#"["darn"]"#);
    fs::remove_file(&file).unwrap();

    let checked = ok(&run(&["check"], &[]));
    for model in ["language", "banned"] {
        assert!(checked.contains(model), "{checked}");
    }
    assert!(checked.lines().all(|line| !line.starts_with("fail")), "{checked}");
    let explained = ok(&run(&["settings", "--explain"], &[("BANNED_CASE", "yes")]));
    let line = explained.lines().find(|line| line.starts_with("BANNED_CASE ")).expect("a line for the setting");
    assert!(line.contains("true") && line.contains("BANNED_CASE"), "{line}");

    let registration: Value = serde_json::from_str(&ok(&run(&["describe"], &[]))).unwrap();
    assert_eq!(registration["name"], "language");
    let schema = registration["predictor_env_schema"].as_array().unwrap();
    assert!(schema.iter().any(|setting| setting["name"] == "BANNED_CASE"), "{schema:?}");
}

/// The folder of a model is not a top folder.
#[test]
fn the_archive_of_both_models_is_served_with_and_without_a_top_folder() {
    for options in [&[][..], &["--top-folder", "models-1.0"]] {
        let (packed, directory) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let archive = packed.path().join("models.tar.gz");
        ok(&run(&[&["pack", archive.to_str().unwrap()], options].concat(), &[]));
        assert!(unpack(UNTAR[0], &archive, directory.path()));
        let process = Process::ready(ENGINE, &[("CHARIOT_ENGINE_MODEL_DIR", directory.path().to_str().unwrap())]);
        assert_eq!(process.post("/v2/models/banned/infer", &text("a darn cat")).values(), [json!(["darn"])]);
    }
}
