//! Items with keys: those of one key run one at a time in the order of their arrival, and no worker waits for them.

use std::{sync::Arc, time::Duration};

use chariot_engine::{
    EngineBuilder,
    input::WithParams,
    model::KeyedStates,
    prelude::*,
    testing::{Gpus, Pending, TestEngine},
};
use e2e::until;
use serde::Deserialize;

use crate::{scripted::Seen, support::Gate};

#[derive(Deserialize)]
struct Params {
    session: Option<String>,
}

/// A model that appends each text to those of its session, and lets a test hold the calls of texts that begin with `hold`.
struct Sessions {
    texts: KeyedStates<Vec<String>>,
    gate: Arc<Gate>,
    calls: Arc<Seen>,
}

impl Model for Sessions {
    type Settings = ();
    type Input = WithParams<Text, Params>;
    type Output = Result<Json<String>>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Err("the test passes an instance".into())
    }

    fn spec() -> Spec {
        Spec::new::<Self>().batching(Duration::ZERO)
    }

    fn admit(&self, item: &mut Item<Self::Input>) -> Result<BatchCost> {
        if let Some(session) = item.params.session.clone() {
            item.set_key(session)?;
        }
        Ok(BatchCost::default())
    }

    async fn infer(&self, batch: Batch<Self::Input>) -> Result<Vec<Self::Output>> {
        let keys: Vec<&str> = batch.iter().map(|item| item.key().unwrap_or("none")).collect();
        self.calls.add(&keys.join(" "));
        if batch.iter().any(|item| item.input.as_str() == "fails the batch") {
            // The states of the others have changed.
            for item in batch.iter().filter(|item| item.input.as_str() != "fails the batch") {
                self.texts.take(item, || Ok(Vec::new()))?.push(item.input.as_str().to_string());
            }
            return Err("on command".into());
        }
        if let Some(item) = batch.iter().find(|item| item.input.as_str() == "awaits") {
            let mut texts = self.texts.take(item, || Ok(Vec::new()))?;
            texts.push("half".to_string());
            std::future::pending::<()>().await;
        }
        batch.map_each(|item| {
            let text = item.input.as_str();
            let mut texts = self.texts.take(&item, || Ok(Vec::new()))?;
            if text.starts_with("hold") {
                self.gate.pass(text);
            }
            if text.ends_with("panics") {
                panic!("on command");
            }
            texts.push(text.to_string());
            Ok(Json(texts.join(" ")))
        })
    }
}

fn engine(change: impl Fn(EngineBuilder) -> EngineBuilder) -> (TestEngine, Arc<Gate>, Arc<Seen>) {
    let (gate, calls) = (Arc::new(Gate::default()), Arc::new(Seen::default()));
    let texts = KeyedStates::new(100, Duration::from_secs(3600));
    let model = Sessions { texts, gate: gate.clone(), calls: calls.clone() };
    let builder = Engine::builder().instance("sessions", model).configure(|settings| settings.workers = Some(2));
    (TestEngine::start(change(builder)).unwrap(), gate, calls)
}

fn body(session: &str, texts: &[&str]) -> String {
    let data = serde_json::json!(texts);
    let parameters = serde_json::json!({"session": session});
    serde_json::json!({"inputs": [{"name": "a", "data": data, "parameters": parameters}]}).to_string()
}

/// Sends a request, and waits until the engine has it in its queue or in a call.
fn send(engine: &TestEngine, body: String) -> Pending {
    let before = engine.now();
    let pending = engine.ask(body);
    engine.wait_until(|now| now.queued + now.running > before.queued + before.running);
    pending
}

fn outputs(pending: Pending) -> Vec<String> {
    let response = pending.answer();
    assert_eq!(response.status, 200, "{}", response.error());
    let outputs = response.json()["outputs"][0]["data"].take();
    outputs.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_string()).collect()
}

#[test]
fn the_items_of_a_key_run_in_the_order_of_their_arrival_and_others_do_not_wait() {
    let (engine, gate, _) = engine(|builder| builder);
    let mut pieces = vec![send(&engine, body("s", &["hold"]))];
    gate.wait_for(1);
    pieces.extend(["1", "2", "3", "4", "5", "6"].map(|piece| send(&engine, body("s", &[piece]))));
    // Six items of one key wait, and the other worker is free.
    assert_eq!((engine.now().running, engine.now().queued), (1, 6));
    assert_eq!(outputs(engine.ask(body("t", &["a"]))), ["a"]);
    gate.open();
    let texts: Vec<String> = pieces.into_iter().flat_map(outputs).collect();
    assert_eq!(texts.last().unwrap(), "hold 1 2 3 4 5 6");
    assert!(texts.iter().enumerate().all(|(index, text)| text.split(' ').count() == index + 1), "{texts:?}");
}

#[test]
fn no_batch_has_two_items_of_a_key() {
    let (engine, _, calls) = engine(|builder| builder);
    let inputs = ["s", "t", "s", "s", "t"]
        .map(|session| serde_json::json!({"name": "a", "data": [session], "parameters": {"session": session}}));
    let request = serde_json::json!({"inputs": inputs}).to_string();
    let response = engine.infer(request);
    let outputs: Vec<_> = (0..5).map(|index| response.json()["outputs"][index]["data"][0].clone()).collect();
    assert_eq!(outputs, ["s", "t", "s s", "s s s", "t t"]);
    let calls = calls.all();
    assert!(calls.iter().all(|keys| ["s", "t", "s t", "t s"].contains(&&**keys)), "{calls:?}");
    assert_eq!(engine.now().queued, 0);
}

