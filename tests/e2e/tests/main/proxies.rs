//! Engines behind proxies with their defaults: nginx, which holds back and stores what the response does not forbid, and
//! HAProxy, which probes by OPTIONS. Skipped where a proxy is not installed.

use std::{
    fs,
    io::{BufRead, BufReader, ErrorKind, Read},
    net::{SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    sync::Arc,
};

use chariot_engine::prelude::*;
use e2e::{Answer, Connection, DEADLINE, until};

use crate::{
    scripted::{Scripted, echo, speaks},
    support::{Gate, Server, head, text},
};

/// A proxy as a child process. It is killed on drop.
struct Proxy {
    process: Child,
    dir: tempfile::TempDir,
}

impl Proxy {
    /// Starts a program with a file of configuration in a directory of its own, and waits until it listens. Returns `None`
    /// if it is not installed.
    fn start(program: &str, configuration: &str, arguments: &[&str], address: SocketAddr) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(CONFIGURATION), configuration).unwrap();
        let mut command = Command::new(program);
        command.args(arguments).current_dir(dir.path()).stdout(Stdio::null()).stderr(Stdio::inherit());
        let process = match command.spawn() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                println!("skipped: {program} not found");
                return None;
            }
            started => started.expect("the proxy starts"),
        };
        let mut proxy = Proxy { process, dir };
        until("the proxy listens", || {
            let ended = proxy.process.try_wait().expect("the state of the proxy");
            assert_eq!(ended, None, "{program} ended");
            Connection::open(address).ok()
        });
        Some(proxy)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Fails if the process has already exited, when there is nothing to kill.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The name of the file of configuration.
const CONFIGURATION: &str = "proxy.conf";

/// Returns a free address of the loopback interface.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap()
}

/// nginx in front of a server, with a cache for every response that may be stored.
struct Nginx {
    address: SocketAddr,
    _proxy: Proxy,
}

impl Nginx {
    /// Starts nginx and waits until it listens. Returns `None` if it is not installed.
    fn start(server: &Server) -> Option<Self> {
        let address = free_address();
        let temporary = ["client_body", "fastcgi", "proxy", "scgi", "uwsgi"]
            .map(|what| format!("{what}_temp_path {what};\n"))
            .concat();
        let configuration = format!(
            "daemon off;\nmaster_process off;\npid nginx.pid;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}\
             proxy_cache_path cache keys_zone=all:1m;\n\
             server {{ listen {address}; location / {{ \
             proxy_pass http://{}; proxy_cache all; proxy_cache_valid any 1h; }} }}\n}}\n",
            server.address
        );
        let arguments = ["-p", ".", "-c", CONFIGURATION, "-e", "stderr"];
        let proxy = Proxy::start("nginx", &configuration, &arguments, address)?;
        Some(Nginx { address, _proxy: proxy })
    }

    /// Sends a GET.
    fn get(&self, path: &str) -> Answer {
        let mut connection = Connection::open(self.address).expect("nginx accepts");
        connection.write(head("GET", path, &[], 0)).expect("nginx reads");
        connection.answer().expect("nginx answers")
    }
}

/// A server whose model emits a part before and after it waits at the gate.
fn waits(gate: Arc<Gate>) -> Server {
    Server::start(speaks(move |text| {
        text.emit("first")?;
        gate.pass("the model");
        text.emit("last")?;
        Ok("done".into())
    }))
}

/// Asserts that a part arrives before the model has ended, and the rest after it.
#[track_caller]
fn assert_streams(gate: &Gate, response: impl Read) {
    let mut response = BufReader::new(response);
    let mut first = String::new();
    while !first.ends_with("\n\n") {
        assert_ne!(response.read_line(&mut first).unwrap(), 0, "{first}");
    }
    assert!(first.contains("\"part\":\"first\"") && !first.contains("last"), "{first}");
    gate.open();
    let mut rest = String::new();
    response.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("\"part\":\"last\"") && rest.contains("\"done\"") && rest.ends_with("\n\n"), "{rest}");
}

