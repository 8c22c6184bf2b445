//! What the commands of an engine say where its environment or its model is wrong. `serve` is in the other files.

use std::net::TcpListener;

use e2e::Process;

use super::FAULTY;

/// Three faults, one of them the author's, and a name that is none.
const FAULTS: [(&str, &str); 4] = [
    ("CHARIOT_ENGINE_WORKERS", "0"),
    ("CHARIOT_ENGINE_DRAIN_DELAY", "soon"),
    ("CHARIOT_INFERENCE_PROTOCOL", "chariot-v9"),
    ("CHARIOT_ENGINE_PROT", "9000"),
];

/// The exit code, and what was written to standard output and to standard error.
fn end(arguments: &[&str], env: &[(&str, &str)]) -> (Option<i32>, Vec<String>, Vec<String>) {
    let process = Process::start_with(FAULTY, arguments, env);
    (process.wait(), process.all_lines(), process.all_errors())
}

#[test]
fn check_says_every_fault_on_a_line_of_its_own() {
    let (code, lines, errors) = end(&["check"], &FAULTS);
    assert_eq!((code, &errors[..]), (Some(78), &[][..]), "{lines:#?}");
    let begins = |state: &str| lines.iter().filter(|line| line.starts_with(state)).collect::<Vec<_>>();
    let (failed, warned) = (begins("fail "), begins("warn "));
    assert_eq!((failed.len(), warned.len(), lines.len()), (3, 1, 4), "{lines:#?}");
    for (name, value) in &FAULTS[..3] {
        assert!(failed.iter().any(|line| line.contains(name) && line.contains(&format!("'{value}'"))), "{lines:#?}");
    }
    assert!(warned[0].contains("did you mean CHARIOT_ENGINE_PORT?"), "{lines:#?}");
}

#[test]
fn infer_says_every_fault_at_once_and_prints_nothing() {
    let (code, lines, errors) = end(&["infer", "/no/such/file"], &FAULTS);
    assert_eq!((code, lines.len()), (Some(78), 0), "{errors:#?}");
    let error = errors.iter().find(|line| line.starts_with("error: ")).expect("an error");
    for (name, _) in &FAULTS[..3] {
        assert!(error.contains(name), "{error}");
    }
}

#[test]
fn describe_does_not_care() {
    let (code, lines, _) = end(&["describe"], &FAULTS);
    assert_eq!(code, Some(0));
    let document: serde_json::Value = serde_json::from_str(&lines.join("\n")).expect("JSON and nothing else");
    assert_eq!((&document["name"], &document["readiness_probe"]["port"]), (&"faulty".into(), &8080.into()));
}

#[test]
fn check_says_why_a_load_fails() {
    for load in ["fail:as told", "panic:as told\nin two lines"] {
        let (code, lines, _) = end(&["check"], &[("FAULTY_LOAD", load)]);
        assert_eq!(code, Some(1), "{lines:#?}");
        let line = lines.last().expect("a line");
        assert!(line.starts_with("fail  load") && line.contains("as told"), "{lines:#?}");
    }
}

#[test]
fn check_says_that_a_port_is_taken_and_looks_on() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = holder.local_addr().expect("an address").port().to_string();
    let (code, lines, _) = end(&["check"], &[("CHARIOT_ENGINE_PORT", &port)]);
    assert_eq!(code, Some(1));
    let line = |of: &str| lines.iter().find(|line| line.split_whitespace().nth(1) == Some(of)).expect("a line");
    assert!(line("port").starts_with("fail") && line("port").contains("CHARIOT_ENGINE_PORT"), "{lines:#?}");
    assert!(line("inference").starts_with("ok"), "{lines:#?}");
}

#[test]
fn a_failure_of_the_model_is_told_with_its_cause_on_standard_error() {
    let arguments = ["infer", "--parameter", "error=as told", "-"];
    let (code, lines, errors) = end(&arguments, &[]);
    assert_eq!((code, lines.len()), (Some(1), 0), "{errors:#?}");
    assert!(errors.iter().any(|line| line.starts_with("-: the model failed")), "{errors:#?}");
    assert!(errors.iter().any(|line| line.contains("as told")), "{errors:#?}");
}
