//! What happens to requests when every worker is held: they wait, they are refused, they expire, their callers go.

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use chariot_engine::prelude::*;
use e2e::{Connection, DEADLINE, until};
use http::Request;

use crate::{
    scripted::{Scripted, Seen},
    support::{Gate, Server, http2, text},
};

/// An engine whose model waits at a gate, and what `admit` has seen.
struct Held {
    server: Server,
    gate: Arc<Gate>,
    admitted: Arc<Seen>,
}

/// A model that answers with its text as soon as the gate lets it pass.
fn held(workers: usize, queue_size: usize, timeout: Option<Duration>) -> Held {
    let (gate, admitted) = (Arc::new(Gate::default()), Arc::new(Seen::default()));
    let (at, seen) = (gate.clone(), admitted.clone());
    let model = Scripted::blocking(move |batch| {
        batch.try_map(|text| {
            at.pass(text.as_str());
            Ok(Json(text.as_str().to_uppercase()))
        })
    });
    let model = model.admit(move |text| {
        seen.add(text);
        Ok(BatchCost::default())
    });
    let builder = Engine::builder().instance("held", model).configure(move |settings| {
        settings.workers = Some(workers);
        settings.queue_size = queue_size;
        settings.timeout = timeout;
    });
    Held { server: Server::start(builder), gate, admitted }
}

impl Held {
    /// Waits until a request has been decoded and stands in the queue, or is about to.
    fn wait_for_admission(&self, who: &str) {
        until(who, || self.admitted.has(who).then_some(()));
    }

    /// Sends a text; it has its place when this returns.
    fn send(&self, who: &str) -> Connection {
        let connection = self.server.admitted(&text(who));
        self.wait_for_admission(who);
        connection
    }
}

/// Goes away without waiting for the answer.
fn hang_up(connection: Connection) {
    drop(connection);
}

fn answer(mut connection: Connection) -> String {
    let values = connection.answer().expect("the server answers").values();
    values[0].as_str().expect("a text").to_string()
}

#[test]
fn a_held_model_leaves_everything_else_answering() {
    let held = held(2, 100, None);
    let waiting: Vec<_> = (0..12).map(|index| held.send(&format!("text-{index}"))).collect();
    held.gate.wait_for(2);
    for path in ["/v2/health/live", "/v2/health/ready", "/ready", "/v2", "/v2/models/held"] {
        assert_eq!(held.server.get(path).status, 200, "{path}");
    }
    assert_eq!(held.server.infer("{").status, 400, "a bad request is refused without a worker");
    assert_eq!(held.gate.came().len(), 2, "no more than the workers run");
    held.gate.open();
    let answers: Vec<_> = waiting.into_iter().map(answer).collect();
    assert_eq!(answers, (0..12).map(|index| format!("TEXT-{index}")).collect::<Vec<_>>());
}

#[test]
fn one_worker_serves_in_the_order_of_arrival() {
    let held = held(1, 100, None);
    let waiting: Vec<_> = ["a", "b", "c", "d"].into_iter().map(|who| held.send(who)).collect();
    held.gate.open();
    for connection in waiting {
        answer(connection);
    }
    assert_eq!(held.gate.came(), ["a", "b", "c", "d"]);
}

#[test]
fn a_full_queue_refuses_at_once_and_says_when_to_come_again() {
    let held = held(1, 2, None);
    let waiting: Vec<_> = ["a", "b", "c"].into_iter().map(|who| held.send(who)).collect();
    for _ in 0..3 {
        let refused = held.server.infer(text("d"));
        assert!(refused.error(503).starts_with("queue is full"));
        let seconds: u64 = refused.header("retry-after").expect("when to come again").parse().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
    }
    let mut expecting = held.server.connect();
    let refused = expecting.post_admitted("/infer", &text("d")).unwrap().expect("a refusal, before the body is sent");
    assert!(refused.error(503).starts_with("queue is full"));
    assert_eq!(held.server.get("/ready").status, 200, "an engine with much to do is ready");
    held.gate.open();
    assert_eq!(waiting.into_iter().map(answer).collect::<Vec<_>>(), ["A", "B", "C"]);
    assert_eq!(held.server.infer(text("e")).values(), ["E"]);
    assert!(!held.admitted.has("d"), "a refused request is not decoded");
}

#[test]
fn a_request_whose_caller_has_gone_leaves_the_queue_and_never_reaches_the_model() {
    let held = held(1, 1, None);
    let first = held.send("a");
    held.gate.wait_for(1);
    hang_up(held.send("gone"));
    // Its place is free as soon as the server has noticed.
    let next = until("a place that is free again", || {
        let mut connection = held.server.connect();
        connection.post_admitted("/infer", &text("b")).unwrap().is_none().then_some(connection)
    });
    held.gate.open();
    assert_eq!([answer(first), answer(next)], ["A", "B"]);
    assert_eq!(held.gate.came(), ["a", "b"]);
}

#[test]
fn a_model_that_blocks_sees_that_its_caller_has_gone() {
    let (sender, saw) = mpsc::channel();
    let gate = Arc::new(Gate::default());
    let at = gate.clone();
    let model = Scripted::blocking(move |batch| {
        at.pass("model");
        batch.try_map(|item| {
            until("the caller goes", || item.is_cancelled().then_some(()));
            sender.send(item.to_string())?;
            Ok(Json("nobody reads this".into()))
        })
    });
    let server = Server::start(Engine::builder().instance("blocks", model));
    gate.open();
    let connection = server.admitted(&text("a"));
    gate.wait_for(1);
    hang_up(connection);
    assert_eq!(saw.recv_timeout(DEADLINE).unwrap(), "a");
}

