//! Every template as its reader uses it: rendered, checked, tested, served and asked, by the commands of its own README.
//!
//! | file | holds |
//! |---|---|
//! | `render` | a template made a project: by cargo-generate, and by the same Liquid library without it |
//! | `project` | a rendered project that depends on this working tree, and commands in it |
//! | `commands` | the commands that a README and a CI file tell |
//! | `copies` | what must not drift: files that templates share, weights, the way by hand |

mod commands;
mod copies;
mod project;
mod render;

use e2e::{Process, Signal};
use serde_json::Value;

use self::{
    commands::{blocks, ci_commands},
    project::Project,
};

#[test]
fn minimal() {
    is_used_as_its_readme_says("minimal");
}

#[test]
fn image_classifier() {
    is_used_as_its_readme_says("image-classifier");
}

#[test]
fn tabular() {
    is_used_as_its_readme_says("tabular");
}

#[track_caller]
fn is_used_as_its_readme_says(template: &str) {
    let project = Project::render(template);
    let readme = project.read("README.md");
    let told = blocks(&readme, "sh");
    let [test, serve, ask, ..] = told[..] else { panic!("a test, a start and a question are expected: {told:?}") };
    assert_eq!((test, serve), ("cargo test", "cargo run"));

    let checks = ci_commands(&project.read(".github/workflows/ci.yml"));
    assert_eq!(checks, ["cargo fmt --check", "cargo clippy --all-targets -- -D warnings", "cargo test"]);
    for check in checks {
        project.cargo(&check);
    }

    // So that the engine is started with what it may be told, and is soon gone.
    let mut variables = project.variables(".env.example");
    let declared = project.cargo("cargo run --quiet -- settings --format env");
    for (name, value) in &variables {
        let line = format!("#{name}={value}");
        assert!(declared.lines().any(|of| of == line), "{line} is no setting with its default: {declared}");
    }
    variables.retain(|(name, _)| name != "CHARIOT_ENGINE_PORT");
    variables.push(("CHARIOT_ENGINE_DRAIN_DELAY".into(), "0s".into()));
    let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (&**name, &**value)).collect();
    project.cargo("cargo build");
    let process = Process::start_with("sh", &["-c", &project.in_it(&format!("exec {serve}"))], &variables);
    process.wait_until_ready();

    let model = process.get(&format!("/v2/models/{}", project.name()));
    assert_eq!(model.status, 200, "{model:?}");
    assert!(ask.starts_with("curl ") && ask.contains("localhost:8080"), "{ask}");
    match project.shell(&ask.replace("localhost:8080", &process.address().to_string())) {
        Some(answer) => {
            let [expected] = blocks(&readme, "json")[..] else { panic!("one answer is expected") };
            let (answer, expected) = (json(&answer), json(expected));
            assert!(alike(&answer, &expected), "{ask}: {expected} is expected, {answer} came");
        }
        None => println!("{template}: what the README asks by curl is SKIPPED: there is no curl"),
    }
    process.signal(Signal::Terminate);
    assert_eq!(process.wait(), Some(0));
}

#[track_caller]
fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Whether two documents are the same, but for the last digits of numbers.
fn alike(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| alike(a, b)))
        }
        (Value::Number(a), Value::Number(b)) => a.as_f64().zip(b.as_f64()).is_some_and(|(a, b)| (a - b).abs() < 1e-4),
        _ => a == b,
    }
}