#[test]
fn a_request_whose_items_have_keys_is_counted_once() {
    let (engine, gate, _) = engine(|builder| builder.configure(|settings| settings.workers = Some(1)));
    let first = send(&engine, body("other", &["hold"]));
    gate.wait_for(1);
    // The first items of two keys are in the queue, and two wait in each lane.
    let inputs = ["s", "t", "s", "s", "t", "t"]
        .map(|session| serde_json::json!({"name": "a", "data": [session], "parameters": {"session": session}}));
    let keyed = send(&engine, serde_json::json!({"inputs": inputs}).to_string());
    let now = engine.now();
    assert_eq!((now.requests, now.running, now.queued), (2, 1, 1));
    gate.open();
    assert_eq!((first.answer().status, keyed.answer().status), (200, 200));
    let metrics = String::from_utf8(engine.get("/metrics").body.to_vec()).unwrap();
    let waits = metrics
        .lines()
        .find(|line| line.starts_with("chariot_stage_seconds_count") && line.contains("stage=\"queue\""));
    assert_eq!(waits.and_then(|line| line.rsplit(' ').next()), Some("2"), "{metrics}");
}

#[test]
fn an_item_that_fails_or_whose_caller_leaves_lets_the_next_one_run() {
    let (engine, gate, calls) = engine(|builder| builder);
    let first = send(&engine, body("s", &["hold and panics"]));
    gate.wait_for(1);
    let gone = send(&engine, body("s", &["gone"]));
    let last = send(&engine, body("s", &["last"]));
    gone.hang_up();
    // It leaves at once, and not only when its turn comes.
    engine.wait_until(|now| now.queued == 1 && now.requests == 2);
    gate.open();
    assert_eq!(first.answer().status, 500);
    assert_eq!(outputs(last), ["last"]);
    assert_eq!(calls.all().len(), 2);
}

#[test]
fn a_state_of_a_call_that_is_dropped_midway_is_not_used_again() {
    let (engine, ..) = engine(|builder| builder.configure(|settings| settings.workers = Some(1)));
    for session in ["s", "t"] {
        assert_eq!(outputs(engine.ask(body(session, &["first"]))), ["first"]);
    }
    let gone = send(&engine, body("s", &["awaits"]));
    engine.wait_until(|now| now.running == 1);
    let next = send(&engine, body("s", &["next"]));
    gone.hang_up();
    // Neither is the lane locked, nor is there a state that nobody knows the end of.
    assert_eq!(outputs(next), ["next"]);
    assert_eq!(outputs(engine.ask(body("t", &["second"]))), ["first second"]);
}

#[test]
fn a_batch_that_fails_changes_no_state_twice() {
    let (engine, gate, calls) = engine(|builder| builder.configure(|settings| settings.workers = Some(1)));
    let first = send(&engine, body("other", &["hold"]));
    gate.wait_for(1);
    // They share the next call.
    let together = ["s", "t"].map(|session| {
        let text = if session == "t" { "fails the batch" } else { "once" };
        send(&engine, body(session, &[text]))
    });
    gate.open();
    assert_eq!(first.answer().status, 200);
    assert_eq!(together.map(|pending| pending.answer().status), [500, 500]);
    assert_eq!(calls.all(), ["other", "s t"]);
    assert_eq!(outputs(engine.ask(body("s", &["again"]))), ["once again"]);
}

#[test]
fn an_engine_of_several_devices_fails_keys_and_nothing_else() {
    // Each device has a model, whose states the others do not see.
    let (engine, ..) = engine(|builder| builder.inventory(Gpus(2)).setting("CHARIOT_ENGINE_DEVICE", "cuda"));
    assert_eq!(engine.infer(body("s", &["a"])).status, 500);
    let keyless = r#"{"inputs": [{"name": "a", "data": ["b"]}]}"#;
    assert_eq!(engine.infer(keyless).status, 200);
}

#[test]
fn a_key_of_any_length_is_not_kept() {
    let (engine, ..) = engine(|builder| builder);
    assert_eq!(engine.infer(body(&"s".repeat(256), &["a"])).status, 200);
    let response = engine.infer(body(&"s".repeat(257), &["a"]));
    assert_eq!(response.status, 400);
    assert_eq!(response.error(), "input 'a': expected a key of at most 256 bytes, got 257");
}

#[test]
fn an_item_that_waits_for_its_turn_has_a_deadline_and_takes_a_place() {
    let (engine, gate, _) = engine(|builder| {
        builder.configure(|settings| (settings.queue_size, settings.timeout) = (1, Some(Duration::from_secs(600))))
    });
    let first = send(&engine, body("s", &["hold"]));
    gate.wait_for(1);
    let short = r#"{"inputs": [{"name": "a", "data": ["b"], "parameters": {"session": "s"}}], "parameters": {"timeout": 1000}}"#;
    assert_eq!(engine.infer(short).status, 504);
    let waiting: Vec<Pending> = ["1", "2"].map(|piece| send(&engine, body("s", &[piece]))).into();
    assert_eq!(engine.infer(body("t", &["a"])).status, 503);
    gate.open();
    let texts: Vec<String> = [first].into_iter().chain(waiting).flat_map(outputs).collect();
    assert_eq!(texts, ["hold", "hold 1", "hold 1 2"]);
}

#[test]
fn a_shutdown_fails_the_items_that_wait_for_their_turn() {
    let (engine, gate, _) = engine(|builder| builder.configure(|settings| settings.grace = Duration::from_millis(10)));
    let first = send(&engine, body("s", &["hold"]));
    gate.wait_for(1);
    let second = send(&engine, body("s", &["second"]));
    let stopping = {
        let engine = engine.engine().clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(engine.shutdown())
        })
    };
    assert_eq!(second.answer().status, 503);
    assert_eq!(first.answer().status, 503);
    assert_eq!(stopping.join().unwrap(), 2);
    gate.open();
    until("the end of the call", || (engine.now().running == 0).then_some(()));
}
