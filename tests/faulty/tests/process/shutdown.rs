//! Shutdown of a process by SIGTERM and SIGINT, with and without requests in flight.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use e2e::{Connection, DEADLINE, Process, Signal, until};
use serde_json::{Value, json};

use super::{FAULTY, FOREVER_MS, assert_serves, command, message};

/// A time longer than any test: a process that exits earlier has not waited for it.
const NEVER: &str = "10m";

/// The number of requests that each client sends after the signal, all of which must be served.
const AFTER_SIGNAL: usize = 8;

/// Sends a request and returns once it is in flight.
fn in_flight(process: &Process, parameters: Value) -> Connection {
    let mut connection = process.connect();
    let rejected = connection.post_admitted("/infer", &command(parameters).to_string()).expect("a response");
    assert_eq!(rejected, None);
    connection
}

#[test]
fn sigterm_loses_no_request() {
    let process = Process::ready(
        FAULTY,
        &[("CHARIOT_ENGINE_WORKERS", "2"), ("CHARIOT_ENGINE_DRAIN_DELAY", "5s"), ("CHARIOT_ENGINE_GRACE", "60s")],
    );
    let text = command(json!({"await_ms": 5})).to_string();
    let signalled = AtomicBool::new(false);
    let served_after = |send: &mut dyn FnMut() -> e2e::Answer| {
        let mut after = 0;
        while after < AFTER_SIGNAL {
            let was_signalled = signalled.load(Ordering::Acquire);
            let answer = send();
            assert_eq!(answer.values(), ["ok"]);
            after += usize::from(was_signalled);
        }
    };
    thread::scope(|scope| {
        // Sent before the signal, in flight until after the port has closed.
        let mut long = in_flight(&process, json!({"await_ms": 6000}));
        for _ in 0..2 {
            // A new connection for every request.
            scope.spawn(|| served_after(&mut || process.connect().post("/infer", &text).expect("a response")));
            // One connection for as long as the server keeps it open, as clients do.
            scope.spawn(|| {
                let mut kept = process.connect();
                served_after(&mut || {
                    let answer = kept.post("/infer", &text).expect("a response");
                    if answer.header("connection") == Some("close") {
                        kept = process.connect();
                    }
                    answer
                });
            });
        }
        assert_serves(&process);
        process.signal(Signal::Terminate);
        let not_ready =
            until("the engine is not ready", || Some(process.get("/ready")).filter(|ready| ready.status == 503));
        signalled.store(true, Ordering::Release);
        let error = not_ready.json()["error"].as_str().expect("an error").to_string();
        let expected = json!({"name": "faulty", "status": "draining", "ready": false, "error": error});
        assert_eq!(not_ready.json(), expected);
        insta::assert_snapshot!("draining", error);
        assert_eq!(process.get("/v2/health/live").ok(), json!({"live": true}));
        until("the port is closed", || Connection::open(process.address()).is_err().then_some(()));
        assert_eq!(long.answer().expect("a response").values(), ["ok"]);
    });
    assert_eq!(process.wait(), Some(0));
    let log = process.whole_log();
    let last = log.last().expect("a line");
    assert_eq!(last["level"], "INFO", "{log:#?}");
    insta::assert_snapshot!("complete", message(last));
}

#[test]
fn sigint_skips_the_drain_delay_and_idle_connections_delay_nothing() {
    let process = Process::ready(FAULTY, &[("CHARIOT_ENGINE_DRAIN_DELAY", NEVER), ("CHARIOT_ENGINE_GRACE", NEVER)]);
    let mut used = process.connect();
    assert_eq!(used.post("/infer", &command(json!({})).to_string()).expect("a response").values(), ["ok"]);
    let mut unused = process.connect();
    let mut busy = in_flight(&process, json!({"await_ms": 1000}));
    process.signal(Signal::Interrupt);
    assert_eq!(busy.answer().expect("a response").values(), ["ok"]);
    for connection in [&mut used, &mut unused, &mut busy] {
        connection.closed().expect("the connection is closed");
    }
    assert_eq!(process.wait(), Some(0));
}

#[test]
fn a_second_signal_ends_the_process_at_once() {
    // During the drain delay, and during the grace period.
    for (first, second) in [(Signal::Terminate, Signal::Terminate), (Signal::Interrupt, Signal::Terminate)] {
        let process = Process::ready(FAULTY, &[("CHARIOT_ENGINE_DRAIN_DELAY", NEVER), ("CHARIOT_ENGINE_GRACE", NEVER)]);
        let held = in_flight(&process, json!({"sleep_ms": FOREVER_MS}));
        process.signal(first);
        match first {
            Signal::Terminate => until("the engine drains", || (process.get("/ready").status == 503).then_some(())),
            Signal::Interrupt => {
                until("the port is closed", || Connection::open(process.address()).is_err().then_some(()))
            }
        }
        assert!(process.is_running());
        process.signal(second);
        assert_eq!(process.wait(), Some(1));
        let log = process.whole_log();
        let last = log.last().expect("a line");
        assert_eq!(last["level"], "WARN", "{log:#?}");
        insta::assert_snapshot!("second_signal", message(last));
        drop(held);
    }
}

