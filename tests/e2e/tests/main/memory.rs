//! The memory budget of requests in flight: bodies as they arrive, and the data decoded from them.

use std::sync::Arc;

use chariot_engine::{prelude::*, settings::ByteSize};
use e2e::until;
use serde_json::json;

use crate::{
    scripted::Scripted,
    support::{Gate, Server, head, text},
};

/// An engine whose only worker is held at a gate, with this budget in bytes.
fn held(bytes: u64) -> (Server, Arc<Gate>) {
    let gate = Arc::new(Gate::default());
    let at = gate.clone();
    let model = Scripted::blocking(move |batch| {
        at.pass("");
        // The response to a large text is small.
        batch.try_map(|text| Ok(Json(text.as_str().chars().take(5).collect())))
    });
    let server = Server::start(Engine::builder().instance("held", model).configure(move |settings| {
        settings.workers = Some(1);
        settings.max_body = ByteSize(bytes);
        settings.max_inflight_bytes = Some(ByteSize(bytes));
        settings.max_request_bytes = Some(ByteSize(1 << 30));
    }));
    (server, gate)
}

#[test]
fn a_body_over_the_budget_is_rejected_before_it_is_read_until_memory_is_released() {
    let (server, gate) = held(36_000);
    let large = text(&"x".repeat(15_000));
    let mut first = server.admitted(&large);
    gate.wait_for(1);
    let mut rejected = server.connect();
    let answer = rejected.post_admitted("/infer", &large).unwrap().expect("a rejection before the body is sent");
    insta::assert_snapshot!("exhausted", answer.error(503));
    assert!(answer.header("retry-after").is_some());
    let mut small = server.admitted(&text("small"));
    gate.open();
    assert_eq!(small.answer().unwrap().values(), ["small"]);
    assert_eq!(first.answer().unwrap().status, 200);
    let again = until("memory is released", || Some(server.infer(&large)).filter(|answer| answer.status == 200));
    assert_eq!(again.status, 200);
}

#[test]
fn a_chunked_body_is_charged_as_it_arrives() {
    let (server, gate) = held(36_000);
    let _first = server.admitted(&text(&"x".repeat(15_000)));
    gate.wait_for(1);
    let mut chunked = server.connect();
    let head = head("POST", "/infer", &["Transfer-Encoding: chunked"], 0).replace("Content-Length: 0\r\n", "");
    chunked.write(head).unwrap();
    chunked.write(format!("1f40\r\n{}\r\n", " ".repeat(8000))).unwrap();
    chunked.answer().unwrap().error(503);
}

#[test]
fn a_caller_that_disconnects_releases_its_bytes_at_once() {
    let (server, gate) = held(260_000);
    let _running = server.admitted(&text("first"));
    gate.wait_for(1);
    let large = text(&"x".repeat(30_000));
    let mut gone = Vec::new();
    until("memory is exhausted", || {
        let mut connection = server.connect();
        if let Some(rejected) = connection.post_admitted("/infer", &large).unwrap() {
            rejected.error(503);
        }
        gone.push(connection);
        (server.engine.in_flight().bytes > 200_000).then_some(())
    });
    drop(gone);
    // The worker is still blocked.
    until("memory is released", || (server.engine.in_flight().bytes < 30_000).then_some(()));
    let mut next = server.admitted(&large);
    gate.open();
    assert_eq!(next.answer().unwrap().status, 200);
}

#[test]
fn decoded_tensors_count_towards_the_budget() {
    struct Any;
    impl Model for Any {
        type Settings = ();
        type Input = Tensors;
        type Output = Tensors;

        async fn load(_: &LoadContext) -> Result<Self> {
            Ok(Any)
        }

        async fn infer(&self, batch: Batch<Tensors>) -> Result<Vec<Tensors>> {
            batch.try_map(|tensors| Ok(tensors.into_value()))
        }
    }
    let server = Server::start(Engine::builder().instance("any", Any).configure(|settings| {
        settings.max_body = ByteSize(36_000);
        settings.max_inflight_bytes = Some(ByteSize(36_000));
        settings.max_request_bytes = Some(ByteSize(1 << 30));
    }));
    // A number takes two bytes in the body and eight once decoded.
    let ones = |datatype: &str| {
        json!({"inputs": [{"name": "x", "datatype": datatype, "shape": [4000], "data": vec![1; 4000]}]}).to_string()
    };
    assert_eq!(server.infer(ones("UINT8")).status, 200);
    assert_eq!(server.infer(ones("FP64")).status, 413);
    assert_eq!(server.infer(ones("UINT8")).status, 200);
}
