//! Sharing of calls of `infer` by items of several requests, and isolation of these requests from each other.

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use chariot_engine::prelude::*;
use e2e::{Connection, DEADLINE, until};

use crate::{
    scripted::{Scripted, Seen, echo},
    support::{Gate, Server, head, text, texts},
};

/// A batch delay longer than any test: a batch waits for every request on its way, however slow the machine is, and for
/// nothing else.
const LONG: Duration = Duration::from_secs(3600);

/// The texts of a call.
fn words(batch: &Batch<Text>) -> String {
    batch.iter().map(|text| text.to_string()).collect::<Vec<_>>().join(",")
}

/// An engine with one worker whose calls wait at a gate, and the texts that `admit` has seen. Texts with the same first
/// letter form a group. `panic` panics, `fail` fails the whole call, `reject` is rejected.
struct Held {
    server: Server,
    gate: Arc<Gate>,
    admitted: Arc<Seen>,
}

fn held<const MOST: usize>(delay: Option<Duration>) -> Held {
    let (gate, admitted) = (Arc::new(Gate::default()), Arc::new(Seen::default()));
    let (at, seen) = (gate.clone(), admitted.clone());
    let model = Scripted::<1, MOST>::new(move |batch| {
        let all = words(&batch);
        at.pass(&all);
        if all.contains("panic") {
            panic!("on command");
        }
        let answers = if all.contains("fail") {
            Err("on command".into())
        } else {
            batch.try_map(|text| match text.as_str() {
                "reject" => reject!("expected another text, got 'reject'"),
                text => Ok(Json(text.to_uppercase())),
            })
        };
        Box::pin(async { answers })
    });
    let model = model.admit(move |text| {
        seen.add(text);
        Ok(BatchCost::default().group(text.bytes().next().unwrap_or_default().into()))
    });
    let builder = Engine::builder().instance("held", model).configure(move |settings| {
        settings.workers = Some(1);
        settings.batch_delay = delay;
    });
    Held { server: Server::start(builder), gate, admitted }
}

impl Held {
    /// Sends a text and returns once it is decoded.
    fn send(&self, who: &str) -> Connection {
        let connection = self.server.admitted(&text(who));
        until(who, || self.admitted.has(who).then_some(()));
        connection
    }

    /// Occupies the worker with a call, then sends the others.
    fn queued<const N: usize>(&self, others: [&str; N]) -> (Connection, [Connection; N]) {
        let first = self.send("0");
        self.gate.wait_for(1);
        (first, others.map(|who| self.send(who)))
    }
}

fn answer(mut connection: Connection) -> String {
    let answer = connection.answer().expect("the server answers");
    match answer.status {
        200 => answer.values()[0].as_str().expect("a text").to_string(),
        status => format!("{status}: {}", answer.error(status)),
    }
}

#[test]
fn requests_do_not_share_a_call_by_default() {
    let held = held::<32>(None);
    let (first, others) = held.queued(["a1", "a2"]);
    held.gate.open();
    assert_eq!((answer(first), others.map(answer)), ("0".into(), ["A1".into(), "A2".into()]));
    assert_eq!(held.gate.arrivals(), ["0", "a1", "a2"]);
}

#[test]
fn queued_items_are_batched_by_group_and_cost_and_answered_separately() {
    let held = held::<3>(Some(LONG));
    let (first, others) = held.queued(["a1", "b1", "a2", "a3", "a4", "b2"]);
    held.gate.open();
    assert_eq!(answer(first), "0");
    assert_eq!(others.map(answer), ["A1", "B1", "A2", "A3", "A4", "B2"]);
    assert_eq!(held.gate.arrivals(), ["0", "a1,a2,a3", "b1,b2", "a4"]);
}

#[test]
fn a_request_of_many_items_is_served_in_several_calls_and_shares_the_last() {
    let held = held::<3>(Some(LONG));
    let first = held.send("0");
    held.gate.wait_for(1);
    let many = ["a1", "b1", "a2", "a3", "a4"];
    let mut many = held.server.admitted(&texts(many.map(|word| (word, word))));
    until("all of them", || held.admitted.has("a4").then_some(()));
    let other = held.send("a5");
    held.gate.open();
    assert_eq!((answer(first), answer(other)), ("0".into(), "A5".into()));
    assert_eq!(many.answer().unwrap().values(), ["A1", "B1", "A2", "A3", "A4"]);
    assert_eq!(held.gate.arrivals(), ["0", "a1,a2,a3", "a5,a4", "b1"]);
}

#[test]
fn two_workers_share_the_calls_of_one_request() {
    let gate = Arc::new(Gate::default());
    let at = gate.clone();
    let model = Scripted::<1, 1>::new(move |batch| {
        at.pass(&words(&batch));
        let answers = echo(batch);
        Box::pin(async { answers })
    });
    let server = Server::start(Engine::builder().instance("two", model).configure(|of| of.workers = Some(2)));
    let mut connection = server.admitted(&texts([("a", "a"), ("b", "b"), ("c", "c")]));
    // Both calls run before either may finish.
    gate.wait_for(2);
    gate.open();
    assert_eq!(connection.answer().unwrap().values(), ["a", "b", "c"]);
}

