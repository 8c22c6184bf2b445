//! Every template as its reader uses it: rendered, checked, tested, started and sent a request, by the commands of its own
//! README.
//!
//! | file | holds |
//! |---|---|
//! | `render` | a template rendered to a project: by `templates/new`, by Liquid and by cargo-generate |
//! | `new` | the documented ways to create a project, and the options of `templates/new` |
//! | `project` | a rendered project that depends on this working tree, and commands in it |
//! | `commands` | the commands in a README and in a CI file |
//! | `tutorial` | the project that the guide's tutorial builds |
//! | `copies` | checks that files which templates share, and weights, stay equal |

mod commands;
mod copies;
mod new;
mod project;
mod render;
mod tutorial;

use e2e::{Process, Signal};
use serde_json::Value;

use self::{
    commands::{blocks, ci_commands},
    project::Project,
};

#[test]
fn minimal() {
    works_as_its_readme_says("minimal");
}

#[test]
fn image_classifier() {
    works_as_its_readme_says("image-classifier");
}

#[test]
fn tabular() {
    works_as_its_readme_says("tabular");
}

#[test]
fn onnx() {
    works_as_its_readme_says("onnx");
}

#[track_caller]
fn works_as_its_readme_says(template: &str) {
    let project = Project::render(template);
    let readme = project.read("README.md");
    let commands = blocks(&readme, "sh");
    let [test, serve, ask, ..] = commands[..] else { panic!("expected commands to test, start and ask: {commands:?}") };
    assert_eq!((test, serve), ("cargo test", "cargo run"));

    let checks = ci_commands(&project.read(".github/workflows/ci.yml"));
    assert_eq!(checks, ["cargo fmt --check", "cargo clippy --all-targets -- -D warnings", "cargo test"]);
    for check in checks {
        project.cargo(&check);
    }

    let packed = project.cargo("cargo run --quiet -- pack");
    assert!(packed.starts_with("'model.zip' contains"), "{packed}");

    // The engine starts with the settings of the example file, except for those that would slow this test down.
    let mut variables = project.variables(".env.example");
    let declared = project.cargo("cargo run --quiet -- settings --format env");
    for (name, value) in &variables {
        let line = format!("#{name}={value}");
        assert!(
            declared.lines().any(|declared| declared == line),
            "not a setting with its default: {line}: {declared}"
        );
    }
    variables.retain(|(name, _)| name != "CHARIOT_ENGINE_PORT");
    variables.push(("CHARIOT_ENGINE_DRAIN_DELAY".into(), "0s".into()));
    let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (&**name, &**value)).collect();
    project.cargo("cargo build");
    let process = Process::start_with("sh", &["-c", &project.in_directory(&format!("exec {serve}"))], &variables);
    process.wait_until_ready();

    let model = process.get(&format!("/v2/models/{}", project.name()));
    assert_eq!(model.status, 200, "{model:?}");
    assert!(ask.starts_with("curl ") && ask.contains("localhost:8080"), "{ask}");
    match project.shell(&ask.replace("localhost:8080", &process.address().to_string())) {
        Some(response) => {
            let [expected] = blocks(&readme, "json")[..] else { panic!("expected one response in the README") };
            let (response, expected) = (json(&response), json(expected));
            assert!(are_close(&response, &expected), "{ask}: expected {expected}, got {response}");
        }
        None => println!("{template}: SKIPPED: the request of the README: curl is not installed"),
    }
    process.signal(Signal::Terminate);
    assert_eq!(process.wait(), Some(0));
}

#[track_caller]
fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Returns `true` if two documents are equal, except for the last digits of numbers.
fn are_close(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| are_close(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| are_close(a, b)))
        }
        (Value::Number(a), Value::Number(b)) => a.as_f64().zip(b.as_f64()).is_some_and(|(a, b)| (a - b).abs() < 1e-4),
        _ => a == b,
    }
}
