//! Readers of the log that go away or stall, and readers of metrics. `main` runs the table.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    net::SocketAddr,
    os::fd::OwnedFd,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
};

use e2e::{Answer, Connection, Process, until};
use serde_json::json;

use crate::{
    ENGINE,
    cell::Cell,
    engines::{self, Requests},
    programs, proxies, sockets,
    table::Row,
};

/// The columns of the table.
pub(crate) const SCENARIOS: [&str; 1] = ["holds"];

/// Returns the rows of the table.
pub(crate) fn rows() -> Vec<Row> {
    let row = |name: &str, version: Result<String, String>, check: fn()| Row {
        name: name.into(),
        version,
        run: Box::new(move || vec![Cell::of(check)]),
    };
    // Every system has these in some version.
    let present = |found: bool, name: &str| if found { Ok("–".into()) } else { Err(format!("{name} not found")) };
    let installed = |name: &str| present(programs::find(name).is_ok(), name);
    vec![
        row("log into `head -1`, which exits", installed("head"), log_into_head),
        row("log into `/dev/full`", present(Path::new("/dev/full").exists(), "/dev/full"), log_into_full_device),
        row("log into a pipe that nobody reads", installed("sleep"), log_into_sleep),
        row("metrics checked by promtool", programs::version("promtool", &["--version"]), metrics_by_promtool),
        row("metrics scraped by Prometheus", programs::version("prometheus", &["--version"]), metrics_by_prometheus),
    ]
}

fn log_into_full_device() {
    log_into(OpenOptions::new().write(true).open("/dev/full").expect("a device"));
}

fn log_into_head() {
    let mut head = Killed::start("head", "-1");
    let input = head.0.stdin.take().expect("a pipe");
    log_into(input);
}

fn log_into_sleep() {
    let mut reader = Killed::start("sleep", "600");
    let input = reader.0.stdin.take().expect("a pipe");
    log_into(input);
}

/// A process, killed on drop.
struct Killed(Child);

impl Killed {
    fn start(program: &str, argument: &str) -> Self {
        let mut command = Command::new(programs::find(program).expect("a reader"));
        Killed(command.arg(argument).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("a reader"))
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        // Fails if the process has already exited.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Checks that an engine whose output goes to this file answers while it logs, and exits with 0 after SIGTERM.
fn log_into(output: impl Into<OwnedFd>) {
    /// Lines of this length, this often, are far more than a pipe holds.
    const LINE: usize = 64 << 10;
    const LINES: usize = 32;
    let (mut engine, address) = start(&output.into());
    let input = json!({"name": "text", "data": ["hello"], "parameters": {"log": LINE}});
    let body = json!({ "inputs": [input] }).to_string();
    let mut connection = Connection::open(address).expect("a connection");
    for _ in 0..LINES {
        connection.post("/infer", &body).expect("a response").ok();
    }
    let sent = Command::new("sh").args(["-c", &format!("kill -s TERM {}", engine.0.id())]).status().expect("a shell");
    assert!(sent.success());
    let ended = || -> Option<ExitStatus> { engine.0.try_wait().expect("a state") };
    let status = until("the engine exits", ended);
    assert_eq!(status.code(), Some(0), "{status}");
}

/// Starts an engine that writes everything to this file, and waits until it is ready.
fn start(output: &OwnedFd) -> (Killed, SocketAddr) {
    /// The exit code of an engine whose port is in use.
    const PORT_IN_USE: Option<i32> = Some(1);
    loop {
        let [port] = sockets::free_ports();
        let mut command = Command::new(ENGINE);
        command
            .env("CHARIOT_ENGINE_HOST", "127.0.0.1")
            .env("CHARIOT_ENGINE_PORT", port.to_string())
            .env("CHARIOT_ENGINE_DRAIN_DELAY", "0s")
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a file"))
            .stderr(output.try_clone().expect("a file"));
        let mut engine = Killed(command.spawn().expect("an engine"));
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let exited = until("the engine is ready", || {
            if let Some(status) = engine.0.try_wait().expect("a state") {
                return Some(Some(status));
            }
            let mut connection = Connection::open(address).ok()?;
            connection.write("GET /ready HTTP/1.1\r\nHost: engine\r\n\r\n").ok()?;
            (connection.answer().ok()?.status == 200).then_some(None)
        });
        match exited {
            None => return (engine, address),
            Some(status) => assert_eq!(status.code(), PORT_IN_USE, "{status}"),
        }
    }
}

fn metrics_by_promtool() {
    let engine = engines::start(&[]);
    engine.infer(&serde_json::from_str(&Requests::new().small().text()).expect("JSON")).ok();
    let Answer { status, text, .. } = engine.get("/metrics");
    assert_eq!(status, 200);
    let mut promtool = Command::new(programs::find("promtool").expect("promtool"));
    let mut promtool = promtool
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool runs");
    promtool.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("the metrics");
    let done = promtool.wait_with_output().expect("promtool ends");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// Checks that a Prometheus, which asks for its newest format, scrapes an engine and finds a metric of it.
fn metrics_by_prometheus() {
    let engine = engines::start(&[]);
    let requests = Requests::new();
    let [port] = sockets::free_ports();
    let config = requests.folder().join("prometheus.yml");
    let targets = format!(
        "scrape_configs: [{{job_name: engine, scrape_interval: 200ms, scrape_timeout: 200ms, static_configs: [{{targets: ['{}']}}]}}]",
        engine.address()
    );
    fs::write(&config, targets).expect("a file");
    let arguments = [
        format!("--config.file={}", config.display()),
        format!("--storage.tsdb.path={}", requests.folder().join("data").display()),
        format!("--web.listen-address=127.0.0.1:{port}"),
        "--log.level=error".into(),
    ];
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let program = programs::find("prometheus").expect("prometheus");
    let _prometheus = Process::start_with(program.to_str().expect("a path in UTF-8"), &arguments, &[]);
    let finds = |metric: &str| proxies::page(port, &format!("/api/v1/query?query={metric}")).contains(r#""value":["#);
    until("the engine is scraped", || finds("chariot_in_flight_requests").then_some(()));
}
