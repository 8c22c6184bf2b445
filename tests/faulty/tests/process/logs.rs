//! Logs whose reader is gone, has no room or stalls: the engine lives, serves and drains, and says what was lost.

use std::{
    fs::File,
    io::{BufRead, BufReader, PipeReader, Read, pipe},
    process::Stdio,
    thread,
    time::Duration,
};

use e2e::{Process, Signal, until};
use serde_json::{Value, json};

use super::{FAULTY, assert_serves, command};

/// A text that is longer than what a pipe holds.
const LONG: usize = 128 << 10;

/// Enough failures with a long text to fill the queue of the log.
const FAILURES: usize = 64;

/// Starts an engine with arguments and an environment.
type Start = fn(&[&str], &[(&str, &str)]) -> Process;

/// Starts an engine with both standard streams on one pipe, and returns the end to read.
fn into_pipe(arguments: &[&str], env: &[(&str, &str)]) -> (Process, PipeReader) {
    let (reader, writer) = pipe().expect("a pipe");
    let output = [writer.try_clone().expect("a second end").into(), writer.into()];
    (Process::start_unheard(FAULTY, arguments, env, output), reader)
}

/// Starts an engine with both standard streams on a pipe that nobody reads any more.
fn into_closed_pipe(arguments: &[&str], env: &[(&str, &str)]) -> Process {
    let (reader, writer) = pipe().expect("a pipe");
    drop(reader);
    let output = [writer.try_clone().expect("a second end").into(), writer.into()];
    Process::start_unheard(FAULTY, arguments, env, output)
}

/// Starts an engine with both standard streams on a full disk.
#[cfg(target_os = "linux")]
fn into_full_disk(arguments: &[&str], env: &[(&str, &str)]) -> Process {
    let full = || Stdio::from(File::options().write(true).open("/dev/full").expect("/dev/full"));
    Process::start_unheard(FAULTY, arguments, env, [full(), full()])
}

/// Waits until the engine has begun to listen and is ready.
fn wait_until_ready(process: &Process) {
    until("the engine listens", || {
        assert!(process.is_running());
        e2e::Connection::open(process.address()).is_ok().then_some(())
    });
    process.wait_until_ready();
}

/// Returns the number of lost lines that the metrics show.
fn lost_lines(process: &Process) -> u64 {
    let page = process.get("/metrics").text;
    let line = page.lines().find_map(|line| line.strip_prefix("chariot_lost_log_lines_total "));
    line.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("no count of lost lines: {page}"))
}

/// Sends a request that is in flight while the engine drains, and asserts that it is served and that the engine ends with
/// success.
#[track_caller]
fn assert_drains(process: &Process) {
    let mut connection = process.connect();
    let body = command(json!({})).to_string();
    assert_eq!(connection.post_head("/infer", &[], body.len()).expect("a response"), None);
    process.signal(Signal::Terminate);
    until("the engine drains", || (process.get("/ready").status == 503).then_some(()));
    connection.write(&body).expect("the engine reads");
    assert_eq!(connection.answer().expect("a response").values(), ["ok"]);
    assert_eq!(process.wait(), Some(0));
}

#[test]
fn an_engine_outlives_the_reader_of_its_log() {
    let env = [("CHARIOT_ENGINE_DRAIN_DELAY", "2s"), ("CHARIOT_ENGINE_GRACE", "60s")];
    let starts: &[Start] = &[
        into_closed_pipe,
        #[cfg(target_os = "linux")]
        into_full_disk,
    ];
    for start in starts {
        let process = start(&[], &env);
        wait_until_ready(&process);
        let before = until("the lines of the start are lost", || Some(lost_lines(&process)).filter(|lost| *lost > 0));
        for parameters in [json!({"error": "on command"}), json!({"panic": "on command"}), json!({"print": "a"})] {
            // The last one panics in the author's code: `println!` cannot write.
            process.infer(&command(parameters)).error(500);
            assert_serves(&process);
        }
        until("the lines of the failures are lost", || (lost_lines(&process) >= before + 3).then_some(()));
        assert_drains(&process);
    }
}

