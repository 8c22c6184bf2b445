//! The command line of the engine as a real process, with the shipped weights and images: its output on each stream and
//! its exit code. The files of `deploy/` are the output of `describe`: `UPDATE_DEPLOY=1 cargo test -p digits --test
//! command_line` updates them.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use e2e::{Messages, Process, base64};
use serde_json::{Value, json};

const DIGITS: &str = env!("CARGO_BIN_EXE_digits");
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/model");

/// The exit code of a command, and its lines on standard output and on standard error.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    lines: Vec<String>,
    errors: Vec<String>,
}

fn run_with(arguments: &[&str], env: &[(&str, &str)]) -> Ended {
    let process = Process::start_with(DIGITS, arguments, env);
    Ended { code: process.wait(), lines: process.all_lines(), errors: process.all_errors() }
}

fn run(arguments: &[&str]) -> Ended {
    run_with(arguments, &[("CHARIOT_ENGINE_MODEL_DIR", MODEL)])
}

impl Ended {
    /// Returns the lines of a command that succeeded and wrote nothing to standard error.
    #[track_caller]
    fn ok(self) -> Vec<String> {
        assert_eq!((self.code, &self.errors[..]), (Some(0), &[][..]), "{self:?}");
        self.lines
    }

    /// Returns the result of a successful command as a JSON document. It may have notes on standard error.
    #[track_caller]
    fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{self:?}");
        serde_json::from_str(&self.lines.join("\n")).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Returns the line of a step of `check`.
    #[track_caller]
    fn step(&self, step: &str) -> &str {
        let is_step = |line: &&String| line.split_whitespace().nth(1) == Some(step);
        self.lines.iter().find(is_step).unwrap_or_else(|| panic!("no line for {step}: {self:?}"))
    }
}

/// Returns the path of the first sample of each of these digits.
fn samples(digits: &[&str]) -> Vec<String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let mut all: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    let first = |digit: &&str| {
        let is_sample = |path: &&PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with(digit);
        all.iter().find(is_sample).unwrap().to_str().unwrap().to_string()
    };
    digits.iter().map(first).collect()
}

fn with_files<'a>(arguments: &[&'a str], files: &'a [String]) -> Vec<&'a str> {
    arguments.iter().copied().chain(files.iter().map(String::as_str)).collect()
}

/// Copies the model to a temporary directory and changes it.
fn changed(change: impl Fn(&Path)) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(MODEL).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, dir.path().join(path.file_name().unwrap())).unwrap();
    }
    change(dir.path());
    dir
}

