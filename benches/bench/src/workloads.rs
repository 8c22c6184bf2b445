//! The workloads: requests with the models and routes that answer them.

use bytes::Bytes;

use crate::{Failure, client::Protocol, expected::Expected, payloads, roles::Served};

/// Requests of one kind.
#[derive(Clone)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) protocol: Protocol,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
    /// The model of the engine.
    pub(crate) model: Served,
    /// The route of bare hyper that does the same work, if any.
    pub(crate) by_hand: Option<&'static str>,
    /// The server to which the others are compared.
    pub(crate) reference: Reference,
    /// The content of the answers of all servers but the one that echoes.
    pub(crate) expected: Expected,
    /// The largest number of connections: bodies of megabytes are not sent on many.
    pub(crate) most_connections: usize,
}

impl Workload {
    /// Returns whether the request has binary tensors.
    pub(crate) fn is_binary(&self) -> bool {
        matches!(self.expected, Expected::Binary(_))
    }
}

/// The server to which the others of a workload are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reference {
    /// Bare hyper that returns the body of the request.
    Echo,
    /// Bare hyper that does the same work.
    ByHand,
}

const MANY: usize = usize::MAX;
/// The number of events of the streamed answer.
const EVENTS: usize = 64;

/// Returns all workloads.
pub(crate) fn all() -> Result<Vec<Workload>, Failure> {
    let json = || vec![("content-type", "application/json".to_string())];
    let tensor = payloads::binary(&payloads::PICTURE);
    let base = Workload {
        name: "floats-4",
        about: "FP32 [1, 4] as JSON",
        protocol: Protocol::Http1,
        headers: json(),
        body: payloads::numbers(&[1, 4]),
        model: Served::Identity,
        by_hand: Some("/json/numbers"),
        reference: Reference::ByHand,
        expected: Expected::Data,
        most_connections: MANY,
    };
    let texts = Workload { model: Served::Texts, by_hand: Some("/json/texts"), ..base.clone() };
    let large = payloads::numbers(&payloads::PICTURE);
    let http2 = |name, about, body: &Bytes, most_connections| Workload {
        name,
        about,
        protocol: Protocol::Http2,
        body: body.clone(),
        most_connections,
        ..base.clone()
    };
    Ok(vec![
        base.clone(),
        http2("floats-4-http2", "FP32 [1, 4] as JSON over HTTP/2, in streams of one connection", &base.body, MANY),
        Workload {
            name: "floats-150528",
            about: "FP32 [1, 3, 224, 224] as JSON",
            body: large.clone(),
            most_connections: 8,
            ..base.clone()
        },
        http2(
            "floats-150528-http2",
            "FP32 [1, 3, 224, 224] as JSON over HTTP/2, in streams of one connection",
            &large,
            8,
        ),
        Workload {
            name: "binary-150528",
            about: "FP32 [1, 3, 224, 224] as a binary tensor, in and out",
            headers: vec![
                ("content-type", "application/octet-stream".to_string()),
                ("inference-header-content-length", tensor.head.to_string()),
            ],
            body: tensor.body,
            by_hand: None,
            reference: Reference::Echo,
            expected: Expected::Binary(tensor.tensor),
            most_connections: 8,
            ..base.clone()
        },
        Workload {
            name: "base64-100k",
            about: "an element of 100 KB in base64, in and out",
            body: payloads::blob(100_000),
            by_hand: Some("/json/texts"),
            reference: Reference::Echo,
            ..base.clone()
        },
        Workload {
            name: "base64-4m",
            about: "an element of 4 MB in base64, in and out",
            body: payloads::blob(4_000_000),
            by_hand: Some("/json/texts"),
            reference: Reference::Echo,
            most_connections: 8,
            ..base.clone()
        },
        Workload {
            name: "picture",
            about: "a JPEG of 640x480 pixels in base64, decoded and resized to 224x224",
            body: payloads::picture()?,
            model: Served::Picture,
            by_hand: Some("/json/picture"),
            expected: Expected::Near(BRIGHTNESS),
            most_connections: 8,
            ..base.clone()
        },
        Workload {
            name: "items-64",
            about: "64 texts in a request",
            body: payloads::texts(&payloads::items(64)),
            ..texts.clone()
        },
        Workload {
            name: "rows-1000",
            about: "1,000 rows of four fields in a request, as JSON objects",
            body: payloads::rows(1000),
            model: Served::Rows,
            by_hand: Some("/json/rows"),
            most_connections: 8,
            ..base.clone()
        },
        Workload {
            name: "lines-100",
            about: "100 texts in a request, as lines of `chariot-v2`",
            headers: vec![("content-type", "application/jsonl".to_string())],
            body: payloads::lines(100),
            by_hand: Some("/json/lines"),
            expected: Expected::Lines,
            ..texts.clone()
        },
        Workload {
            name: "events-64",
            about: "an answer streamed as 64 events",
            headers: vec![json().remove(0), ("accept", "text/event-stream".to_string())],
            body: payloads::texts(&[EVENTS.to_string()]),
            model: Served::Events,
            by_hand: Some("/events"),
            expected: Expected::Events(EVENTS),
            ..texts
        },
    ])
}

/// The mean brightness of the picture: gradients from 0 to 224 and a constant 96, and noise of 15.5 on average.
const BRIGHTNESS: f64 = ((112.0 + 112.0 + 96.0) / 3.0 + 15.5) / 255.0;
