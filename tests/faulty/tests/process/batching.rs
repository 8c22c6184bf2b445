//! Batches limited by cost, and the other requests of a batch when one exceeds the memory of the device.

use e2e::{Process, until};
use serde_json::{Value, json};

use super::{FAULTY, admit, awaits, command, figure, message};

/// An engine with one worker and batches of at most this cost.
fn batching(most: &str) -> Process {
    Process::ready(FAULTY, &[("CHARIOT_ENGINE_WORKERS", "1"), ("CHARIOT_ENGINE_MAX_BATCH", most)])
}

#[test]
fn the_cost_of_a_batch_stays_within_the_limit() {
    let process = batching("10");
    let input = |cost: Value| json!({"name": "text", "data": ["a"], "parameters": {"cost": cost}});
    let inputs: Vec<Value> = [6, 4, 5, 5, 11].map(|cost| input(cost.into())).into();
    assert_eq!(process.infer(&json!({ "inputs": inputs })).values(), ["ok"; 5]);
    assert_eq!(figure(&process, "chariot_batch_items_count"), 3.0, "6 and 4, 5 and 5, and 11 alone");
    assert_eq!(figure(&process, "chariot_batch_items_sum"), 5.0);
}

#[test]
fn only_the_request_that_exceeds_device_memory_fails_in_a_batch() {
    let process = batching("32");
    let held = admit(&process, &awaits()).expect("a free permit");
    until("the worker is busy", || (figure(&process, "chariot_running_calls") == 1.0).then_some(()));
    let bodies = [json!({}), json!({"device": "out_of_memory"}), json!({"cost": 3})];
    let callers = bodies.map(|body| admit(&process, &command(body).to_string()).expect("a free permit"));
    until("all requests are queued", || (figure(&process, "chariot_queued_requests") == 3.0).then_some(()));
    drop(held);
    let statuses = callers.map(|mut caller| caller.answer().expect("a response").status);
    assert_eq!(statuses, [200, 503, 200]);
    let retried = |line: &Value| line["level"] == "WARN" && message(line).contains("3 requests");
    insta::assert_snapshot!("retried_batch", message(&process.wait_for_line("the retried batch", retried)));
    assert_eq!(process.get("/ready").status, 200);
}
