//! The log of requests: a line for each, or for those with an error only.

use std::{io::pipe, net::SocketAddr};

use e2e::{Process, Signal, until};
use serde_json::{Value, json};

use super::{FAULTY, assert_serves, command};

/// A text of a request that must not appear in the log.
const PAYLOAD: &str = "PayloadOfACaller";

/// Starts an engine with this log of requests.
fn logging(log: &str) -> Process {
    Process::ready(FAULTY, &[("CHARIOT_ENGINE_REQUEST_LOG", log)])
}

/// Ends a process, and returns the lines of its log that are about requests.
fn lines_of(process: &Process) -> Vec<Value> {
    process.signal(Signal::Interrupt);
    assert_eq!(process.wait(), Some(0));
    let text = process.all_lines().join("\n");
    assert!(!text.contains(PAYLOAD), "{text}");
    process.whole_log().into_iter().filter(|line| line["message"] == "request").collect()
}

/// A request with a payload.
fn request(parameters: Value) -> Value {
    json!({"inputs": [{"name": "text", "data": [PAYLOAD], "parameters": parameters}]})
}

/// Sends requests that are served, and some that are not.
fn ask_all(process: &Process) {
    process.get("/ready");
    process.get("/v2");
    process.infer_with(("X-Request-ID", "served"), &request(json!({}))).ok();
    process.infer_with(("X-Request-ID", "failed"), &request(json!({"error": "on command"}))).error(500);
    process.infer_with(("X-Request-ID", "rejected"), &json!({"inputs": []})).error(400);
    process.infer_with(("Content-Encoding", "br"), &request(json!({}))).error(415);
    process.get("/nowhere").error(404);
    process.get("/infer").error(405);
}

/// The lines by status.
fn statuses(lines: &[Value]) -> Vec<u64> {
    lines.iter().filter_map(|line| line["status"].as_u64()).collect()
}

#[test]
fn errors_are_logged_with_their_reason() {
    let process = Process::ready(FAULTY, &[]);
    ask_all(&process);
    let lines = lines_of(&process);
    assert_eq!(statuses(&lines), [500, 400, 415, 404, 405], "{lines:#?}");
    let [failed, rejected, coding, nowhere, method] = &lines[..] else { unreachable!() };
    for (line, id) in [(failed, "failed"), (rejected, "rejected")] {
        assert_eq!((&line["request"], &line["route"], &line["model"]), (&json!(id), &json!("infer"), &json!("faulty")));
        assert_eq!(line["level"], "INFO");
        assert!(line["total_ms"].as_f64() > Some(0.0) && line["bytes_in"].as_u64() > Some(0), "{line}");
    }
    assert_eq!(rejected["reason"], "inputs: expected at least one input, got none");
    assert!(failed["infer_ms"].as_f64() > Some(0.0) && failed["items"] == 1, "{failed}");
    assert!(coding["reason"].as_str().unwrap().starts_with("Content-Encoding: "), "{coding}");
    assert_eq!((&nowhere["path"], &nowhere["method"]), (&json!("'/nowhere'"), &json!("'GET'")));
    assert_eq!(method["path"], "'/infer'");
}

#[test]
fn all_requests_are_logged_with_times_and_sizes() {
    let process = logging("all");
    ask_all(&process);
    let lines = lines_of(&process);
    assert_eq!(statuses(&lines), [200, 500, 400, 415, 404, 405], "{lines:#?}");
    let served = &lines[0];
    assert_eq!((&served["request"], &served["items"], &served["batch"]), (&json!("served"), &json!(1), &json!(1)));
    for time in ["read_ms", "decode_ms", "queue_ms", "infer_ms", "encode_ms", "total_ms"] {
        assert!(served[time].as_f64() > Some(0.0), "{time}: {served}");
    }
    assert_eq!(served["bytes_in"], request(json!({})).to_string().len());
    assert!(served["bytes_out"].as_u64() > Some(0) && served.get("reason").is_none(), "{served}");
    let peer: SocketAddr = served["peer"].as_str().unwrap().parse().unwrap();
    assert!(peer.ip().is_loopback());
}

#[test]
fn no_request_is_logged_if_it_is_off() {
    let process = logging("off");
    ask_all(&process);
    assert_eq!(lines_of(&process), Vec::<Value>::new());
}

