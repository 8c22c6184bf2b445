//! More requests than the engine admits, requests that take too long, and callers that disconnect.

use e2e::{Connection, Process, until};
use serde_json::json;

use super::{FAULTY, FOREVER_MS, admit, assert_served, assert_serves, awaits, command, figure, retry_after};

/// An engine with one worker and a queue of one request.
fn narrow() -> Process {
    Process::ready(FAULTY, &[("CHARIOT_ENGINE_WORKERS", "1"), ("CHARIOT_ENGINE_QUEUE_SIZE", "1")])
}

/// Sends two requests, which fill the engine: one runs, the other is queued.
fn fill(process: &Process, body: &str) -> [Connection; 2] {
    [(); 2].map(|()| admit(process, body).expect("a free permit"))
}

#[track_caller]
fn assert_full(process: &Process) {
    until("both requests are in flight", || (figure(process, "chariot_in_flight_requests") == 2.0).then_some(()));
    let rejected = process.infer(&command(json!({})));
    rejected.error(503);
    assert!((1..=60).contains(&retry_after(&rejected)), "{rejected:?}");
}

#[test]
fn a_full_queue_rejects_at_once_until_a_caller_disconnects() {
    let process = narrow();
    let held = fill(&process, &awaits());
    assert_full(&process);
    assert_full(&process);
    assert_eq!(process.get("/ready").status, 200, "an engine with a full queue stays ready");

    drop(held);
    // Both callers have disconnected: the queued request is dropped and the running one is cancelled.
    let served =
        until("a permit is free", || Some(process.infer(&command(json!({})))).filter(|answer| answer.status != 503));
    assert_served(&served);
    let held = fill(&process, &awaits());
    assert_full(&process);
    drop(held);
}

#[test]
fn a_queued_caller_that_disconnects_releases_its_permit() {
    let process = narrow();
    let runs = command(json!({"log": "the first runs", "sleep_ms": FOREVER_MS})).to_string();
    let runs = admit(&process, &runs).expect("a free permit");
    process.wait_for_log("the first runs");
    let waits = admit(&process, &awaits()).expect("a free permit");
    assert_full(&process);

    drop(waits);
    let waits = until("the permit of the queued request is free", || admit(&process, &awaits()).ok());
    assert_full(&process);

    // A blocking call cannot be cancelled: it keeps its permit while it runs, even after its caller has disconnected.
    drop((runs, waits));
    let waits = until("the permit of the queued request is free", || admit(&process, &awaits()).ok());
    assert_full(&process);
    assert_eq!(process.get("/v2/health/live").status, 200);
    drop(waits);
}

#[test]
fn other_routes_respond_while_every_worker_is_busy() {
    let process = Process::ready(FAULTY, &[("CHARIOT_ENGINE_WORKERS", "2")]);
    let text = |index: usize| format!("worker {index} is busy");
    let blocks = |index| command(json!({"log": text(index), "sleep_ms": FOREVER_MS})).to_string();
    let mut held: Vec<_> = (0..2).map(|index| admit(&process, &blocks(index)).expect("a free permit")).collect();
    for index in 0..2 {
        process.wait_for_log(&text(index));
    }
    // More requests than threads that could wait with them, so that only the queue can hold them.
    held.extend((0..40).map(|_| admit(&process, &awaits()).expect("a free permit")));
    assert_eq!(process.get("/v2/health/live").ok(), json!({"live": true}));
    assert_eq!(process.get("/ready").status, 200);
    assert_eq!(process.get("/v2/models/faulty").ok()["name"], "faulty");
    assert!(process.post_text("/infer", "{").error(400).contains("line 1"), "requests are still parsed and rejected");
    drop(held);
}

#[test]
fn the_deadline_covers_the_queue_and_the_call() {
    let process = Process::ready(FAULTY, &[("CHARIOT_ENGINE_WORKERS", "1"), ("CHARIOT_ENGINE_TIMEOUT", "300ms")]);
    let late = process.infer(&command(json!({"await_ms": FOREVER_MS})));
    insta::assert_snapshot!("expired", late.error(504));
    assert_serves(&process);

    let blocks = command(json!({"log": "it blocks", "sleep_ms": FOREVER_MS})).to_string();
    let mut blocks = admit(&process, &blocks).expect("a free permit");
    process.wait_for_log("it blocks");
    let waits = process.infer(&command(json!({})));
    assert_eq!(waits.status, 504);
    assert_eq!(blocks.answer().expect("a response").status, 504);
}