#[test]
fn parts_pass_through_nginx_as_they_are_emitted() {
    let gate = Arc::new(Gate::default());
    let server = waits(gate.clone());
    let Some(nginx) = Nginx::start(&server) else { return };
    let client = reqwest::blocking::Client::builder().timeout(DEADLINE).no_proxy().build().unwrap();
    let request = client.post(format!("http://{}/infer", nginx.address)).header("accept", "text/event-stream");
    let response = request.body(text("a")).send().unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()["cache-control"]), (200, &"no-cache".parse().unwrap()));
    assert_streams(&gate, response);
}

#[test]
fn a_caller_of_http_1_0_gets_parts_without_chunks() {
    let gate = Arc::new(Gate::default());
    let server = waits(gate.clone());
    for keeps in ["", "Connection: keep-alive\r\n"] {
        gate.close();
        let body = text("a");
        let stream = std::net::TcpStream::connect(server.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let length = body.len();
        let request = format!(
            "POST /infer HTTP/1.0\r\nAccept: text/event-stream\r\n{keeps}Content-Length: {length}\r\n\r\n{body}"
        );
        std::io::Write::write_all(&mut &stream, request.as_bytes()).unwrap();
        let mut response = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(response.read_line(&mut head).unwrap(), 0, "{head}");
        }
        assert!(head.starts_with("HTTP/1.0 200 "), "{head}");
        let lower = head.to_ascii_lowercase();
        assert!(!lower.contains("transfer-encoding") && !lower.contains("keep-alive"), "{head}");
        assert!(lower.contains("\r\nconnection: close\r\n"), "{head}");
        // The connection ends with the events.
        assert_streams(&gate, response);
    }
}

#[test]
fn nginx_stores_no_state_of_a_moment() {
    let server = Server::start(Engine::builder().instance("echo", Scripted::<1, 32>::blocking(echo)));
    let Some(nginx) = Nginx::start(&server) else { return };
    for path in ["/", "/ready", "/v2/health/ready", "/v2/models/echo/ready"] {
        assert_eq!(nginx.get(path).status, 200, "{path}");
    }
    let metrics = |status: u16| format!("chariot_requests_total{{model=\"echo\",status=\"{status}\"}} 1");
    assert!(!nginx.get("/metrics").text.contains(&metrics(200)));
    assert_eq!(server.infer(text("a")).status, 200);
    assert!(nginx.get("/metrics").text.contains(&metrics(200)));
    server.engine.drain();
    for path in ["/ready", "/v2/health/ready", "/v2/models/echo/ready"] {
        assert_eq!(nginx.get(path).status, 503, "{path}");
    }
}

#[cfg(unix)]
#[test]
fn the_default_probe_of_haproxy_passes() {
    use std::{io::Write, os::unix::net::UnixStream};

    let server = Server::start(Engine::builder().instance("echo", Scripted::<1, 32>::blocking(echo)));
    let address = free_address();
    let configuration = format!(
        "global\n  stats socket unix@admin.sock\ndefaults\n  mode http\n  timeout connect 10s\n  timeout client 60s\n  \
         timeout server 60s\nlisten all\n  bind {address}\n  option httpchk\n  server engine {} check inter 100ms\n",
        server.address
    );
    let Some(proxy) = Proxy::start("haproxy", &configuration, &["-db", "-f", CONFIGURATION], address) else { return };
    let socket = proxy.dir.path().join("admin.sock");
    until("the probe passes", || {
        let mut socket = UnixStream::connect(&socket).expect("the socket of the proxy");
        socket.write_all(b"show stat\n").expect("the proxy reads");
        let mut stat = String::new();
        socket.read_to_string(&mut stat).expect("the proxy answers");
        let line = stat.lines().find(|line| line.starts_with("all,engine,")).expect("a line of the engine");
        assert!(!line.contains("L7STS"), "{line}");
        line.contains("L7OK,204").then_some(())
    });
}
