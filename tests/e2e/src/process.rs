//! An engine as a child process: its address, its log, its signals, its exit.

use std::{
    net::{SocketAddr, TcpListener},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak},
    thread,
};

use reqwest::blocking::{Client, RequestBuilder};
use serde_json::Value;

use crate::{Answer, Connection, DEADLINE, output::Output, until};

/// An engine as a child process. It is killed on drop, and its output is printed if the test fails.
pub struct Process {
    child: Mutex<Child>,
    out: Output,
    err: Output,
    client: Client,
    address: OnceLock<SocketAddr>,
}

/// A signal sent to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM, as the platform sends it.
    Terminate,
    /// SIGINT, as Ctrl-C in a terminal sends it.
    Interrupt,
}

impl Process {
    /// Starts a binary on a free port of the loopback interface, with these environment variables and without the
    /// variables of the test's own environment that engines read.
    ///
    /// # Panics
    /// Panics if the binary cannot be started.
    pub fn start(exe: &str, env: &[(&str, &str)]) -> Self {
        Self::start_with(exe, &[], env)
    }

    /// Starts a binary as [`start`](Self::start) does, with arguments.
    ///
    /// # Panics
    /// Panics if the binary cannot be started.
    pub fn start_with(exe: &str, arguments: &[&str], env: &[(&str, &str)]) -> Self {
        Self::spawn(exe, arguments, env, [Stdio::piped(), Stdio::piped()])
    }

