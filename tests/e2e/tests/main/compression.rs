//! Content codings over a socket: requests in each coding, also with binary tensors, their limits and their errors, and
//! responses that are compressed on request.

use std::{io::Read, sync::Arc, time::Duration};

use bytes::Bytes;
use chariot_engine::{
    prelude::*,
    settings::{ByteSize, EngineSettings},
};
use e2e::{DEADLINE, Messages};
use flate2::{Compression, bufread};
use http::Request;
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tower_service::Service;

use crate::{
    scripted::{Scripted, echo},
    support::{Gate, Server, text, texts},
};

/// The codings accepted for requests.
const CODINGS: [&str; 5] = ["gzip", "x-gzip", "deflate", "zstd", "GZip"];

/// The largest body that [`echoing`] accepts, in bytes.
const LIMIT: usize = 20_000;

/// An engine that returns every text unchanged.
fn echoing(configure: impl Fn(&mut EngineSettings) + Send + 'static) -> Server {
    Server::start(Engine::builder().instance("echo", Scripted::blocking(echo)).configure(move |settings| {
        settings.workers = Some(1);
        settings.max_body = ByteSize::b(LIMIT as u64);
        configure(settings);
    }))
}

fn compressing() -> Server {
    echoing(|settings| settings.compress_responses = true)
}

/// Encodes a body, independently of the engine.
fn encoded(coding: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut stream = Vec::new();
    match coding {
        "deflate" => bufread::ZlibEncoder::new(body, Compression::default()).read_to_end(&mut stream).unwrap(),
        "zstd" => {
            stream = ruzstd::encoding::compress_to_vec(body, ruzstd::encoding::CompressionLevel::Fastest);
            stream.len()
        }
        _ => bufread::GzEncoder::new(body, Compression::default()).read_to_end(&mut stream).unwrap(),
    };
    stream
}

/// A response, as it was sent.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: http::HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Decodes the body.
    fn plain(&self) -> Vec<u8> {
        let mut plain = Vec::new();
        match self.header("content-encoding") {
            None => return self.body.clone(),
            Some("gzip") => bufread::GzDecoder::new(&self.body[..]).read_to_end(&mut plain).unwrap(),
            Some("deflate") => bufread::ZlibDecoder::new(&self.body[..]).read_to_end(&mut plain).unwrap(),
            Some(other) => panic!("unexpected coding {other}"),
        };
        plain
    }

    #[track_caller]
    fn value(&self) -> Value {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        serde_json::from_slice::<Value>(&self.plain()).unwrap()["outputs"][0]["data"][0].take()
    }

    #[track_caller]
    fn error(&self, status: u16) -> String {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!((self.status, self.header("content-type")), (status, Some("application/json")), "{text}");
        assert_eq!(self.header("content-encoding"), None, "an error is never compressed");
        let error: Value = serde_json::from_str(&text).unwrap();
        error["error"].as_str().unwrap().to_string()
    }
}

fn ask(server: &Server, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Answer {
    let client = reqwest::blocking::Client::builder().timeout(DEADLINE).no_proxy().build().unwrap();
    let mut request = client.post(format!("http://{}/infer", server.address)).body(body.into());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, body: response.bytes().unwrap().to_vec() }
}

fn send(server: &Server, coding: &str, body: impl Into<Vec<u8>>) -> Answer {
    ask(server, &[("content-encoding", coding)], body)
}

#[test]
fn a_body_in_any_supported_coding_is_decoded() {
    let server = echoing(|_| ());
    for coding in CODINGS {
        assert_eq!(send(&server, coding, encoded(coding, text("hello"))).value(), "hello", "{coding}");
    }
    assert_eq!(send(&server, "identity", text("plain")).value(), "plain");
    let members = [encoded("gzip", "{\"inputs\":["), encoded("gzip", "{\"data\":[\"two\"]}]}")].concat();
    assert_eq!(send(&server, "gzip", members).value(), "two");
    let padded = [encoded("gzip", text("padded")), vec![0; 500]].concat();
    assert_eq!(send(&server, "gzip", padded).value(), "padded");
    // Raw deflate, which some clients send by the name of the zlib format.
    let zlib = encoded("deflate", text("raw"));
    assert_eq!(send(&server, "deflate", &zlib[2..zlib.len() - 4]).value(), "raw");
}

