//! Values of authors that block or panic when they are dropped, wherever a request ends.

use std::{
    sync::{Arc, mpsc},
    thread,
};

use chariot_engine::prelude::*;
use e2e::{DEADLINE, until};
use serde_json::json;

use crate::{
    scripted::{Seen, echo},
    support::{Gate, Server, text, texts},
};

/// A value of a model. When dropped, it reports the name of the thread, and blocks or panics as its text says.
struct Value {
    text: String,
    gate: Arc<Gate>,
    dropped: mpsc::Sender<String>,
}

impl Drop for Value {
    fn drop(&mut self) {
        let thread = thread::current().name().unwrap_or_default().to_string();
        let _ = self.dropped.send(thread);
        if self.text.contains("blocks") {
            self.gate.pass("drop");
        }
        if self.text.contains("panics") {
            panic!("on drop");
        }
    }
}

/// A model whose items hold values. Its calls wait at `calls`, and `admit` waits at `admits` for texts with `hangs`.
struct Clingy {
    calls: Arc<Gate>,
    admits: Arc<Gate>,
    drops: Arc<Gate>,
    seen: Arc<Seen>,
    dropped: mpsc::Sender<String>,
}

impl Model for Clingy {
    type Settings = ();
    type Input = Text;
    type Output = Json<String>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Err("the test passes an instance".into())
    }

    fn admit(&self, item: &mut Item<Text>) -> Result<BatchCost> {
        let text = item.to_string();
        item.attach(Value { text: text.clone(), gate: self.drops.clone(), dropped: self.dropped.clone() });
        self.seen.add(&text);
        if text.contains("keyed") {
            item.set_key("a key")?;
        }
        if text.contains("hangs") {
            self.admits.pass("admit");
        }
        if text.contains("rejected") {
            reject!("expected another text");
        }
        Ok(BatchCost::default())
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> {
        self.calls.pass("call");
        echo(batch)
    }
}

struct Held {
    server: Server,
    calls: Arc<Gate>,
    admits: Arc<Gate>,
    drops: Arc<Gate>,
    seen: Arc<Seen>,
    dropped: mpsc::Receiver<String>,
}

fn held() -> Held {
    let (sender, dropped) = mpsc::channel();
    let [calls, admits, drops] = [(); 3].map(|()| Arc::new(Gate::default()));
    let seen = Arc::new(Seen::default());
    let model = Clingy {
        calls: calls.clone(),
        admits: admits.clone(),
        drops: drops.clone(),
        seen: seen.clone(),
        dropped: sender,
    };
    let builder = Engine::builder().instance("clingy", model).configure(move |settings| {
        settings.workers = Some(1);
    });
    Held { server: Server::start(builder), calls, admits, drops, seen, dropped }
}

impl Held {
    /// Waits until this many values are dropped, all by the thread for it.
    #[track_caller]
    fn wait_for_drops(&self, count: usize) {
        for _ in 0..count {
            assert_eq!(self.dropped.recv_timeout(DEADLINE).expect("a value is dropped"), "chariot-drop");
        }
    }
}

#[test]
fn a_value_of_a_caller_who_left_the_queue_blocks_nobody() {
    let held = held();
    let first = held.server.admitted(&text("first"));
    held.calls.wait_for(1);
    for word in ["blocks", "panics"] {
        let queued = held.server.admitted(&texts([("a", word), ("b", word)]));
        until("it is queued", || (held.server.engine.in_flight().queued == 1).then_some(()));
        drop(queued);
        until("it has left", || (held.server.engine.in_flight().queued == 0).then_some(()));
    }
    held.drops.wait_for(1);
    // While the thread is blocked: everything else works, and what it holds is charged.
    for _ in 0..4 {
        assert_eq!(held.server.get("/v2/health/live").status, 200);
    }
    until("the permits are free", || (held.server.engine.in_flight().requests == 1).then_some(()));
    assert!(held.server.engine.in_flight().bytes > 0);
    held.drops.open();
    held.wait_for_drops(4);
    held.calls.open();
    drop(first);
    assert_eq!(held.server.infer(text("next")).values(), ["next"]);
    until("nothing is held", || (held.server.engine.in_flight().bytes == 0).then_some(()));
}

#[test]
fn a_key_does_not_wait_for_a_value_that_blocks_when_it_is_dropped() {
    let held = held();
    let mut first = held.server.admitted(&text("first"));
    held.calls.wait_for(1);
    let queued = |count| until("they are queued", || (held.server.engine.in_flight().queued == count).then_some(()));
    // Its turn has come, and it waits for the worker.
    let leaves = held.server.admitted(&text("keyed, blocks"));
    queued(1);
    let mut next = held.server.admitted(&text("keyed"));
    queued(2);
    drop(leaves);
    held.drops.wait_for(1);
    held.calls.open();
    assert_eq!(first.answer().expect("an answer").values(), ["first"]);
    assert_eq!(next.answer().expect("an answer").values(), ["keyed"]);
    held.drops.open();
}

#[test]
fn a_worker_survives_values_of_expired_requests() {
    let held = held();
    let mut first = held.server.admitted(&text("first"));
    held.calls.wait_for(1);
    let inputs = json!([{"name": "a", "data": ["panics"]}, {"name": "b", "data": ["panics"]}]);
    let request = json!({"parameters": {"timeout": 200_000}, "inputs": inputs}).to_string();
    let mut expired: Vec<_> = (0..3).map(|_| held.server.admitted(&request)).collect();
    for caller in &mut expired {
        caller.answer().expect("an answer").error(504);
    }
    held.wait_for_drops(6);
    held.calls.open();
    assert_eq!(first.answer().expect("an answer").values(), ["first"]);
    assert_eq!(held.server.infer(text("next")).values(), ["next"]);
    assert_eq!(held.server.get("/ready").status, 200);
}

#[test]
fn values_of_a_request_that_ends_while_it_is_decoded_are_dropped_by_their_thread() {
    let held = held();
    held.calls.open();
    let leaves = held.server.admitted(&texts([("a", "panics"), ("b", "panics, hangs")]));
    held.admits.wait_for(1);
    drop(leaves);
    until("it has left", || (held.server.engine.in_flight().requests == 0).then_some(()));
    held.admits.open();
    held.wait_for_drops(2);
    held.server.infer(texts([("a", "panics"), ("b", "panics"), ("c", "rejected")])).error(400);
    // That of the rejected item itself never was in the list.
    let threads: Vec<String> = (0..3).map(|_| held.dropped.recv_timeout(DEADLINE).unwrap()).collect();
    assert_eq!(threads.iter().filter(|thread| *thread == "chariot-drop").count(), 2, "{threads:?}");
    assert!(held.seen.has("rejected"));
    assert_eq!(held.server.infer(text("next")).values(), ["next"]);
}

#[test]
fn a_value_that_panics_in_a_call_fails_its_request_only() {
    let held = held();
    held.calls.open();
    held.server.infer(text("panics")).error(500);
    assert_eq!(held.server.infer(text("next")).values(), ["next"]);
    assert_eq!(held.server.get("/ready").status, 200);
}
