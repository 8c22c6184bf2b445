//! Execution of a model by workers: concurrent calls, batches, scratch values, and blocking in every form.

use std::{
    collections::HashSet,
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, ThreadId},
    time::Duration,
};

use chariot_engine::{prelude::*, testing::TestEngine};
use e2e::until;
use tokio::sync::Barrier;

use crate::{
    scripted::{Scripted, Seen, echo},
    support::{Gate, Server, text, texts},
};

#[test]
fn a_worker_runs_as_many_calls_at_once_as_the_spec_allows() {
    let (begun, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let threads = Arc::new(Mutex::new(HashSet::<ThreadId>::new()));
    let made = Arc::new(AtomicUsize::new(0));
    // No call passes the barrier before eight have arrived.
    let (barrier, seen, here, scratches) = (Arc::new(Barrier::new(8)), most.clone(), threads.clone(), made.clone());
    let model = Scripted::<8, 32>::new(move |batch| {
        let (barrier, begun, seen, here) = (barrier.clone(), begun.clone(), seen.clone(), here.clone());
        let scratches = scratches.clone();
        Box::pin(async move {
            let mut own = batch.scratch(|| {
                scratches.fetch_add(1, Ordering::SeqCst);
                Ok(String::new())
            })?;
            own.clear();
            own.push_str(batch.iter().next().map_or("", |text| text.as_str()));
            seen.fetch_max(begun.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            here.lock().unwrap().insert(thread::current().id());
            barrier.wait().await;
            begun.fetch_sub(1, Ordering::SeqCst);
            let of_others = own.clone();
            batch.try_map(|_| Ok(Json(of_others.clone())))
        })
    });
    let server = Server::start(Engine::builder().instance("awaits", model).configure(|of| of.workers = Some(1)));
    let waiting: Vec<_> = (0..16).map(|index| server.admitted(&text(&format!("{index}")))).collect();
    for (index, mut connection) in waiting.into_iter().enumerate() {
        assert_eq!(connection.answer().unwrap().values(), [index.to_string()], "no call sees another's scratch value");
    }
    assert_eq!(most.load(Ordering::SeqCst), 8, "eight calls at once, never more");
    assert_eq!(made.load(Ordering::SeqCst), 8, "one scratch value per concurrent call, reused by later calls");
    assert_eq!(threads.lock().unwrap().len(), 1);
}

#[test]
fn a_request_is_split_by_cost_and_group_and_answered_in_order() {
    let batches = Arc::new(Seen::default());
    let seen = batches.clone();
    let model = Scripted::<1, 4>::new(move |batch| {
        seen.add(&batch.iter().map(|text| text.to_string()).collect::<Vec<_>>().join(","));
        let answers = batch.try_map(|text| Ok(Json(text.as_str().to_uppercase())));
        Box::pin(async { answers })
    });
    // Texts with the same first letter form a group; `x` costs as much as a whole batch, `y` more.
    let model = model.admit(|text| {
        let first = text.as_bytes()[0];
        let cost = match first {
            b'x' => 4,
            b'y' => 100,
            _ => 1,
        };
        Ok(BatchCost::new(cost).group(first.into()))
    });
    let engine =
        TestEngine::start(Engine::builder().instance("split", model).configure(|of| of.workers = Some(1))).unwrap();
    let words = ["a1", "b1", "a2", "x1", "a3", "b2", "y1", "x2", "a4", "a5", "b3", "y2"];
    let answer = engine.infer(texts(words.map(|word| (word, word))));
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let outputs = answer.json()["outputs"].take();
    let outputs: Vec<_> =
        outputs.as_array().unwrap().iter().map(|of| (of["name"].clone(), of["data"].clone())).collect();
    let expected: Vec<_> = words.map(|word| (word.into(), serde_json::json!([word.to_uppercase()]))).into();
    assert_eq!(outputs, expected);
    assert_eq!(batches.all(), ["a1,a2,a3,a4", "a5", "b1,b2,b3", "x1", "x2", "y1", "y2"]);
}

/// A model whose `admit` splits texts into words and attaches them for `infer`.
struct Tokens;

impl Model for Tokens {
    type Settings = ();
    type Input = Text;
    type Output = Json<Vec<String>>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Tokens)
    }

    fn spec() -> Spec {
        Spec::new::<Self>().actions(["cut", "count"])
    }

    fn admit(&self, item: &mut Item<Text>) -> Result<BatchCost> {
        let words: Vec<String> = item.as_str().split(' ').map(str::to_string).collect();
        let cost = BatchCost::new(words.len());
        item.attach(words);
        Ok(cost)
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<Vec<String>>>> {
        batch.try_map(|item| {
            let words = item.attached::<Vec<String>>().context("words attached by `admit`")?;
            let about = format!("{} {} {}", item.name(), item.action(), item.score_threshold());
            Ok(Json(words.iter().cloned().chain([about]).collect()))
        })
    }
}

#[test]
fn infer_sees_the_attachment_and_the_parameters_of_an_item() {
    let builder = Engine::builder().model::<Tokens>("tokens").setting("CHARIOT_ENGINE_SCORE_THRESHOLD", "0.75");
    let engine = TestEngine::start(builder).unwrap();
    let body = r#"{"inputs": [{"name": "a", "data": ["one two"]},
        {"name": "b", "data": ["three"], "parameters": {"action": "count", "score_threshold": "0.125"}}]}"#;
    let outputs = engine.infer(body).json()["outputs"].take();
    assert_eq!(outputs[0]["data"], serde_json::json!([["one", "two", "a cut 0.75"]]));
    assert_eq!(outputs[1]["data"], serde_json::json!([["three", "b count 0.125"]]));
}

