//! Requests that are served on the threads that read them get the responses that workers give, byte for byte.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
};

use e2e::Process;

const IDENTITY: &str = env!("CARGO_BIN_EXE_identity");

/// The folders of requests that the fuzzers start from.
const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus");
const FOLDERS: [&str; 7] = ["binary", "json", "parameters", "raw", "response", "row", "typed"];

/// The requests after which small calls are known to be quick.
const WARM: usize = 200;

/// A small request.
const SMALL: &[u8] = br#"{"inputs": [{"name": "x", "datatype": "FP32", "shape": [2], "data": [0.5, 1.0]}]}"#;

struct Client(BufReader<TcpStream>);

impl Client {
    fn new(process: &Process) -> Self {
        Client(BufReader::new(TcpStream::connect(process.address()).expect("a connection")))
    }

    /// Sends a request and returns the response as it was sent, without its date.
    fn ask(&mut self, headers: &str, body: &[u8]) -> Vec<u8> {
        let length = body.len();
        let head = format!(
            "POST /infer HTTP/1.1\r\nhost: engine\r\nx-request-id: r\r\ncontent-length: {length}\r\n{headers}\r\n"
        );
        self.0.get_mut().write_all(&[head.as_bytes(), body].concat()).expect("the server reads");
        let (mut response, mut length) = (Vec::new(), 0);
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).expect("a line of a head");
            let lower = line.to_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
            if !lower.starts_with("date:") {
                response.extend_from_slice(line.as_bytes());
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let head = response.len();
        response.resize(head + length, 0);
        self.0.read_exact(&mut response[head..]).expect("a body");
        response
    }
}

/// Returns the requests: each seed as JSON, as bytes, and as JSON with binary tensors; whole, and cut in several places.
fn requests() -> Vec<(String, Vec<u8>)> {
    let mut requests = Vec::new();
    for folder in FOLDERS {
        for entry in fs::read_dir(Path::new(CORPUS).join(folder)).expect("a folder of the corpus") {
            let seed = fs::read(entry.expect("an entry").path()).expect("a seed");
            for cut in (0..=8).map(|eighths| &seed[..seed.len() * eighths / 8]) {
                let json = cut.iter().rposition(|byte| *byte == b'}').map_or(0, |at| at + 1);
                for headers in [
                    "content-type: application/json\r\n".to_string(),
                    "content-type: application/octet-stream\r\n".to_string(),
                    format!("inference-header-content-length: {json}\r\n"),
                ] {
                    requests.push((headers, cut.to_vec()));
                }
            }
        }
    }
    // Tensors of every size around the one that is a frame of its own.
    for size in [0, 4, 16_380, 16_384, 16_388, 100_000] {
        let json = format!(
            r#"{{"inputs":[{{"name":"x","datatype":"FP32","shape":[{}],"parameters":{{"binary_data_size":{size}}}}},{{"name":"y","datatype":"INT8","shape":[1],"parameters":{{"binary_data_size":1}}}}],"parameters":{{"binary_data_output":true}}}}"#,
            size / 4
        );
        let data = (0..=size).map(|index| u8::try_from(index % 100).expect("below 256"));
        let body = json.bytes().chain(data).collect();
        requests.push((format!("inference-header-content-length: {}\r\n", json.len()), body));
    }
    requests
}

#[test]
fn responses_are_the_same_on_every_path() {
    let requests = requests();
    assert!(requests.len() > 1000);
    let answers = |inline| {
        let process = Process::ready(IDENTITY, &[("CHARIOT_ENGINE_INLINE", inline)]);
        let mut client = Client::new(&process);
        (0..WARM).for_each(|_| drop(client.ask("", SMALL)));
        requests.iter().map(|(headers, body)| client.ask(headers, body)).collect::<Vec<_>>()
    };
    for ((here, on_worker), (headers, body)) in answers("true").iter().zip(&answers("false")).zip(&requests) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(here == on_worker, "{headers}{}\n{}\n{}", text(body), text(here), text(on_worker));
    }
}