#[test]
fn infer_prints_one_line_per_image_in_order() {
    let files = samples(&["3", "0", "7"]);
    assert_eq!(run(&with_files(&["infer"], &files)).ok(), [r#""3""#, r#""0""#, r#""7""#]);
}

#[test]
fn infer_sends_the_action_and_the_parameters() {
    let files = samples(&["5"]);
    let probabilities = run(&with_files(&["infer", "--action", "predict_proba"], &files)).json();
    assert_eq!(probabilities.as_array().unwrap().len(), 10);
    let arguments = ["infer", "--response", "--parameter", "metadata=unchanged", "--parameter", "score_threshold=0.25"];
    let response = run(&with_files(&arguments, &files)).json();
    assert_eq!(response["model_name"], "digits");
    assert_eq!(response["outputs"][0]["name"], Path::new(&files[0]).file_name().unwrap().to_str().unwrap());
    assert_eq!(response["outputs"][0]["parameters"], json!({"metadata": "unchanged"}));
}

#[test]
fn infer_uses_the_only_protocol_of_an_engine() {
    let env = [("CHARIOT_ENGINE_MODEL_DIR", MODEL), ("CHARIOT_INFERENCE_PROTOCOL", "chariot-v2")];
    assert_eq!(run_with(&with_files(&["infer"], &samples(&["2"])), &env).ok(), [r#""2""#]);
    assert!(run_with(&["check"], &env).step("inference").starts_with("ok"));
}

#[test]
fn infer_sends_a_request_in_json_unchanged() {
    let image = fs::read(&samples(&["4"])[0]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    for (body, pointer) in [
        (json!({"inputs": [{"name": "a", "data": [base64(&image)]}]}), "/outputs/0/data/0"),
        (json!({"input": base64(&image)}), "/output"),
    ] {
        let path = dir.path().join("request.json");
        fs::write(&path, body.to_string()).unwrap();
        let response = run(&["infer", path.to_str().unwrap()]).json();
        assert_eq!(response.pointer(pointer), Some(&json!("4")), "{response}");
        let rejected = run(&["infer", "--action", "predict", path.to_str().unwrap()]);
        assert_eq!(rejected.code, Some(1));
        insta::assert_snapshot!("action_for_a_request", rejected.errors[0].replace(path.to_str().unwrap(), "PATH"));
    }
}

#[test]
fn infer_reads_standard_input() {
    let image = fs::read(&samples(&["8"])[0]).unwrap();
    let mut child = Command::new(DIGITS)
        .args(["infer", "-"])
        .env("CHARIOT_ENGINE_MODEL_DIR", MODEL)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&image).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.stdout, b"\"8\"\n");
    assert!(output.status.success());
}

#[test]
fn infer_reports_rejected_files_and_answers_the_rest() {
    let mut files = vec![concat!(env!("CARGO_MANIFEST_DIR"), "/README.md").to_string(), "/no/such/file".into()];
    files.extend(samples(&["1"]));
    let ended = run(&with_files(&["infer"], &files));
    assert_eq!((ended.code, &ended.lines[..]), (Some(1), &[r#""1""#.to_string()][..]));
    let [text, missing] = &ended.errors[..] else { panic!("expected two lines, got {ended:?}") };
    assert!(text.contains("README.md: input 'README.md': "), "{text}");
    assert!(missing.starts_with("/no/such/file: No such file"), "{missing}");
}

#[test]
fn infer_prints_the_cause_of_a_failed_load_on_standard_error() {
    let ended =
        run_with(&with_files(&["infer"], &samples(&["1"])), &[("CHARIOT_ENGINE_MODEL_DIR", "/no/such/directory")]);
    assert_eq!((ended.code, ended.lines.len()), (Some(1), 0), "{ended:?}");
    assert!(ended.errors.iter().any(|line| line.contains("'/no/such/directory'")), "{ended:?}");
}

#[test]
fn check_passes_on_the_shipped_model() {
    let ended = run(&["check"]);
    for (step, text) in [
        ("settings", ""),
        ("files", "class_labels.json, model.safetensors"),
        ("labels", "10"),
        ("port", "127.0.0.1:0"),
        ("device", "cpu"),
        ("load", ""),
        ("inference", ""),
        ("memory", ""),
    ] {
        let line = ended.step(step);
        assert!(line.starts_with("ok ") && line.contains(text), "{line}");
    }
    assert_eq!(ended.ok().len(), 8);
}

#[test]
fn check_finds_faults_of_a_model() {
    let mut messages = Messages::new();
    let check = |dir: &Path| run_with(&["check"], &[("CHARIOT_ENGINE_MODEL_DIR", dir.to_str().unwrap())]);

    let ended = check(Path::new("/no/such/directory"));
    assert_eq!(ended.code, Some(1));
    assert!(ended.step("files").starts_with("warn") && ended.step("files").contains("CHARIOT_ENGINE_MODEL_DIR"));
    assert!(ended.step("labels").starts_with("warn"), "{ended:?}");
    assert!(ended.step("load").starts_with("fail") && ended.step("load").contains("model.safetensors"), "{ended:?}");
    assert_eq!(ended.errors, [""; 0], "the cause is printed once");
    for step in ["files", "labels", "load"] {
        messages.add("no directory", ended.step(step));
    }

    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 77000\n";
    let ended = check(changed(|dir| fs::write(dir.join("model.safetensors"), pointer).unwrap()).path());
    assert_eq!(ended.code, Some(1));
    assert!(ended.step("files").contains("'model.safetensors'"), "{ended:?}");
    messages.add("a Git LFS pointer", ended.step("files"));

    let ended = check(changed(|dir| fs::write(dir.join("class_labels.json"), "[]").unwrap()).path());
    assert!(ended.step("labels").starts_with("fail"), "{ended:?}");
    messages.add("no labels", ended.step("labels"));

    // Nine or twelve labels for ten classes: the load succeeds, an inference fails.
    for count in [9, 12] {
        let labels = json!((0..count).map(|label| label.to_string()).collect::<Vec<_>>()).to_string();
        let ended = check(changed(|dir| fs::write(dir.join("class_labels.json"), &labels).unwrap()).path());
        let line = ended.step("labels");
        assert!(line.contains(&count.to_string()) && ended.step("load").starts_with("ok"), "{ended:?}");
        let line = ended.step("inference");
        for part in ["10", &count.to_string(), "class_labels.json"] {
            assert!(line.starts_with("fail") && line.contains(part), "{part}: {line}");
        }
        messages.add(format!("{count} labels"), line);
        assert_eq!((ended.code, &ended.errors[..]), (Some(1), &[][..]), "the cause is printed once: {ended:?}");
    }
    insta::assert_snapshot!("check_faults", messages);
}

/// Returns a line without what is between its status and its advice.
fn without_middle(line: &str) -> String {
    let (start, rest) = line.split_once(" 500: ").expect("a status");
    let (_, advice) = rest.rsplit_once("; ").expect("an advice");
    format!("{start} 500: ...; {advice}")
}

/// The lines of `check` as operators read them, without what differs from machine to machine.
#[test]
fn the_lines_of_check_tell_what_to_do() {
    let missing = run_with(&["check"], &[("CHARIOT_ENGINE_MODEL_DIR", "/no/such/directory")]);
    let empty = tempfile::tempdir().unwrap();
    let empty_dir = run_with(&["check"], &[("CHARIOT_ENGINE_MODEL_DIR", empty.path().to_str().unwrap())]);
    let labels = changed(|dir| fs::write(dir.join("class_labels.json"), r#"["one"]"#).unwrap());
    let few_labels = run_with(&["check"], &[("CHARIOT_ENGINE_MODEL_DIR", labels.path().to_str().unwrap())]);
    let lines = [
        run(&["check"]).lines,
        vec![missing.step("files").into(), missing.step("labels").into()],
        vec![empty_dir.step("files").into()],
        // Without the model's own error.
        vec![without_middle(few_labels.step("inference"))],
    ];
    let mut text = lines.concat().join("\n");
    for dir in [Path::new(MODEL), empty.path(), labels.path()] {
        text = text.replace(dir.to_str().unwrap(), "<directory>");
    }
    let mut shown = String::new();
    for c in text.chars() {
        match c {
            // A figure that differs from run to run.
            '0'..='9' if shown.ends_with('#') => {}
            '0'..='9' => shown.push('#'),
            c => shown.push(c),
        }
    }
    insta::assert_snapshot!("check_lines", shown.replace("#.#", "#").replace("µs", "ms"));
}

#[test]
fn a_wrong_command_line_prints_the_usage() {
    for arguments in
        [&["sreve"][..], &["infer"], &["describe", "--format", "xml"], &["--prot", "1"], &["--port", "1", "check"]]
    {
        let ended = run(arguments);
        assert_eq!((ended.code, ended.lines.len()), (Some(2), 0), "{ended:?}");
        assert!(ended.errors[0].starts_with("error: "), "{ended:?}");
        assert!(ended.errors.iter().any(|line| line.contains("--help")), "{ended:?}");
    }
    let ended = run(&["infer", "--model", "nope", "-"]);
    assert_eq!((ended.code, ended.lines.len()), (Some(2), 0), "{ended:?}");
    assert!(ended.errors[0].starts_with("error: ") && ended.errors[0].contains("'digits'"), "{ended:?}");
    insta::assert_snapshot!("unknown_model", ended.errors.join("\n"));
    assert!(run(&["--version"]).ok()[0].starts_with(concat!("digits ", env!("CARGO_PKG_VERSION"), " ")));
    assert!(run(&["--help"]).ok().iter().any(|line| line.contains("describe")));
}

#[test]
fn settings_are_printed_in_every_format() {
    assert!(run(&["settings"]).ok()[0].starts_with("TOP_K (int, 3)"));
    assert!(run(&["settings", "--format", "env"]).ok().contains(&"#TOP_K=3".to_string()));
    assert!(run(&["settings", "--format", "markdown"]).ok()[2].starts_with("| `TOP_K` | `3` |"));
    let schema = run(&["settings", "--format", "json-schema"]).json();
    assert_eq!(schema["properties"]["TOP_K"]["maximum"], 10);
    let registered = run(&["describe"]).json()["predictor_env_schema"].take();
    assert_eq!(run(&["settings", "--format", "predictor-env-schema"]).json(), registered);
}

#[test]
fn settings_are_explained_with_their_values_and_sources() {
    let words = |ended: &Ended, name: &str| -> Vec<String> {
        let line = ended.lines.iter().find(|line| line.split_whitespace().next() == Some(name)).expect("a line");
        line.split_whitespace().map(str::to_string).collect()
    };
    let ended = run_with(&["settings", "--explain"], &[("TOP_K", "4")]);
    assert_eq!(words(&ended, "TOP_K"), ["TOP_K", "int", "4", "3", "TOP_K"]);
    assert_eq!(
        words(&ended, "CHARIOT_ENGINE_PORT"),
        ["CHARIOT_ENGINE_PORT", "int", "0", "8080", "CHARIOT_ENGINE_PORT"]
    );
    assert_eq!(words(&ended, "CHARIOT_ENGINE_GRACE")[..4], ["CHARIOT_ENGINE_GRACE", "string", "20s", "20s"]);
    assert_eq!((ended.code, ended.errors.len()), (Some(0), 0));

    let ended = run_with(&["settings", "--explain"], &[("TOP_K", "11"), ("CHARIOT_ENGINE_GRACE", "soon")]);
    assert_eq!((ended.code, words(&ended, "TOP_K").join(" ")), (Some(78), "TOP_K int - 3 TOP_K".into()));
    let [error] = &ended.errors[..] else { panic!("expected one line, got {ended:?}") };
    assert!(error.contains("'11'") && error.contains("'soon'"), "{error}");
    insta::assert_snapshot!("settings_faults", error);
}

#[test]
fn describe_notes_what_has_no_effect_and_what_is_missing() {
    let notes = |arguments: &[&str], dir: &str| {
        let arguments = [&["describe", "--image-cpu", "digits:1"], arguments].concat();
        let ended = run_with(&arguments, &[("CHARIOT_ENGINE_MODEL_DIR", dir)]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.errors
    };
    let nowhere = "/no/such/directory";
    for arguments in [&[][..], &["--format", "python"], &["--format", "k8s"], &["--format", "kserve"]] {
        let notes_of_labels = notes(arguments, nowhere);
        assert!(notes_of_labels[0].contains("'class_labels.json'"), "{arguments:?}: {notes_of_labels:?}");
    }
    let notes_of_scale = notes(&["--format", "kserve", "--scale-by", "cpu"], MODEL);
    assert!(notes_of_scale[0].contains("--format k8s"), "{notes_of_scale:?}");
    for quiet in [&["--format", "k8s", "--scale-by", "cpu"][..], &["--format", "json"], &["--format", "python"]] {
        assert_eq!(notes(quiet, MODEL), [""; 0]);
    }
}

/// Checks that a file of `deploy/` is the output of `describe`.
fn is_deployed(file: &str, arguments: &[&str]) {
    let ended = run(arguments);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let image = concat!("digits:", env!("CARGO_PKG_VERSION"));
    let [warning] = &ended.errors[..] else { panic!("expected one warning, got {ended:?}") };
    assert!(
        warning.starts_with("warning: ") && warning.contains(image) && warning.contains("--image-cpu"),
        "{warning}"
    );
    let printed = ended.lines.join("\n") + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(file);
    if std::env::var_os("UPDATE_DEPLOY").is_some() {
        fs::write(&path, &printed).expect("the file can be written");
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(kept, printed, "{file} is out of date; run UPDATE_DEPLOY=1 cargo test -p digits --test command_line");
}

#[test]
fn the_manifests_are_the_output_of_describe() {
    is_deployed("digits.json", &["describe", "--default"]);
    is_deployed("register_digits.py", &["describe", "--default", "--format", "python"]);
    is_deployed("digits.k8s.yaml", &["describe", "--format", "k8s"]);
    is_deployed("digits.kserve.yaml", &["describe", "--format", "kserve"]);
}
