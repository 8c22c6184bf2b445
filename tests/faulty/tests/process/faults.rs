//! Faults of the engine, which its log tells and its callers do not read, and faults of the caller, which the caller
//! reads.

use std::sync::Arc;

use e2e::{Answer, Process, Shared, Signal};
use serde_json::{Value, json};

use super::{FAULTY, assert_serves, command};

/// The engine that the tests of this file share. Each test goes by texts and ids of its own.
fn faulty() -> Arc<Process> {
    static PROCESS: Shared = Shared::new();
    PROCESS.get(|| Process::ready(FAULTY, &[("CHARIOT_ENGINE_WORKERS", "2")]))
}

/// The id that the text of a failure gives.
#[track_caller]
fn id_of(failure: &Answer) -> String {
    let text = failure.error(500);
    let id = text.strip_prefix("the model failed (request ").and_then(|text| text.strip_suffix(")"));
    id.unwrap_or_else(|| panic!("the text of a failure is expected, '{text}' came")).to_string()
}

/// Asserts that the log tells of a failure of the request `id`, by all of `texts`.
#[track_caller]
fn assert_logged(process: &Process, id: &str, texts: &[&str]) {
    let line = process.wait_for_line(&format!("the request {id}"), |line| line["request"] == id);
    let message = line["message"].as_str().unwrap_or_default();
    assert!(texts.iter().all(|text| message.contains(text)), "{line}");
    assert_eq!((&line["level"], &line["model"]), (&json!("ERROR"), &json!("faulty")));
}

#[test]
fn an_authors_error_is_in_the_log_and_not_in_the_answer() {
    let process = faulty();
    let failure = process.infer(&command(json!({"error": "disk 7 is broken"})));
    assert!(!failure.text.contains("disk"), "{failure:?}");
    assert_logged(&process, &id_of(&failure), &["disk 7 is broken"]);
}

#[test]
fn a_failure_has_the_id_of_its_request() {
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
fn a_panic_is_a_failure_of_its_request_and_the_engine_lives() {
    let process = faulty();
    // More often than there are workers: each of them outlives a panic.
    for _ in 0..5 {
        let failure = process.infer(&command(json!({"panic": "the author gave up"})));
        assert!(!failure.text.contains("gave up"), "{failure:?}");
        assert_logged(&process, &id_of(&failure), &["`infer` panicked: the author gave up"]);
    }
    assert_serves(&process);
    assert_eq!(process.get("/ready").status, 200);
}

/// The stack backtrace that the log has of the first panic of a process.
fn backtrace(env: &[(&str, &str)]) -> Value {
    let process = Process::ready(FAULTY, env);
    assert_eq!(process.infer(&command(json!({"panic": "with a stack"}))).status, 500);
    let line = process.wait_for_line("the panic", |line| line.get("place").is_some());
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
fn a_wrong_number_of_outputs_is_a_failure_that_the_log_lays_to_the_engine() {
    let process = faulty();
    for outputs in [0, 3] {
        let failure = process.infer(&command(json!({"outputs": outputs})));
        let counts = format!("`infer` returned {outputs} outputs for a batch of 1 items");
        assert_logged(&process, &id_of(&failure), &[&counts, "one per item"]);
    }
    assert_serves(&process);
}

#[test]
fn what_an_author_refuses_is_told_to_the_caller_with_the_inputs_name() {
    let refused = faulty().infer(&command(json!({"reject": "a longer text is expected, 'a' came"})));
    assert_eq!(refused.error(400), "input 'text': a longer text is expected, 'a' came");
}

#[test]
fn a_fault_of_a_parameter_names_input_and_parameter() {
    let process = faulty();
    for (parameters, texts) in [
        (json!({"sleep_ms": "long"}), &["input 'text'", "parameters.sleep_ms", "integer", "string"][..]),
        (json!({"sleep_ms": -1}), &["input 'text'", "parameters.sleep_ms", "an integer from 0"]),
        (json!({"panic": 5}), &["input 'text'", "parameters.panic", "string"]),
        (json!({"sleep": 5}), &["input 'text'", "sleep", "sleep_ms", "await_ms"]),
        (json!("sleep"), &["input 'text'", "parameters", "an object"]),
    ] {
        let text = process.infer(&command(parameters)).error(400);
        assert!(texts.iter().all(|part| text.contains(part)), "{text}");
    }
}

#[test]
fn one_refusal_names_every_input_that_is_refused() {
    let input = |name: &str, parameters: Value| json!({"name": name, "data": ["a"], "parameters": parameters});
    let inputs = [input("good", json!({})), input("bad", json!({"sleep_ms": true})), input("worse", json!({"zz": 1}))];
    let text = faulty().infer(&json!({"inputs": inputs})).error(400);
    assert!(text.contains("input 'bad'") && text.contains("input 'worse'") && !text.contains("good"), "{text}");
}

#[test]
fn the_ids_of_the_platform_do_no_harm() {
    let process = faulty();
    let answer = process.infer_with(("Chariot-Inference-Base-ID", "2ABCdefGHIjklMNOpqrSTUvwxYZ"), &command(json!({})));
    assert_eq!(answer.values(), ["ok"]);
    assert_eq!(answer.header("x-request-id"), None);
}

#[test]
fn a_device_that_is_lost_ends_the_process_with_a_code_of_its_own() {
    let process = Process::ready(FAULTY, &[]);
    assert_eq!(
        process.infer(&command(json!({"device": "out_of_memory"}))).error(503),
        "the device has no memory left for this call"
    );
    assert_serves(&process);
    assert_eq!(process.infer(&command(json!({"device": "lost"}))).error(503), "the device is lost");
    assert_eq!(process.wait(), Some(74));
    process.wait_for_log("device lost");
}
