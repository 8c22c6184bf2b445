//! The commands of an engine with a wrong environment or a failing model. `serve` is tested in the other files.

use std::net::TcpListener;

use e2e::{Messages, Process};

use super::FAULTY;

/// Three invalid values and an unknown name.
const FAULTS: [(&str, &str); 4] = [
    ("CHARIOT_ENGINE_WORKERS", "0"),
    ("CHARIOT_ENGINE_DRAIN_DELAY", "soon"),
    ("CHARIOT_INFERENCE_PROTOCOL", "chariot-v9"),
    ("CHARIOT_ENGINE_PROT", "9000"),
];

/// Runs a command, and returns its exit code and its lines on standard output and on standard error.
fn run(arguments: &[&str], env: &[(&str, &str)]) -> (Option<i32>, Vec<String>, Vec<String>) {
    let process = Process::start_with(FAULTY, arguments, env);
    (process.wait(), process.all_lines(), process.all_errors())
}

#[test]
fn check_prints_a_line_per_fault() {
    let (code, lines, errors) = run(&["check"], &FAULTS);
    assert_eq!((code, &errors[..]), (Some(78), &[][..]), "{lines:#?}");
    let with_state = |state: &str| lines.iter().filter(|line| line.starts_with(state)).collect::<Vec<_>>();
    let (failed, warned) = (with_state("fail "), with_state("warn "));
    assert_eq!((failed.len(), warned.len(), lines.len()), (3, 1, 4), "{lines:#?}");
    for (name, value) in &FAULTS[..3] {
        assert!(failed.iter().any(|line| line.contains(name) && line.contains(&format!("'{value}'"))), "{lines:#?}");
    }
    assert!(warned[0].contains("CHARIOT_ENGINE_PROT") && warned[0].contains("CHARIOT_ENGINE_PORT"), "{lines:#?}");
    insta::assert_snapshot!("check", lines.join("\n"));
}

#[test]
fn infer_reports_all_faults_at_once_and_prints_no_result() {
    let (code, lines, errors) = run(&["infer", "/no/such/file"], &FAULTS);
    assert_eq!((code, lines.len()), (Some(78), 0), "{errors:#?}");
    let error = errors.iter().find(|line| line.starts_with("error: ")).expect("an error");
    for (name, _) in &FAULTS[..3] {
        assert!(error.contains(name), "{error}");
    }
    insta::assert_snapshot!("infer", error);
}

#[test]
fn describe_ignores_the_environment() {
    let (code, lines, _) = run(&["describe"], &FAULTS);
    assert_eq!(code, Some(0));
    let document: serde_json::Value = serde_json::from_str(&lines.join("\n")).expect("JSON and nothing else");
    assert_eq!((&document["name"], &document["readiness_probe"]["port"]), (&"faulty".into(), &8080.into()));
}

#[test]
fn check_prints_the_cause_of_a_failed_load() {
    let mut messages = Messages::new();
    for load in ["fail:on command", "panic:on command\nin two lines"] {
        let (code, lines, _) = run(&["check"], &[("FAULTY_LOAD", load)]);
        assert_eq!(code, Some(1), "{lines:#?}");
        let line = lines.last().expect("a line");
        assert!(line.starts_with("fail  load") && line.contains("on command"), "{lines:#?}");
        messages.add(load, line);
    }
    insta::assert_snapshot!("check_load", messages);
}

#[test]
fn check_reports_a_port_in_use_and_continues() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = holder.local_addr().expect("an address").port().to_string();
    let (code, lines, _) = run(&["check"], &[("CHARIOT_ENGINE_PORT", &port)]);
    assert_eq!(code, Some(1));
    let line = |step: &str| lines.iter().find(|line| line.split_whitespace().nth(1) == Some(step)).expect("a line");
    assert!(line("port").starts_with("fail") && line("port").contains("CHARIOT_ENGINE_PORT"), "{lines:#?}");
    insta::assert_snapshot!("check_port", line("port").replace(&port, "PORT"));
    assert!(line("inference").starts_with("ok"), "{lines:#?}");
}

#[test]
fn infer_prints_the_cause_of_a_failure_on_standard_error() {
    let arguments = ["infer", "--parameter", "error=on command", "-"];
    let (code, lines, errors) = run(&arguments, &[]);
    assert_eq!((code, lines.len()), (Some(1), 0), "{errors:#?}");
    assert!(errors.iter().any(|line| line.starts_with("-: ")), "{errors:#?}");
    assert!(errors.iter().any(|line| line.contains("on command")), "{errors:#?}");
}
