//! Failures of the engine, whose cause is logged and not sent to the caller, and rejections, which are sent to the
//! caller.

use std::sync::Arc;

use e2e::{Answer, Messages, Process, Shared, Signal};
use serde_json::{Value, json};

use super::{FAULTY, assert_serves, command, message};

/// Returns the engine that the tests of this file share. Each test uses its own texts and ids.
fn faulty() -> Arc<Process> {
    static PROCESS: Shared = Shared::new();
    PROCESS.get(|| Process::ready(FAULTY, &[("CHARIOT_ENGINE_WORKERS", "2")]))
}

/// Returns the id at the end of the message of a failure, without parentheses.
#[track_caller]
fn id_of(failure: &Answer) -> String {
    let text = failure.error(500);
    let id = text.trim_end_matches(')').rsplit([' ', '(']).next();
    id.unwrap_or_else(|| panic!("no id in '{text}'")).to_string()
}

/// Asserts that the log has the failure of the request `id` with all of `texts`, and returns the message.
#[track_caller]
fn assert_logged(process: &Process, id: &str, texts: &[&str]) -> String {
    let line = process.wait_for_line(&format!("the request {id}"), |line| line["request"] == id);
    assert!(texts.iter().all(|text| message(&line).contains(text)), "{line}");
    assert_eq!((&line["level"], &line["model"]), (&json!("ERROR"), &json!("faulty")));
    message(&line).to_string()
}

#[test]
fn the_cause_of_a_failure_is_logged_and_not_sent_to_the_caller() {
    let process = faulty();
    let failure = process.infer(&command(json!({"error": "disk 7 is broken"})));
    assert!(!failure.text.contains("disk"), "{failure:?}");
    let id = id_of(&failure);
    let logged = assert_logged(&process, &id, &["disk 7 is broken"]);
    let mut messages = Messages::new();
    messages.add("response", failure.error(500).replace(&id, "ID"));
    messages.add("log", logged);
    insta::assert_snapshot!("failure", messages);
}

#[test]
fn a_failure_names_the_id_of_its_request() {
    let process = faulty();
    let mut request = command(json!({"error": "by the header's id"}));
    let failure = process.infer_with(("X-Request-ID", "header-1"), &request);
    assert_eq!((id_of(&failure).as_str(), failure.header("x-request-id")), ("header-1", Some("header-1")));
    assert_logged(&process, "header-1", &["by the header's id"]);

    request = command(json!({"error": "by the body's id"}));
    request["id"] = json!("body-1");
    let failure = process.infer_with(("X-Request-ID", "header-2"), &request);
    assert_eq!((id_of(&failure).as_str(), failure.header("x-request-id")), ("body-1", Some("header-2")));
    assert_logged(&process, "body-1", &["by the body's id"]);

    let fresh: Vec<String> = (0..2).map(|_| id_of(&process.infer(&command(json!({"error": "no id"}))))).collect();
    assert!(!fresh[0].is_empty() && fresh[0] != fresh[1], "{fresh:?}");
}

#[test]
fn a_panic_fails_its_request_only() {
    let process = faulty();
    // More panics than workers: every worker survives one.
    for _ in 0..5 {
        let failure = process.infer(&command(json!({"panic": "the author gave up"})));
        assert!(!failure.text.contains("gave up"), "{failure:?}");
        let logged = assert_logged(&process, &id_of(&failure), &["infer", "the author gave up"]);
        insta::assert_snapshot!("panic", logged);
    }
    assert_serves(&process);
    assert_eq!(process.get("/ready").status, 200);
}

/// Returns the stack backtrace that the log has of the first panic of a process.
fn backtrace(env: &[(&str, &str)]) -> Value {
    let process = Process::ready(FAULTY, env);
    assert_eq!(process.infer(&command(json!({"panic": "with a stack"}))).status, 500);
    let line = process.wait_for_line("the panic", |line| line.get("location").is_some());
    assert!(line["message"].as_str().is_some_and(|text| text.contains("with a stack")), "{line}");
    line["backtrace"].clone()
}

#[test]
fn the_log_has_the_backtrace_of_a_panic_if_rust_backtrace_is_set() {
    let with = backtrace(&[("RUST_BACKTRACE", "1")]);
    assert!(with.as_str().is_some_and(|text| text.contains("infer")), "{with}");
    assert_eq!(backtrace(&[("RUST_BACKTRACE", "0")]), Value::Null);
}