#[test]
fn the_length_of_the_json_is_its_decoded_length() {
    /// A model that returns its tensors unchanged.
    struct Same;

    impl Model for Same {
        type Settings = ();
        type Input = Tensors;
        type Output = Tensors;

        async fn load(_: &LoadContext) -> Result<Self> {
            Ok(Same)
        }

        async fn infer(&self, batch: Batch<Tensors>) -> Result<Vec<Tensors>> {
            batch.try_map(|item| Ok(item.into_value()))
        }
    }

    let builder = Engine::builder().model::<Same>("same").configure(|settings| settings.compress_responses = true);
    let server = Server::start(builder);
    let tensor: Vec<u8> = (0..1000_u16).flat_map(|number| (number / 100).to_le_bytes()).collect();
    let request = json!({
        "inputs": [{"name": "x", "datatype": "UINT16", "shape": [1000], "parameters": {"binary_data_size": 2000}}],
        "parameters": {"binary_data_output": true},
    });
    let request = request.to_string();
    let length = request.len().to_string();
    let body = [request.as_bytes(), &tensor].concat();
    for coding in CODINGS {
        for accepts in ["gzip", "deflate", "identity"] {
            let headers = [
                ("content-encoding", coding),
                ("inference-header-content-length", &*length),
                ("accept-encoding", accepts),
            ];
            let answer = ask(&server, &headers, encoded(coding, &body));
            assert_eq!(answer.status, 200, "{answer:?}");
            assert_eq!(answer.header("content-encoding"), Some(accepts).filter(|coding| *coding != "identity"));
            assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
            let plain = answer.plain();
            let (json, tail) =
                plain.split_at(answer.header("inference-header-content-length").unwrap().parse().unwrap());
            let json: Value = serde_json::from_slice(json).unwrap();
            assert_eq!(json["outputs"][0]["shape"], json!([1000]));
            assert_eq!(tail, tensor);
        }
    }
    let headers = [("content-encoding", "zstd"), ("inference-header-content-length", "100000")];
    let error = ask(&server, &headers, encoded("zstd", &body)).error(400);
    assert!(error.starts_with("Inference-Header-Content-Length: "), "{error}");
    assert!(error.contains(&body.len().to_string()), "{error}");
}

