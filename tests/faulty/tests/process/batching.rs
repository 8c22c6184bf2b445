//! Batches by what items cost, and what becomes of a batch's other requests when the device has no memory for one.

use e2e::{Process, until};
use serde_json::{Value, json};

use super::{FAULTY, admit, awaits, command};

/// One worker, and batches of at most this cost.
fn batching(most: &str) -> Process {
    Process::ready(FAULTY, &[("CHARIOT_ENGINE_WORKERS", "1"), ("CHARIOT_ENGINE_MAX_BATCH", most)])
}

fn figure(process: &Process, name: &str) -> f64 {
    let page = process.get("/metrics").text;
    let line = page.lines().find(|line| line.starts_with(&format!("{name}{{")));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_default()
}

#[test]
fn a_call_is_given_what_its_items_cost_and_no_more() {
    let process = batching("10");
    let input = |cost: Value| json!({"name": "text", "data": ["a"], "parameters": {"cost": cost}});
    let inputs: Vec<Value> = [6, 4, 5, 5, 11].map(|cost| input(cost.into())).into();
    assert_eq!(process.infer(&json!({ "inputs": inputs })).values(), ["ok"; 5]);
    assert_eq!(figure(&process, "chariot_batch_items_count"), 3.0, "6 and 4, 5 and 5, and 11 alone");
    assert_eq!(figure(&process, "chariot_batch_items_sum"), 5.0);
}

#[test]
fn of_a_batch_only_the_request_for_which_there_is_no_memory_is_told_so() {
    let process = batching("32");
    let held = admit(&process, &awaits()).expect("a place is free");
    until("the worker is held", || (figure(&process, "chariot_running_calls") == 1.0).then_some(()));
    let bodies = [json!({}), json!({"device": "out_of_memory"}), json!({"cost": 3})];
    let callers = bodies.map(|body| admit(&process, &command(body).to_string()).expect("a place is free"));
    until("all of them wait", || (figure(&process, "chariot_queued_requests") == 3.0).then_some(()));
    drop(held);
    let statuses = callers.map(|mut caller| caller.answer().expect("an answer").status);
    assert_eq!(statuses, [200, 503, 200]);
    process.wait_for_log("batch of 3 requests failed, retrying");
    assert_eq!(process.get("/ready").status, 200);
}