/// Tells when it is dropped.
struct Drops(mpsc::Sender<&'static str>);

impl Drop for Drops {
    fn drop(&mut self) {
        let _ = self.0.send("dropped");
    }
}

/// A model that awaits for ever, and tells when it begins and when it is dropped.
fn awaiting() -> (Scripted, mpsc::Receiver<&'static str>) {
    let (sender, told) = mpsc::channel();
    let model = Scripted::new(move |batch| {
        let sender = sender.clone();
        Box::pin(async move {
            let _drops = Drops(sender.clone());
            if batch.iter().any(|text| text.as_str() == "wait") {
                sender.send("began")?;
                std::future::pending::<()>().await;
            }
            crate::scripted::echo(batch)
        })
    });
    (model, told)
}

#[test]
fn a_model_that_awaits_is_stopped_when_its_caller_goes() {
    let (model, told) = awaiting();
    let server = Server::start(Engine::builder().instance("awaits", model).configure(|of| of.workers = Some(1)));
    let connection = server.admitted(&text("wait"));
    assert_eq!(told.recv_timeout(DEADLINE).unwrap(), "began");
    hang_up(connection);
    assert_eq!(told.recv_timeout(DEADLINE).unwrap(), "dropped");
    assert_eq!(server.infer(text("next")).values(), ["next"], "its worker is free");
}

#[test]
fn a_stream_of_http_2_that_is_reset_stops_its_work_and_no_other() {
    let (model, told) = awaiting();
    let server = Server::start(Engine::builder().instance("awaits", model).configure(|of| of.workers = Some(1)));
    let ask = |word: &str| Request::post(format!("http://{}/infer", server.address)).body(text(word).into()).unwrap();
    let mut client = server.block_on(http2(server.address));
    let waiting = server.runtime().spawn(client.send_request(ask("wait")));
    assert_eq!(told.recv_timeout(DEADLINE).unwrap(), "began");
    let queued = server.runtime().spawn(client.send_request(ask("next")));
    waiting.abort();
    assert_eq!(told.recv_timeout(DEADLINE).unwrap(), "dropped");
    assert_eq!(server.block_on(queued).unwrap().unwrap().status(), 200, "the connection lives");
}

#[test]
fn a_model_that_awaits_is_stopped_at_the_deadline() {
    let (model, told) = awaiting();
    let server = Server::start(Engine::builder().instance("awaits", model).configure(|settings| {
        settings.workers = Some(1);
        settings.timeout = Some(Duration::from_millis(300));
    }));
    assert_eq!(server.infer(text("wait")).error(504), "the deadline has passed");
    assert_eq!(told.recv_timeout(DEADLINE).unwrap(), "began");
    assert_eq!(told.recv_timeout(DEADLINE).unwrap(), "dropped");
    let next = until("an answer in time", || Some(server.infer(text("next"))).filter(|answer| answer.status == 200));
    assert_eq!(next.values(), ["next"]);
}

#[test]
fn what_has_expired_in_the_queue_never_reaches_the_model() {
    let held = held(1, 10, Some(Duration::from_millis(300)));
    let mut first = held.send("a");
    held.gate.wait_for(1);
    let mut queued = held.send("late");
    // The model still blocks: the deadline is kept without it.
    assert_eq!(first.answer().unwrap().error(504), "the deadline has passed");
    assert_eq!(queued.answer().unwrap().error(504), "the deadline has passed");
    held.gate.open();
    until("an answer in time", || Some(held.server.infer(text("b"))).filter(|answer| answer.status == 200));
    let came = held.gate.came();
    assert_eq!(came.first().map(String::as_str), Some("a"));
    assert!(!came.contains(&"late".to_string()), "{came:?}");
}

#[test]
fn max_concurrency_holds_the_calls_below_what_the_workers_could_run() {
    let gate = Arc::new(Gate::default());
    let at = gate.clone();
    let model = Scripted::blocking(move |batch| {
        batch.try_map(|text| {
            at.pass(text.as_str());
            Ok(Json(text.to_string()))
        })
    });
    let builder = Engine::builder().instance("held", model).configure(|settings| {
        settings.workers = Some(4);
        settings.max_concurrency = Some(1);
        settings.queue_size = 1;
    });
    let server = Server::start(builder);
    let waiting = [server.admitted(&text("a")), server.admitted(&text("b"))];
    gate.wait_for(1);
    assert!(server.infer(text("c")).error(503).starts_with("queue is full"));
    assert_eq!(gate.came().len(), 1);
    gate.open();
    assert_eq!(waiting.map(answer), ["a", "b"]);
}

#[test]
fn a_deadline_that_passed_is_a_504_whoever_notices() {
    let model = Scripted::blocking(|batch| {
        // What a model computes.
        std::thread::sleep(Duration::from_millis(2));
        batch.try_map(|text| Ok(Json(text.to_string())))
    });
    let server = Server::start(Engine::builder().instance("slow", model).configure(|settings| {
        settings.workers = Some(1);
        settings.timeout = Some(Duration::from_millis(6));
    }));
    let ask = || (0..40).map(|_| server.infer(text("a")).status).collect::<Vec<_>>();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    assert!(statuses.iter().all(|status| matches!(status, 200 | 504)), "{statuses:?}");
    assert!(statuses.contains(&504), "eight clients wait longer than the limit");
}