#[test]
fn only_the_request_at_fault_fails() {
    let held = held::<32>(Some(LONG));
    for (culprit, expected) in [("fail", "500: "), ("panic", "500: "), ("reject", "400: input 'text': ")] {
        // In one group with the culprit.
        let others = [format!("{culprit} not").replace(culprit, &culprit[..1]), format!("{}x", &culprit[..1])];
        let before = held.gate.arrivals().len();
        let first = held.send(&format!("0{culprit}"));
        held.gate.wait_for(before + 1);
        let queued = [&others[0], &culprit.to_string(), &others[1]].map(|who| held.send(who));
        held.gate.open();
        let answers = queued.map(answer);
        assert_eq!([&answers[0], &answers[2]], [&others[0].to_uppercase(), &others[1].to_uppercase()]);
        assert!(answers[1].starts_with(expected), "{answers:?}");
        drop(first);
        held.gate.close();
    }
}

#[test]
fn a_batch_does_not_wait_when_nothing_is_on_its_way() {
    let model = Scripted::blocking(echo);
    let builder = Engine::builder().instance("alone", model).configure(|of| of.batch_delay = Some(LONG));
    let server = Server::start(builder);
    for word in ["a", "b"] {
        assert_eq!(server.infer(text(word)).values(), [word]);
    }
}

#[test]
fn a_batch_waits_for_requests_on_their_way_until_they_are_gone() {
    let held = held::<32>(Some(LONG));
    held.gate.open();
    let body = text("a2");
    let (begin, rest) = body.split_at(10);
    let mut pending = held.server.connect();
    pending.write(head("POST", "/infer", &["Expect: 100-continue"], body.len())).unwrap();
    assert_eq!(pending.answer().unwrap().status, 100, "it is admitted");
    pending.write(begin).unwrap();
    let first = held.send("a1");
    pending.write(rest).unwrap();
    assert_eq!([answer(first), answer(pending)], ["A1", "A2"]);
    assert_eq!(held.gate.arrivals(), ["a1,a2"]);

    let mut leaves = held.server.connect();
    leaves.write(head("POST", "/infer", &["Expect: 100-continue"], body.len())).unwrap();
    assert_eq!(leaves.answer().unwrap().status, 100);
    let alone = held.send("a3");
    drop(leaves);
    assert_eq!(answer(alone), "A3");
}

#[test]
fn a_batch_waits_no_longer_than_its_delay() {
    let held = held::<32>(Some(Duration::from_millis(50)));
    held.gate.open();
    let mut pending = held.server.connect();
    pending.write(head("POST", "/infer", &["Expect: 100-continue"], 100)).unwrap();
    assert_eq!(pending.answer().unwrap().status, 100, "admitted; its body never arrives");
    assert_eq!(answer(held.send("a1")), "A1");
}

#[test]
fn a_maximum_batch_alone_enables_batching() {
    let gate = Arc::new(Gate::default());
    let at = gate.clone();
    let model = Scripted::<1, 32>::new(move |batch| {
        at.pass(&words(&batch));
        let answers = echo(batch);
        Box::pin(async { answers })
    });
    let server = Server::start(Engine::builder().instance("sized", model).configure(|settings| {
        settings.workers = Some(1);
        settings.max_batch = Some(2);
    }));
    let first = server.admitted(&text("0"));
    gate.wait_for(1);
    let mut many = server.admitted(&texts([("a", "a"), ("b", "b"), ("c", "c")]));
    gate.open();
    assert_eq!(answer(first), "0");
    assert_eq!(many.answer().unwrap().values(), ["a", "b", "c"]);
    assert_eq!(gate.arrivals(), ["0", "a,b", "c"]);
}

#[test]
fn an_async_call_is_cancelled_when_its_last_caller_disconnects() {
    struct Drops(mpsc::Sender<&'static str>);
    impl Drop for Drops {
        fn drop(&mut self) {
            let _ = self.0.send("dropped");
        }
    }
    let (sender, events) = mpsc::channel();
    let admitted = Arc::new(Seen::default());
    let seen = admitted.clone();
    let model = Scripted::<1, 32>::new(move |batch| {
        let sender = sender.clone();
        Box::pin(async move {
            let _drops = Drops(sender.clone());
            sender.send(if batch.len() == 2 { "two" } else { "one" })?;
            if batch.iter().any(|text| text.as_str().starts_with("wait")) {
                std::future::pending::<()>().await;
            }
            echo(batch)
        })
    });
    let model = model.admit(move |text| {
        seen.add(text);
        Ok(BatchCost::default())
    });
    let server = Server::start(Engine::builder().instance("awaits", model).configure(|settings| {
        settings.workers = Some(1);
        settings.batch_delay = Some(LONG);
    }));
    let body = text("wait-2");
    let mut second = server.connect();
    second.write(head("POST", "/infer", &["Expect: 100-continue"], body.len())).unwrap();
    assert_eq!(second.answer().unwrap().status, 100);
    let first = server.admitted(&text("wait-1"));
    until("the first", || admitted.has("wait-1").then_some(()));
    second.write(&body).unwrap();
    assert_eq!(events.recv_timeout(DEADLINE).unwrap(), "two");
    drop(first);
    drop(second);
    assert_eq!(events.recv_timeout(DEADLINE).unwrap(), "dropped");
    assert_eq!(server.infer(text("next")).values(), ["next"], "the worker is free");
}
