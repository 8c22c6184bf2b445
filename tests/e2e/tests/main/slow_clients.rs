//! Clients that send or read slowly, in both versions of HTTP: they take nobody's place, their memory comes back, and the
//! others are served. On raw sockets.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use chariot_engine::{
    prelude::*,
    settings::{ByteSize, EngineSettings},
};
use e2e::{Connection, until};

use crate::{
    frames::{DATA, HEADERS, Http2, RESET},
    scripted::{Scripted, echo, speaks},
    support::{Gate, Server, head, text},
};

/// The timeouts of slow clients in these tests.
const SOON: Duration = Duration::from_millis(400);

/// The length of a large response: more than the buffers of both systems hold.
const LARGE: usize = 16 << 20;

/// The memory for a large response while it is encoded: the output of the model and the response.
const ENCODING: u64 = 2 * LARGE as u64 + (1 << 20);

/// An engine whose response to `large` is [`LARGE`], to a number a text of that length, and to any other text the text.
fn server(configure: impl Fn(&mut EngineSettings) + Send + 'static) -> Server {
    let model = Scripted::blocking(|batch| {
        batch.try_map(|text| {
            let length = if text.as_str() == "large" { Ok(LARGE) } else { text.as_str().parse() };
            Ok(Json(length.map_or_else(|_| text.to_string(), |length| "x".repeat(length))))
        })
    });
    Server::start(Engine::builder().instance("sized", model).configure(configure))
}

fn held_bytes(server: &Server) -> u64 {
    server.engine.in_flight().bytes
}

fn wait_until_released(server: &Server) {
    until("the memory is released", || (held_bytes(server) == 0).then_some(()));
}

/// Waits until so many large responses are there, and nothing else.
fn wait_until_answered(server: &Server, count: u64) {
    until("it is answered", || {
        let in_flight = server.engine.in_flight();
        (in_flight.requests == 0 && in_flight.bytes > count * LARGE as u64).then_some(())
    });
}

/// Asks for a text without reading the response.
fn asked(server: &Server, what: &str) -> Connection {
    let mut connection = server.connect();
    let body = text(what);
    connection.write(head("POST", "/infer", &[], body.len()) + &body).unwrap();
    connection
}

