//! A whole request to a whole engine: routes, headers, codings, forms of bodies, decoding, the model, the answer.

use std::sync::OnceLock;

use bytes::Bytes;
use chariot_engine::{prelude::*, testing::TestEngine};
use http::{Request, Uri};
use serde_json::Value;

use super::{Outcome, kind};
use crate::check;

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

/// Gives named tensors back.
struct TensorsBack;

impl Model for TensorsBack {
    type Settings = ();
    type Input = Tensors;
    type Output = Tensors;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(TensorsBack)
    }

    async fn infer(&self, batch: Batch<Tensors>) -> Result<Vec<Tensors>> {
        batch.try_map(|tensors| Ok(tensors.into_value()))
    }
}

/// Gives texts back.
struct TextsBack;

impl Model for TextsBack {
    type Settings = ();
    type Input = Text;
    type Output = Json<String>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(TextsBack)
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> {
        batch.try_map(|text| Ok(Json(text.into_value().0)))
    }
}

/// Both, started once.
fn engines() -> &'static [TestEngine; 2] {
    static ENGINES: OnceLock<[TestEngine; 2]> = OnceLock::new();
    ENGINES.get_or_init(|| {
        let setting = |builder: chariot_engine::EngineBuilder| builder.setting("CHARIOT_ENGINE_WORKERS", "1");
        let start = |builder| TestEngine::start(setting(builder)).expect("the engine starts");
        [start(Engine::builder().model::<TensorsBack>("tensors")), start(Engine::builder().model::<TextsBack>("texts"))]
    })
}

pub(super) fn server(input: &[u8]) -> Outcome {
    let Some(request) = request(input) else { return Outcome::Refused("no request of HTTP".into()) };
    let [tensors, texts] = engines();
    let engine = if input.first().is_some_and(|byte| byte % 2 == 1) { texts } else { tensors };
    let is_head = request.method() == "HEAD";
    let answer = engine.send(request);
    match answer.status {
        200 => Outcome::Accepted(kind((answer.headers.get("content-type").cloned(), answer.body.len().min(3)))),
        // The client's own number, which JSON does not hold, is the one thing that an echo fails at.
        status @ (400 | 404 | 405 | 413 | 415 | 500) => {
            assert_eq!(
                answer.headers.get("content-type").map(|value| value.as_bytes()),
                Some(&b"application/json"[..])
            );
            if is_head {
                assert!(answer.body.is_empty());
                return Outcome::Refused(status.to_string());
            }
            let body: Value = serde_json::from_slice(&answer.body).expect("an error is JSON");
            let text = body["error"].as_str().expect("an error has a text");
            assert!(status != 500 || text.contains("NaN"), "the engine failed: {text}");
            assert_eq!(status == 405, answer.headers.contains_key("allow"));
            assert!(status != 415 || answer.headers.contains_key("accept-encoding"));
            check::refusal(text, input);
            Outcome::Refused(format!("{status} {text}"))
        }
        status => panic!("status {status} of an engine that has nothing else to do"),
    }
}

/// The first letter chooses the engine and is none of the method. `None` if HTTP has no such request.
fn request(input: &[u8]) -> Option<Request<Bytes>> {
    let end = input.windows(2).position(|two| two == b"\n\n").unwrap_or(input.len());
    let head = std::str::from_utf8(&input[..end]).ok()?;
    let body = input.get(end + 2..).unwrap_or_default();
    let mut lines = head.get(1..)?.lines();
    let (method, path) = lines.next()?.split_once(' ')?;
    let path: Uri = path.parse().ok()?;
    let mut request = Request::builder().method(method).uri(path);
    for line in lines {
        let (name, value) = line.split_once(": ")?;
        request = request.header(name, value);
    }
    request.body(Bytes::copy_from_slice(body)).ok()
}
