//! Tests of the whole engine, without a socket.

use std::fs;

use chariot_engine::testing::{TestEngine, TestResponse};
use http::Request;

use super::*;

const PROJECT: &str = env!("CARGO_MANIFEST_DIR");

fn engine() -> TestEngine {
    let builder = Engine::builder()
        .model::<Classifier>(env!("CARGO_PKG_NAME"))
        .setting("CHARIOT_ENGINE_MODEL_DIR", format!("{PROJECT}/model"));
    TestEngine::start(builder).unwrap()
}

/// Sends a file as the body of a `chariot-v2` request.
fn send(engine: &TestEngine, file: Vec<u8>) -> TestResponse {
    let request = Request::post("/infer").header("content-type", "image/png");
    engine.send(request.body(file.into()).unwrap())
}

#[test]
fn classifies_the_samples() {
    let engine = engine();
    for digit in ["3", "7"] {
        let file = fs::read(format!("{PROJECT}/samples/{digit}.png")).unwrap();
        let response = send(&engine, file);
        assert_eq!(response.status, 200, "{}", response.error());
        assert_eq!(response.json()["output"], digit);
    }
}

#[test]
fn rejects_a_body_that_is_not_an_image() {
    let response = send(&engine(), b"not an image".to_vec());
    assert_eq!(response.status, 400, "{}", response.error());
}
