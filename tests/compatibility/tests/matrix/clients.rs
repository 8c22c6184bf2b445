//! Clients as processes: each sends the body of a file and prints the response, and the scenarios judge what it prints.
//! `clients/` holds a program per language; `main` runs the table, and `proxies` sends with curl.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
};

use e2e::{Answer, DEADLINE, Process, until};

use crate::{
    FOLDER,
    cell::Cell,
    engines::{self, Body, Busy, Gate, Requests},
    programs, sockets,
    table::Row,
};

/// The columns of the table.
pub(crate) const SCENARIOS: [&str; 6] =
    ["inference", "8 MiB", "413 read", "503 read", "parts as they are made", "connection kept"];

/// The modes of a sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Sends one request.
    Post,
    /// Sends one request and prints the lines of the response as they arrive.
    Stream,
    /// Sends a request, waits for a gate, and sends it again.
    Twice,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Mode::Post => "post",
            Mode::Stream => "stream",
            Mode::Twice => "twice",
        }
    }
}

/// A client that is installed.
pub(crate) struct Client {
    program: PathBuf,
    /// Makes the command line from the mode, the URL, the file of the body and the gate.
    arguments: Arguments,
    /// The abilities of the client, beside posting.
    can: Can,
}

type Arguments = Box<dyn Fn(Mode, &str, &Path, &Path) -> Vec<String> + Send>;

/// The abilities of a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Can {
    /// Reads a response as it arrives.
    stream: bool,
    /// Sends two requests at times that it chooses.
    twice: bool,
    /// Shows the response as it is. Otherwise the client makes requests of its own, and shows a value or a message.
    show: bool,
}

const ALL: Can = Can { stream: true, twice: true, show: true };

impl Client {
    /// Starts to send a request.
    pub(crate) fn start(&self, mode: Mode, url: &str, body: &Path, gate: &Path) -> Process {
        let arguments = (self.arguments)(mode, url, body, gate);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let program = self.program.to_str().expect("a path in UTF-8");
        let local = [("NO_PROXY", "*"), ("no_proxy", "*"), ("PYTHONDONTWRITEBYTECODE", "1")];
        Process::start_with(program, &arguments, &local)
    }

    /// Sends a request and returns its response.
    pub(crate) fn post(&self, url: &str, body: &Body) -> Answer {
        answer(&self.start(Mode::Post, url, &body.file, Path::new("")))
    }

    /// Checks that the first part of a response arrives before the model makes the second.
    pub(crate) fn check_parts(&self, url: &str, body: &Body, gate: &Gate) {
        let sent = self.start(Mode::Stream, url, &body.file, &gate.0);
        sent.wait_for_text("the first part", |line| line.contains("before the gate"));
        gate.open();
        let lines = lines(&sent);
        let has = |text: &str| lines.iter().any(|line| line.contains(text));
        assert!(has("after the gate") && has(&body.output().to_string()), "{lines:?}");
    }
}

/// Waits for the end of a client and returns what it has printed.
fn lines(sent: &Process) -> Vec<String> {
    let code = sent.wait();
    assert_eq!(code, Some(0), "{:?}", sent.all_errors().last());
    sent.all_lines().into_iter().map(|line| line.trim_end_matches('\r').to_string()).collect()
}

/// Waits for the end of a client and returns the response that it has printed.
pub(crate) fn answer(sent: &Process) -> Answer {
    let lines = lines(sent);
    let mut rest = lines.iter();
    loop {
        let first = rest.next().unwrap_or_else(|| panic!("no response in {lines:?}"));
        // `200`, or `HTTP/1.1 200 OK`.
        let status = first.split(' ').find_map(|word| word.parse::<u16>().ok());
        let status = status.unwrap_or_else(|| panic!("no status in '{first}'"));
        let head = rest.by_ref().take_while(|line| !line.is_empty()).filter_map(|line| line.split_once(':'));
        let headers = head.map(|(name, value)| (name.to_lowercase(), value.trim().to_string())).collect();
        if status >= 200 {
            let body: Vec<&str> = rest.map(String::as_str).collect();
            return Answer { status, headers, text: body.join("\n") };
        }
    }
}

/// Waits until the time for a head is over, as seen by a client that never completes one.
pub(crate) fn outlast_the_header_timeout(engine: &Process) {
    let mut stream = TcpStream::connect(engine.address()).expect("a connection");
    stream.set_read_timeout(Some(DEADLINE)).expect("a deadline");
    stream.write_all(b"POST /infer HTTP/1.1\r\nHost").expect("half a head");
    // A reset is as good as an end.
    let _ = stream.read_to_end(&mut Vec::new());
}

