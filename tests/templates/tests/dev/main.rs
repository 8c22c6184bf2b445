//! The development loop in a project made from a template: changes, errors and the end of the loop, as a developer meets
//! them, and a client that keeps asking all the time.
//!
//! A binary of its own, so that no other test keeps cargo's lock for longer than these wait.
#![cfg(unix)]

#[path = "../templates/project.rs"]
mod project;
#[path = "../templates/render.rs"]
mod render;

use std::{
    process::Command,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

use e2e::{Connection, Process, Signal, until};
use serde_json::Value;

use self::{
    project::{Project, root},
    render::{Sdk, render},
};

/// A request whose answer tells the engines of this file apart.
const REQUEST: &str = r#"{"inputs": [{"name": "text", "data": ["What a lovely day!"]}]}"#;

/// The line of the engine that decides about the answer, and the same with the opposite answer.
const LINE: &str = "Classification::new(vec![1.0 - positive, positive]";
const OPPOSITE: &str = "Classification::new(vec![positive, 1.0 - positive]";

#[test]
fn a_change_is_answered_and_no_request_is_refused() {
    let project = project("in-loop");
    let main = project.read("src/main.rs");
    assert!(main.contains(LINE), "{main}");
    let engine = start(&project);
    assert_eq!(answer(&engine), "positive");
    assert_eq!(status(&engine)["engine"], 1);
    // A site can let its own name lead to this machine, and must not read what the loop tells.
    for (headers, expected) in [
        ("Host: localhost", 200),
        ("Host: evil.example", 403),
        ("Host: localhost\r\nOrigin: https://evil.example", 403),
    ] {
        let mut connection = engine.connect();
        connection.write(format!("GET /dev HTTP/1.1\r\n{headers}\r\n\r\n")).expect("a connection");
        assert_eq!(connection.answer().expect("a response").status, expected, "{headers}");
    }

    let (has_ended, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        // Dropped when the scope fails too, so that the client ends.
        let end = EndOnDrop(&has_ended);
        let client = scope.spawn(|| {
            while !has_ended.load(Ordering::Relaxed) {
                // A new connection each time: none may be refused, and none reset.
                let mut connection = Connection::open(engine.address()).expect("a connection");
                let answer = connection.post("/infer", REQUEST).expect("a response");
                assert_eq!(answer.status, 200, "{answer:?}");
                asked.fetch_add(1, Ordering::Relaxed);
            }
        });

        project.write("src/main.rs", &main.replace(LINE, OPPOSITE));
        until("the changed engine answers", || (answer(&engine) == "negative").then_some(()));
        until("the engine before has closed the port", || (status(&engine)["engine"] == 2).then_some(()));
        assert_eq!(answer(&engine), "negative");

        project.write("src/main.rs", &main.replace(LINE, "not_there(vec![positive]"));
        let status = wait_for(&engine, "build_failed");
        let error = status["error"].as_str().expect("a text");
        assert!(error.contains("not_there") && error.contains("src/main.rs"), "{error}");
        assert!(!error.contains('\u{1b}') && !error.contains("Compiling"), "{error}");
        assert_eq!(answer(&engine), "negative");

        project.write("src/main.rs", &main.replace("\"words.txt\"", "\"nothing.txt\""));
        let status = wait_for(&engine, "start_failed");
        assert!(status["error"].as_str().expect("a text").contains("nothing.txt"), "{status}");
        assert_eq!(answer(&engine), "negative");

        project.write("src/main.rs", &main);
        until("the corrected engine answers", || (answer(&engine) == "positive").then_some(()));

        // A file of the model is no source: nothing is built, and the engine loads it.
        project.write("model/words.txt", "lovely -2\n");
        until("the engine has the new model", || (answer(&engine) == "negative").then_some(()));
        wait_for(&engine, "waiting");

        drop(end);
        client.join().expect("no request fails");
    });
    assert!(asked.load(Ordering::Relaxed) > 10);

    let address = engine.address();
    engine.signal(Signal::Interrupt);
    assert_eq!(engine.wait(), Some(0));
    assert!(Connection::open(address).is_err());
}

