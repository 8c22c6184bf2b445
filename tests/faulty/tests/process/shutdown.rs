//! The end of a process: told to stop by the platform or by a person, with and without work in flight.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use e2e::{Connection, DEADLINE, Process, Signal, until};
use serde_json::{Value, json};

use super::{FAULTY, FOREVER_MS, assert_serves, command};

/// A time that no test waits for: what ends before it, ends by itself.
const NEVER: &str = "10m";

/// How many requests each client sends and gets answered after the signal.
const AFTER_SIGNAL: usize = 8;

/// Sends a request that is in flight when this returns.
fn in_flight(process: &Process, parameters: Value) -> Connection {
    let mut connection = process.connect();
    let refused = connection.post_admitted("/infer", &command(parameters).to_string()).expect("an answer");
    assert_eq!(refused, None);
    connection
}

#[test]
fn nothing_is_lost_on_sigterm() {
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
        // Begun before the signal, in flight until after the port has closed.
        let mut long = in_flight(&process, json!({"await_ms": 6000}));
        for _ in 0..2 {
            // A connection for every request.
            scope.spawn(|| served_after(&mut || process.connect().post("/infer", &text).expect("an answer")));
            // One connection for as long as the server keeps it, as clients do.
            scope.spawn(|| {
                let mut kept = process.connect();
                served_after(&mut || {
                    let answer = kept.post("/infer", &text).expect("an answer");
                    if answer.header("connection") == Some("close") {
                        kept = process.connect();
                    }
                    answer
                });
            });
        }
        assert_serves(&process);
        process.signal(Signal::Terminate);
        let not_ready = until("readiness says no", || Some(process.get("/ready")).filter(|ready| ready.status == 503));
        signalled.store(true, Ordering::Release);
        let expected =
            json!({"name": "faulty", "status": "draining", "ready": false, "error": "the engine is shutting down"});
        assert_eq!(not_ready.json(), expected);
        assert_eq!(process.get("/v2/health/live").ok(), json!({"live": true}));
        until("the port is closed", || Connection::open(process.address()).is_err().then_some(()));
        assert_eq!(long.answer().expect("an answer").values(), ["ok"]);
    });
    assert_eq!(process.wait(), Some(0));
    let log = process.whole_log();
    assert_eq!(log.last().expect("a line")["message"], "shutdown complete", "{log:#?}");
}

#[test]
fn sigint_skips_the_delay_and_idle_connections_hold_nothing_up() {
    let process = Process::ready(FAULTY, &[("CHARIOT_ENGINE_DRAIN_DELAY", NEVER), ("CHARIOT_ENGINE_GRACE", NEVER)]);
    let mut used = process.connect();
    assert_eq!(used.post("/infer", &command(json!({})).to_string()).expect("an answer").values(), ["ok"]);
    let mut unused = process.connect();
    let mut busy = in_flight(&process, json!({"await_ms": 1000}));
    process.signal(Signal::Interrupt);
    assert_eq!(busy.answer().expect("an answer").values(), ["ok"]);
    for connection in [&mut used, &mut unused, &mut busy] {
        connection.closed().expect("the end of the connection");
    }
    assert_eq!(process.wait(), Some(0));
}

#[test]
fn a_second_signal_ends_the_process_at_once() {
    // During the delay, and while work in flight is finished.
    for (first, second) in [(Signal::Terminate, Signal::Terminate), (Signal::Interrupt, Signal::Terminate)] {
        let process = Process::ready(FAULTY, &[("CHARIOT_ENGINE_DRAIN_DELAY", NEVER), ("CHARIOT_ENGINE_GRACE", NEVER)]);
        let held = in_flight(&process, json!({"sleep_ms": FOREVER_MS}));
        process.signal(first);
        process.wait_for_log("received SIG");
        assert!(process.runs());
        process.signal(second);
        assert_eq!(process.wait(), Some(1));
        process.wait_for_log("a second signal");
        drop(held);
    }
}

#[test]
fn work_that_outlasts_the_grace_is_given_up_and_counted() {
    let process = Process::ready(FAULTY, &[("CHARIOT_ENGINE_WORKERS", "2"), ("CHARIOT_ENGINE_GRACE", "200ms")]);
    let held = [
        in_flight(&process, json!({"sleep_ms": FOREVER_MS})),
        in_flight(&process, json!({"await_ms": FOREVER_MS})),
        in_flight(&process, json!({"sleep_ms": FOREVER_MS})),
    ];
    process.signal(Signal::Interrupt);
    assert_eq!(process.wait(), Some(1));
    let line = process.wait_for_log("shutdown incomplete");
    assert_eq!((&line["level"], &line["abandoned"]), (&json!("ERROR"), &json!(3)));
    drop(held);
}

#[test]
fn a_process_that_still_loads_ends_at_once_and_well() {
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
