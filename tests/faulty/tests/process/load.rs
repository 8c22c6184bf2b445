//! A model that loads slowly, fails to load, or panics while it loads.

use e2e::{Messages, Process, until};
use serde_json::{Value, json};

use super::{FAULTY, FOREVER_MS, assert_serves, command, message, retry_after};

/// Asserts that a process with this failing load exits with code 1 and one line for the model with all of `texts`, and
/// returns its message.
#[track_caller]
fn failed_load(load: &str, texts: &[&str]) -> String {
    let process = Process::start(FAULTY, &[("FAULTY_LOAD", load)]);
    assert_eq!(process.wait(), Some(1));
    let log = process.whole_log();
    let of_the_model = |line: &&Value| {
        let is_cause = texts.iter().all(|text| message(line).contains(text));
        line["level"] == "ERROR" && line["model"] == "faulty" && is_cause
    };
    let lines: Vec<&Value> = log.iter().filter(of_the_model).collect();
    assert_eq!(lines.len(), 1, "{log:#?}");
    assert_eq!(process.all_errors(), [""; 0], "the log is on standard output");
    message(lines[0]).to_string()
}

#[test]
fn a_failed_load_ends_the_process_and_its_cause_is_logged() {
    let mut messages = Messages::new();
    for (load, texts) in [
        ("fail:no weights today", &["loading on command: no weights today"][..]),
        ("panic:out of luck", &["load", "out of luck"]),
        // Several lines become one.
        ("fail:the first\nand the second", &["loading on command: the first", "and the second"]),
        ("panic:the first\nand the second", &["load", "the first", "and the second"]),
    ] {
        messages.add(load, failed_load(load, texts));
    }
    insta::assert_snapshot!("failed_load", messages);
}

#[test]
fn a_loading_engine_is_live_and_not_ready() {
    let process = Process::start(FAULTY, &[("FAULTY_LOAD", &format!("slow:{FOREVER_MS}"))]);
    assert_eq!(process.get("/v2/health/live").ok(), json!({"live": true}));
    let rejected = process.infer(&command(json!({})));
    let error = rejected.error(503);
    assert!(retry_after(&rejected) >= 1);
    insta::assert_snapshot!("loading", error);
    for route in ["/ready", "/v2/models/faulty/ready"] {
        let ready = process.get(route);
        assert_eq!(ready.status, 503);
        let expected = json!({"name": "faulty", "status": "starting", "ready": false, "error": error});
        assert_eq!(ready.json(), expected, "{route}");
    }
    let ready = process.get("/v2/health/ready");
    assert_eq!(ready.status, 503);
    assert_eq!(ready.json(), json!({"ready": false, "live": true, "error": error}));
}

#[test]
fn a_loaded_engine_is_ready() {
    let process = Process::start(FAULTY, &[("FAULTY_LOAD", "slow:500")]);
    let ready = until("the engine is ready", || Some(process.get("/ready")).filter(|ready| ready.status == 200));
    assert_eq!(ready.json(), json!({"name": "faulty", "status": "ready", "ready": true}));
    assert_eq!(process.get("/v2/health/ready").ok(), json!({"ready": true, "live": true}));
    assert_serves(&process);
}
