//! Bodies in a content coding over a socket: requests in each coding, with binary tensors too, their limits and their
//! faults, and answers that are compressed where they are asked for.

use std::{io::Read, time::Duration};

use bytes::Bytes;
use chariot_engine::{
    prelude::*,
    settings::{ByteSize, EngineSettings},
};
use e2e::DEADLINE;
use flate2::{Compression, bufread};
use http::Request;
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tower_service::Service;

use crate::{
    scripted::{Scripted, echo},
    support::{Server, text, texts},
};

/// Every coding of a request.
const CODINGS: [&str; 5] = ["gzip", "x-gzip", "deflate", "zstd", "GZip"];

/// The largest body of [`echoing`].
const LIMIT: usize = 20_000;

/// An engine that answers every text as it came.
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

/// A body in a coding, by crates and not by the engine.
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

/// An answer, as it was sent.
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

    /// The body without its coding.
    fn plain(&self) -> Vec<u8> {
        let mut plain = Vec::new();
        match self.header("content-encoding") {
            None => return self.body.clone(),
            Some("gzip") => bufread::GzDecoder::new(&self.body[..]).read_to_end(&mut plain).unwrap(),
            Some("deflate") => bufread::ZlibDecoder::new(&self.body[..]).read_to_end(&mut plain).unwrap(),
            Some(other) => panic!("nobody asked for {other}"),
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
        assert_eq!(self.header("content-encoding"), None, "an error is sent as it is");
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
fn a_body_in_any_coding_is_read() {
    let server = echoing(|_| ());
    for coding in CODINGS {
        assert_eq!(send(&server, coding, encoded(coding, text("hello"))).value(), "hello", "{coding}");
    }
    assert_eq!(send(&server, "identity", text("plain")).value(), "plain");
    let members = [encoded("gzip", "{\"inputs\":["), encoded("gzip", "{\"data\":[\"two\"]}]}")].concat();
    assert_eq!(send(&server, "gzip", members).value(), "two");
}

#[test]
fn the_length_of_the_json_is_that_of_what_comes_out() {
    /// Tensors as they came.
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
    assert!(error.contains(&format!("at most {}", body.len())), "{error}");
}

#[test]
fn what_comes_out_is_held_to_the_limit_of_a_body() {
    let server = echoing(|_| ());
    let padded = |length: usize| {
        let body = text("a");
        let blanks = " ".repeat(length - body.len());
        body + &blanks
    };
    for coding in CODINGS {
        assert_eq!(send(&server, coding, encoded(coding, padded(LIMIT))).value(), "a", "{coding}");
        let name = if coding.eq_ignore_ascii_case("deflate") || coding == "zstd" { coding } else { "gzip" };
        let expected =
            format!("Content-Encoding {name}: a body of at most 20000 bytes is expected, more comes out of the stream");
        for length in [LIMIT + 1, 100 * LIMIT] {
            assert_eq!(send(&server, coding, encoded(coding, padded(length))).error(413), expected, "{coding}");
        }
    }
    // What comes in is held to it, too.
    let noise: Vec<u8> = (0..30_000_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let stored = frame(&noise);
    assert!(send(&server, "zstd", stored).error(413).contains("20000 bytes"));
}

/// A frame of zstd whose one block is as it is.
fn frame(body: &[u8]) -> Vec<u8> {
    let block = (1 | (body.len() as u32) << 3).to_le_bytes();
    [&[0x28, 0xb5, 0x2f, 0xfd, 0, 0x50], &block[..3], body].concat()
}

#[test]
fn a_bomb_is_refused_by_its_ratio() {
    let server = echoing(|settings| settings.max_body = ByteSize::mib(64));
    let megabyte = vec![b' '; 1 << 20];
    let bomb = encoded("gzip", &megabyte).repeat(9);
    assert!(bomb.len() < 20_000);
    assert_eq!(
        send(&server, "gzip", bomb).error(413),
        "Content-Encoding gzip: at most 200 bytes a byte are expected of a stream of more than 8388608 bytes, \
         more come out"
    );
    // Below that size any ratio will do.
    let mut body = encoded("gzip", &megabyte).repeat(7);
    body.extend(encoded("gzip", text("sparse")));
    assert_eq!(send(&server, "gzip", body).value(), "sparse");
}

#[test]
fn a_stream_that_is_broken_is_a_400_that_says_so() {
    let server = echoing(|_| ());
    for coding in ["gzip", "deflate", "zstd"] {
        let whole = encoded(coding, text("hello"));
        let cut = [&whole[..whole.len() - 1], &whole[..whole.len() / 2], &whole[..1], b""];
        for body in cut {
            assert_eq!(
                send(&server, coding, body).error(400),
                format!("Content-Encoding {coding}: the end of the stream is expected, the body ends before it")
            );
        }
        assert_eq!(
            send(&server, coding, [&whole[..], b"{}\n"].concat()).error(400),
            format!("Content-Encoding {coding}: the end of the body is expected after the stream, 3 more bytes came")
        );
        assert_eq!(
            send(&server, coding, text("hello")).error(400),
            format!("Content-Encoding {coding}: a stream of this coding is expected, the body is none or is broken")
        );
        // A fault in what comes out is told as ever.
        assert!(send(&server, coding, encoded(coding, "{")).error(400).contains("not valid JSON"));
        assert_eq!(send(&server, coding, whole).value(), "hello");
    }
    // Without the header it is no JSON.
    assert_eq!(ask(&server, &[], encoded("gzip", text("hello"))).status, 400);
}

#[test]
fn a_coding_that_is_not_supported_is_a_415_that_names_those_that_are() {
    let server = echoing(|_| ());
    for coding in ["br", "compress", "gzip, zstd", "gzip, gzip", "gzip;q=1", "utf-8"] {
        let answer = send(&server, coding, text("a"));
        let error = answer.error(415);
        let names_codings = ["gzip", "deflate", "zstd", "identity"].iter().all(|supported| error.contains(supported));
        assert!(error.starts_with("Content-Encoding: ") && names_codings, "{coding}: {error}");
        assert_eq!(answer.header("accept-encoding"), Some("gzip, deflate, zstd, identity"));
    }
    let answer = ask(&server, &[("content-encoding", "gzip"), ("content-encoding", "deflate")], text("a"));
    assert_eq!(answer.status, 415);
}

#[test]
fn answers_are_compressed_where_they_are_asked_for() {
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
fn answers_that_gain_nothing_are_sent_as_they_are() {
    let server = compressing();
    let gzip = [("accept-encoding", "gzip")];
    for length in [1, 500] {
        let answer = ask(&server, &gzip, text(&"a".repeat(length)));
        assert_eq!((answer.header("content-encoding"), answer.header("vary")), (None, Some("accept-encoding")));
        assert_eq!(answer.value(), "a".repeat(length));
    }
    // Errors and what is not inference.
    let wrong: Vec<_> = (0..100).map(|index| format!("input {index}")).collect();
    let wrong = texts(wrong.iter().map(|name| (&**name, "x"))).replace("[\"x\"]", "[7]");
    assert!(ask(&server, &gzip, wrong).error(400).len() > 200);
    assert_eq!(server.ask("GET", "/v2", &["Accept-Encoding: gzip"], "").header("content-encoding"), None);
}

#[test]
fn nothing_is_compressed_unless_the_operator_wants_it() {
    let server = echoing(|_| ());
    let long = "long ".repeat(500);
    let answer = ask(&server, &[("accept-encoding", "gzip")], text(&long));
    assert_eq!((answer.header("content-encoding"), answer.header("vary")), (None, None));
    assert_eq!(answer.value(), *long);
}

#[tokio::test]
async fn the_deadline_of_a_request_holds_for_its_coding_too() {
    let builder = Engine::builder().instance("echo", Scripted::blocking(echo)).configure(move |settings| {
        settings.timeout = Some(Duration::from_millis(300));
        settings.max_body = ByteSize::gib(1);
    });
    let engine = builder.start().unwrap();
    engine.ready().await.unwrap();
    // Blocks of six bytes, each with tables that are made anew: to read them all takes many seconds.
    let mut slow = frame(&[b' '; 16]);
    slow[6] &= !1;
    slow.extend([&[4 | 6 << 3, 0, 0][..], &[0, 1, 0, 0xc9, 0x8a, 0x15]].concat().repeat(8 << 20));
    let mut service = engine.service();
    let request = Request::post("/infer").header("content-encoding", "zstd");
    let answer = service.call(request.body(Full::<Bytes>::from(slow)).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 504);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, r#"{"error":"the deadline has passed"}"#);
    let request = Request::post("/infer").body(Full::<Bytes>::from(text("next"))).unwrap();
    assert_eq!(service.call(request).await.unwrap().status(), 200);
}
