//! The bytes that requests in flight may hold: bodies as they come, and what is decoded from them.

use std::sync::Arc;

use chariot_engine::{prelude::*, settings::ByteSize};
use e2e::until;
use serde_json::json;

use crate::{
    scripted::{Scripted, echo},
    support::{Gate, Server, head, text},
};

const FULL: &str = "the memory budget for requests in flight is exhausted";

/// An engine whose only worker is held at a gate, and whose requests may hold so many bytes.
fn held(bytes: u64) -> (Server, Arc<Gate>) {
    let gate = Arc::new(Gate::default());
    let at = gate.clone();
    let model = Scripted::blocking(move |batch| {
        at.pass("");
        echo(batch)
    });
    let server = Server::start(Engine::builder().instance("held", model).configure(move |settings| {
        settings.workers = Some(1);
        settings.max_body = ByteSize(bytes);
        settings.max_inflight_bytes = Some(ByteSize(bytes));
    }));
    (server, gate)
}

#[test]
fn what_would_not_find_room_is_refused_before_it_is_read_and_room_comes_back() {
    let (server, gate) = held(20_000);
    let large = text(&"x".repeat(15_000));
    let mut first = server.admitted(&large);
    gate.wait_for(1);
    let mut refused = server.connect();
    let answer = refused.post_admitted("/infer", &large).unwrap().expect("a refusal before the body is sent");
    assert!(answer.error(503).starts_with(FULL));
    assert!(answer.header("retry-after").is_some());
    let mut small = server.admitted(&text("small"));
    gate.open();
    assert_eq!(small.answer().unwrap().values(), ["small"]);
    assert_eq!(first.answer().unwrap().status, 200);
    let again = until("room again", || Some(server.infer(&large)).filter(|answer| answer.status == 200));
    assert_eq!(again.status, 200);
}

#[test]
fn a_body_of_no_declared_length_is_charged_as_it_comes() {
    let (server, gate) = held(20_000);
    let _first = server.admitted(&text(&"x".repeat(15_000)));
    gate.wait_for(1);
    let mut chunked = server.connect();
    let head = head("POST", "/infer", &["Transfer-Encoding: chunked"], 0).replace("Content-Length: 0\r\n", "");
    chunked.write(head).unwrap();
    chunked.write(format!("1f40\r\n{}\r\n", " ".repeat(8000))).unwrap();
    assert!(chunked.answer().unwrap().error(503).starts_with(FULL));
}

#[test]
fn a_caller_that_hangs_up_gives_its_bytes_back_at_once() {
    let (server, gate) = held(40_000);
    let _running = server.admitted(&text("first"));
    gate.wait_for(1);
    let large = text(&"x".repeat(30_000));
    drop(server.admitted(&large));
    // The worker still blocks.
    let next = until("room again", || {
        let mut connection = server.connect();
        connection.post_admitted("/infer", &large).unwrap().is_none().then_some(connection)
    });
    gate.open();
    let mut next = next;
    assert_eq!(next.answer().unwrap().status, 200);
}

#[test]
fn decoded_tensors_count() {
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
        settings.max_body = ByteSize(20_000);
        settings.max_inflight_bytes = Some(ByteSize(20_000));
    }));
    // Two bytes a number in the body, eight when it is decoded.
    let ones = |datatype: &str| {
        json!({"inputs": [{"name": "x", "datatype": datatype, "shape": [4000], "data": vec![1; 4000]}]}).to_string()
    };
    assert_eq!(server.infer(ones("UINT8")).status, 200);
    assert!(server.infer(ones("FP64")).error(503).starts_with(FULL));
    assert_eq!(server.infer(ones("UINT8")).status, 200);
}
