//! The settings of an operator, valid and invalid.

use std::net::TcpListener;

use e2e::{Messages, Process};
use serde_json::{Value, json};

use super::{FAULTY, assert_serves};

/// Runs a process that exits on its own with this code, and returns its log.
#[track_caller]
fn log_of(env: &[(&str, &str)], code: i32) -> Vec<Value> {
    log_of_command(&[], env, code)
}

#[track_caller]
fn log_of_command(arguments: &[&str], env: &[(&str, &str)], code: i32) -> Vec<Value> {
    let process = Process::start_with(FAULTY, arguments, env);
    assert_eq!(process.wait(), Some(code), "{:#?}", process.all_lines());
    process.whole_log()
}

/// Returns the messages of a level.
fn messages<'a>(log: &'a [Value], level: &str) -> Vec<&'a str> {
    log.iter().filter(|line| line["level"] == level).filter_map(|line| line["message"].as_str()).collect()
}

/// Returns the only message of a level.
#[track_caller]
fn only_message<'a>(log: &'a [Value], level: &str) -> &'a str {
    match messages(log, level)[..] {
        [message] => message,
        _ => panic!("expected one line of level {level}, got {log:#?}"),
    }
}

/// Makes the load fail: the process exits on its own, after it has logged its configuration.
const FAILS: (&str, &str) = ("FAULTY_LOAD", "fail:on command");

#[test]
fn all_faults_are_on_one_line_and_the_exit_code_is_78() {
    let faults = [
        ("CHARIOT_ENGINE_PORT", "many"),
        ("CHARIOT_ENGINE_WORKERS", "0"),
        ("CHARIOT_ENGINE_DRAIN_DELAY", "soon"),
        ("CHARIOT_ENGINE_QUEUE_SIZE", "7"),
    ];
    for arguments in [&[][..], &["serve"]] {
        let log = log_of_command(arguments, &faults, 78);
        let line = only_message(&log, "ERROR");
        for (name, value) in &faults[..3] {
            assert!(line.contains(name) && line.contains(&format!("'{value}'")), "{line}");
        }
        assert!(!line.contains("QUEUE_SIZE"), "{line}");
        insta::assert_snapshot!("several_faults", line);
    }
}

#[test]
fn every_fault_names_what_to_change() {
    let mut all = Messages::new();
    for (name, value, expected) in [
        ("CHARIOT_ENGINE_DEVICE", "cuda", "cuda:0"),
        ("CHARIOT_ENGINE_BASE_URL", "/m-{model_id}", "CHARIOT_MODEL_ID"),
        ("CHARIOT_ENGINE_MODEL_NAME", "a/b", "CHARIOT_ENGINE_MODEL_NAME"),
        ("CHARIOT_ENGINE_MODEL_NAME", "..", "CHARIOT_ENGINE_MODEL_NAME"),
        ("CHARIOT_ENGINE_OUTPUT_LAYOUT", "objects", "CHARIOT_ENGINE_OUTPUT_LAYOUT"),
        ("CHARIOT_INFERENCE_PROTOCOL", "chariot-v9", "'chariot-v9'"),
    ] {
        let log = log_of(&[(name, value)], 78);
        let line = only_message(&log, "ERROR");
        assert!(line.contains(expected), "{line}");
        all.add(format!("{name}={value}"), line);
    }
    insta::assert_snapshot!("faults", all);
}

#[test]
fn a_port_in_use_is_named_after_the_warnings() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = holder.local_addr().expect("an address");
    let port = address.port().to_string();
    let log = log_of(&[("CHARIOT_ENGINE_PORT", &port), ("CHARIOT_ENGINE_PROT", "9000")], 1);
    let line = only_message(&log, "ERROR");
    assert!(line.contains(&address.to_string()), "{line}");
    insta::assert_snapshot!("port_in_use", line.replace(&port, "PORT"));
    only_message(&log, "WARN");
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
        let log = log_of_command(&["serve", flag, value], &[], 78);
        let line = only_message(&log, "ERROR");
        assert!(line.contains(&format!("{flag}: ")) && line.contains(&format!("'{value}'")), "{line}");
    }
}

