//! A complete request to a complete engine: routes, headers, codings, body formats, decoding, the model, the response.

use std::sync::OnceLock;

use bytes::Bytes;
use chariot_engine::{Engine, testing::TestEngine};
use http::{Request, Uri};
use serde_json::Value;

use super::{Outcome, class_of};
use crate::{
    check,
    models::{EchoTensors, EchoText},
};

pub(super) const WORDS: &[&str] = &[
    "POST ",
    "GET ",
    "/infer",
    "/v2/models/tensors/infer",
    "/v2/models/items/versions/1/infer",
    "/openapi.json",
    "content-type: application/json\n",
    "content-type: application/jsonl\n",
    "content-type: application/octet-stream\n",
    "content-type: image/png\n",
    "content-encoding: gzip\n",
    "content-encoding: deflate\n",
    "content-encoding: zstd\n",
    "content-encoding: br\n",
    "inference-header-content-length: ",
    "chariot-inference-parameters: {}\n",
    "accept-encoding: gzip\n",
    "x-request-id: a\n",
    "\n\n",
    "{\"input\":\"a\"}\n",
    "\"inputs\":[",
    "\"data\":[\"a\"]",
    "\"parameters\":{\"action\":\"predict\"}",
    "\"Paylo4dCanary\"",
    "\u{1f}\u{8b}\u{8}",
];

/// Returns both engines, started once.
fn engines() -> &'static [TestEngine; 2] {
    static ENGINES: OnceLock<[TestEngine; 2]> = OnceLock::new();
    ENGINES.get_or_init(|| {
        let setting = |builder: chariot_engine::EngineBuilder| builder.setting("CHARIOT_ENGINE_WORKERS", "1");
        let start = |builder| TestEngine::start(setting(builder)).expect("the engine starts");
        [start(Engine::builder().model::<EchoTensors>("tensors")), start(Engine::builder().model::<EchoText>("texts"))]
    })
}

pub(super) fn server(input: &[u8]) -> Outcome {
    let Some(request) = request(input) else { return Outcome::Rejected("not an HTTP request".into()) };
    let [tensors, texts] = engines();
    let engine = if input.first().is_some_and(|byte| byte % 2 == 1) { texts } else { tensors };
    let is_head = request.method() == "HEAD";
    let response = engine.send(request);
    match response.status {
        200 => Outcome::Accepted(class_of((response.headers.get("content-type").cloned(), response.body.len().min(3)))),
        // An echo fails only on a number of the caller's that JSON cannot represent.
        status @ (400 | 404 | 405 | 413 | 415 | 500) => {
            assert_eq!(
                response.headers.get("content-type").map(|value| value.as_bytes()),
                Some(&b"application/json"[..])
            );
            if is_head {
                assert!(response.body.is_empty());
                return Outcome::Rejected(status.to_string());
            }
            let body: Value = serde_json::from_slice(&response.body).expect("an error is JSON");
            let text = body["error"].as_str().expect("an error has a message");
            assert!(status != 500 || text.contains("NaN"), "the engine failed: {text}");
            assert_eq!(status == 405, response.headers.contains_key("allow"));
            assert!(status != 415 || response.headers.contains_key("accept-encoding"));
            check::message(text, input);
            Outcome::Rejected(format!("{status} {text}"))
        }
        status => panic!("expected the status of a served or a rejected request, got {status}"),
    }
}

/// Parses a request. The first character selects the engine and is not part of the method. Returns `None` if HTTP does not
/// allow the request.
fn request(input: &[u8]) -> Option<Request<Bytes>> {
    let end = input.windows(2).position(|two| two == b"\n\n").unwrap_or(input.len());
    let headers = std::str::from_utf8(&input[..end]).ok()?;
    let body = input.get(end + 2..).unwrap_or_default();
    let mut lines = headers.get(1..)?.lines();
    let (method, path) = lines.next()?.split_once(' ')?;
    let path: Uri = path.parse().ok()?;
    let mut request = Request::builder().method(method).uri(path);
    for line in lines {
        let (name, value) = line.split_once(": ")?;
        request = request.header(name, value);
    }
    request.body(Bytes::copy_from_slice(body)).ok()
}
