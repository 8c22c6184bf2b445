//! The binary: its output and its exit code.

use std::{
    fs,
    process::{Command, Output},
};

use chariot_engine::Engine;

use crate::{
    planted::Echo,
    served::{Fault, Served},
};

fn conformance(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_conformance")).args(arguments).output().expect("the binary runs")
}

fn echo() -> chariot_engine::EngineBuilder {
    Engine::builder().model::<Echo>("echo")
}

#[test]
fn a_server_that_is_right_ends_it_with_0_and_reports_are_written() {
    let served = Served::start(echo());
    let directory = tempfile::tempdir().unwrap();
    let (xml, json) = (directory.path().join("r.xml"), directory.path().join("r.json"));
    let [xml, json] = [xml.to_str().unwrap(), json.to_str().unwrap()];
    let url = served.url();
    let output = conformance(&["--url", &url, "--model", "echo", "--level", "binary", "--junit", xml, "--json", json]);
    let table = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{table}");
    assert!(table.contains("model echo, level binary") && table.contains("passed"), "{table}");
    assert!(fs::read_to_string(xml).unwrap().contains("<testsuites"));
    let report: serde_json::Value = serde_json::from_str(&fs::read_to_string(json).unwrap()).unwrap();
    assert_eq!(report["model"], "echo");
}

#[test]
fn a_server_that_is_wrong_ends_it_with_1() {
    let served = Served::with_fault(echo(), Fault::of_answers(|_, answer| drop(answer.headers.remove("allow"))));
    let output = conformance(&["--url", &served.url(), "--model", "echo", "--level", "chariot", "--section", "2"]);
    let table = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{table}");
    assert!(table.contains("FAILED 2 ") && table.contains("expected  header allow"), "{table}");
    assert!(!table.contains("\n3 "), "only one section runs: {table}");
}

#[test]
fn what_cannot_be_asked_ends_it_with_2() {
    let served = Served::start(echo());
    let url = served.url();
    for (arguments, expected) in [
        (vec!["--url", "127.0.0.1", "--model", "echo"], "expected 'http://host:port', got '127.0.0.1'"),
        (vec!["--url", &url, "--model", "nobody"], "no valid request found for model 'nobody'"),
        (vec!["--url", &url, "--model", "echo", "--case", "no such case"], "no case matches"),
        (vec!["--url", &url, "--model", "echo", "--inputs", "/no/such/file"], "/no/such/file"),
        (vec!["--model", "echo"], "--url"),
        (vec!["--url", &url, "--model", "echo", "--level", "high"], "high"),
    ] {
        let output = conformance(&arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(text.contains(expected), "{arguments:?}: {text}");
    }
}

#[test]
fn the_cases_are_listed_without_a_server() {
    let output = conformance(&["--list", "--section", "6"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(text.lines().all(|line| !line.starts_with("4 ")) && text.trim_end().ends_with("cases"), "{text}");
}