#[test]
fn the_body_limit_applies_to_the_decoded_body() {
    let server = echoing(|_| ());
    let padded = |length: usize| {
        let body = text("a");
        let blanks = " ".repeat(length - body.len());
        body + &blanks
    };
    let mut messages = Messages::new();
    for coding in CODINGS {
        assert_eq!(send(&server, coding, encoded(coding, padded(LIMIT))).value(), "a", "{coding}");
        let name = if coding.eq_ignore_ascii_case("deflate") || coding == "zstd" { coding } else { "gzip" };
        let errors =
            [LIMIT + 1, 100 * LIMIT].map(|length| send(&server, coding, encoded(coding, padded(length))).error(413));
        assert_eq!(errors[0], errors[1]);
        assert!(errors[0].starts_with(&format!("Content-Encoding {name}: ")), "{coding}: {}", errors[0]);
        messages.add(coding, &errors[0]);
    }
    // The limit applies to the encoded body, too.
    let noise: Vec<u8> = (0..30_000_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    messages.add("zstd, encoded", send(&server, "zstd", frame(&noise)).error(413));
    insta::assert_snapshot!("too_large", messages);
}

/// A zstd frame of one uncompressed block.
fn frame(body: &[u8]) -> Vec<u8> {
    let block = (1 | (body.len() as u32) << 3).to_le_bytes();
    [&[0x28, 0xb5, 0x2f, 0xfd, 0, 0x50], &block[..3], body].concat()
}

#[test]
fn a_bomb_is_rejected_by_its_ratio() {
    let server = echoing(|settings| settings.max_body = ByteSize::mib(64));
    let megabyte = vec![b' '; 1 << 20];
    let bomb = encoded("gzip", &megabyte).repeat(9);
    assert!(bomb.len() < 20_000);
    let error = send(&server, "gzip", bomb).error(413);
    assert!(error.starts_with("Content-Encoding gzip: ") && error.contains("200"), "{error}");
    insta::assert_snapshot!("bomb", error);
    // Below 8 MiB, every ratio is accepted.
    let mut body = encoded("gzip", &megabyte).repeat(7);
    body.extend(encoded("gzip", text("sparse")));
    assert_eq!(send(&server, "gzip", body).value(), "sparse");
}

#[test]
fn a_broken_stream_is_a_400_that_names_the_coding() {
    let server = echoing(|_| ());
    let mut messages = Messages::new();
    for coding in ["gzip", "deflate", "zstd"] {
        let whole = encoded(coding, text("hello"));
        let cut = [&whole[..whole.len() - 1], &whole[..whole.len() / 2], &whole[..1], b""];
        let cut = cut.map(|body| send(&server, coding, body).error(400));
        assert!(cut.iter().all(|error| *error == cut[0]), "{cut:?}");
        for (case, error) in [
            ("cut short", cut[0].clone()),
            ("3 bytes after the stream", send(&server, coding, [&whole[..], b"{}\n"].concat()).error(400)),
            ("plain text", send(&server, coding, text("hello")).error(400)),
        ] {
            assert!(error.starts_with(&format!("Content-Encoding {coding}: ")), "{case}: {error}");
            messages.add(format!("{coding}, {case}"), error);
        }
        // An error in the decoded body is reported as in any body.
        let error = send(&server, coding, encoded(coding, "{")).error(400);
        assert!(error.contains("line 1, column 2"), "{error}");
        assert_eq!(send(&server, coding, whole).value(), "hello");
    }
    insta::assert_snapshot!("broken", messages);
    // Without the header, the body is malformed JSON.
    assert_eq!(ask(&server, &[], encoded("gzip", text("hello"))).status, 400);
}

#[test]
fn an_unsupported_coding_is_a_415_that_names_the_supported_ones() {
    let server = echoing(|_| ());
    let mut messages = Messages::new();
    for coding in ["br", "compress", "gzip, zstd", "gzip, gzip", "gzip;q=1", "utf-8"] {
        let answer = send(&server, coding, text("a"));
        let error = answer.error(415);
        assert!(error.starts_with("Content-Encoding: "), "{error}");
        messages.add(coding, error);
        assert_eq!(answer.header("accept-encoding"), Some("gzip, deflate, zstd, identity"));
    }
    insta::assert_snapshot!("unsupported", messages);
    let answer = ask(&server, &[("content-encoding", "gzip"), ("content-encoding", "deflate")], text("a"));
    assert_eq!(answer.status, 415);
}

#[test]
fn responses_are_compressed_on_request() {
    let server = compressing();
    let long = "long ".repeat(500);
    for (accepts, coding) in [
        ("gzip", Some("gzip")),
        ("deflate", Some("deflate")),
        ("deflate, gzip, br, zstd", Some("gzip")),
        ("gzip;q=0.1, deflate;q=0.2", Some("deflate")),
        ("*", Some("gzip")),
        ("gzip;q=0, *", Some("deflate")),
        ("identity, gzip;q=0.9", None),
        ("gzip;q=0", None),
        ("zstd, br", None),
        ("*;q=0", None),
        ("", None),
    ] {
        let answer = ask(&server, &[("accept-encoding", accepts)], text(&long));
        assert_eq!(answer.header("content-encoding"), coding, "{accepts}");
        assert_eq!(answer.header("vary"), Some("accept-encoding"), "{accepts}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{accepts}");
        assert_eq!(answer.header("content-length"), Some(&*answer.body.len().to_string()), "{accepts}");
        assert_eq!(answer.body.len() < long.len(), coding.is_some(), "{accepts}");
        assert_eq!(answer.value(), *long, "{accepts}");
    }
    let answer = ask(&server, &[], text(&long));
    assert_eq!((answer.header("content-encoding"), answer.header("vary")), (None, Some("accept-encoding")));
}

#[test]
fn responses_that_would_not_shrink_are_not_compressed() {
    let server = compressing();
    let gzip = [("accept-encoding", "gzip")];
    for length in [1, 500] {
        let answer = ask(&server, &gzip, text(&"a".repeat(length)));
        assert_eq!((answer.header("content-encoding"), answer.header("vary")), (None, Some("accept-encoding")));
        assert_eq!(answer.value(), "a".repeat(length));
    }
    // Errors, and responses of routes other than inference.
    let wrong: Vec<_> = (0..100).map(|index| format!("input {index}")).collect();
    let wrong = texts(wrong.iter().map(|name| (&**name, "x"))).replace("[\"x\"]", "[7]");
    assert!(ask(&server, &gzip, wrong).error(400).len() > 200);
    assert_eq!(server.ask("GET", "/v2", &["Accept-Encoding: gzip"], "").header("content-encoding"), None);
}

#[test]
fn nothing_is_compressed_unless_the_operator_enables_it() {
    let server = echoing(|_| ());
    let long = "long ".repeat(500);
    let answer = ask(&server, &[("accept-encoding", "gzip")], text(&long));
    assert_eq!((answer.header("content-encoding"), answer.header("vary")), (None, None));
    assert_eq!(answer.value(), *long);
}

#[tokio::test]
async fn the_deadline_covers_decompression() {
    let builder = Engine::builder().instance("echo", Scripted::blocking(echo)).configure(move |settings| {
        settings.timeout = Some(Duration::from_millis(300));
        settings.max_body = ByteSize::gib(1);
    });
    let engine = builder.start().unwrap();
    engine.ready().await.unwrap();
    // Blocks of six bytes that each rebuild the decoding tables: reading them all takes many seconds.
    let mut slow = frame(&[b' '; 16]);
    slow[6] &= !1;
    slow.extend([&[4 | 6 << 3, 0, 0][..], &[0, 1, 0, 0xc9, 0x8a, 0x15]].concat().repeat(8 << 20));
    let mut service = engine.service();
    let request = Request::post("/infer").header("content-encoding", "zstd");
    let answer = service.call(request.body(Full::<Bytes>::from(slow)).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 504);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert!(serde_json::from_slice::<Value>(&body).unwrap()["error"].is_string());
    let request = Request::post("/infer").body(Full::<Bytes>::from(text("next"))).unwrap();
    assert_eq!(service.call(request).await.unwrap().status(), 200);
}

#[test]
fn a_deadline_ends_the_wait_of_a_compressed_body_for_a_decoder() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let gate = Arc::new(Gate::default());
    let at = gate.clone();
    let model = Scripted::blocking(echo).admit(move |text| {
        if text == "held" {
            at.pass(text);
        }
        Ok(BatchCost::default())
    });
    let server = Server::start(Engine::builder().instance("held", model));
    let mut held: Vec<_> = (0..cores).map(|_| server.admitted(&text("held"))).collect();
    gate.wait_for(cores);
    let headers = ["Content-Encoding: gzip", "X-Request-Timeout: 20ms"];
    server.ask("POST", "/infer", &headers, encoded("gzip", text("late"))).error(504);
    gate.open();
    held.iter_mut().for_each(|held| assert_eq!(held.answer().unwrap().values(), ["held"]));
    assert_eq!(server.ask("POST", "/infer", &headers[..1], encoded("gzip", text("next"))).values(), ["next"]);
}