#[test]
fn the_elements_of_an_input_are_items_and_are_returned_as_one_output() {
    let sizes = Arc::new(Seen::default());
    let seen = sizes.clone();
    let model = Scripted::<1, 2>::new(move |batch| {
        seen.add(&batch.len().to_string());
        let answers = crate::scripted::echo(batch);
        Box::pin(async { answers })
    });
    let engine = TestEngine::start(Engine::builder().instance("split", model)).unwrap();
    let body = r#"{"inputs": [{"name": "a", "data": ["1", "2", "3"], "parameters": {"metadata": {"k":  1.50}}},
                              {"name": "b", "data": "4"}]}"#;
    let answer = engine.infer(body);
    let text = String::from_utf8_lossy(&answer.body);
    let first =
        r#"{"name":"a","datatype":"BYTES","shape":[3],"data":["1","2","3"],"parameters":{"metadata":{"k":  1.50}}}"#;
    let second = r#"{"name":"b","datatype":"BYTES","shape":[1],"data":["4"]}"#;
    assert!(text.ends_with(&format!(r#""outputs":[{first},{second}]}}"#)), "{text}");
    assert_eq!(sizes.all(), ["2", "2"]);
}

#[test]
fn a_scratch_value_is_kept_by_its_worker_and_never_leaves_it() {
    struct Own {
        thread: ThreadId,
        calls: usize,
    }
    let made = Arc::new(AtomicUsize::new(0));
    let makes = made.clone();
    let meet = Arc::new(std::sync::Barrier::new(2));
    let model = Scripted::blocking(move |batch| {
        let here = thread::current().id();
        let mut own = batch.scratch(|| {
            makes.fetch_add(1, Ordering::SeqCst);
            Ok(Own { thread: here, calls: 0 })
        })?;
        assert_eq!(own.thread, here, "a scratch value has left its worker");
        own.calls += 1;
        // Both workers are in a call, so each must have its own value.
        meet.wait();
        let calls = own.calls.to_string();
        batch.try_map(|_| Ok(Json(calls.clone())))
    });
    let server = Server::start(Engine::builder().instance("scratch", model).configure(|of| of.workers = Some(2)));
    for call in 1..=3 {
        let waiting = [server.admitted(&text("a")), server.admitted(&text("b"))];
        for mut connection in waiting {
            assert_eq!(connection.answer().unwrap().values(), [call.to_string()]);
        }
    }
    assert_eq!(made.load(Ordering::SeqCst), 2);
}

/// A model that blocks in every way an author may use, in `load` and in `infer`.
struct Blocking {
    loaded: String,
    address: SocketAddr,
}

#[derive(Settings)]
struct Address {
    /// Address of the server
    ask: String,
}

fn block_in_every_way(address: SocketAddr) -> Result<String> {
    let client = reqwest::blocking::Client::builder().no_proxy().build()?;
    let fetched = client.get(format!("http://{address}/")).send()?.error_for_status()?.text()?;
    let own = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let spawned = own.block_on(async { tokio::spawn(async { "own runtime" }).await })?;
    drop(own);
    let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
    sender.blocking_send("channel")?;
    let received = receiver.blocking_recv().context("the sent value")?;
    let locked = *tokio::sync::Mutex::new("lock").blocking_lock();
    thread::sleep(Duration::from_millis(1));
    Ok(format!("{fetched}, {spawned}, {received}, {locked}"))
}

async fn await_in_every_way() -> Result<String> {
    tokio::time::sleep(Duration::from_millis(1)).await;
    let spawned = tokio::spawn(async { "task" }).await?;
    let off = tokio::task::spawn_blocking(|| "pool").await?;
    let slow = tokio::time::timeout(Duration::from_millis(1), std::future::pending::<()>()).await.is_err();
    // A value that is not `Send` can be held across an await.
    let not_send = std::rc::Rc::new("rc");
    tokio::task::yield_now().await;
    Ok(format!("{spawned}, {off}, {slow}, {not_send}"))
}

impl Model for Blocking {
    type Settings = Address;
    type Input = Text;
    type Output = Json<String>;

    async fn load(ctx: &LoadContext<Address>) -> Result<Self> {
        let address = ctx.settings().ask.parse()?;
        let loaded = format!("{}, {}", block_in_every_way(address)?, await_in_every_way().await?);
        Ok(Blocking { loaded, address })
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> {
        let answer = format!("{}, {}", block_in_every_way(self.address)?, await_in_every_way().await?);
        assert_eq!(self.loaded, answer);
        batch.try_map(|_| Ok(Json(answer.clone())))
    }
}

/// Starts a server that responds `fetched` to every connection until the process exits.
fn fetched() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                match stream.read(&mut byte) {
                    Ok(1) => head.push(byte[0]),
                    _ => break,
                }
            }
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\nfetched");
        }
    });
    address
}