#[test]
fn callers_cannot_fill_the_log_of_errors() {
    let process = Process::ready(FAULTY, &[]);
    let mut connection = process.connect();
    for _ in 0..1000 {
        connection.post("/infer", "{").expect("a response").error(400);
    }
    process.signal(Signal::Interrupt);
    assert_eq!(process.wait(), Some(0));
    let log = process.whole_log();
    let lines = log.iter().filter(|line| line["message"] == "request").count() as u64;
    let left_out: u64 = log.iter().filter_map(|line| line["left_out"].as_u64()).sum();
    assert_eq!(lines + left_out, 1000);
    assert!(left_out > 0 && lines >= 10, "{lines} {left_out}");
}

#[test]
fn no_request_waits_for_a_log_that_nobody_reads() {
    let (reader, writer) = pipe().expect("a pipe");
    let output = [writer.try_clone().expect("a second end").into(), writer.into()];
    let env = [("CHARIOT_ENGINE_REQUEST_LOG", "all"), ("CHARIOT_ENGINE_LOG_FORMAT", "json")];
    let process = Process::start_unheard(FAULTY, &[], &env, output);
    until("the engine listens", || e2e::Connection::open(process.address()).is_ok().then_some(()));
    process.wait_until_ready();
    let mut connection = process.connect();
    let body = command(json!({})).to_string();
    // Many times what a pipe holds.
    for _ in 0..2000 {
        assert_eq!(connection.post("/infer", &body).expect("a response").values(), ["ok"]);
    }
    assert_serves(&process);
    drop(reader);
}

#[test]
fn the_lines_of_a_model_name_the_request() {
    let process = Process::ready(FAULTY, &[]);
    let logs = command(json!({"log": "from infer", "admit_log": "from admit"}));
    process.infer_with(("X-Request-ID", "one"), &logs).ok();
    let span = json!({"name": "inference", "model": "faulty", "request_id": "one"});
    for text in ["from admit", "from infer"] {
        assert_eq!(process.wait_for_log(text)["span"], span);
    }
    // An ID of the body is any text.
    let mut logs = command(json!({"log": "again"}));
    logs["id"] = json!("t\"wo\n\u{202e}");
    process.infer(&logs).ok();
    assert_eq!(process.wait_for_log("again")["span"]["request_id"], "t\"wo\n\u{202e}");
    let ready = process.wait_for_line("a line of no request", |line| line.get("load_ms").is_some());
    assert_eq!(ready.get("span"), None);
}

#[test]
fn the_lines_of_a_shared_call_name_its_requests() {
    let env =
        [("CHARIOT_ENGINE_MAX_BATCH", "2"), ("CHARIOT_ENGINE_BATCH_DELAY", "60s"), ("CHARIOT_ENGINE_WORKERS", "1")];
    let process = Process::ready(FAULTY, &env);
    let body = command(json!({"log": "shared"})).to_string();
    let (mut first, mut second) = (process.connect(), process.connect());
    // The call waits for a request whose head is admitted.
    for (connection, id) in [(&mut first, "X-Request-ID: one"), (&mut second, "X-Request-ID: two")] {
        assert_eq!(connection.post_head("/infer", &[id], body.len()).expect("a response"), None);
    }
    for connection in [&mut first, &mut second] {
        connection.write(&body).expect("the engine reads");
    }
    for connection in [&mut first, &mut second] {
        assert_eq!(connection.answer().expect("a response").status, 200);
    }
    let span = process.wait_for_log("shared")["span"].take();
    let mut requests: Vec<&str> = span["requests"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    requests.sort_unstable();
    assert_eq!((requests, span.get("request_id")), (vec!["one", "two"], None));
}

#[test]
fn the_log_for_people_names_the_request_too() {
    let process = Process::ready(FAULTY, &[("CHARIOT_ENGINE_LOG_FORMAT", "human")]);
    process.infer_with(("X-Request-ID", "one"), &command(json!({"log": "two\nlines"}))).ok();
    let line = process.wait_for_text("the first line", |line| line.contains(" two"));
    assert!(line.ends_with(r#"two inference{model="faulty" request_id="one"}"#), "{line}");
}
