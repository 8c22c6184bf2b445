//! The requests and the engines that serve them.

use bytes::Bytes;
use chariot_engine::{Engine, EngineBuilder};
use http::{Request, header};
use http_body_util::Full;
use serde::Serialize;
use serde_json::json;

use crate::models::{Identity, Nothing};

/// The name of every model, as in the path.
const MODEL: &str = "bench";

/// A request, and an engine that serves it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) body: fn() -> Bytes,
    pub(crate) builder: fn() -> EngineBuilder,
    /// The number of requests per round: enough to be timed, and few enough for a short run.
    pub(crate) requests: usize,
}

impl Case {
    pub(crate) fn request(&self) -> Result<Request<Full<Bytes>>, http::Error> {
        Request::post(format!("/v2/models/{MODEL}/infer"))
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new((self.body)()))
    }
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case {
            name: "small",
            about: "tensor, FP32 [1, 4]",
            body: || tensor([1, 4], |value| value),
            builder: || Engine::builder().model::<Identity>(MODEL),
            requests: 6_400,
        },
        Case {
            name: "text",
            about: "one text of 44 characters",
            body: text,
            builder: || Engine::builder().model::<Nothing>(MODEL),
            requests: 6_400,
        },
        Case {
            name: "large",
            about: "tensor, FP32 [1000, 100], each number with the digits that FP32 needs",
            body: || tensor([1000, 100], |value| value),
            builder: || Engine::builder().model::<Identity>(MODEL),
            requests: 64,
        },
        Case {
            name: "digits",
            about: "the same numbers with the digits that FP64 needs, as Python's clients write them",
            body: || tensor([1000, 100], f64::from),
            builder: || Engine::builder().model::<Identity>(MODEL),
            requests: 64,
        },
    ]
}

fn text() -> Bytes {
    let text = "The quick brown fox jumps over the lazy dog.";
    json!({"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": [text]}]}).to_string().into()
}

fn tensor<T: Serialize>(shape: [usize; 2], written: fn(f32) -> T) -> Bytes {
    /// Serialized from typed values, because a `serde_json::Value` would convert every number to FP64.
    #[derive(Serialize)]
    struct Input<T> {
        name: &'static str,
        datatype: &'static str,
        shape: [usize; 2],
        data: Vec<T>,
    }
    #[derive(Serialize)]
    struct Request<T> {
        inputs: [Input<T>; 1],
    }
    let data = values().take(shape[0] * shape[1]).map(written).collect();
    let request = Request { inputs: [Input { name: "x", datatype: "FP32", shape, data }] };
    serde_json::to_vec(&request).expect("numbers and strings can be written as JSON").into()
}

/// Returns numbers from -1 to 1 with as many digits as measured values, the same on every run.
fn values() -> impl Iterator<Item = f32> {
    let step = |state: &u32| Some(state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    std::iter::successors(Some(1_u32), step).map(|state| (state >> 8) as f32 / (1 << 23) as f32 - 1.0)
}
