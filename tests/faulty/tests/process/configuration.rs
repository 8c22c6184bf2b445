//! What an operator sets, and gets wrong.

use std::net::TcpListener;

use e2e::Process;
use serde_json::{Value, json};

use super::{FAULTY, assert_serves};

/// The log of a process that ends by itself with this code.
#[track_caller]
fn log_of_end(env: &[(&str, &str)], code: i32) -> Vec<Value> {
    log_of_end_of(&[], env, code)
}

#[track_caller]
fn log_of_end_of(arguments: &[&str], env: &[(&str, &str)], code: i32) -> Vec<Value> {
    let process = Process::start_with(FAULTY, arguments, env);
    assert_eq!(process.wait(), Some(code), "{:#?}", process.all_lines());
    process.whole_log()
}

/// The messages of a level.
fn messages<'a>(log: &'a [Value], level: &str) -> Vec<&'a str> {
    log.iter().filter(|line| line["level"] == level).filter_map(|line| line["message"].as_str()).collect()
}

/// A process that is told to fail its load: it ends by itself, after it has told of its configuration.
const ENDS: (&str, &str) = ("FAULTY_LOAD", "fail:as told");

#[test]
fn all_faults_are_told_on_one_line_and_the_process_ends_as_misconfigured() {
    let faults = [
        ("CHARIOT_ENGINE_PORT", "many"),
        ("CHARIOT_ENGINE_WORKERS", "0"),
        ("CHARIOT_ENGINE_DRAIN_DELAY", "soon"),
        ("CHARIOT_ENGINE_QUEUE_SIZE", "7"),
    ];
    for arguments in [&[][..], &["serve"]] {
        let log = log_of_end_of(arguments, &faults, 78);
        let [line] = &messages(&log, "ERROR")[..] else { panic!("expected one line: {log:#?}") };
        for (name, value) in &faults[..3] {
            assert!(line.contains(name) && line.contains(&format!("'{value}'")), "{line}");
        }
        assert!(!line.contains("QUEUE_SIZE"), "{line}");
    }
}

#[test]
fn other_faults_of_configuration_say_what_to_change() {
    for (name, value, expected) in [
        ("CHARIOT_ENGINE_DEVICE", "cuda", "the device cuda:0 was asked for and cannot be opened"),
        ("CHARIOT_ENGINE_BASE_URL", "/m-{model_id}", "CHARIOT_MODEL_ID is not set"),
        ("CHARIOT_ENGINE_MODEL_NAME", "a/b", "CHARIOT_ENGINE_MODEL_NAME"),
        ("CHARIOT_ENGINE_OUTPUT_LAYOUT", "objects", "CHARIOT_ENGINE_OUTPUT_LAYOUT"),
        ("CHARIOT_INFERENCE_PROTOCOL", "chariot-v9", "got 'chariot-v9'"),
    ] {
        let log = log_of_end(&[(name, value)], 78);
        let [line] = &messages(&log, "ERROR")[..] else { panic!("expected one line: {log:#?}") };
        assert!(line.contains(expected), "{line}");
    }
}

#[test]
fn a_port_in_use_is_named_after_what_may_be_the_reason() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = holder.local_addr().expect("an address");
    let port = address.port().to_string();
    let log = log_of_end(&[("CHARIOT_ENGINE_PORT", &port), ("CHARIOT_ENGINE_PROT", "9000")], 1);
    let [line] = &messages(&log, "ERROR")[..] else { panic!("expected one line: {log:#?}") };
    assert!(line.contains(&format!("cannot listen on {address}")), "{line}");
    assert_eq!(messages(&log, "WARN").len(), 1, "{log:#?}");
}

#[test]
fn flags_of_serve_override_the_environment() {
    let env = [("CHARIOT_ENGINE_HOST", "127.0.0.99"), ("CHARIOT_ENGINE_BASE_URL", "/environment")];
    let flags = ["--port", "0", "--host", "localhost", "--base-url", "/flag", "--device", "cpu"];
    for arguments in [[&["serve"], &flags[..]].concat(), flags.to_vec()] {
        let process = Process::start_with(FAULTY, &arguments, &env);
        process.wait_until_ready();
        assert_eq!(process.address().ip().to_string(), "127.0.0.1");
        assert_eq!(process.get("/flag/ready").status, 200);
        assert_eq!(process.get("/environment/ready").status, 404);
        let line = process.wait_for_log("model ready");
        assert_eq!(line["url"], format!("http://{}/flag/infer", process.address()));
    }
}

#[test]
fn a_fault_of_a_flag_names_the_flag() {
    for (flag, value) in [("--port", "many"), ("--host", "nowhere!"), ("--base-url", "/{x}"), ("--device", "tpu")] {
        let log = log_of_end_of(&["serve", flag, value], &[], 78);
        let [line] = &messages(&log, "ERROR")[..] else { panic!("expected one line: {log:#?}") };
        assert!(line.contains(&format!("{flag}: ")) && line.contains(&format!("'{value}'")), "{line}");
    }
}

