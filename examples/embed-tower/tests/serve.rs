//! The service as a real process: who is let in, who is refused and how, and what it says without a token.

use e2e::{Answer, Connection, Process, Signal, until};
use serde_json::json;

const EXE: &str = env!("CARGO_BIN_EXE_embed-tower");

/// Sends a request with these headers on a connection of its own.
fn ask(process: &Process, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let length = body.len();
    let mut connection = process.connect();
    connection
        .write(format!("{method} {path} HTTP/1.1\r\nHost: engine\r\n{headers}Content-Length: {length}\r\n\r\n{body}"))
        .unwrap();
    connection.answer().unwrap()
}

#[test]
fn only_who_has_the_token_reaches_the_engine() {
    // Whoever embeds an engine decides what it reads: the port would be a fault.
    let env = [("SERVICE_TOKEN", "a secret"), ("CHARIOT_ENGINE_PORT", "many")];
    let process = Process::start_with(EXE, &["127.0.0.1:0"], &env);
    let body = json!({"inputs": [{"name": "a", "data": ["three short words"]}]}).to_string();
    until("the engine is ready", || (process.get("/healthz").status == 200).then_some(()));

    for scheme in ["Bearer", "bearer"] {
        let authorization = format!("Authorization: {scheme} a secret");
        assert_eq!(ask(&process, "POST", "/infer", &[&authorization], &body).values(), [3]);
    }
    let token = ["Authorization: Bearer a secret"];
    assert_eq!(ask(&process, "GET", "/v2/models/words", &token, "").ok()["name"], "words");
    assert!(ask(&process, "GET", "/nowhere", &token, "").error(404).starts_with("route not found"));

    let refused: [&[&str]; 7] = [
        &[],
        &["Authorization: Bearer another"],
        &["Authorization: Bearer a secre"],
        &["Authorization: Bearer a secret and more"],
        &["Authorization: Basic a secret"],
        &["Authorization: Bearer"],
        &["Authorization: \u{e9}"],
    ];
    for headers in refused {
        for (method, path) in [("POST", "/infer"), ("GET", "/ready"), ("GET", "/metrics"), ("GET", "/nowhere")] {
            let answer = ask(&process, method, path, headers, &body);
            let text = answer.error(401);
            assert!(text.contains("'Authorization: Bearer'") && !text.contains("secret"), "{headers:?}: {text}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }

    process.signal(Signal::Terminate);
    assert_eq!(process.wait(), Some(0));
    assert_eq!(process.all_lines().last().map(String::as_str), Some("stopped"));
    assert_eq!(process.all_errors(), [""; 0]);
}

#[test]
fn a_request_that_sigterm_interrupts_is_answered_after_the_port_has_closed() {
    let process = Process::start_with(EXE, &["127.0.0.1:0"], &[("SERVICE_TOKEN", "a secret")]);
    until("the engine is ready", || (process.get("/healthz").status == 200).then_some(()));
    let body = json!({"inputs": [{"name": "a", "data": ["three short words"]}]}).to_string();
    let mut busy = process.connect();
    assert_eq!(busy.post_head("/infer", &["Authorization: Bearer a secret"], body.len()).unwrap(), None);
    let refused = process.connect().post_head("/infer", &[], body.len()).unwrap();
    refused.expect("no body is asked of who has no token").error(401);

    process.signal(Signal::Terminate);
    until("the port is closed", || Connection::open(process.address()).is_err().then_some(()));
    busy.write(body).unwrap();
    assert_eq!(busy.answer().unwrap().values(), [3]);
    assert_eq!(process.wait(), Some(0));
}

#[test]
fn without_a_token_the_service_does_not_start() {
    for env in [&[][..], &[("SERVICE_TOKEN", "")]] {
        let process = Process::start_with(EXE, &["127.0.0.1:0"], env);
        assert_eq!(process.wait(), Some(1));
        assert!(process.all_errors().concat().contains("SERVICE_TOKEN"));
    }
}