#[test]
fn an_engine_that_crashes_or_never_starts_leaves_the_port_open_until_a_change() {
    let project = project("crashing");
    let main = project.read("src/main.rs");
    // The first start fails, which is where nothing can answer.
    let broken = main.replace("\"words.txt\"", "\"nothing.txt\"");
    project.write("src/main.rs", &broken);
    let engine = spawn(&project);
    engine.wait_for_text("the failed start", |line| line.starts_with("dev: engine 1 does not start: "));
    let address = engine.address();
    thread::scope(|scope| {
        // It waits, and is not refused.
        let waiting = scope.spawn(move || Connection::open(address).expect("a connection").post("/infer", REQUEST));
        project.write(
            "src/main.rs",
            &main.replace(
                "batch.try_map(|text| {",
                "batch.try_map(|text| {\n            if text.as_str() == \"die\" { std::process::abort(); }",
            ),
        );
        assert_eq!(waiting.join().expect("a thread").expect("a response").status, 200);
    });

    let mut connection = engine.connect();
    assert!(connection.post("/infer", &REQUEST.replace("What a lovely day!", "die")).is_err());
    engine.wait_for_text("the crash", |line| line.starts_with("dev: engine 2 has stopped"));
    project.write("src/main.rs", &main);
    assert_eq!(answer(&engine), "positive");
    engine.signal(Signal::Terminate);
    assert_eq!(engine.wait(), Some(0));
}

#[test]
fn engines_end_with_their_loop_even_if_it_is_killed() {
    let engine = start(&project("killed"));
    let address = engine.address();
    // Kills the loop, which can tell nobody.
    drop(engine);
    until("nobody listens", || Connection::open(address).is_err().then_some(()));
}

#[test]
fn a_program_that_cargo_does_not_run_says_what_to_do() {
    let project = project("alone");
    project.cargo("cargo build");
    let program = project.program();
    let run = |manifest: Option<&str>, cargo: Option<&str>| {
        let mut command = Command::new(&program);
        command.arg("dev").env_remove("CARGO_MANIFEST_DIR");
        command.envs(manifest.map(|manifest| ("CARGO_MANIFEST_DIR", manifest)));
        command.envs(cargo.map(|cargo| ("CARGO", cargo)));
        let output = command.output().expect("the program");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).expect("UTF-8")
    };
    let alone = run(None, None);
    assert!(alone.contains("run `cargo run -- dev`") && alone.contains("`serve`"), "{alone}");
    let directory = project.directory().to_str().expect("UTF-8");
    let without_cargo = run(Some(directory), Some("/nowhere/cargo"));
    assert!(without_cargo.contains("cannot run '/nowhere/cargo', which builds the engine"), "{without_cargo}");
    let without_manifest = run(Some("/nowhere"), None);
    assert!(without_manifest.contains("`cargo metadata` failed: "), "{without_manifest}");
}

/// Makes a project of its own from the template that compiles in the shortest time.
fn project(name: &str) -> Project {
    let sdk = root().join("chariot-engine");
    Project::new(name, |directory| render("minimal", name, Sdk::Path(sdk.to_str().expect("UTF-8")), directory))
}

/// Starts the loop, and waits until it answers.
fn start(project: &Project) -> Process {
    let process = spawn(project);
    process.wait_until_ready();
    process
}

fn spawn(project: &Project) -> Process {
    project.cargo("cargo build");
    Process::start_with("sh", &["-c", &project.in_directory("exec cargo run -- dev")], &[])
}

/// Returns the better label of the request.
fn answer(engine: &Process) -> String {
    let mut connection = engine.connect();
    let response = connection.post("/infer", REQUEST).expect("a response").ok();
    response["outputs"][0]["data"][0][0]["label"].as_str().expect("a label").to_string()
}

fn status(engine: &Process) -> Value {
    engine.get("/dev").ok()
}

/// Waits until the loop is in this state and returns its status.
fn wait_for(engine: &Process, state: &str) -> Value {
    until(state, || Some(status(engine)).filter(|status| status["state"] == state))
}

/// Sets a flag on drop.
struct EndOnDrop<'a>(&'a AtomicBool);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
