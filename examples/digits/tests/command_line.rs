//! The engine's command line as a real process, on its shipped weights and pictures: what it prints, on which stream, and
//! how it ends. The files of `deploy/` are what `describe` prints: `UPDATE_DEPLOY=1 cargo test -p digits --test
//! command_line` writes them anew.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use e2e::{Process, base64};
use serde_json::{Value, json};

const DIGITS: &str = env!("CARGO_BIN_EXE_digits");
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/model");

/// What a command wrote, and its exit code.
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
    /// The lines of a command that succeeded and had nothing to say beside its result.
    #[track_caller]
    fn ok(self) -> Vec<String> {
        assert_eq!((self.code, &self.errors[..]), (Some(0), &[][..]), "{self:?}");
        self.lines
    }

    /// The result as one JSON document, of a command that may have notes.
    #[track_caller]
    fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{self:?}");
        serde_json::from_str(&self.lines.join("\n")).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The line that `check` wrote about a thing.
    #[track_caller]
    fn about(&self, thing: &str) -> &str {
        let is_it = |line: &&String| line.split_whitespace().nth(1) == Some(thing);
        self.lines.iter().find(is_it).unwrap_or_else(|| panic!("no line about {thing}: {self:?}"))
    }
}

/// The files of the first samples of some digits.
fn samples(digits: &[&str]) -> Vec<String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let mut all: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    let first = |digit: &&str| {
        let is_it = |path: &&PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with(digit);
        all.iter().find(is_it).unwrap().to_str().unwrap().to_string()
    };
    digits.iter().map(first).collect()
}

fn with_files<'a>(arguments: &[&'a str], files: &'a [String]) -> Vec<&'a str> {
    arguments.iter().copied().chain(files.iter().map(String::as_str)).collect()
}

