//! A model that loads slowly, fails to load, or panics while it loads.

use e2e::{Process, until};
use serde_json::{Value, json};

use super::{FAULTY, FOREVER_MS, assert_serves, command, retry_after};

/// Asserts that a process whose load goes wrong so ends with the code 1 and one line that has all of `texts`.
#[track_caller]
fn ends_with(load: &str, texts: &[&str]) {
    let process = Process::start(FAULTY, &[("FAULTY_LOAD", load)]);
    assert_eq!(process.wait(), Some(1));
    let log = process.whole_log();
    let tells = |line: &&Value| {
        let message = line["message"].as_str().unwrap_or_default();
        line["level"] == "ERROR" && texts.iter().all(|text| message.contains(text))
    };
    assert_eq!(log.iter().filter(tells).count(), 1, "{log:#?}");
    assert_eq!(process.all_errors(), [""; 0], "everything is told on standard output");
}

#[test]
fn a_failed_load_ends_the_process_and_the_log_tells_why() {
    ends_with("fail:no weights today", &["model failed to load", "loading on command: no weights today"]);
}

#[test]
fn a_panic_in_load_ends_the_process_and_the_log_tells_why() {
    ends_with("panic:out of luck", &["model failed to load", "`load` panicked: out of luck"]);
}

#[test]
fn a_text_of_several_lines_stays_on_one() {
    ends_with("fail:the first\nand the second", &["loading on command: the first", "and the second"]);
    ends_with("panic:the first\nand the second", &["`load` panicked: the first", "and the second"]);
}

#[test]
fn while_it_loads_the_engine_lives_and_is_not_ready() {
    let process = Process::start(FAULTY, &[("FAULTY_LOAD", &format!("slow:{FOREVER_MS}"))]);
    assert_eq!(process.get("/v2/health/live").ok(), json!({"live": true}));
    for route in ["/ready", "/v2/models/faulty/ready"] {
        let ready = process.get(route);
        assert_eq!(ready.status, 503);
        let expected = json!({"name": "faulty", "status": "starting", "ready": false, "error": "the model is loading"});
        assert_eq!(ready.json(), expected, "{route}");
    }
    let ready = process.get("/v2/health/ready");
    assert_eq!(ready.status, 503);
    assert_eq!(ready.json(), json!({"ready": false, "live": true, "error": "the model is loading"}));
    let refused = process.infer(&command(json!({})));
    assert_eq!(refused.error(503), "the model is loading");
    assert!(retry_after(&refused) >= 1);
}

#[test]
fn once_it_has_loaded_the_engine_is_ready() {
    let process = Process::start(FAULTY, &[("FAULTY_LOAD", "slow:500")]);
    let ready = until("the engine is ready", || Some(process.get("/ready")).filter(|ready| ready.status == 200));
    assert_eq!(ready.json(), json!({"name": "faulty", "status": "ready", "ready": true}));
    assert_eq!(process.get("/v2/health/ready").ok(), json!({"ready": true, "live": true}));
    assert_serves(&process);
}
