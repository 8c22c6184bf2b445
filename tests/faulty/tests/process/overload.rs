//! More requests than the engine can hold, requests that take too long, and callers that go away.

use e2e::{Connection, Process, until};
use serde_json::json;

use super::{FAULTY, FOREVER_MS, admit, assert_served, assert_serves, awaits, command, retry_after};

/// One worker, and one place to wait.
fn narrow() -> Process {
    Process::ready(FAULTY, &[("CHARIOT_ENGINE_WORKERS", "1"), ("CHARIOT_ENGINE_QUEUE_SIZE", "1")])
}

/// Sends requests until the engine is full: one that runs and one that waits, in which order ever.
fn fill(process: &Process, body: &str) -> [Connection; 2] {
    [(); 2].map(|()| admit(process, body).expect("a place is free"))
}

#[track_caller]
fn assert_full(process: &Process) {
    let refused = process.infer(&command(json!({})));
    assert!(refused.error(503).starts_with("queue is full"), "{refused:?}");
    assert!((1..=60).contains(&retry_after(&refused)), "{refused:?}");
}

#[test]
fn what_cannot_wait_is_refused_at_once_and_a_place_is_free_again_when_its_caller_goes() {
    let process = narrow();
    let held = fill(&process, &awaits());
    assert_full(&process);
    assert_full(&process);
    assert_eq!(process.get("/ready").status, 200, "a full queue is no reason to take the engine away");

    drop(held);
    // Both have left: the one that waited had a place, the one that ran is not awaited any longer.
    let served =
        until("a place is free", || Some(process.infer(&command(json!({})))).filter(|answer| answer.status != 503));
    assert_served(&served);
    let held = fill(&process, &awaits());
    assert_full(&process);
    drop(held);
}

#[test]
fn a_caller_that_goes_while_it_waits_leaves_its_place_to_the_next() {
    let process = narrow();
    let runs = command(json!({"log": "the first runs", "sleep_ms": FOREVER_MS})).to_string();
    let runs = admit(&process, &runs).expect("a place is free");
    process.wait_for_log("the first runs");
    let waits = admit(&process, &awaits()).expect("a place is free");
    assert_full(&process);

    drop(waits);
    let waits = until("the place of the one that waited is free", || admit(&process, &awaits()).ok());
    assert_full(&process);

    // One that blocks cannot be stopped: its place is taken for as long as it runs, whether or not its caller is there.
    drop((runs, waits));
    let waits = until("the place of the one that waited is free", || admit(&process, &awaits()).ok());
    assert_full(&process);
    assert_eq!(process.get("/v2/health/live").status, 200);
    drop(waits);
}

#[test]
fn while_every_worker_is_held_the_engine_answers_for_itself() {
    let process = Process::ready(FAULTY, &[("CHARIOT_ENGINE_WORKERS", "2")]);
    let text = |index: usize| format!("the worker {index} is held");
    let blocks = |index| command(json!({"log": text(index), "sleep_ms": FOREVER_MS})).to_string();
    let mut held: Vec<_> = (0..2).map(|index| admit(&process, &blocks(index)).expect("a place is free")).collect();
    for index in 0..2 {
        process.wait_for_log(&text(index));
    }
    // More than there are threads that could wait with them, so that nothing but the queue can hold them.
    held.extend((0..40).map(|_| admit(&process, &awaits()).expect("a place is free")));
    assert_eq!(process.get("/v2/health/live").ok(), json!({"live": true}));
    assert_eq!(process.get("/ready").status, 200);
    assert_eq!(process.get("/v2/models/faulty").ok()["name"], "faulty");
    assert!(process.post_text("/infer", "{").error(400).contains("line 1"), "requests are still read and refused");
    drop(held);
}

#[test]
fn the_deadline_counts_the_wait_and_the_work() {
    let process = Process::ready(FAULTY, &[("CHARIOT_ENGINE_WORKERS", "1"), ("CHARIOT_ENGINE_TIMEOUT", "300ms")]);
    let late = process.infer(&command(json!({"await_ms": FOREVER_MS})));
    assert_eq!(late.error(504), "the deadline has passed");
    assert_serves(&process);

    let blocks = command(json!({"log": "it blocks", "sleep_ms": FOREVER_MS})).to_string();
    let mut blocks = admit(&process, &blocks).expect("a place is free");
    process.wait_for_log("it blocks");
    let waits = process.infer(&command(json!({})));
    assert_eq!(waits.error(504), "the deadline has passed");
    assert_eq!(blocks.answer().expect("an answer").error(504), "the deadline has passed");
}