#[test]
fn requests_whose_bodies_do_not_arrive_take_no_place() {
    let server = server(|settings| (settings.workers, settings.queue_size) = (Some(1), 4));
    let mut slow: Vec<_> = (0..110).map(|_| server.connect()).collect();
    for connection in &mut slow {
        connection.write(head("POST", "/infer", &[], 1000) + "{").unwrap();
    }
    let mut http2 = Http2::open(&server, 1 << 16);
    (0..100).for_each(|index| http2.post_head(2 * index + 1));
    until("all of them are being received", || (held_bytes(&server) >= 210 * 128).then_some(()));
    assert_eq!(server.engine.in_flight().requests, 0);
    for _ in 0..20 {
        assert_eq!(server.infer(text("a")).values(), ["a"]);
    }
    // Their bodies are still welcome.
    http2.frame(DATA, 1, 1, text("b").as_bytes());
    assert!(String::from_utf8(http2.body(1).unwrap()).unwrap().contains(r#"["b"]"#));
    drop((slow, http2));
    wait_until_released(&server);
}

#[test]
fn a_request_that_finds_every_place_taken_once_its_body_is_there_is_refused() {
    let gate = Arc::new(Gate::default());
    let at = gate.clone();
    let model = Scripted::blocking(move |batch| {
        at.pass("model");
        echo(batch)
    });
    let server = Server::start(
        Engine::builder()
            .instance("held", model)
            .configure(|settings| (settings.workers, settings.queue_size) = (Some(1), 0)),
    );
    let body = text("late");
    let mut late = server.connect();
    assert_eq!(late.post_head("/infer", &[], body.len()).unwrap(), None);
    let mut first = server.admitted(&text("first"));
    gate.wait_for(1);
    late.write(&body).unwrap();
    let refused = late.answer().unwrap();
    refused.error(503);
    assert!(refused.header("retry-after").is_some());
    gate.open();
    assert_eq!(first.answer().unwrap().values(), ["first"]);
}

#[test]
fn a_body_that_keeps_the_rate_may_take_longer_than_the_timeout_and_a_slower_one_may_not() {
    let body = text(&"x".repeat(1000));
    let (first, rest) = body.split_at(body.len() / 2);
    for (rate, expected) in [(1, 200), (1 << 30, 408)] {
        let server = server(move |settings| (settings.body_timeout, settings.min_rate) = (SOON, ByteSize::b(rate)));
        let mut connection = server.connect();
        connection.write(head("POST", "/infer", &[], body.len()) + first).unwrap();
        if expected == 200 {
            thread::sleep(SOON + SOON / 4);
            connection.write(rest).unwrap();
        }
        assert_eq!(connection.answer().unwrap().status, expected, "{rate}");
        wait_until_released(&server);
    }
}

#[test]
fn a_body_that_is_still_arriving_at_the_end_of_the_grace_period_is_refused() {
    let mut server = server(|settings| settings.grace = SOON);
    let mut connection = server.connect();
    connection.write(head("POST", "/infer", &[], 100) + "{").unwrap();
    until("it is received", || (held_bytes(&server) > 100).then_some(()));
    let stopped = server.stop();
    connection.answer().unwrap().error(503);
    assert_eq!(server.block_on(stopped).unwrap(), 0);
}

#[test]
fn events_behind_a_closed_window_end_their_stream_and_its_work() {
    let server = Server::start(
        speaks(|text| {
            loop {
                text.emit("part")?;
                thread::sleep(SOON / 40);
            }
        })
        .configure(|settings| settings.write_timeout = SOON),
    );
    let mut client = Http2::open(&server, 0);
    // `accept: text/event-stream`
    client.frame(HEADERS, 4, 1, b"\x83\x86\x04\x06/infer\x01\x01e\x0f\x04\x11text/event-stream");
    client.frame(DATA, 1, 1, text("endless").as_bytes());
    client.body(1).expect_err("its stream is reset");
    until("its work ends", || (server.engine.in_flight().requests == 0).then_some(()));
    wait_until_released(&server);
}

#[test]
fn while_memory_is_short_a_slow_body_is_ended() {
    const BUDGET: u64 = 40_000;
    let server = server(|settings| {
        (settings.body_timeout, settings.min_rate) = (SOON, ByteSize::b(1));
        settings.max_inflight_bytes = Some(ByteSize::b(BUDGET));
        settings.max_request_bytes = Some(ByteSize::b(BUDGET));
    });
    let large = text("a") + &" ".repeat(30_000);
    let mut slow = server.connect();
    slow.write(head("POST", "/infer", &[], large.len()) + &large[..large.len() - 1]).unwrap();
    until("it is received", || (held_bytes(&server) > 30_000).then_some(()));
    let served = until("its memory is given to others", || Some(server.infer(&large)).filter(|one| one.status != 503));
    assert_eq!(served.status, 200);
    slow.answer().unwrap().error(408);
}

#[test]
fn a_response_over_the_limit_of_a_request_is_a_413() {
    let server = server(|settings| settings.max_request_bytes = Some(ByteSize::mib(1)));
    server.infer(text("large")).error(413);
    assert_eq!(server.infer(text("a")).values(), ["a"]);
    wait_until_released(&server);
}

#[test]
fn unread_responses_count_towards_the_budget_until_their_clients_read_or_go() {
    let server = server(|settings| {
        settings.max_inflight_bytes = Some(ByteSize::b(LARGE as u64 + ENCODING));
        settings.max_request_bytes = Some(ByteSize::b(ENCODING));
    });
    let mut unread: Vec<_> = (1..=2)
        .map(|count| {
            let connection = asked(&server, "large");
            wait_until_answered(&server, count);
            connection
        })
        .collect();
    server.infer(text("large")).error(503);
    assert_eq!(server.infer(text("a")).values(), ["a"], "a small one has room");
    assert_eq!(unread.pop().unwrap().answer().unwrap().status, 200);
    assert_eq!(server.infer(text("large")).status, 200, "one has been read");
    drop(unread);
    wait_until_released(&server);
}

#[test]
fn a_reader_of_http_1_is_cut_below_the_rate_and_while_memory_is_short() {
    let server = server(|settings| {
        settings.write_timeout = SOON;
        settings.max_inflight_bytes = Some(ByteSize::b(ENCODING));
        settings.max_request_bytes = Some(ByteSize::b(ENCODING));
        settings.min_rate = ByteSize::b(1);
    });
    // At this rate it has time, but others need the memory.
    let _slow = asked(&server, "large");
    wait_until_answered(&server, 1);
    let served =
        until("its memory is given to others", || Some(server.infer(text("large"))).filter(|one| one.status != 503));
    assert_eq!(served.status, 200);
    wait_until_released(&server);
}

#[test]
fn a_closed_window_ends_its_stream_and_not_its_connection() {
    // The last one has a window that takes all but the end of the response.
    for (window, what) in [(0, "large"), (1, "large"), (60_000, "60000"), (0, "20000"), (0, "8000")] {
        let server = server(|settings| settings.write_timeout = SOON);
        let mut client = Http2::open(&server, window);
        client.post(1, what);
        until("it is answered", || (held_bytes(&server) > 8000).then_some(()));
        // Another stream is served meanwhile.
        client.post(3, "other");
        client.widen(3, 1 << 16);
        assert!(String::from_utf8(client.body(3).unwrap()).unwrap().contains(r#"["other"]"#));
        let part = client.body(1).expect_err("its stream is reset");
        assert!(part.len() <= usize::try_from(window).unwrap(), "{} of {window}", part.len());
        wait_until_released(&server);
        client.post(5, "after");
        client.widen(5, 1 << 16);
        assert!(String::from_utf8(client.body(5).unwrap()).unwrap().contains(r#"["after"]"#), "{window} {what}");
    }
}

#[test]
fn a_window_that_opens_now_and_then_ends_its_stream_too() {
    let server = server(|settings| settings.write_timeout = SOON);
    let mut client = Http2::open(&server, 0);
    client.post(1, "large");
    let mut slow = client.same_connection();
    let over = Arc::new(AtomicBool::new(false));
    let is_over = over.clone();
    let opening = thread::spawn(move || {
        while !is_over.load(Ordering::Relaxed) {
            slow.widen(1, 1);
            thread::sleep(SOON / 20);
        }
    });
    client.body(1).expect_err("its stream is reset");
    over.store(true, Ordering::Relaxed);
    opening.join().unwrap();
    wait_until_released(&server);
}

#[test]
fn small_responses_behind_closed_windows_end_their_connection_at_last() {
    let server = server(|settings| settings.write_timeout = SOON);
    // hyper hands over the end of a small response as soon as its window is open.
    let mut client = Http2::open(&server, 1);
    (0..100).for_each(|index| client.post(2 * index + 1, "8000"));
    until("they are answered", || (held_bytes(&server) > 100 * 8000).then_some(()));
    while client.next().is_some() {}
    wait_until_released(&server);
}

#[test]
fn a_reader_of_http_2_that_is_slow_and_fair_gets_all_of_it() {
    let server = server(|settings| (settings.write_timeout, settings.min_rate) = (SOON, ByteSize::b(1)));
    let mut client = Http2::open(&server, 1 << 16);
    client.post(1, "300000");
    let mut body = Vec::new();
    let mut ends = false;
    while !ends {
        let (kind, flags, stream, payload) = client.next().expect("the connection is open");
        assert_ne!(kind, RESET, "after {} bytes", body.len());
        if (kind, stream) == (DATA, 1) {
            if !payload.is_empty() {
                let length = u32::try_from(payload.len()).unwrap();
                thread::sleep(SOON / 8);
                client.widen(0, length);
                client.widen(1, length);
            }
            body.extend(payload);
            ends = flags & 1 == 1;
        }
    }
    assert!(body.len() > 300_000, "{}", body.len());
    wait_until_released(&server);
}

#[test]
fn readers_of_streams_that_are_slow_take_no_worker_for_long() {
    let server = Server::start(
        speaks(|text| {
            if text.as_str() == "much" {
                let part = "x".repeat(1 << 16);
                loop {
                    text.emit(&part)?;
                }
            }
            Ok(text.as_str().into())
        })
        .configure(|settings| (settings.workers, settings.write_timeout) = (Some(2), SOON)),
    );
    let body = text("much");
    let _slow: Vec<_> = (0..2)
        .map(|_| {
            let mut connection = server.connect();
            connection.write(head("POST", "/infer", &["Accept: text/event-stream"], body.len()) + &body).unwrap();
            until("the response begins", || connection.has_received().then_some(()));
            connection
        })
        .collect();
    assert_eq!(server.get("/ready").status, 200);
    assert_eq!(server.infer(text("a")).values(), ["a"]);
    wait_until_released(&server);
}

#[test]
fn a_stream_ends_at_its_timeout() {
    let server = Server::start(
        speaks(|text| {
            loop {
                text.emit("part")?;
                thread::sleep(SOON / 20);
            }
        })
        .configure(|settings| settings.stream_timeout = SOON),
    );
    let body = text("endless");
    let mut connection = server.connect();
    let headers = ["Accept: text/event-stream", "Connection: close"];
    connection.write(head("POST", "/infer", &headers, body.len()) + &body).unwrap();
    let events = String::from_utf8(connection.rest().unwrap()).unwrap();
    assert!(events.contains(r#""part":"part""#), "{events}");
    let last = events.rsplit("event: ").next().unwrap();
    assert!(last.starts_with("error\ndata: {\"error\":"), "{last}");
    wait_until_released(&server);
    // Without a stream there is no such limit.
    let server = server_with_a_stream_timeout();
    assert_eq!(server.infer(text("a")).status, 200);
}

/// An engine that takes longer than its stream timeout.
fn server_with_a_stream_timeout() -> Server {
    let slow = speaks(|text| {
        thread::sleep(SOON);
        Ok(text.as_str().into())
    });
    Server::start(slow.configure(|settings| settings.stream_timeout = SOON / 10))
}
