//! Proxies as processes in front of an engine, with the configurations of `proxies/`. `main` runs the table, and `checks`
//! asks the proxies for the health that they see.

use std::{
    collections::BTreeMap,
    fs,
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use e2e::{Connection, Process, Signal, until};
use serde_json::json;

use crate::{
    FOLDER,
    cell::Cell,
    clients::{self, Client, Mode},
    engines::{self, Busy, Requests},
    programs, sockets,
    table::Row,
};

/// The columns of the table.
pub(crate) const SCENARIOS: [&str; 9] = [
    "inference",
    "binary tensors",
    "8 MiB",
    "413 read",
    "503 read",
    "parts as they are made",
    "connection kept",
    "readiness not cached",
    "shutdown without an error",
];

/// A proxy and a variant of its configuration.
#[derive(Clone, Copy)]
pub(crate) struct Proxy {
    /// The name in the table.
    pub(crate) name: &'static str,
    program: &'static str,
    /// The argument that makes the program print its version.
    version: &'static str,
    /// The file of `proxies/`.
    config: &'static str,
    /// Further lines of the configuration, by their place in it.
    variant: &'static [(&'static str, &'static str)],
    /// The command line for a configuration.
    arguments: &'static [&'static str],
    /// The proxy keeps its connections to the engine.
    keeps: bool,
    /// Programs and files without which the proxy does not run.
    needs: &'static [&'static str],
    /// The number of times that a scenario may run until it holds: more than 1 for faults of the proxy itself.
    tries: usize,
}

const NGINX: Proxy = Proxy {
    name: "nginx, defaults (HTTP/1.0, all buffered)",
    program: "nginx",
    version: "-v",
    config: "nginx.conf",
    variant: &[("options", ""), ("upstream", "")],
    arguments: &["-p", "{dir}", "-e", "stderr", "-c", "{config}"],
    keeps: false,
    needs: &[],
    tries: 1,
};

pub(crate) const HAPROXY: Proxy = Proxy {
    name: "HAProxy",
    program: "haproxy",
    version: "-v",
    config: "haproxy.cfg",
    variant: &[("options", "")],
    arguments: &["-db", "-f", "{config}"],
    keeps: true,
    needs: &[],
    tries: 1,
};

pub(crate) const VARNISH: Proxy = Proxy {
    name: "Varnish",
    program: "varnishd",
    version: "-V",
    config: "varnish.vcl",
    variant: &[],
    arguments: &[
        "-F",
        "-j",
        "none",
        "-T",
        "none",
        "-n",
        "{dir}/varnish",
        "-s",
        "default,16m",
        "-p",
        "vsl_space=1m",
        "-f",
        "{config}",
        "-a",
        "127.0.0.1:{port}",
        "-a",
        "127.0.0.1:{pool}",
        "-a",
        "127.0.0.1:{health}",
    ],
    keeps: true,
    // It compiles its configuration.
    needs: &["cc"],
    tries: 1,
};

const PROXIES: [Proxy; 8] = [
    NGINX,
    Proxy {
        name: "nginx, keep-alive",
        variant: &[
            ("options", "proxy_http_version 1.1; proxy_set_header Connection '';"),
            ("upstream", "keepalive 8;"),
        ],
        keeps: true,
        ..NGINX
    },
    Proxy {
        name: "nginx, keep-alive, nothing buffered",
        variant: &[
            (
                "options",
                "proxy_http_version 1.1; proxy_set_header Connection ''; proxy_buffering off; proxy_request_buffering off;",
            ),
            ("upstream", "keepalive 8;"),
        ],
        keeps: true,
        ..NGINX
    },
    HAPROXY,
    Proxy { name: "HAProxy, HTTP/2 to the engine", variant: &[("options", "proto h2")], ..HAPROXY },
    VARNISH,
    Proxy {
        name: "Apache httpd",
        program: "apache2",
        version: "-v",
        config: "apache.conf",
        variant: &[("modules", APACHE_MODULES)],
        arguments: &["-D", "FOREGROUND", "-f", "{config}"],
        keeps: true,
        needs: &[APACHE_MODULES],
        tries: 1,
    },
    Proxy {
        name: "Caddy",
        program: "caddy",
        version: "version",
        config: "Caddyfile",
        variant: &[],
        arguments: &["run", "--adapter", "caddyfile", "--config", "{config}"],
        keeps: true,
        needs: &[],
        // Go's server closes the body of a request once a response begins, and its client, which may not have seen the end of
        // that body yet, then drops the connection to the engine in the middle of the response. Rare, on a busy machine.
        tries: 3,
    },
];

