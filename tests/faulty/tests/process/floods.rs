//! Callers that provoke as many lines of the log as they can: the log stays short, and says what it leaves out.

use std::thread;

use e2e::{Process, Signal, until};
use serde_json::{Value, json};

use super::{FAULTY, admit, assert_serves, awaits, command, figure, message};

/// The preface of HTTP/2, with an empty frame of settings.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// The response to a PING that nobody has sent.
const STRAY_PING: &[u8] = b"\0\0\x08\x06\x01\0\0\0\0attacker";

/// The stray responses that one connection sends.
const PINGS: usize = 1000;

/// Returns streams of HTTP/2 that are opened and reset at once, from this connection's first.
fn resets(streams: u32) -> Vec<u8> {
    // GET, http, /
    let head = [0x82, 0x86, 0x84, 0x41, 1, b'a'];
    let frame = |kind: u8, flags: u8, stream: u32, payload: &[u8]| {
        let length = u8::try_from(payload.len()).expect("a short frame");
        [&[0, 0, length, kind, flags][..], &stream.to_be_bytes(), payload].concat()
    };
    let stream = |number: u32| {
        let stream = 2 * number + 1;
        [frame(1, 4, stream, &head), frame(3, 0, stream, &8u32.to_be_bytes())].concat()
    };
    (0..streams).flat_map(stream).collect()
}

/// Sends bytes on a connection of its own, and waits until the engine has read or refused them.
fn send(process: &Process, frames: &[u8]) {
    let mut connection = process.connect();
    // The engine may close the connection in between.
    let _ = connection.write(PREFACE).and_then(|()| connection.write(frames));
    let _ = connection.finish_sending();
    let _ = connection.rest();
}

/// Ends a process, and returns its log.
fn log_of(process: &Process) -> Vec<Value> {
    process.signal(Signal::Interrupt);
    assert_eq!(process.wait(), Some(0));
    process.whole_log()
}

/// Returns the number of lines whose message contains a text, and the number that reports say were left out.
fn counted(log: &[Value], text: &str) -> (usize, u64) {
    let (reports, lines): (Vec<&Value>, Vec<&Value>) =
        log.iter().filter(|line| message(line).contains(text)).partition(|line| line.get("left_out").is_some());
    (lines.len(), reports.iter().filter_map(|line| line["left_out"].as_u64()).sum())
}

#[test]
fn floods_of_frames_write_no_lines() {
    let process = Process::ready(FAULTY, &[]);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..25).for_each(|_| send(&process, &resets(100))));
        }
        scope.spawn(|| send(&process, &STRAY_PING.repeat(PINGS)));
    });
    assert_serves(&process);
    let log = log_of(&process);
    let alarms: Vec<&Value> = log.iter().filter(|line| line["level"] != "INFO").collect();
    assert!(alarms.is_empty() && log.len() < 10, "{log:#?}");
}

#[test]
fn lines_that_repeat_are_counted() {
    // At this level the lines of the network stack are written.
    let process = Process::ready(FAULTY, &[("CHARIOT_ENGINE_LOG_LEVEL", "debug")]);
    send(&process, &STRAY_PING.repeat(PINGS));
    send(&process, &resets(100));
    let log = log_of(&process);
    assert_eq!(counted(&log, "remotely-reset"), (1, 0));
    let (written, left_out) = counted(&log, "PING ack that we never sent");
    assert_eq!(written as u64 + left_out, PINGS as u64);
    assert!(left_out > 0, "{written} lines");
    let report = log.iter().find(|line| line.get("left_out").is_some()).expect("a report");
    insta::assert_snapshot!("left_out", message(report).replace(&left_out.to_string(), "N"));
}

/// Sends requests on four connections until each has 100 responses of this status.
fn flood(process: &Process, body: &str, status: u16) {
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut connection = process.connect();
                for _ in 0..100 {
                    assert_eq!(connection.post("/infer", body).expect("a response").status, status);
                }
            });
        }
    });
}

#[test]
fn a_flood_of_refusals_writes_no_lines() {
    let env =
        [("CHARIOT_ENGINE_WORKERS", "1"), ("CHARIOT_ENGINE_QUEUE_SIZE", "1"), ("CHARIOT_ENGINE_REQUEST_LOG", "off")];
    let process = Process::ready(FAULTY, &env);
    let held = [(); 2].map(|()| admit(&process, &awaits()).expect("a free permit"));
    until("both have a place", || (figure(&process, "chariot_in_flight_requests") >= 2.0).then_some(()));
    flood(&process, &command(json!({})).to_string(), 503);
    drop(held);
    let log = log_of(&process);
    assert!(log.iter().all(|line| line["level"] == "INFO") && log.len() < 10, "{log:#?}");
}

#[test]
fn a_flood_of_failures_is_written_or_counted() {
    let process = Process::ready(FAULTY, &[]);
    flood(&process, &command(json!({"error": "on command"})).to_string(), 500);
    let (written, left_out) = counted(&log_of(&process), "on command");
    assert_eq!(written as u64 + left_out, 400);
}
