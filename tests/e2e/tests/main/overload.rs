//! Requests while every worker is busy: they wait, are rejected, expire, or lose their callers.

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

/// An engine whose model waits at a gate, and the texts that `admit` has seen.
struct Held {
    server: Server,
    gate: Arc<Gate>,
    admitted: Arc<Seen>,
}

/// An engine whose model returns its text in upper case once the gate is open.
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
    /// Waits until a request is decoded, just before it is queued.
    fn wait_for_admission(&self, who: &str) {
        until(who, || self.admitted.has(who).then_some(()));
    }

    /// Sends a text and returns once it is admitted.
    fn send(&self, who: &str) -> Connection {
        let connection = self.server.admitted(&text(who));
        self.wait_for_admission(who);
        connection
    }
}

/// Disconnects without waiting for the response.
fn hang_up(connection: Connection) {
    drop(connection);
}

fn answer(mut connection: Connection) -> String {
    let values = connection.answer().expect("the server answers").values();
    values[0].as_str().expect("a text").to_string()
}

#[test]
fn other_routes_respond_while_the_model_is_busy() {
    let held = held(2, 100, None);
    let waiting: Vec<_> = (0..12).map(|index| held.send(&format!("text-{index}"))).collect();
    held.gate.wait_for(2);
    for path in ["/v2/health/live", "/v2/health/ready", "/ready", "/v2", "/v2/models/held"] {
        assert_eq!(held.server.get(path).status, 200, "{path}");
    }
    assert_eq!(held.server.infer("{").status, 400, "a bad request is rejected without a worker");
    assert_eq!(held.gate.arrivals().len(), 2, "one call per worker");
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
    assert_eq!(held.gate.arrivals(), ["a", "b", "c", "d"]);
}

#[test]
fn a_full_queue_rejects_at_once_with_a_time_to_retry() {
    let held = held(1, 2, None);
    let waiting: Vec<_> = ["a", "b", "c"].into_iter().map(|who| held.send(who)).collect();
    for _ in 0..3 {
        let rejected = held.server.infer(text("d"));
        let seconds: u64 = rejected.header("retry-after").expect("Retry-After").parse().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
        insta::assert_snapshot!("queue_full", without_numbers(&rejected.error(503)));
    }
    let mut expecting = held.server.connect();
    let rejected = expecting.post_admitted("/infer", &text("d")).unwrap().expect("a rejection before the body is sent");
    rejected.error(503);
    assert_eq!(held.server.get("/ready").status, 200, "a busy engine is ready");
    held.gate.open();
    assert_eq!(waiting.into_iter().map(answer).collect::<Vec<_>>(), ["A", "B", "C"]);
    assert_eq!(held.server.infer(text("e")).values(), ["E"]);
    assert!(!held.admitted.has("d"), "a rejected request is not decoded");
}

/// Replaces every number by `N`: the seconds to wait depend on the speed of the machine.
fn without_numbers(message: &str) -> String {
    let parts = message.split(|character: char| character.is_ascii_digit()).collect::<Vec<_>>();
    parts.join("N").replace("NN", "N")
}

#[test]
fn a_queued_request_whose_caller_disconnects_never_reaches_the_model() {
    let held = held(1, 1, None);
    let first = held.send("a");
    held.gate.wait_for(1);
    hang_up(held.send("gone"));
    // Its permit is released as soon as the server notices.
    let next = until("the permit is released", || {
        let mut connection = held.server.connect();
        connection.post_admitted("/infer", &text("b")).unwrap().is_none().then_some(connection)
    });
    held.gate.open();
    assert_eq!([answer(first), answer(next)], ["A", "B"]);
    assert_eq!(held.gate.arrivals(), ["a", "b"]);
}

#[test]
fn a_blocking_model_can_see_that_its_caller_has_disconnected() {
    let (sender, saw) = mpsc::channel();
    let gate = Arc::new(Gate::default());
    let at = gate.clone();
    let model = Scripted::blocking(move |batch| {
        at.pass("model");
        batch.try_map(|item| {
            until("the caller disconnects", || item.is_cancelled().then_some(()));
            sender.send(item.to_string())?;
            Ok(Json("never read".into()))
        })
    });
    let server = Server::start(Engine::builder().instance("blocks", model));
    gate.open();
    let connection = server.admitted(&text("a"));
    gate.wait_for(1);
    hang_up(connection);
    assert_eq!(saw.recv_timeout(DEADLINE).unwrap(), "a");
}