/// Runs the scenarios against an engine of its own.
fn run(client: &Client) -> Vec<Cell> {
    let engine = engines::start(&[]);
    let requests = Requests::new();
    let url = format!("http://{}/infer", engine.address());
    let can = |can: bool, scenario: &dyn Fn()| if can { Cell::of(scenario) } else { Cell::Beside };
    vec![
        Cell::of(|| check_success(client, &url, &requests.small())),
        Cell::of(|| check_success(client, &url, &requests.large())),
        Cell::of(|| check_error(client, &client.post(&url, &requests.refused()), 413)),
        Cell::of(|| check_overload(client, &engine, &url, &requests)),
        can(client.can.stream, &|| {
            let gate = requests.gate();
            client.check_parts(&url, &requests.parts(&gate), &gate);
        }),
        can(client.can.twice, &|| check_kept(client, &engine, &url, &requests)),
    ]
}

fn check_success(client: &Client, url: &str, body: &Body) {
    let answer = client.post(url, body);
    if client.can.show {
        assert_eq!(answer.values(), [body.output()]);
    } else {
        assert_eq!(answer.ok(), body.output());
    }
}

/// Checks that a client sees the status and the message of an error.
fn check_error(client: &Client, answer: &Answer, status: u16) {
    if client.can.show {
        answer.error(status);
    } else {
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.json()["error"].as_str().is_some_and(|text| !text.is_empty()), "{answer:?}");
    }
}

/// Checks that a client sees that the engine is busy, and when to come back.
fn check_overload(client: &Client, engine: &Process, url: &str, requests: &Requests) {
    let gate = requests.gate();
    let busy = Busy::with(engine, &gate, &requests.gated(&gate));
    let answer = client.post(url, &requests.large());
    drop(busy);
    check_error(client, &answer, 503);
    if client.can.show {
        assert!(answer.header("retry-after").is_some_and(|after| after.parse::<u32>().is_ok()), "{answer:?}");
    }
}

/// Checks that the connection of a client outlives the time for a head, and is still good.
fn check_kept(client: &Client, engine: &Process, url: &str, requests: &Requests) {
    let gate = requests.gate();
    let sent = client.start(Mode::Twice, url, &requests.small().file, &gate.0);
    sent.wait_for_text("the first response", |line| line == "200");
    let before = sockets::peers(engine.address().port());
    outlast_the_header_timeout(engine);
    let after = sockets::peers(engine.address().port());
    gate.open();
    let successes = lines(&sent).iter().filter(|line| *line == "200").count();
    assert_eq!(successes, 2, "both requests succeed");
    if let (Some(before), Some(after)) = (before, after) {
        assert!(!before.is_disjoint(&after), "the idle connection was closed");
    }
}

/// Returns the rows of the table.
pub(crate) fn rows() -> Vec<Row> {
    let python = python();
    let library = |library: &'static str| python.clone().and_then(|python| python_version(&python, library));
    let standard = python.clone().or_else(|_| programs::find("python3"));
    let mut rows = vec![
        row("curl", curl_version(), || curl(&[])),
        row("curl, HTTP/2", curl_version(), || curl(&["--http2-prior-knowledge"])),
        row("curl, without `Expect`", curl_version(), || curl(&["-H", "Expect:"])),
        row("nc -N, which half-closes", netcat_version(), netcat),
    ];
    for (name, function) in [("Python urllib", "urllib"), ("Python http.client", "http_client")] {
        let found = standard.clone();
        let version = found.clone().and_then(|python| programs::version_at(&python, &["--version"]));
        // urllib opens a connection for each request.
        let can = Can { twice: function == "http_client", ..ALL };
        rows.push(row(name, version, move || python_client(found.expect("python3"), function, can)));
    }
    for name in ["requests", "httpx", "aiohttp", "tritonclient", "kserve"] {
        let found = python.clone();
        let can = if matches!(name, "tritonclient" | "kserve") { Can::default() } else { ALL };
        rows.push(row(name, library(name), move || python_client(found.expect("python3"), name, can)));
    }
    rows.push(row("Go net/http", programs::version("go", &["version"]), go));
    for library in ["http", "fetch"] {
        rows.push(row(&format!("Node {library}"), programs::version("node", &["--version"]), move || node(library)));
    }
    for (name, version) in [("Java HttpClient", "1.1"), ("Java HttpClient, offering HTTP/2", "2")] {
        rows.push(row(name, programs::version("javac", &["-version"]), move || java(version)));
    }
    rows
}

fn row(name: &str, version: Result<String, String>, client: impl FnOnce() -> Client + Send + 'static) -> Row {
    Row { name: name.into(), version, run: Box::new(|| run(&client())) }
}