/// A directory with the model's files, changed.
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
fn pictures_are_answered_in_order_a_line_each_and_nothing_else_is_printed() {
    let files = samples(&["3", "0", "7"]);
    assert_eq!(run(&with_files(&["infer"], &files)).ok(), [r#""3""#, r#""0""#, r#""7""#]);
}

#[test]
fn action_and_parameters_are_those_of_a_request() {
    let files = samples(&["5"]);
    let probabilities = run(&with_files(&["infer", "--action", "predict_proba"], &files)).json();
    assert_eq!(probabilities.as_array().unwrap().len(), 10);
    let arguments = ["infer", "--response", "--parameter", "metadata=as it is", "--parameter", "score_threshold=0.25"];
    let response = run(&with_files(&arguments, &files)).json();
    assert_eq!(response["model_name"], "digits");
    assert_eq!(response["outputs"][0]["name"], Path::new(&files[0]).file_name().unwrap().to_str().unwrap());
    assert_eq!(response["outputs"][0]["parameters"], json!({"metadata": "as it is"}));
}

#[test]
fn an_engine_of_one_protocol_is_asked_in_that() {
    let env = [("CHARIOT_ENGINE_MODEL_DIR", MODEL), ("CHARIOT_INFERENCE_PROTOCOL", "chariot-v2")];
    assert_eq!(run_with(&with_files(&["infer"], &samples(&["2"])), &env).ok(), [r#""2""#]);
    assert!(run_with(&["check"], &env).about("inference").starts_with("ok"));
}

#[test]
fn a_request_in_json_is_answered_whole() {
    let picture = fs::read(&samples(&["4"])[0]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    for (body, pointer) in [
        (json!({"inputs": [{"name": "a", "data": [base64(&picture)]}]}), "/outputs/0/data/0"),
        (json!({"input": base64(&picture)}), "/output"),
    ] {
        let path = dir.path().join("request.json");
        fs::write(&path, body.to_string()).unwrap();
        let response = run(&["infer", path.to_str().unwrap()]).json();
        assert_eq!(response.pointer(pointer), Some(&json!("4")), "{response}");
        let refused = run(&["infer", "--action", "predict", path.to_str().unwrap()]);
        assert_eq!(refused.code, Some(1));
        assert!(refused.errors[0].contains("--action and --parameter"), "{refused:?}");
    }
}

#[test]
fn standard_input_is_read() {
    let picture = fs::read(&samples(&["8"])[0]).unwrap();
    let mut child = Command::new(DIGITS)
        .args(["infer", "-"])
        .env("CHARIOT_ENGINE_MODEL_DIR", MODEL)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&picture).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.stdout, b"\"8\"\n");
    assert!(output.status.success());
}

#[test]
fn a_rejected_file_is_reported_and_the_others_are_answered() {
    let mut files = vec![concat!(env!("CARGO_MANIFEST_DIR"), "/README.md").to_string(), "/no/such/file".into()];
    files.extend(samples(&["1"]));
    let ended = run(&with_files(&["infer"], &files));
    assert_eq!((ended.code, &ended.lines[..]), (Some(1), &[r#""1""#.to_string()][..]));
    let [picture, missing] = &ended.errors[..] else { panic!("two lines are expected: {ended:?}") };
    assert!(picture.contains("README.md: input 'README.md': a picture as PNG"), "{picture}");
    assert!(missing.starts_with("/no/such/file: No such file"), "{missing}");
}

#[test]
fn a_model_that_cannot_be_loaded_ends_infer_and_says_why_on_standard_error() {
    let ended =
        run_with(&with_files(&["infer"], &samples(&["1"])), &[("CHARIOT_ENGINE_MODEL_DIR", "/no/such/directory")]);
    assert_eq!((ended.code, ended.lines.len()), (Some(1), 0), "{ended:?}");
    assert!(ended.errors.iter().any(|line| line.contains("'/no/such/directory'")), "{ended:?}");
}

#[test]
fn all_is_well_with_the_shipped_model() {
    let ended = run(&["check"]);
    for (thing, text) in [
        ("settings", "all valid"),
        ("files", "class_labels.json, model.safetensors"),
        ("labels", "10 classes"),
        ("port", "can listen on 127.0.0.1:0"),
        ("device", "cpu"),
        ("load", "including warm-up"),
        ("inference", "request succeeded"),
        ("memory", " resident"),
    ] {
        let line = ended.about(thing);
        assert!(line.starts_with("ok ") && line.contains(text), "{line}");
    }
    assert_eq!(ended.ok().len(), 8);
}

#[test]
fn faults_of_a_model_are_reported_before_it_is_served() {
    let check = |dir: &Path| run_with(&["check"], &[("CHARIOT_ENGINE_MODEL_DIR", dir.to_str().unwrap())]);

    let ended = check(Path::new("/no/such/directory"));
    assert_eq!(ended.code, Some(1));
    assert!(ended.about("files").starts_with("warn") && ended.about("files").contains("CHARIOT_ENGINE_MODEL_DIR"));
    assert!(ended.about("labels").starts_with("warn"), "{ended:?}");
    assert!(ended.about("load").starts_with("fail") && ended.about("load").contains("model.safetensors"), "{ended:?}");
    assert_eq!(ended.errors, [""; 0], "why it fails is said once");

    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 77000\n";
    let ended = check(changed(|dir| fs::write(dir.join("model.safetensors"), pointer).unwrap()).path());
    assert_eq!(ended.code, Some(1));
    assert!(ended.about("files").contains("'model.safetensors' is a Git LFS pointer"), "{ended:?}");

    let ended = check(changed(|dir| fs::write(dir.join("class_labels.json"), "[]").unwrap()).path());
    assert!(ended.about("labels").starts_with("fail") && ended.about("labels").contains("at least one label"));

    // Nine labels for ten classes, or twelve: the load knows nothing of it, an inference does.
    for count in [9, 12] {
        let labels = json!((0..count).map(|label| label.to_string()).collect::<Vec<_>>()).to_string();
        let ended = check(changed(|dir| fs::write(dir.join("class_labels.json"), &labels).unwrap()).path());
        let line = ended.about("labels");
        assert!(line.contains(&format!("{count} classes")) && ended.about("load").starts_with("ok"), "{ended:?}");
        let why = format!("10 classes, and there are {count} labels: class_labels.json");
        let line = ended.about("inference");
        assert!(line.starts_with("fail") && line.contains(&why), "{line}");
        assert_eq!((ended.code, &ended.errors[..]), (Some(1), &[][..]), "why it fails is said once: {ended:?}");
    }
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
        vec![missing.about("files").into(), missing.about("labels").into()],
        vec![empty_dir.about("files").into()],
        // Without the model's own error.
        vec![without_middle(few_labels.about("inference"))],
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
    insta::assert_snapshot!("check", shown.replace("#.#", "#").replace("µs", "ms"));
}

#[test]
fn a_wrong_command_line_ends_with_the_usage() {
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
    assert_eq!(ended.errors, ["error: --model: expected 'digits', got 'nope'"]);
    assert!(run(&["--version"]).ok()[0].starts_with(concat!("digits ", env!("CARGO_PKG_VERSION"), " ")));
    assert!(run(&["--help"]).ok().iter().any(|line| line.contains("describe")));
}

#[test]
fn settings_are_printed_for_people_and_for_machines() {
    assert!(run(&["settings"]).ok()[0].starts_with("TOP_K (int, 3)"));
    assert!(run(&["settings", "--format", "env"]).ok().contains(&"#TOP_K=3".to_string()));
    assert!(run(&["settings", "--format", "markdown"]).ok()[2].starts_with("| `TOP_K` | `3` |"));
    let schema = run(&["settings", "--format", "json-schema"]).json();
    assert_eq!(schema["properties"]["TOP_K"]["maximum"], 10);
    let registered = run(&["describe"]).json()["predictor_env_schema"].take();
    assert_eq!(run(&["settings", "--format", "predictor-env-schema"]).json(), registered);
}

#[test]
fn settings_are_explained_with_where_they_came_from() {
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
    assert_eq!(
        words(&ended, "CHARIOT_ENGINE_GRACE"),
        ["CHARIOT_ENGINE_GRACE", "string", "20s", "20s", "the", "default"]
    );
    assert_eq!((ended.code, ended.errors.len()), (Some(0), 0));

    let ended = run_with(&["settings", "--explain"], &[("TOP_K", "11"), ("CHARIOT_ENGINE_GRACE", "soon")]);
    assert_eq!((ended.code, words(&ended, "TOP_K").join(" ")), (Some(78), "TOP_K int - 3 TOP_K".into()));
    let [error] = &ended.errors[..] else { panic!("one line is expected: {ended:?}") };
    assert!(error.contains("'11'") && error.contains("'soon'"), "{error}");
}

#[test]
fn describe_notes_what_is_left_out() {
    let notes = |arguments: &[&str], dir: &str| {
        let arguments = [&["describe", "--image-cpu", "digits:1"], arguments].concat();
        let ended = run_with(&arguments, &[("CHARIOT_ENGINE_MODEL_DIR", dir)]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.errors
    };
    let nowhere = "/no/such/directory";
    let notes_of_labels = notes(&["--format", "python"], nowhere);
    assert!(notes_of_labels[0].contains("'class_labels.json'"), "{notes_of_labels:?}");
    let notes_of_scale = notes(&["--format", "kserve", "--scale-by", "cpu"], nowhere);
    assert!(notes_of_scale[0].contains("--format k8s"), "{notes_of_scale:?}");
    for quiet in [&["--format", "k8s", "--scale-by", "cpu"][..], &["--format", "json"]] {
        assert_eq!(notes(quiet, nowhere), [""; 0]);
    }
    assert_eq!(notes(&["--format", "python"], MODEL), [""; 0]);
}

/// The file of `deploy/` is what `describe` prints.
fn is_deployed(file: &str, arguments: &[&str]) {
    let ended = run(arguments);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let image = concat!("digits:", env!("CARGO_PKG_VERSION"));
    let [note] = &ended.errors[..] else { panic!("one note is expected: {ended:?}") };
    assert!(note.starts_with(&format!("note: image '{image}' ")) && note.contains("--image-cpu"), "{note}");
    let printed = ended.lines.join("\n") + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(file);
    if std::env::var_os("UPDATE_DEPLOY").is_some() {
        fs::write(&path, &printed).expect("the file can be written");
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(kept, printed, "{file} is stale: UPDATE_DEPLOY=1 cargo test -p digits --test command_line");
}

#[test]
fn the_manifests_are_what_describe_prints() {
    is_deployed("digits.json", &["describe", "--default"]);
    is_deployed("register_digits.py", &["describe", "--default", "--format", "python"]);
    is_deployed("digits.k8s.yaml", &["describe", "--format", "k8s"]);
    is_deployed("digits.kserve.yaml", &["describe", "--format", "kserve"]);
}