/// The folder of Debian.
const APACHE_MODULES: &str = "/usr/lib/apache2/modules";

impl Proxy {
    /// Returns the version, or what is missing.
    pub(crate) fn version(&self) -> Result<String, String> {
        for name in self.needs {
            if !Path::new(name).is_dir() {
                programs::find(name)?;
            }
        }
        programs::version(self.program, &[self.version])
    }

    /// Starts the proxy in front of one engine, and of a pool of two.
    pub(crate) fn start(&self, engine: SocketAddr, pool: [SocketAddr; 2], folder: &Path) -> Running {
        const TRIES: usize = 3;
        // Another process can take a port before the proxy does.
        let found = (0..TRIES).find_map(|_| self.try_start(engine, pool, folder));
        found.unwrap_or_else(|| panic!("{} does not start", self.name))
    }

    fn try_start(&self, engine: SocketAddr, [first, second]: [SocketAddr; 2], folder: &Path) -> Option<Running> {
        let [port, pool, health] = sockets::free_ports();
        let config = folder.join(self.config);
        let mut values = BTreeMap::from([
            ("dir", folder.display().to_string()),
            ("config", config.display().to_string()),
            ("port", port.to_string()),
            ("pool", pool.to_string()),
            ("health", health.to_string()),
            ("engine", engine.to_string()),
            ("engine.port", engine.port().to_string()),
            ("first", first.to_string()),
            ("first.port", first.port().to_string()),
            ("second", second.to_string()),
            ("second.port", second.port().to_string()),
        ]);
        values.extend(self.variant.iter().map(|(name, value)| (*name, value.to_string())));
        let fill = |text: &str| {
            values.iter().fold(text.to_string(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
        };
        let source = Path::new(FOLDER).join("proxies").join(self.config);
        fs::write(&config, fill(&fs::read_to_string(source).expect("a configuration"))).expect("a file");

        let program = programs::find(self.program).expect("the proxy");
        let arguments: Vec<String> = self.arguments.iter().map(|argument| fill(argument)).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let home = folder.to_str().expect("a path in UTF-8");
        let process = Process::start_with(program.to_str().expect("a path in UTF-8"), &arguments, &[("HOME", home)]);
        let running = Running { process, port, pool, health };
        let open = |port| TcpStream::connect(("127.0.0.1", port)).is_ok();
        let started = until("the proxy listens or exits", || match running.process.is_running() {
            true => (open(port) && open(pool)).then_some(true),
            false => Some(false),
        });
        if !started {
            println!("{} exited: {:?}", self.name, running.process.all_errors());
        }
        started.then_some(running)
    }
}

/// A proxy that is running. It is told to stop on drop, because a signal that kills it would leave its workers behind.
pub(crate) struct Running {
    process: Process,
    port: u16,
    pool: u16,
    health: u16,
}

impl Running {
    /// Returns the port that tells the health of the engine, with HAProxy and Varnish.
    pub(crate) fn health(&self) -> u16 {
        self.health
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/infer", self.port)
    }

    fn connect(port: u16) -> Connection {
        Connection::open(SocketAddr::from(([127, 0, 0, 1], port))).expect("a connection")
    }
}

impl Running {
    /// Stops the proxy and returns what it has written.
    fn output(&self) -> Vec<String> {
        self.stop();
        if self.process.is_running() { vec![] } else { [self.process.all_lines(), self.process.all_errors()].concat() }
    }

    /// Tells the proxy to stop, and waits for a while.
    fn stop(&self) {
        const PATIENCE: Duration = Duration::from_secs(5);
        let begin = Instant::now();
        if self.process.is_running() {
            self.process.signal(Signal::Terminate);
        }
        while self.process.is_running() && begin.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Returns the rows of the table.
pub(crate) fn rows() -> Vec<Row> {
    let row = |proxy: &Proxy| {
        let (proxy, version) = (*proxy, proxy.version().and_then(|version| programs::find("curl").map(|_| version)));
        Row { name: proxy.name.into(), version, run: Box::new(move || run(&proxy)) }
    };
    PROXIES.iter().map(row).collect()
}

/// Runs the scenarios with engines of their own.
fn run(proxy: &Proxy) -> Vec<Cell> {
    let engine = engines::start(&[("CHARIOT_ENGINE_DRAIN_DELAY", "60s")]);
    let pool = [(); 2]
        .map(|()| engines::start(&[("CHARIOT_ENGINE_DRAIN_DELAY", "2s"), ("CHARIOT_ENGINE_MAX_CONCURRENCY", "8")]));
    let requests = Requests::new();
    let addresses = [pool[0].address(), pool[1].address()];
    let running = proxy.start(engine.address(), addresses, requests.folder());
    let (url, curl) = (running.url(), clients::curl(&[]));
    let holds = |scenario: &dyn Fn()| Cell::of_some(proxy.tries, scenario);
    let mut cells = vec![
        holds(&|| {
            let small = requests.small();
            assert_eq!(curl.post(&url, &small).values(), [small.output()]);
        }),
        holds(&|| check_binary(&running)),
        holds(&|| {
            let large = requests.large();
            assert_eq!(curl.post(&url, &large).values(), [large.output()]);
        }),
        holds(&|| {
            curl.post(&url, &requests.refused()).error(413);
        }),
        holds(&|| check_overload(&curl, &engine, &url, &requests)),
        holds(&|| {
            let gate = requests.gate();
            curl.check_parts(&url, &requests.parts(&gate), &gate);
        }),
    ];
    cells.push(if proxy.keeps { holds(&|| check_kept(&running, &engine, &requests)) } else { Cell::Beside });
    // The last one with this engine, which drains from here on.
    cells.push(Cell::of(|| check_not_cached(&running, &engine)));
    cells.push(Cell::of(|| check_shutdown(&running, &pool, &curl, &requests)));
    if cells.iter().any(|cell| matches!(cell, Cell::Fails(_))) {
        println!("{} wrote:\n{}", proxy.name, running.output().join("\n"));
    }
    cells
}

/// Checks that the header of a binary request and that of its response pass.
fn check_binary(running: &Running) {
    let element = b"hello";
    let size = element.len() + 4;
    let input = json!({"name": "text", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": size}});
    let json = json!({"inputs": [input], "parameters": {"binary_data_output": true}}).to_string();
    let length = u32::try_from(element.len()).expect("a short element").to_le_bytes();
    let head = format!(
        "POST /infer HTTP/1.1\r\nHost: engine\r\nContent-Type: application/octet-stream\r\n\
         Inference-Header-Content-Length: {}\r\nContent-Length: {}\r\n\r\n",
        json.len(),
        json.len() + size
    );
    let mut connection = Running::connect(running.port);
    connection.write([head.as_bytes(), json.as_bytes(), &length, element].concat()).expect("a request");
    let answer = connection.answer().expect("a response");
    assert_eq!(answer.status, 200, "{answer:?}");
    let length = answer.header("inference-header-content-length").and_then(|length| length.parse::<usize>().ok());
    let binary = &answer.text[length.expect("the length of the JSON")..];
    assert!(binary[4..].starts_with(r#"{"bytes":5,"#), "{answer:?}");
}

/// Checks that a caller sees that the engine is busy, and when to come back.
fn check_overload(curl: &Client, engine: &Process, url: &str, requests: &Requests) {
    let gate = requests.gate();
    let busy = Busy::with(engine, &gate, &requests.gated(&gate));
    let answer = curl.post(url, &requests.large());
    drop(busy);
    answer.error(503);
    assert!(answer.header("retry-after").is_some_and(|after| after.parse::<u32>().is_ok()), "{answer:?}");
}

/// Checks that the proxy's connection to the engine outlives the time for a head, and is still good.
fn check_kept(running: &Running, engine: &Process, requests: &Requests) {
    let small = requests.small().text();
    let mut connection = Running::connect(running.port);
    connection.post("/infer", &small).expect("a response").ok();
    let before = sockets::peers(engine.address().port());
    clients::outlast_the_header_timeout(engine);
    connection.post("/infer", &small).expect("a response on the connection that was idle").ok();
    let after = sockets::peers(engine.address().port());
    if let (Some(before), Some(after)) = (before, after) {
        assert!(!before.is_disjoint(&after), "the idle connection was closed");
    }
}

/// Checks that the proxy sees at once that an engine drains.
fn check_not_cached(running: &Running, engine: &Process) {
    let ready = || {
        let mut connection = Running::connect(running.port);
        connection.write("GET /ready HTTP/1.1\r\nHost: engine\r\n\r\n").expect("a request");
        connection.answer().expect("a response").status
    };
    assert_eq!([ready(), ready()], [200; 2]);
    engine.signal(Signal::Terminate);
    until("the engine drains", || (engine.get("/ready").status == 503).then_some(()));
    assert_eq!(ready(), 503);
}

/// Checks that callers of a pool see no error while one of two engines shuts down, with requests in flight.
fn check_shutdown(running: &Running, pool: &[Process; 2], curl: &Client, requests: &Requests) {
    /// The number of requests before the signal, and after the exit.
    const SOME: usize = 20;
    let url = format!("http://127.0.0.1:{}/infer", running.pool);
    let gate = requests.gate();
    let gated = requests.gated(&gate);
    let waiting = [(); 4].map(|()| curl.start(Mode::Post, &url, &gated.file, &gate.0));
    until("requests are in flight", || {
        let flying = pool.iter().map(engines::in_flight).collect::<Vec<_>>();
        (flying.iter().sum::<usize>() == waiting.len()).then_some(())
    });
    let traffic = Traffic::default();
    thread::scope(|scope| {
        // Stops the traffic if an assertion fails, too, so that the scope ends.
        let _stop = StopOnDrop(&traffic.stop);
        let sending = scope.spawn(|| traffic.send(running.pool, &requests.small().text()));
        let more = || {
            let before = traffic.sent.load(Ordering::Relaxed);
            until("traffic", || {
                (sending.is_finished() || traffic.sent.load(Ordering::Relaxed) >= before + SOME).then_some(())
            });
        };
        more();
        pool[0].signal(Signal::Terminate);
        clients::until_closed(&pool[0]);
        gate.open();
        assert_eq!(pool[0].wait(), Some(0));
        more();
    });
    let faults = traffic.faults.into_inner().expect("no panic");
    assert!(faults.is_empty(), "{} of {} requests: {:?}", faults.len(), traffic.sent.into_inner(), faults.first());
    for sent in &waiting {
        assert_eq!(clients::answer(sent).values(), [gated.output()]);
    }
}

/// One request after the other, as a caller with keep-alive sends them.
#[derive(Default)]
struct Traffic {
    stop: AtomicBool,
    sent: AtomicUsize,
    faults: std::sync::Mutex<Vec<String>>,
}

impl Traffic {
    fn send(&self, port: u16, body: &str) {
        let mut open: Option<Connection> = None;
        while !self.stop.load(Ordering::Relaxed) {
            let mut connection = open.take().unwrap_or_else(|| Running::connect(port));
            match connection.post("/infer", body) {
                Ok(answer) if answer.status == 200 => {
                    let closes = answer.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
                    open = (!closes).then_some(connection);
                }
                other => self.faults.lock().expect("no panic").push(format!("{other:?}")),
            }
            self.sent.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Stops traffic.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Reads a page of a proxy with curl.
pub(crate) fn page(port: u16, path: &str) -> String {
    let curl: PathBuf = programs::find("curl").expect("curl");
    let url = format!("http://127.0.0.1:{port}{path}");
    let read = Command::new(curl).args(["-sS", "--noproxy", "*", "-i", &url]).output().expect("curl runs");
    String::from_utf8_lossy(&read.stdout).into_owned()
}