#[test]
fn requests_that_outlast_the_grace_period_are_abandoned_and_counted() {
    let process = Process::ready(FAULTY, &[("CHARIOT_ENGINE_WORKERS", "2"), ("CHARIOT_ENGINE_GRACE", "200ms")]);
    let held = [
        in_flight(&process, json!({"sleep_ms": FOREVER_MS})),
        in_flight(&process, json!({"await_ms": FOREVER_MS})),
        in_flight(&process, json!({"sleep_ms": FOREVER_MS})),
    ];
    process.signal(Signal::Interrupt);
    assert_eq!(process.wait(), Some(1));
    let line = process.wait_for_line("the abandoned requests", |line| line["abandoned"] == 3);
    assert_eq!(line["level"], "ERROR");
    insta::assert_snapshot!("abandoned", message(&line));
    drop(held);
}

#[test]
fn every_caller_that_waits_at_the_end_of_the_grace_period_gets_an_error() {
    let process = Process::ready(FAULTY, &[("CHARIOT_ENGINE_WORKERS", "2"), ("CHARIOT_ENGINE_GRACE", "200ms")]);
    let mut callers = vec![
        // Running, on both workers.
        in_flight(&process, json!({"sleep_ms": FOREVER_MS})),
        in_flight(&process, json!({"await_ms": FOREVER_MS})),
    ];
    until("both run", || process.get("/metrics").text.contains("running_calls{model=\"faulty\"} 2").then_some(()));
    // Queued.
    callers.extend((0..3).map(|_| in_flight(&process, json!({}))));
    until("they are queued", || {
        process.get("/metrics").text.contains("queued_requests{model=\"faulty\"} 3").then_some(())
    });
    // Being decoded or waiting for a decoder, whatever the number of cores.
    callers.extend((0..2).map(|_| in_flight(&process, json!({"admit_ms": FOREVER_MS}))));
    // Half of a body.
    let mut half = process.connect();
    half.write("POST /infer HTTP/1.1\r\nHost: engine\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n").unwrap();
    assert_eq!(half.answer().expect("a response").status, 100);
    half.write("{").unwrap();
    callers.push(half);
    process.signal(Signal::Interrupt);
    for caller in &mut callers {
        let answer = caller.answer().expect("a response");
        insta::assert_snapshot!("grace_is_over", answer.error(503));
    }
    assert_eq!(process.wait(), Some(1));
}

#[test]
fn a_loading_process_shuts_down_at_once_with_success() {
    for signal in [Signal::Terminate, Signal::Interrupt] {
        let process = Process::start(
            FAULTY,
            &[
                ("FAULTY_LOAD", &format!("slow:{}", DEADLINE.as_millis() * 2)),
                ("CHARIOT_ENGINE_DRAIN_DELAY", NEVER),
                ("CHARIOT_ENGINE_GRACE", NEVER),
            ],
        );
        assert_eq!(process.get("/ready").status, 503);
        process.signal(signal);
        assert_eq!(process.wait(), Some(0));
    }
}

#[test]
fn a_process_that_warms_up_shuts_down_at_once_with_success() {
    for signal in [Signal::Terminate, Signal::Interrupt] {
        let process = Process::start(
            FAULTY,
            &[
                ("FAULTY_WARM_UP", &FOREVER_MS.to_string()),
                ("CHARIOT_ENGINE_DRAIN_DELAY", NEVER),
                ("CHARIOT_ENGINE_GRACE", NEVER),
            ],
        );
        process.wait_for_log("warming up");
        assert_eq!(process.get("/ready").status, 503);
        process.signal(signal);
        assert_eq!(process.wait(), Some(0));
    }
}

#[test]
fn half_a_head_does_not_hold_the_exit() {
    let process = Process::ready(FAULTY, &[("CHARIOT_ENGINE_DRAIN_DELAY", "0s"), ("CHARIOT_ENGINE_GRACE", NEVER)]);
    let mut half = process.connect();
    half.write("POST /infer HTTP/1.1\r\nHost: eng").unwrap();
    let mut preface = process.connect();
    preface.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    assert_serves(&process);
    process.signal(Signal::Terminate);
    assert_eq!(process.wait(), Some(0));
}
