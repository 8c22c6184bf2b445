//! Quick calls, which run on the threads that read their requests, and what happens around one that is not quick after all.

use std::fs;

use e2e::{Answer, Connection, Process, until};
use serde_json::{Value, json};

/// An engine of quick calls.
const QUICK: &str = env!("CARGO_BIN_EXE_quick");

/// More calls than it takes to find out that they are quick, on a machine that is busy.
const ENOUGH: usize = 10_000;

fn text(text: &str) -> String {
    json!({"inputs": [{"name": "text", "data": [text]}]}).to_string()
}

#[track_caller]
fn thread(answer: &Answer) -> String {
    match &answer.ok()["outputs"][0]["data"][0] {
        Value::String(name) => name.clone(),
        other => panic!("expected the name of a thread, got {other}"),
    }
}

/// Sends a quick request and returns the name of the thread that ran it.
fn ask(connection: &mut Connection) -> String {
    thread(&connection.post("/infer", &text("")).expect("a response"))
}

/// Sends quick requests until a call runs inline. Returns `false` if none does.
fn is_warm(connection: &mut Connection) -> bool {
    (0..ENOUGH).any(|_| ask(connection).starts_with("chariot-core-"))
}

/// Starts engines, and tries with each once a call has run inline, until one attempt succeeds. On a busy machine the system
/// can stop the thread of a quick call: that suspends inline calls for a minute, in this engine.
#[track_caller]
fn once_warm(
    what: &str,
    variables: &[(&str, &str)],
    mut attempt: impl FnMut(&Process, &mut Connection) -> bool,
) -> (Process, Connection) {
    until(what, || {
        let process = Process::ready(QUICK, variables);
        let mut connection = process.connect();
        (is_warm(&mut connection) && attempt(&process, &mut connection)).then_some((process, connection))
    })
}

#[test]
fn quick_calls_run_where_their_requests_are_read() {
    let process = Process::ready(QUICK, &[]);
    assert!(ask(&mut process.connect()).starts_with("chariot-worker-"), "the first call");
    once_warm("a quick call runs inline", &[], |_, _| true);

    let process = Process::ready(QUICK, &[("CHARIOT_ENGINE_INLINE", "false")]);
    let mut connection = process.connect();
    for _ in 0..100 {
        assert!(ask(&mut connection).starts_with("chariot-worker-"));
    }
}

#[test]
fn all_quick_calls_of_a_request_run_on_the_thread_that_read_it() {
    // More texts than one call takes, and few enough for the turn of a thread on a busy machine.
    let texts = json!({"inputs": [{"name": "text", "data": vec![""; 33]}]}).to_string();
    once_warm("all calls run inline", &[], |_, connection| {
        let answer = connection.post("/infer", &texts).expect("a response").ok();
        let names = answer["outputs"][0]["data"].as_array().expect("a list of names").clone();
        assert_eq!(names.len(), 33);
        names.iter().all(|name| name.as_str().is_some_and(|name| name.starts_with("chariot-core-")))
    });
}

#[test]
fn a_connection_that_begins_with_a_get_stays_away_from_calls() {
    let (process, _quick) = once_warm("a quick call runs inline", &[], |_, _| true);
    let mut connection = process.connect();
    connection.write("GET /ready HTTP/1.1\r\nhost: test\r\n\r\n").unwrap();
    assert_eq!(connection.answer().unwrap().status, 200);
    for _ in 0..100 {
        assert!(ask(&mut connection).starts_with("chariot-worker-"));
    }
}

#[test]
fn a_call_that_blocks_inline_holds_up_no_other_connection_and_is_the_last() {
    let folder = tempfile::tempdir().unwrap();
    let mut attempts = 0..;
    let (_process, mut connections, mut blocked) = until("a call blocks a core thread", || {
        let (process, mut blocked) = once_warm("a quick call runs inline", &[], |_, _| true);
        // More connections than cores, so that some share a thread with the call that blocks.
        let mut connections: Vec<Connection> = (0..16).map(|_| process.connect()).collect();
        if !connections.iter_mut().chain([&mut blocked]).all(is_warm) {
            return None;
        }
        let release = folder.path().join(attempts.next()?.to_string());
        assert!(blocked.post_admitted("/infer", &text(&format!("wait {}", release.display()))).unwrap().is_none());
        for connection in &mut connections {
            // Hangs on a thread that nobody relieves.
            connection.write("GET /ready HTTP/1.1\r\nhost: test\r\n\r\n").unwrap();
            assert_eq!(connection.answer().unwrap().status, 200);
            ask(connection);
        }
        fs::write(&release, "").unwrap();
        let is_inline = thread(&blocked.answer().unwrap()).starts_with("chariot-core-");
        is_inline.then_some((process, connections, blocked))
    });
    for connection in connections.iter_mut().chain([&mut blocked]) {
        for _ in 0..10 {
            assert!(ask(connection).starts_with("chariot-worker-"), "a slow call suspends inline calls");
        }
    }
}

#[test]
fn calls_that_block_through_tokio_work_inline() {
    once_warm("a call blocks inline", &[], |_, connection| {
        thread(&connection.post("/infer", &text("block")).unwrap()).starts_with("chariot-core-")
    });
}

#[test]
fn a_model_that_awaits_returns_to_the_workers() {
    let (_process, mut connection) = once_warm("a call awaits inline", &[], |_, connection| {
        thread(&connection.post("/infer", &text("await")).unwrap()).starts_with("chariot-core-")
    });
    for _ in 0..100 {
        assert!(ask(&mut connection).starts_with("chariot-worker-"));
    }
}

#[test]
fn a_model_whose_workers_have_sessions_stays_on_them_and_makes_no_other() {
    let process = Process::ready(QUICK, &[("SESSIONS", "true"), ("CHARIOT_ENGINE_WORKERS", "2")]);
    let mut connection = process.connect();
    let made = |connection: &mut Connection| thread(&connection.post("/infer", &text("made")).expect("a response"));
    assert_eq!(made(&mut connection), "2", "at the first request");
    for _ in 0..2 * ENOUGH {
        assert!(ask(&mut connection).starts_with("chariot-worker-"));
    }
    assert_eq!(made(&mut connection), "2");
}

#[test]
fn a_panic_inline_is_an_error_and_the_thread_goes_on() {
    once_warm("a call panics inline", &[], |process, connection| {
        connection.post("/infer", &text("panic on command")).unwrap().error(500);
        ask(connection);
        let line = process.wait_for_text("the panic", |line| line.contains("on command") && line.contains("thread '"));
        line.contains("chariot-core-")
    });
}

#[test]
fn requests_in_flight_on_core_threads_are_served_at_a_shutdown() {
    let folder = tempfile::tempdir().unwrap();
    let release = folder.path().join("release");
    let variables = [("CHARIOT_ENGINE_DRAIN_DELAY", "0s")];
    let (process, mut connection) = once_warm("a quick call runs inline", &variables, |_, _| true);
    let mut idle = process.connect();
    ask(&mut idle);
    assert!(connection.post_admitted("/infer", &text(&format!("wait {}", release.display()))).unwrap().is_none());
    process.signal(e2e::Signal::Terminate);
    process.wait_for_log("received SIGTERM");
    idle.closed().expect("an idle connection closes");
    fs::write(&release, "").unwrap();
    thread(&connection.answer().unwrap());
    assert_eq!(process.wait(), Some(0));
}
