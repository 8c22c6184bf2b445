//! The trace context of a request to an embedded engine, and of a typed call.

use chariot_engine::{prelude::*, protocol::TraceContext};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tower_service::Service;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// A model that returns the trace context of its items.
struct Traced;

impl Model for Traced {
    type Settings = ();
    type Input = Text;
    type Output = Json<Option<String>>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Traced)
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Self::Output>> {
        batch.try_map(|text| Ok(Json(text.trace_context().map(TraceContext::traceparent))))
    }
}

#[tokio::test]
async fn an_embedded_engine_passes_the_context_of_its_caller_on() {
    let engine = Engine::builder().model::<Traced>("traced").start().unwrap();
    engine.ready().await.unwrap();
    let mut service = engine.service();
    let body = json!({"inputs": [{"name": "text", "data": ["a", "b"]}]}).to_string();
    for (sent, expected) in [(Some(PARENT), json!(PARENT)), (Some("00-malformed"), Value::Null), (None, Value::Null)] {
        let mut request = Request::post("/infer").body(Full::<bytes::Bytes>::from(body.clone())).unwrap();
        if let Some(sent) = sent {
            request.headers_mut().insert("traceparent", sent.parse().unwrap());
        }
        let response = service.call(request).await.unwrap();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let answer: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(answer["outputs"][0]["data"], json!([expected, expected]));
    }
    engine.shutdown().await;
}

#[tokio::test]
async fn a_typed_call_has_the_context_that_it_is_given() {
    let engine = Engine::builder().model::<Traced>("traced").start().unwrap();
    engine.ready().await.unwrap();
    let model = engine.model("traced").unwrap();
    let headers: HeaderMap = [("traceparent".parse().unwrap(), PARENT.parse().unwrap())].into_iter().collect();
    let context = TraceContext::from_headers(&headers).unwrap();
    let Json(given) = model.infer::<Traced>(Text::from("a")).trace_context(context).await.unwrap();
    assert_eq!(given.as_deref(), Some(PARENT));
    let Json(none) = model.infer::<Traced>(Text::from("a")).await.unwrap();
    assert_eq!(none, None);
    engine.shutdown().await;
}
