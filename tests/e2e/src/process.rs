//! An engine as a process of its own: its address, its log, its signals, its end.

use std::{
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak},
    thread,
};

use reqwest::blocking::{Client, RequestBuilder};
use serde_json::Value;

use crate::{Answer, Connection, DEADLINE, output::Output, until};

/// An engine as a process. When it is dropped, it is killed, and if the test fails, its log is shown.
pub struct Process {
    child: Mutex<Child>,
    out: Output,
    err: Output,
    client: Client,
    address: OnceLock<SocketAddr>,
}

/// What a process is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The platform wants it to end.
    Terminate,
    /// A person at a terminal wants it to end.
    Interrupt,
}

impl Process {
    /// Starts a binary on a free port of the loopback device, with these variables and none of the outer ones that
    /// engines read.
    ///
    /// # Panics
    /// It cannot be started.
    pub fn start(exe: &str, env: &[(&str, &str)]) -> Self {
        Self::start_with(exe, &[], env)
    }

    /// Starts a binary as [`start`](Self::start) does, with arguments.
    ///
    /// # Panics
    /// It cannot be started.
    pub fn start_with(exe: &str, arguments: &[&str], env: &[(&str, &str)]) -> Self {
        let mut command = Command::new(exe);
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("CHARIOT_") || name == "LOG_LEVEL") {
                command.env_remove(name);
            }
        }
        command
            .args(arguments)
            .env("CHARIOT_ENGINE_HOST", "127.0.0.1")
            .env("CHARIOT_ENGINE_PORT", "0")
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{exe} cannot be started: {error}"));
        let out = Output::read(child.stdout.take().expect("a pipe"));
        let err = Output::read(child.stderr.take().expect("a pipe"));
        let client = Client::builder().timeout(DEADLINE).no_proxy().build().expect("a client");
        Process { child: Mutex::new(child), out, err, client, address: OnceLock::new() }
    }

    /// Starts a binary as [`start`](Self::start) does, and waits until its model is ready.
    ///
    /// # Panics
    /// It cannot be started, or is not ready in time.
    pub fn ready(exe: &str, env: &[(&str, &str)]) -> Self {
        let process = Self::start(exe, env);
        process.wait_until_ready();
        process
    }

    /// The address on which it listens, when it does.
    ///
    /// # Panics
    /// It ends or takes too long before it listens.
    pub fn address(&self) -> SocketAddr {
        *self.address.get_or_init(|| match self.out.wait(address_in) {
            Ok(address) => address,
            Err(missing) => panic!("the process does not listen: {missing:?}"),
        })
    }

    /// Waits until the model is ready.
    ///
    /// # Panics
    /// It is not in time.
    pub fn wait_until_ready(&self) {
        until("the engine is ready", || (self.get("/ready").status == 200).then_some(()));
    }

    /// Asks with GET.
    ///
    /// # Panics
    /// There is no answer.
    pub fn get(&self, path: &str) -> Answer {
        self.send(self.client.get(self.url(path)))
    }

    /// Sends a JSON document with POST.
    ///
    /// # Panics
    /// There is no answer.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_text(path, &body.to_string())
    }

    /// Sends a text with POST.
    ///
    /// # Panics
    /// There is no answer.
    pub fn post_text(&self, path: &str, body: &str) -> Answer {
        self.send(self.client.post(self.url(path)).body(body.to_string()))
    }

    /// Sends a JSON document to `/infer`.
    ///
    /// # Panics
    /// There is no answer.
    pub fn infer(&self, body: &Value) -> Answer {
        self.post("/infer", body)
    }

    /// Sends a JSON document to `/infer` with a header.
    ///
    /// # Panics
    /// There is no answer.
    pub fn infer_with(&self, (name, value): (&str, &str), body: &Value) -> Answer {
        self.send(self.client.post(self.url("/infer")).header(name, value).body(body.to_string()))
    }

    /// Opens a connection of its own.
    ///
    /// # Panics
    /// It cannot be opened.
    pub fn connect(&self) -> Connection {
        Connection::open(self.address()).expect("a connection")
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// It cannot be sent.
    pub fn signal(&self, signal: Signal) {
        let name = match signal {
            Signal::Terminate => "TERM",
            Signal::Interrupt => "INT",
        };
        let id = self.child().id();
        let sent = Command::new("sh").args(["-c", &format!("kill -s {name} {id}")]).status().expect("a shell");
        assert!(sent.success(), "the signal {name} was not sent");
    }

    /// Waits until the process has ended by itself, and returns its exit code; `None` if a signal killed it.
    ///
    /// # Panics
    /// It has not ended in time.
    pub fn wait(&self) -> Option<i32> {
        let ended = || -> Option<ExitStatus> { self.child().try_wait().expect("the state of the process") };
        until("the process ends", ended).code()
    }

    /// Whether the process still runs.
    ///
    /// # Panics
    /// The system does not say.
    pub fn runs(&self) -> bool {
        self.child().try_wait().expect("the state of the process").is_none()
    }

    /// Every line that the process has written to standard output, once it has ended.
    ///
    /// # Panics
    /// It has not ended in time.
    pub fn all_lines(&self) -> Vec<String> {
        self.out.whole()
    }

    /// Every line that the process has written to standard error, once it has ended.
    ///
    /// # Panics
    /// It has not ended in time.
    pub fn all_errors(&self) -> Vec<String> {
        self.err.whole()
    }

    /// The log from beginning to end, in the format JSON.
    ///
    /// # Panics
    /// A line is not JSON, or the process has not ended in time.
    pub fn whole_log(&self) -> Vec<Value> {
        self.all_lines().iter().map(|line| parse(line)).collect()
    }

    /// Waits for a line of the log, in the format JSON, whose message holds this text.
    ///
    /// # Panics
    /// It does not come in time, or the process ends before.
    pub fn wait_for_log(&self, text: &str) -> Value {
        self.wait_for_line(&format!("a message with '{text}'"), |line| message(line).contains(text))
    }

    /// Waits for a line of the log, in the format JSON, that is the one.
    ///
    /// # Panics
    /// It does not come in time, or the process ends before; the panic says `what` was waited for.
    pub fn wait_for_line(&self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let found = self.out.wait(|line| Some(parse(line)).filter(|line| is_it(line)));
        found.unwrap_or_else(|missing| panic!("the log has no line for {what}: {missing:?}"))
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    fn send(&self, request: RequestBuilder) -> Answer {
        let response = request.send().expect("an answer");
        let status = response.status().as_u16();
        let header = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let headers = response.headers().iter().map(header).collect();
        Answer { status, headers, text: response.text().expect("a body") }
    }

    fn child(&self) -> std::sync::MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let mut child = self.child();
        // It may have ended, and then there is nothing to kill.
        let _ = child.kill();
        let _ = child.wait();
        drop(child);
        if thread::panicking() {
            println!("the process wrote:\n{}\n{}", self.out.whole().join("\n"), self.err.whole().join("\n"));
        }
    }
}

/// The message of a line of the log.
fn message(line: &Value) -> &str {
    line["message"].as_str().unwrap_or_default()
}

fn parse(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

/// The address that a line tells of, whatever the format of the log.
fn address_in(line: &str) -> Option<SocketAddr> {
    if !line.contains("listening on ") {
        return None;
    }
    let (_, rest) = line.split_once("http://")?;
    rest.split(['"', ' ']).next()?.parse().ok()
}

/// A process that the tests of a file share. It is started by the first that needs it and killed after the last.
pub struct Shared(Mutex<Weak<Process>>);

impl Shared {
    /// Nothing is started yet.
    #[expect(clippy::new_without_default, reason = "it stands in a static")]
    pub const fn new() -> Self {
        Shared(Mutex::new(Weak::new()))
    }

    /// The process, which `start` starts if there is none.
    pub fn get(&self, start: impl FnOnce() -> Process) -> Arc<Process> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let process = Arc::new(start());
            *shared = Arc::downgrade(&process);
            process
        })
    }
}