#[test]
fn a_model_can_block_and_await_in_load_and_in_infer() {
    let builder = Engine::builder().model::<Blocking>("blocking").setting("ASK", fetched().to_string());
    let engine = TestEngine::start(builder).unwrap();
    let answer = engine.infer(text("a"));
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let expected = "fetched, own runtime, channel, lock, task, pool, true, rc";
    assert_eq!(answer.json()["outputs"][0]["data"][0], expected);
}

#[test]
fn a_call_that_awaits_and_then_blocks_delays_no_other_request() {
    let (gate, go) = (Arc::new(Gate::default()), Arc::new(tokio::sync::Notify::new()));
    let (at, going) = (gate.clone(), go.clone());
    let model = Scripted::<4, 32>::new(move |batch| {
        let (at, going) = (at.clone(), going.clone());
        Box::pin(async move {
            if batch.iter().any(|text| text.value().0 == "blocks") {
                going.notified().await;
                at.pass("blocks");
            }
            echo(batch)
        })
    });
    let builder = Engine::builder().instance("both", model).configure(|settings| settings.workers = Some(2));
    let server = Server::start(builder);
    let mut blocking = server.admitted(&text("blocks"));
    // Once this is answered, both workers are waiting for requests again.
    assert_eq!(server.infer(text("a")).values(), ["a"]);
    go.notify_one();
    gate.wait_for(1);
    for index in 0..8 {
        let sent = format!("text-{index}");
        assert_eq!(server.infer(text(&sent)).values(), [sent]);
    }
    gate.open();
    assert_eq!(blocking.answer().unwrap().values(), ["blocks"]);
}

#[test]
fn a_request_of_many_batches_stops_when_its_caller_disconnects() {
    let (gate, calls) = (Arc::new(Gate::default()), Arc::new(AtomicUsize::new(0)));
    let (at, counts) = (gate.clone(), calls.clone());
    let model = Scripted::<1, 1>::new(move |batch| {
        counts.fetch_add(1, Ordering::SeqCst);
        if let Some(item) = batch.iter().find(|text| text.value().0 == "many") {
            at.pass("many");
            until("the caller disconnects", || item.is_cancelled().then_some(()));
        }
        Box::pin(async { echo(batch) })
    });
    let builder = Engine::builder().instance("many", model).configure(|settings| settings.workers = Some(1));
    let server = Server::start(builder);
    let many = server.admitted(&texts((0..50).map(|_| ("a", "many"))));
    gate.wait_for(1);
    drop(many);
    gate.open();
    assert_eq!(server.infer(text("next")).values(), ["next"]);
    assert_eq!(calls.load(Ordering::SeqCst), 2, "no further batch runs for a caller that has disconnected");
}
