//! curl, also behind nginx, sends a long body that is refused before it is read. It must read the status and `Retry-After`
//! instead of seeing a broken connection. `tests/compatibility` does the same with other clients and proxies. A program that
//! is not installed is skipped.

use std::{
    fs::File,
    io::Write,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use chariot_engine::{prelude::*, settings::ByteSize};
use e2e::{Connection, until};

use crate::{
    scripted::Scripted,
    support::{Server, text},
};

/// The size of the body, far more than any buffer on the way holds.
const BYTES: usize = 64 << 20;

/// A server that refuses with 413, and one that is full and refuses with 503.
struct Refusing {
    too_large: Server,
    full: Server,
    /// Holds the only permit of the second one.
    _holder: Connection,
}

impl Refusing {
    fn start() -> Self {
        let server = |limit: ByteSize| {
            let never = Scripted::<1, 32>::new(|_| Box::pin(std::future::pending()));
            Server::start(Engine::builder().instance("never", never).configure(move |settings| {
                (settings.max_body, settings.queue_size, settings.workers) = (limit, 0, Some(1));
            }))
        };
        let (too_large, full) = (server(ByteSize::kib(1)), server(ByteSize::mib(100)));
        let holder = full.admitted(&text("a"));
        until("it holds the permit", || (full.engine.in_flight().requests == 1).then_some(()));
        Refusing { too_large, full, _holder: holder }
    }

    /// Runs a client against both servers. It prints the status and `Retry-After`.
    fn check(&self, name: &str, client: impl Fn(&str) -> Option<Command>) {
        self.check_at(name, self.too_large.address, self.full.address, client);
    }

    fn check_at(&self, name: &str, too_large: SocketAddr, full: SocketAddr, client: impl Fn(&str) -> Option<Command>) {
        for (address, status, has_time) in [(too_large, "413", false), (full, "503", true)] {
            let Some(mut command) = client(&format!("http://{address}/infer")) else {
                return println!("skipped: {name} not found");
            };
            let output = command.stdin(Stdio::null()).output().expect("the client runs");
            let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            let mut printed = stdout.split_whitespace();
            assert_eq!(printed.next(), Some(status), "{name}: {stderr}");
            let after = printed.next().is_some_and(|seconds| seconds.parse::<u32>().is_ok());
            assert_eq!(after, has_time, "{name}: '{stdout}' {stderr}");
            assert!(output.status.success(), "{name} against {status}: {} {stderr}", output.status);
        }
    }
}

/// Returns a command if its program is installed.
fn installed(program: &str) -> Option<Command> {
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()));
    found.then(|| {
        let mut command = Command::new(program);
        command.env_remove("http_proxy").env_remove("HTTP_PROXY").env("NO_PROXY", "127.0.0.1");
        command
    })
}

/// A file of the length of the body, which takes no space.
fn body_file(folder: &Path) -> PathBuf {
    let path = folder.join("body");
    File::create(&path).and_then(|file| file.set_len(BYTES as u64)).expect("a file");
    path
}

fn curl(body: &Path, url: &str, options: &[&str]) -> Option<Command> {
    let mut command = installed("curl")?;
    command.args(["-sS", "--noproxy", "*", "-o", "/dev/null", "-w", "%{http_code} %header{retry-after}"]);
    command.args(options).arg("-T").arg(body).args(["-X", "POST", url]);
    Some(command)
}

#[test]
fn curl_reads_the_refusal() {
    let (refusing, folder) = (Refusing::start(), tempfile::tempdir().unwrap());
    let body = body_file(folder.path());
    for options in [
        &["-H", "Expect:"][..],
        &["-H", "Expect: 100-continue"],
        &["-H", "Expect:", "-H", "Transfer-Encoding: chunked"],
        &["--http2-prior-knowledge"],
    ] {
        refusing.check(&format!("curl {options:?}"), |url| curl(&body, url, options));
    }
}

/// A running nginx, killed on drop.
struct Nginx(Child);

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn nginx(folder: &Path, buffers: bool, version: &str, refusing: &Refusing) -> Option<(Nginx, SocketAddr, SocketAddr)> {
    let mut command = installed("nginx")?;
    let free = || TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
    let (too_large, full) = (free(), free());
    let server = |port: SocketAddr, to: SocketAddr| {
        let buffering = if buffers { "on" } else { "off" };
        format!(
            "server {{ listen {port}; client_max_body_size 0; location / {{ proxy_pass http://{to};
            proxy_request_buffering {buffering}; proxy_http_version {version}; }} }}"
        )
    };
    let folder = folder.display();
    let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {folder}/{name};\n"))
        .concat();
    let servers = server(too_large, refusing.too_large.address) + &server(full, refusing.full.address);
    let text = format!(
        "daemon off; master_process off; pid {folder}/pid; error_log {folder}/log;
        events {{}} http {{ access_log off; {paths} {servers} }}"
    );
    let path = format!("{folder}/nginx.conf");
    File::create(&path).and_then(|mut file| file.write_all(text.as_bytes())).expect("a file");
    let child = command.args(["-c", &path]).stderr(Stdio::null()).spawn().expect("nginx starts");
    let nginx = Nginx(child);
    for address in [too_large, full] {
        until("nginx listens", || std::net::TcpStream::connect(address).ok());
    }
    Some((nginx, too_large, full))
}

#[test]
fn nginx_passes_the_refusal_on() {
    let refusing = Refusing::start();
    for (buffers, version) in [(true, "1.1"), (false, "1.1"), (true, "1.0"), (false, "1.0")] {
        let folder = tempfile::tempdir().unwrap();
        let body = body_file(folder.path());
        let Some((_nginx, too_large, full)) = nginx(folder.path(), buffers, version, &refusing) else {
            return println!("skipped: nginx not found");
        };
        refusing.check_at(&format!("nginx with buffering {buffers} in HTTP/{version}"), too_large, full, |url| {
            curl(&body, url, &["-H", "Expect:"])
        });
    }
}