/// Reports when it is dropped.
struct Drops(mpsc::Sender<&'static str>);

impl Drop for Drops {
    fn drop(&mut self) {
        let _ = self.0.send("dropped");
    }
}

/// A model whose calls for `wait` never complete. It reports when such a call begins and when it is dropped.
fn awaiting() -> (Scripted, mpsc::Receiver<&'static str>) {
    let (sender, events) = mpsc::channel();
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
    (model, events)
}

#[test]
fn an_async_call_is_cancelled_when_its_caller_disconnects() {
    let (model, events) = awaiting();
    let server = Server::start(Engine::builder().instance("awaits", model).configure(|of| of.workers = Some(1)));
    let connection = server.admitted(&text("wait"));
    assert_eq!(events.recv_timeout(DEADLINE).unwrap(), "began");
    hang_up(connection);
    assert_eq!(events.recv_timeout(DEADLINE).unwrap(), "dropped");
    assert_eq!(server.infer(text("next")).values(), ["next"], "its worker is free");
}

#[test]
fn resetting_an_http_2_stream_cancels_its_call_only() {
    let (model, events) = awaiting();
    let server = Server::start(Engine::builder().instance("awaits", model).configure(|of| of.workers = Some(1)));
    let ask = |word: &str| Request::post(format!("http://{}/infer", server.address)).body(text(word).into()).unwrap();
    let mut client = server.block_on(http2(server.address));
    let waiting = server.runtime().spawn(client.send_request(ask("wait")));
    assert_eq!(events.recv_timeout(DEADLINE).unwrap(), "began");
    let queued = server.runtime().spawn(client.send_request(ask("next")));
    waiting.abort();
    assert_eq!(events.recv_timeout(DEADLINE).unwrap(), "dropped");
    assert_eq!(server.block_on(queued).unwrap().unwrap().status(), 200, "the connection survives");
}

#[test]
fn an_async_call_is_cancelled_at_the_deadline() {
    let (model, events) = awaiting();
    let server = Server::start(Engine::builder().instance("awaits", model).configure(|settings| {
        settings.workers = Some(1);
        settings.timeout = Some(Duration::from_millis(300));
    }));
    server.infer(text("wait")).error(504);
    assert_eq!(events.recv_timeout(DEADLINE).unwrap(), "began");
    assert_eq!(events.recv_timeout(DEADLINE).unwrap(), "dropped");
    let next = until("an answer in time", || Some(server.infer(text("next"))).filter(|answer| answer.status == 200));
    assert_eq!(next.values(), ["next"]);
}

#[test]
fn a_request_that_expires_in_the_queue_never_reaches_the_model() {
    let held = held(1, 10, Some(Duration::from_millis(300)));
    let mut first = held.send("a");
    held.gate.wait_for(1);
    let mut queued = held.send("late");
    // The model is still blocked: the deadline does not depend on it.
    first.answer().unwrap().error(504);
    queued.answer().unwrap().error(504);
    held.gate.open();
    until("an answer in time", || Some(held.server.infer(text("b"))).filter(|answer| answer.status == 200));
    let arrivals = held.gate.arrivals();
    assert_eq!(arrivals.first().map(String::as_str), Some("a"));
    assert!(!arrivals.contains(&"late".to_string()), "{arrivals:?}");
}

#[test]
fn max_concurrency_limits_the_calls_of_all_workers() {
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
    until("both are admitted", || (server.engine.in_flight().requests == 2).then_some(()));
    server.infer(text("c")).error(503);
    assert_eq!(gate.arrivals().len(), 1);
    gate.open();
    assert_eq!(waiting.map(answer), ["a", "b"]);
}

#[test]
fn an_expired_request_is_a_504_at_every_stage() {
    let model = Scripted::blocking(|batch| {
        // The computation of the model.
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
    assert!(statuses.contains(&504), "eight clients wait longer than the timeout");
}
