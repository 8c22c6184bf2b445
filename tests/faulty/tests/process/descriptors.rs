//! The limit of open files: an engine raises it at its start, has fewer connections than it, and answers health checks when
//! connections would take more.

use e2e::{Connection, Process, until};

use serde_json::json;

use crate::{FAULTY, FOREVER_MS, admit, awaits, command};

/// Starts an engine in a process with these limits of open files.
fn limited(soft: u32, hard: u32) -> Process {
    let script = format!("ulimit -Sn {soft} && ulimit -Hn {hard} && exec {FAULTY}");
    let process = Process::start_with("sh", &["-c", &script], &[]);
    process.wait_until_ready();
    process
}

/// Returns the soft limit of open files of a process, as the system tells it.
fn soft_limit(process: &Process) -> String {
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", process.id())).expect("the limits of the process");
    let line = limits.lines().find(|line| line.starts_with("Max open files")).expect("the limit of open files");
    line.split_whitespace().nth(3).expect("a soft limit").to_string()
}

/// Opens connections as a flood does, and lets them begin requests that do not end.
fn flood(process: &Process, count: usize) -> Vec<Connection> {
    let body = awaits();
    let head = format!("POST /infer HTTP/1.1\r\nHost: engine\r\nContent-Length: {}\r\n\r\n", body.len());
    (0..count)
        .map(|_| {
            let mut connection = process.connect();
            // Some of them are closed for others.
            let _ = connection.write(&head);
            connection
        })
        .collect()
}

/// Asserts that the routes for health checks are answered on new connections.
#[track_caller]
fn assert_healthy(process: &Process) {
    for route in ["/v2/health/live", "/ready", "/metrics"] {
        let mut connection = process.connect();
        connection.write(format!("GET {route} HTTP/1.1\r\nHost: engine\r\n\r\n")).expect("the engine reads");
        assert_eq!(connection.answer().expect("a response").status, 200, "{route}");
    }
}

/// Waits until a request is served. A connection that has not sent its first byte may be closed for another.
fn wait_until_served(process: &Process) {
    let body = command(json!({})).to_string();
    until("requests are served again", || {
        let answer = process.connect().post("/infer", &body).ok()?;
        (answer.status == 200).then_some(())
    });
}

#[test]
fn the_limit_of_open_files_is_raised() {
    let process = limited(64, 1024);
    assert_eq!(soft_limit(&process), "1024");
    let warning = process.wait_for_line("the number of connections", |line| line["level"] == "WARN");
    let message = warning["message"].as_str().unwrap();
    // 80 for everything else, and 4 for the runtime of each core thread.
    let cores = std::thread::available_parallelism().expect("the number of cores").get();
    let fitting = format!("to {}", 944 - 4 * cores);
    assert!(message.contains("CHARIOT_ENGINE_MAX_CONNECTIONS") && message.contains(&fitting), "{message}");
}

#[test]
fn health_checks_are_answered_when_connections_take_every_descriptor() {
    for (soft, hard) in [(64, 64), (64, 256)] {
        let process = limited(soft, hard);
        let flooded = flood(&process, 400);
        assert_healthy(&process);
        drop(flooded);
        wait_until_served(&process);
    }
}

#[test]
fn health_checks_are_answered_when_the_model_takes_every_descriptor() {
    let process = limited(256, 256);
    let body = command(json!({"open_files": true, "log": "opening", "await_ms": FOREVER_MS})).to_string();
    let greedy = admit(&process, &body).expect("the request is admitted");
    process.wait_for_log("opening");
    (0..8).for_each(|_| assert_healthy(&process));
    drop(greedy);
    wait_until_served(&process);
}