#[test]
fn emit_without_declared_streaming_is_a_warning_once() {
    let process = Process::ready(FAULTY, &[]);
    for _ in 0..3 {
        assert_serves(&process);
        assert_eq!(process.infer(&command(json!({"emit": "nobody reads it"}))).values(), ["ok"]);
    }
    process.wait_for_log("`Item::emit` has no effect");
    process.signal(Signal::Terminate);
    assert_eq!(process.wait(), Some(0));
    let log = process.whole_log();
    let warnings: Vec<_> =
        log.iter().filter(|line| line["message"].as_str().is_some_and(|text| text.contains("Item::emit"))).collect();
    assert_eq!(warnings.len(), 1, "{log:#?}");
    assert_eq!((&warnings[0]["level"], &warnings[0]["model"]), (&json!("WARN"), &json!("faulty")));
}

#[test]
fn a_wrong_number_of_outputs_is_a_failure() {
    let process = faulty();
    let mut messages = Messages::new();
    for outputs in [0, 3] {
        let failure = process.infer(&command(json!({"outputs": outputs})));
        let logged = assert_logged(&process, &id_of(&failure), &["infer", &outputs.to_string()]);
        messages.add(format!("{outputs} outputs"), logged);
    }
    insta::assert_snapshot!("wrong_count", messages);
    assert_serves(&process);
}

#[test]
fn a_rejection_by_the_author_is_sent_with_the_name_of_the_input() {
    let rejected = faulty().infer(&command(json!({"reject": "expected a longer text, got 'a'"})));
    assert_eq!(rejected.error(400), "input 'text': expected a longer text, got 'a'");
}

#[test]
fn an_invalid_parameter_is_named_with_its_input() {
    let process = faulty();
    let mut messages = Messages::new();
    for (parameters, location, names) in [
        (json!({"sleep_ms": "long"}), "input 'text': parameters.sleep_ms: ", &[][..]),
        (json!({"sleep_ms": -1}), "input 'text': parameters.sleep_ms: ", &[]),
        (json!({"panic": 5}), "input 'text': parameters.panic: ", &[]),
        (json!({"sleep": 5}), "input 'text': parameters", &["'sleep'", "sleep_ms", "await_ms"]),
        (json!("sleep"), "input 'text': parameters: ", &[]),
    ] {
        let text = process.infer(&command(parameters.clone())).error(400);
        assert!(text.starts_with(location) && names.iter().all(|name| text.contains(name)), "{text}");
        messages.add(parameters, text);
    }
    insta::assert_snapshot!("parameters", messages);
}

#[test]
fn one_error_names_every_rejected_input() {
    let input = |name: &str, parameters: Value| json!({"name": name, "data": ["a"], "parameters": parameters});
    let inputs = [input("good", json!({})), input("bad", json!({"sleep_ms": true})), input("worse", json!({"zz": 1}))];
    let text = faulty().infer(&json!({"inputs": inputs})).error(400);
    assert!(text.contains("input 'bad'") && text.contains("input 'worse'") && !text.contains("good"), "{text}");
}

#[test]
fn the_base_id_header_of_the_platform_is_accepted() {
    let process = faulty();
    let answer = process.infer_with(("Chariot-Inference-Base-ID", "2ABCdefGHIjklMNOpqrSTUvwxYZ"), &command(json!({})));
    assert_eq!(answer.values(), ["ok"]);
    assert_eq!(answer.header("x-request-id"), None);
}

#[test]
fn a_lost_device_ends_the_process_with_exit_code_74() {
    let process = Process::ready(FAULTY, &[]);
    let mut messages = Messages::new();
    messages.add("out of memory", process.infer(&command(json!({"device": "out_of_memory"}))).error(503));
    assert_serves(&process);
    messages.add("lost", process.infer(&command(json!({"device": "lost"}))).error(503));
    assert_eq!(process.wait(), Some(74));
    let of_the_model = |line: &Value| line["level"] == "ERROR" && line["model"] == "faulty";
    messages.add("lost, log", message(&process.wait_for_line("the lost device", of_the_model)));
    insta::assert_snapshot!("device", messages);
}