#[test]
fn the_log_has_the_words_that_operators_search_for() {
    let process = Process::ready(FAULTY, &[("CHARIOT_ENGINE_DRAIN_DELAY", "100ms")]);
    process.signal(e2e::Signal::Terminate);
    assert_eq!(process.wait(), Some(0));
    let log = process.whole_log();
    let messages = messages(&log, "INFO");
    let listening = format!("listening on http://{}", process.address());
    let expected = [
        "starting engine",
        &listening,
        "loading model",
        "model ready",
        "received SIGTERM, draining for 100ms",
        "shutdown complete",
    ];
    assert_eq!(messages, expected, "{log:#?}");
    assert_eq!((&log[0]["name"], &log[0]["version"]), (&json!("faulty"), &json!(env!("CARGO_PKG_VERSION"))));
}

#[test]
fn a_variable_that_is_no_setting_is_warned_of_with_the_nearest() {
    let log = log_of_end(&[ENDS, ("CHARIOT_ENGINE_PROT", "9000"), ("CHARIOT_ENGINE_SERVICE_HOST", "10.0.0.7")], 1);
    let warnings = messages(&log, "WARN");
    assert_eq!(warnings, ["CHARIOT_ENGINE_PROT is not a setting; CHARIOT_ENGINE_PORT is the nearest"]);
}

#[test]
fn a_service_link_in_place_of_the_port_is_ignored() {
    // An address that nobody else uses, as the port is then the default one. Whether or not it can be opened, the log
    // names it.
    let env = [ENDS, ("CHARIOT_ENGINE_PORT", "tcp://10.0.0.7:8080"), ("CHARIOT_ENGINE_HOST", "127.0.0.77")];
    let log = log_of_end(&env, 1);
    assert!(log.iter().any(|line| line.to_string().contains("127.0.0.77:8080")), "{log:#?}");
    let warnings = messages(&log, "WARN");
    let [line] = &warnings[..] else { panic!("one warning is expected: {log:#?}") };
    assert!(line.contains("CHARIOT_ENGINE_PORT is ignored") && line.contains("tcp://10.0.0.7:8080"), "{line}");
}

#[test]
fn values_are_read_as_people_write_them() {
    let process = Process::ready(
        FAULTY,
        &[
            ("CHARIOT_ENGINE_WORKERS", " 3 "),
            ("CHARIOT_ENGINE_QUEUE_SIZE", ""),
            ("CHARIOT_ENGINE_MODEL_NAME", "named"),
            ("CHARIOT_INFERENCE_PROTOCOL", "chariot-v2-kserve"),
        ],
    );
    let line = process.wait_for_log("loading model");
    assert_eq!((&line["workers"], &line["model"]), (&json!(3), &json!("named")));
    assert_eq!(process.get("/v2/models/named").ok()["name"], "named");
    assert_serves(&process);
}

#[test]
fn the_log_level_is_read_from_the_plain_name_too() {
    let warning = ("CHARIOT_ENGINE_PROT", "9000");
    let levels = |env: &[(&str, &str)]| {
        let log = log_of_end(env, 1);
        ["INFO", "WARN", "ERROR"].map(|level| !messages(&log, level).is_empty())
    };
    assert_eq!(levels(&[ENDS, warning]), [true, true, true]);
    assert_eq!(levels(&[ENDS, warning, ("LOG_LEVEL", "WARNING")]), [false, true, true]);
    assert_eq!(levels(&[ENDS, warning, ("CHARIOT_ENGINE_LOG_LEVEL", "error")]), [false, false, true]);
    let both = [("LOG_LEVEL", "CRITICAL"), ("CHARIOT_ENGINE_LOG_LEVEL", "info")];
    assert_eq!(levels(&[ENDS, warning, both[0], both[1]]), [true, true, true]);
}

#[test]
fn every_line_of_the_log_is_one_event_in_both_formats() {
    let load = ("FAULTY_LOAD", "panic:the first\nand the second");
    let process = Process::start(FAULTY, &[load, ("CHARIOT_ENGINE_LOG_FORMAT", "json")]);
    assert_eq!(process.wait(), Some(1));
    for line in process.whole_log() {
        assert!(line["timestamp"].is_string() && line["level"].is_string() && line["message"].is_string(), "{line}");
    }

    let process = Process::start(FAULTY, &[load, ("CHARIOT_ENGINE_LOG_FORMAT", "human")]);
    assert_eq!(process.wait(), Some(1));
    let lines = process.all_lines();
    assert!(lines.iter().any(|line| line.contains("`load` panicked: the first")), "{lines:#?}");
    for line in lines {
        let mut words = line.split_whitespace();
        assert!(words.next().is_some_and(|time| time.starts_with("20") && time.ends_with('Z')), "{line}");
        assert!(words.next().is_some_and(|level| ["INFO", "WARN", "ERROR"].contains(&level)), "{line}");
        assert!(!line.contains('\u{1b}'), "no colours but on a terminal: {line}");
    }
}