fn texts(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

pub(crate) fn curl_version() -> Result<String, String> {
    programs::version("curl", &["--version"])
}

/// Returns curl with these options.
pub(crate) fn curl(options: &'static [&'static str]) -> Client {
    let arguments = |mode: Mode, url: &str, body: &Path, _: &Path| {
        let shown: &[&str] = if mode == Mode::Stream { &["-N", "-H", "Accept: text/event-stream"] } else { &["-i"] };
        let body = format!("@{}", body.display());
        let first = ["-sS", "-H", "Content-Type: application/json", "--data-binary", &body];
        texts(&[&first[..], shown, options, &[url]].concat())
    };
    let program = programs::find("curl").expect("curl");
    Client { program, arguments: Box::new(arguments), can: Can { twice: false, ..ALL } }
}

fn netcat_version() -> Result<String, String> {
    // Other programs of this name have no `-N`, and none tells its version in the same way.
    let package = Command::new("dpkg-query").args(["-W", "-f", "${Version}", "netcat-openbsd"]).output();
    let version = package.ok().filter(|package| package.status.success());
    let version = version.map(|package| String::from_utf8_lossy(&package.stdout).into_owned());
    programs::find("nc").and(version.ok_or_else(|| "netcat-openbsd not found".into()))
}

/// Returns a client that closes its side of the connection after the request.
fn netcat() -> Client {
    let arguments = |mode: Mode, url: &str, body: &Path, _: &Path| {
        let (address, path) = url.trim_start_matches("http://").split_once('/').expect("a path");
        let (host, port) = address.split_once(':').expect("a port");
        let accept = if mode == Mode::Stream { "text/event-stream" } else { "*/*" };
        let length = fs::metadata(body).expect("the file of a body").len();
        let head = format!(
            "POST /{path} HTTP/1.1\\r\\nHost: {address}\\r\\nAccept: {accept}\\r\\nContent-Length: {length}\\r\\n\\r\\n"
        );
        let send = format!("{{ printf '{head}'; cat '{}'; }} | nc -N {host} {port}", body.display());
        texts(&["-c", &send])
    };
    let program = programs::find("sh").expect("sh");
    Client { program, arguments: Box::new(arguments), can: Can { twice: false, ..ALL } }
}

/// Returns the Python that has the clients of `tests/clients`, or what is missing.
fn python() -> Result<PathBuf, String> {
    let script = Path::new(FOLDER).join("../clients/run");
    let printed = Command::new("bash").arg(script).arg("--python").output();
    let printed = printed.map_err(|error| format!("bash: {error}"))?;
    let printed = String::from_utf8_lossy(&printed.stdout).into_owned();
    let last = printed.lines().last().unwrap_or_default();
    if Path::new(last).is_file() { Ok(last.into()) } else { Err(last.into()) }
}

fn python_version(python: &Path, library: &str) -> Result<String, String> {
    programs::version_at(python, &["-c", &format!("import importlib.metadata as m; print(m.version('{library}'))")])
}

/// Returns a client of `sender.py`.
fn python_client(program: PathBuf, library: &'static str, can: Can) -> Client {
    sender(program, texts(&[source("sender.py").to_str().expect("a path in UTF-8"), library]), can)
}

/// Returns the client of `sender.go`.
fn go() -> Client {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sender-go");
    let mut build = Command::new(programs::find("go").expect("go"));
    build.args(["build", "-o"]).arg(&program).arg(source("sender.go"));
    compile(build.env("GO111MODULE", "off").env("GOFLAGS", "").env("GOTOOLCHAIN", "local"));
    sender(program, vec![], ALL)
}

/// Returns a client of `sender.mjs`.
fn node(library: &str) -> Client {
    let script = source("sender.mjs");
    sender(programs::find("node").expect("node"), texts(&[script.to_str().expect("a path in UTF-8"), library]), ALL)
}

/// Returns the client of `Sender.java`.
fn java(version: &str) -> Client {
    let classes = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("sender-java-{version}"));
    compile(Command::new(programs::find("javac").expect("javac")).arg("-d").arg(&classes).arg(source("Sender.java")));
    let classes = classes.to_str().expect("a path in UTF-8");
    // Less is compiled by a process that sends one request.
    let arguments = texts(&["-XX:TieredStopAtLevel=1", "-cp", classes, "Sender", version]);
    sender(programs::find("java").expect("java"), arguments, ALL)
}

/// Returns a client with the command line of the programs in `clients/`, behind these arguments.
fn sender(program: PathBuf, first: Vec<String>, can: Can) -> Client {
    let arguments = move |mode: Mode, url: &str, body: &Path, gate: &Path| {
        let mut all = first.clone();
        all.extend([mode.name().into(), url.into(), body.display().to_string(), gate.display().to_string()]);
        all
    };
    Client { program, arguments: Box::new(arguments), can }
}

fn source(file: &str) -> PathBuf {
    Path::new(FOLDER).join("clients").join(file)
}

fn compile(command: &mut Command) {
    let done = command.output().expect("the compiler runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// Waits until the engine refuses connections.
pub(crate) fn until_closed(engine: &Process) {
    until("the port is closed", || TcpStream::connect(engine.address()).err());
}