    fn spawn(exe: &str, arguments: &[&str], env: &[(&str, &str)], [out, err]: [Stdio; 2]) -> Self {
        let mut command = Command::new(exe);
        for (name, _) in std::env::vars_os() {
            let is_read = |name: &str| name.starts_with("CHARIOT_") || name.starts_with("OTEL_") || name == "LOG_LEVEL";
            if name.to_str().is_some_and(is_read) {
                command.env_remove(name);
            }
        }
        command
            .args(arguments)
            .env("CHARIOT_ENGINE_HOST", "127.0.0.1")
            .env("CHARIOT_ENGINE_PORT", "0")
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("starting {exe}: {error}"));
        let out = child.stdout.take().map_or_else(Output::none, Output::read);
        let err = child.stderr.take().map_or_else(Output::none, Output::read);
        let client = Client::builder().timeout(DEADLINE).no_proxy().build().expect("a client");
        Process { child: Mutex::new(child), out, err, client, address: OnceLock::new() }
    }

    /// Starts a binary as [`start`](Self::start) does, with an output that the test provides and that is not read here.
    ///
    /// # Panics
    /// Panics if the binary cannot be started, or if no port is free.
    pub fn start_unheard(exe: &str, arguments: &[&str], env: &[(&str, &str)], output: [Stdio; 2]) -> Self {
        // As nothing names the port, it is chosen here.
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
        let port = free.port().to_string();
        let env: Vec<(&str, &str)> = env.iter().copied().chain([("CHARIOT_ENGINE_PORT", port.as_str())]).collect();
        let process = Self::spawn(exe, arguments, &env, output);
        process.address.set(free).expect("a new process");
        process
    }

    /// Starts a binary as [`start`](Self::start) does, and waits until its model is ready.
    ///
    /// # Panics
    /// Panics if the binary cannot be started or is not ready before the deadline.
    pub fn ready(exe: &str, env: &[(&str, &str)]) -> Self {
        let process = Self::start(exe, env);
        process.wait_until_ready();
        process
    }

    /// Returns the id that the system gives the process.
    pub fn id(&self) -> u32 {
        self.child().id()
    }

    /// Waits until the process listens, and returns its address.
    ///
    /// # Panics
    /// Panics if the process exits or the deadline passes before it listens.
    pub fn address(&self) -> SocketAddr {
        *self.address.get_or_init(|| match self.out.wait(address_in) {
            Ok(address) => address,
            Err(missing) => panic!("the process does not listen: {missing:?}"),
        })
    }

    /// Waits until the model is ready.
    ///
    /// # Panics
    /// Panics if the model is not ready before the deadline.
    pub fn wait_until_ready(&self) {
        until("the engine is ready", || (self.get("/ready").status == 200).then_some(()));
    }

    /// Sends a GET.
    ///
    /// # Panics
    /// Panics if there is no response.
    pub fn get(&self, path: &str) -> Answer {
        self.send(self.client.get(self.url(path)))
    }

    /// Sends a POST with a JSON document.
    ///
    /// # Panics
    /// Panics if there is no response.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_text(path, &body.to_string())
    }

    /// Sends a POST with a string as its body.
    ///
    /// # Panics
    /// Panics if there is no response.
    pub fn post_text(&self, path: &str, body: &str) -> Answer {
        self.send(self.client.post(self.url(path)).body(body.to_string()))
    }

    /// Sends a JSON document to `/infer`.
    ///
    /// # Panics
    /// Panics if there is no response.
    pub fn infer(&self, body: &Value) -> Answer {
        self.post("/infer", body)
    }

    /// Sends a JSON document to `/infer` with a header.
    ///
    /// # Panics
    /// Panics if there is no response.
    pub fn infer_with(&self, (name, value): (&str, &str), body: &Value) -> Answer {
        self.send(self.client.post(self.url("/infer")).header(name, value).body(body.to_string()))
    }

    /// Opens a new connection.
    ///
    /// # Panics
    /// Panics if the connection cannot be opened.
    pub fn connect(&self) -> Connection {
        Connection::open(self.address()).expect("a connection")
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// Panics if the signal cannot be sent.
    pub fn signal(&self, signal: Signal) {
        let name = match signal {
            Signal::Terminate => "TERM",
            Signal::Interrupt => "INT",
        };
        let id = self.id();
        let sent = Command::new("sh").args(["-c", &format!("kill -s {name} {id}")]).status().expect("a shell");
        assert!(sent.success(), "sending the signal {name} failed");
    }

    /// Waits until the process has exited on its own, and returns its exit code; `None` if a signal killed it.
    ///
    /// # Panics
    /// Panics if the process does not exit before the deadline.
    pub fn wait(&self) -> Option<i32> {
        let ended = || -> Option<ExitStatus> { self.child().try_wait().expect("the state of the process") };
        until("the process exits", ended).code()
    }

    /// Returns `true` if the process is still running.
    ///
    /// # Panics
    /// Panics if the state of the process cannot be read.
    pub fn is_running(&self) -> bool {
        self.child().try_wait().expect("the state of the process").is_none()
    }

    /// Returns every line that the process has written to standard output, once it has exited.
    ///
    /// # Panics
    /// Panics if the process does not exit before the deadline.
    pub fn all_lines(&self) -> Vec<String> {
        self.out.whole()
    }

    /// Returns every line that the process has written to standard error, once it has exited.
    ///
    /// # Panics
    /// Panics if the process does not exit before the deadline.
    pub fn all_errors(&self) -> Vec<String> {
        self.err.whole()
    }

    /// Returns the whole log in JSON format, once the process has exited.
    ///
    /// # Panics
    /// Panics if a line is not JSON, or if the process does not exit before the deadline.
    pub fn whole_log(&self) -> Vec<Value> {
        self.all_lines().iter().map(|line| parse(line)).collect()
    }

    /// Waits for a line of standard output that `matches`, in any format, and returns it.
    ///
    /// # Panics
    /// Panics if no such line appears before the deadline or the end of the process; the panic names `what`.
    pub fn wait_for_text(&self, what: &str, matches: impl Fn(&str) -> bool) -> String {
        let found = self.out.wait(|line| Some(line.to_string()).filter(|line| matches(line.trim_end_matches('\r'))));
        found.unwrap_or_else(|missing| panic!("no line for {what}: {missing:?}"))
    }

    /// Waits for a line of the log, in JSON format, whose message contains this text. Use it for texts of the test
    /// itself; the engine's own lines are found by level and fields, with [`wait_for_line`](Self::wait_for_line).
    ///
    /// # Panics
    /// Panics if no such line appears before the deadline or the end of the process.
    pub fn wait_for_log(&self, text: &str) -> Value {
        self.wait_for_line(&format!("a message with '{text}'"), |line| message(line).contains(text))
    }

    /// Waits for a line of the log, in JSON format, that `matches`.
    ///
    /// # Panics
    /// Panics if no such line appears before the deadline or the end of the process; the panic names `what`.
    pub fn wait_for_line(&self, what: &str, matches: impl Fn(&Value) -> bool) -> Value {
        let found = self.out.wait(|line| Some(parse(line)).filter(|line| matches(line)));
        found.unwrap_or_else(|missing| panic!("no line of the log for {what}: {missing:?}"))
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    fn send(&self, request: RequestBuilder) -> Answer {
        let response = request.send().expect("a response");
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
        // Fails if the process has already exited, when there is nothing to kill.
        let _ = child.kill();
        let _ = child.wait();
        drop(child);
        if thread::panicking() {
            println!("the process wrote:\n{}\n{}", self.out.whole().join("\n"), self.err.whole().join("\n"));
        }
    }
}

/// Returns the message of a line of the log.
fn message(line: &Value) -> &str {
    line["message"].as_str().unwrap_or_default()
}

fn parse(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

/// The word of the log line that names the address on which an engine listens.
const LISTENING: &str = "listening";

/// Finds the address in the line that names it, in either format of the log.
fn address_in(line: &str) -> Option<SocketAddr> {
    if !line.contains(LISTENING) {
        return None;
    }
    line.split(['"', ' ', '=', '/', ',']).find_map(|word| word.parse().ok())
}

/// A process shared by the tests of a file. The first test that needs it starts it; it is killed after the last.
pub struct Shared(Mutex<Weak<Process>>);

impl Shared {
    /// Creates the slot without starting a process.
    #[expect(clippy::new_without_default, reason = "used in a static")]
    pub const fn new() -> Self {
        Shared(Mutex::new(Weak::new()))
    }

    /// Returns the process, and starts it with `start` if there is none.
    pub fn get(&self, start: impl FnOnce() -> Process) -> Arc<Process> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let process = Arc::new(start());
            *shared = Arc::downgrade(&process);
            process
        })
    }
}