#[test]
fn no_request_waits_for_a_reader_that_stalls() {
    let env = [("CHARIOT_ENGINE_WORKERS", "2"), ("CHARIOT_ENGINE_GRACE", "60s"), ("CHARIOT_ENGINE_LOG_FORMAT", "json")];
    let (process, reader) = into_pipe(&[], &env);
    wait_until_ready(&process);
    let failing = command(json!({"error": "x".repeat(LONG)}));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                (0..FAILURES / 4).for_each(|_| drop(process.infer(&failing).error(500)));
            });
        }
    });
    assert_eq!(process.get("/v2/health/live").status, 200);
    assert_serves(&process);
    let lost = until("lines are lost", || Some(lost_lines(&process)).filter(|lost| *lost > 0));

    // The reader returns: it gets whole lines, and one that says how many are missing.
    let mut lines = BufReader::new(reader).lines().map(|line| line.expect("a line"));
    let mut before = 0;
    let told = lines
        .by_ref()
        .find_map(|line| {
            let line: Value = serde_json::from_str(&line).expect("a whole line");
            before += 1;
            line["lines"].as_u64()
        })
        .expect("a line about the lost ones");
    assert!(told >= lost && before > 1, "{told} {lost} {before}");
    process.signal(Signal::Terminate);
    assert_eq!(process.wait(), Some(0));
    let rest: Vec<Value> = lines.map(|line| serde_json::from_str(&line).expect("a whole line")).collect();
    assert!(!rest.is_empty() && rest.iter().all(|line| line.get("lines").is_none()), "{rest:#?}");
}

#[test]
fn no_request_waits_for_a_reader_that_is_slow() {
    let env = [("CHARIOT_ENGINE_DRAIN_DELAY", "2s"), ("CHARIOT_ENGINE_GRACE", "60s")];
    let (process, reader) = into_pipe(&[], &env);
    thread::scope(|scope| {
        // Reads about 2 KB a second, until the engine has ended.
        scope.spawn(|| {
            let (mut reader, mut bytes) = (reader, [0; 40]);
            while reader.read(&mut bytes).is_ok_and(|count| count > 0) {
                if process.is_running() {
                    thread::sleep(Duration::from_millis(20));
                }
            }
        });
        wait_until_ready(&process);
        let failing = command(json!({"error": "x".repeat(LONG)}));
        for _ in 0..FAILURES {
            process.infer(&failing).error(500);
            assert_eq!(process.get("/v2/health/live").status, 200);
        }
        until("lines are lost", || Some(lost_lines(&process)).filter(|lost| *lost > 0));
        assert_serves(&process);
        assert_drains(&process);
    });
}

#[test]
fn an_engine_ends_while_the_reader_of_its_log_stalls() {
    let (process, reader) = into_pipe(&[], &[("CHARIOT_ENGINE_DRAIN_DELAY", "2s"), ("CHARIOT_ENGINE_GRACE", "60s")]);
    wait_until_ready(&process);
    process.infer(&command(json!({"error": "x".repeat(LONG)}))).error(500);
    assert_drains(&process);
    drop(reader);
}

#[test]
fn an_exit_loses_no_line() {
    const LINES: usize = 1000;
    let process = Process::ready(FAULTY, &[]);
    let inputs: Vec<Value> =
        (0..LINES).map(|index| json!({"data": ["a"], "parameters": {"log": format!("line {index}")}})).collect();
    assert_eq!(process.infer(&json!({ "inputs": inputs })).status, 200);
    process.signal(Signal::Interrupt);
    assert_eq!(process.wait(), Some(0));
    let log = process.whole_log();
    let texts = log.iter().filter_map(|line| line["message"].as_str()).filter(|text| text.starts_with("line "));
    // Several workers write them.
    let mut numbers: Vec<usize> = texts.map(|text| text["line ".len()..].parse().expect("a number")).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..LINES).collect::<Vec<_>>());
}

#[cfg(target_os = "linux")]
#[test]
fn a_start_that_fails_says_so_by_its_exit_code_on_a_full_disk_too() {
    for (env, code) in [(("CHARIOT_ENGINE_WORKERS", "0"), 78), (("FAULTY_LOAD", "panic:on command"), 1)] {
        assert_eq!(into_full_disk(&[], &[env]).wait(), Some(code), "{env:?}");
    }
}

#[test]
fn a_command_whose_reader_is_gone_ends_quietly() {
    for (arguments, env, code) in [
        (&["describe"][..], &[][..], 0),
        (&["describe", "--format", "python"], &[], 0),
        (&["settings"], &[], 0),
        (&["check"], &[], 0),
        (&["infer", "-"], &[], 0),
        (&["--help"], &[], 0),
        (&["--version"], &[], 0),
        (&["no-such-command"], &[], 2),
        (&["check"], &[("FAULTY_LOAD", "fail:on command")], 1),
        (&["infer", "-"], &[("CHARIOT_ENGINE_WORKERS", "0")], 78),
        (&[], &[("CHARIOT_ENGINE_WORKERS", "0")], 78),
        (&[], &[("FAULTY_LOAD", "panic:on command")], 1),
    ] {
        let process = into_closed_pipe(arguments, env);
        assert_eq!(process.wait(), Some(code), "{arguments:?} {env:?}");
    }
}
