//! Turns of connections: what a caller sends does not make those on other connections wait.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use chariot_engine::prelude::*;
use e2e::until;
use http::Request;
use http_body_util::BodyExt;
use serde_json::json;

use crate::{
    scripted::{Scripted, Seen, echo},
    support::{Gate, Server, http2, text},
};

/// A request of this many texts, in one input.
fn many(word: &str, count: usize) -> String {
    let data: Vec<String> = (0..count).map(|index| format!("{word}{index}")).collect();
    json!({"inputs": [{"name": "texts", "datatype": "BYTES", "shape": [count], "data": data}]}).to_string()
}

/// Sends requests on one connection of HTTP/2. Returns the number of values in each response, once joined.
fn flood(server: &Server, bodies: Vec<String>) -> tokio::task::JoinHandle<Vec<usize>> {
    let client = server.block_on(http2(server.address));
    let url = format!("http://{}/infer", server.address);
    server.runtime().spawn(async move {
        let answers = bodies.into_iter().map(|body| {
            let (mut client, request) = (client.clone(), Request::post(&url).body(body.into()).unwrap());
            async move {
                let answer = client.send_request(request).await.unwrap().into_body().collect().await.unwrap();
                let answer: serde_json::Value = serde_json::from_slice(&answer.to_bytes()).unwrap();
                answer["outputs"][0]["data"].as_array().map_or(0, Vec::len)
            }
        });
        futures_util::future::join_all(answers).await
    })
}

#[test]
fn a_request_under_a_flood_from_another_connection_waits_for_at_most_three_calls() {
    const FLOODING: usize = 6;
    const ITEMS: usize = 40;
    let gate = Arc::new(Gate::default());
    let at = gate.clone();
    let model = Scripted::<1, 4>::new(move |batch| {
        at.pass(batch.iter().next().map_or("", |text| text.as_str()));
        let answers = echo(batch);
        Box::pin(async { answers })
    });
    let server = Server::start(Engine::builder().instance("held", model).configure(|of| of.workers = Some(1)));
    let flooding = flood(&server, vec![many("flood", ITEMS); FLOODING]);
    until("the flood is queued", || (server.engine.in_flight().queued == FLOODING).then_some(()));
    let mut small = server.admitted(&text("small"));
    until("it is queued", || (server.engine.in_flight().queued == FLOODING + 1).then_some(()));
    let running = gate.arrivals().len();
    gate.open();
    assert_eq!(small.answer().expect("an answer").values(), ["small"]);
    let calls = gate.arrivals();
    let own = calls.iter().position(|first| first == "small").expect("its call");
    // Those that ran when it came count too.
    assert!(own + 1 - running <= 3, "{own} {running} {calls:?}");
    assert_eq!(server.block_on(flooding).unwrap(), [ITEMS; FLOODING]);
    assert_eq!(gate.arrivals().len(), FLOODING * ITEMS / 4 + 1);
}

#[test]
fn the_requests_of_one_connection_take_turns_too() {
    let gate = Arc::new(Gate::default());
    let at = gate.clone();
    let model = Scripted::<1, 2>::new(move |batch| {
        at.pass(batch.iter().next().map_or("", |text| text.as_str()));
        let answers = echo(batch);
        Box::pin(async { answers })
    });
    let server = Server::start(Engine::builder().instance("held", model).configure(|of| of.workers = Some(1)));
    let first = server.admitted(&text("first"));
    gate.wait_for(1);
    let flooding = flood(&server, vec![many("a", 6), many("b", 2), many("c", 4)]);
    until("the requests are queued", || (server.engine.in_flight().queued == 3).then_some(()));
    gate.open();
    assert_eq!(server.block_on(flooding).unwrap(), [6, 2, 4]);
    drop(first);
    // Each request once before any of them is served again, in whatever order they were decoded.
    let mut calls: Vec<String> = gate.arrivals()[1..].to_vec();
    calls[..3].sort();
    calls[3..5].sort();
    assert_eq!(calls, ["a0", "b0", "c0", "a2", "c2", "a4"]);
}

#[test]
fn a_request_is_decoded_between_the_items_of_another() {
    const ITEMS: usize = 3000;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (seen, decoded) = (Arc::new(Seen::default()), Arc::new(AtomicUsize::new(0)));
    let before_small = Arc::new(AtomicUsize::new(usize::MAX));
    let (all, count, before) = (seen.clone(), decoded.clone(), before_small.clone());
    let model = Scripted::<1, 1000>::new(|batch| {
        let answers = echo(batch);
        Box::pin(async { answers })
    });
    let model = model.admit(move |text| {
        if text.starts_with("slow") {
            count.fetch_add(1, Ordering::Relaxed);
            if !all.has("small") {
                // The work of a decoder.
                std::thread::sleep(Duration::from_millis(3));
            }
        } else {
            before.store(count.load(Ordering::Relaxed), Ordering::Relaxed);
            all.add(text);
        }
        Ok(BatchCost::default())
    });
    let server = Server::start(Engine::builder().instance("slow", model));
    let flooding = flood(&server, vec![many("slow", ITEMS); cores + 1]);
    until("every decoder is busy", || (decoded.load(Ordering::Relaxed) >= cores).then_some(()));
    assert_eq!(server.infer(text("small")).values(), ["small"]);
    assert!(before_small.load(Ordering::Relaxed) < cores * ITEMS, "it waits for no whole request");
    assert_eq!(server.block_on(flooding).unwrap(), vec![ITEMS; cores + 1]);
}