#[test]
fn the_log_has_the_words_that_operators_search_for() {
    let process = Process::ready(FAULTY, &[("CHARIOT_ENGINE_DRAIN_DELAY", "100ms"), ("CHARIOT_ENGINE_PAGE", "false")]);
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
fn an_unknown_variable_is_warned_of_with_the_nearest_setting() {
    let log = log_of(&[FAILS, ("CHARIOT_ENGINE_PROT", "9000"), ("CHARIOT_ENGINE_SERVICE_HOST", "10.0.0.7")], 1);
    let warning = only_message(&log, "WARN");
    assert!(warning.contains("CHARIOT_ENGINE_PROT") && warning.contains("CHARIOT_ENGINE_PORT"), "{warning}");
    insta::assert_snapshot!("unknown_variable", warning);
}

#[test]
fn a_service_link_in_place_of_the_port_is_ignored() {
    // An address of this test alone, because the port is then the default. The log names the address even if it cannot
    // be opened.
    let env = [FAILS, ("CHARIOT_ENGINE_PORT", "tcp://10.0.0.7:8080"), ("CHARIOT_ENGINE_HOST", "127.0.0.77")];
    let log = log_of(&env, 1);
    assert!(log.iter().any(|line| line.to_string().contains("127.0.0.77:8080")), "{log:#?}");
    let warning = only_message(&log, "WARN");
    assert!(warning.contains("CHARIOT_ENGINE_PORT") && warning.contains("tcp://10.0.0.7:8080"), "{warning}");
    insta::assert_snapshot!("service_link", warning);
}

#[test]
fn values_can_have_blanks_and_be_empty() {
    let process = Process::ready(
        FAULTY,
        &[
            ("CHARIOT_ENGINE_WORKERS", " 3 "),
            ("CHARIOT_ENGINE_QUEUE_SIZE", ""),
            ("CHARIOT_ENGINE_MODEL_NAME", "named"),
            ("CHARIOT_INFERENCE_PROTOCOL", "chariot-v2-kserve"),
        ],
    );
    let line = process.wait_for_line("the workers of the model", |line| line["workers"].is_number());
    assert_eq!((&line["workers"], &line["model"]), (&json!(3), &json!("named")));
    assert_eq!(process.get("/v2/models/named").ok()["name"], "named");
    assert_serves(&process);
}

#[test]
fn the_log_level_is_also_read_from_log_level() {
    let warning = ("CHARIOT_ENGINE_PROT", "9000");
    let levels = |env: &[(&str, &str)]| {
        let log = log_of(env, 1);
        ["INFO", "WARN", "ERROR"].map(|level| !messages(&log, level).is_empty())
    };
    assert_eq!(levels(&[FAILS, warning]), [true, true, true]);
    assert_eq!(levels(&[FAILS, warning, ("LOG_LEVEL", "WARNING")]), [false, true, true]);
    assert_eq!(levels(&[FAILS, warning, ("CHARIOT_ENGINE_LOG_LEVEL", "error")]), [false, false, true]);
    assert_eq!(levels(&[FAILS, warning, ("LOG_LEVEL", "info,chariot_engine=error")]), [false, false, true]);
    let both = [("LOG_LEVEL", "CRITICAL"), ("CHARIOT_ENGINE_LOG_LEVEL", "info")];
    assert_eq!(levels(&[FAILS, warning, both[0], both[1]]), [true, true, true]);
}

#[test]
fn an_event_is_one_line_and_further_lines_are_indented() {
    let load = ("FAULTY_LOAD", "panic:the first\nand the second");
    let process = Process::start(FAULTY, &[load, ("CHARIOT_ENGINE_LOG_FORMAT", "json")]);
    assert_eq!(process.wait(), Some(1));
    for line in process.whole_log() {
        assert!(line["timestamp"].is_string() && line["level"].is_string() && line["message"].is_string(), "{line}");
    }

    let process = Process::start(FAULTY, &[load, ("CHARIOT_ENGINE_LOG_FORMAT", "human")]);
    assert_eq!(process.wait(), Some(1));
    let lines = process.all_lines();
    assert!(lines.iter().any(|line| line.contains("load") && line.contains("the first")), "{lines:#?}");
    let first_lines = lines.iter().filter(|line| !line.starts_with("    "));
    for line in first_lines {
        let mut words = line.split_whitespace();
        assert!(words.next().is_some_and(|time| time.starts_with("20") && time.ends_with('Z')), "{line}");
        assert!(words.next().is_some_and(|level| ["INFO", "WARN", "ERROR"].contains(&level)), "{line}");
        assert!(!line.contains('\u{1b}'), "colors only on a terminal: {line}");
    }
}
