//! The span of a request, for the subscriber of an embedder. It is a process of its own, because that subscriber is global.

use std::{
    io,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use chariot_engine::prelude::*;
use http::Request;
use http_body_util::Full;
use tower_service::Service;

/// The lines that the subscriber has written.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Logs in `admit`, in `infer` and after it has awaited.
struct Logging;

impl Model for Logging {
    type Settings = ();
    type Input = Text;
    type Output = Json<String>;

    async fn load(_: &LoadContext) -> Result<Self> {
        tracing::info!("from load");
        Ok(Logging)
    }

    fn admit(&self, _: &mut Item<Text>) -> Result<BatchCost> {
        tracing::info!("from admit");
        Ok(BatchCost::new(1))
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> {
        tracing::info!("from infer");
        tokio::task::yield_now().await;
        tracing::info!("from a later poll");
        batch.try_map(|text| Ok(Json(text.to_string())))
    }
}

#[test]
fn an_embedded_engine_opens_a_span_around_the_code_of_its_author() {
    let written = Written::default();
    let writer = written.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let engine = Engine::builder().model::<Logging>("logging").start().unwrap();
        engine.ready().await.unwrap();
        let body = Full::new(Bytes::from(r#"{"input": "a"}"#));
        let request = Request::post("/infer").header("x-request-id", "one").body(body).unwrap();
        assert_eq!(engine.service().call(request).await.unwrap().status(), 200);
    });
    let log = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    let line = |text: &str| log.lines().find(|line| line.ends_with(text)).unwrap_or_else(|| panic!("{text}: {log}"));
    for text in ["from admit", "from infer", "from a later poll"] {
        assert_eq!(line(text).matches(r#"inference{model="logging" request_id="one"}"#).count(), 1, "{log}");
    }
    assert!(!line("from load").contains("inference{"), "{log}");
}
