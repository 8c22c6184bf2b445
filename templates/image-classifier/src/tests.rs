//! The engine as the server asks it, without a socket.

use std::fs;

use chariot_engine::testing::{TestResponse, TestEngine};
use http::Request;

use super::*;

const HERE: &str = env!("CARGO_MANIFEST_DIR");

fn engine() -> TestEngine {
    let builder = Engine::builder()
        .model::<Classifier>(env!("CARGO_PKG_NAME"))
        .setting("CHARIOT_ENGINE_MODEL_DIR", format!("{HERE}/model"));
    TestEngine::start(builder).unwrap()
}

/// Sends a file as it is, as one item of `chariot-v2`.
fn ask(engine: &TestEngine, file: Vec<u8>) -> TestResponse {
    let request = Request::post("/infer").header("content-type", "image/png");
    engine.send(request.body(file.into()).unwrap())
}

#[test]
fn the_samples_are_read_right() {
    let engine = engine();
    for digit in ["3", "7"] {
        let file = fs::read(format!("{HERE}/samples/{digit}.png")).unwrap();
        let answer = ask(&engine, file);
        assert_eq!(answer.status, 200, "{}", answer.error());
        assert_eq!(answer.json()["output"], digit);
    }
}

#[test]
fn what_is_no_picture_is_refused() {
    let answer = ask(&engine(), b"no picture".to_vec());
    assert_eq!(answer.status, 400, "{}", answer.error());
}
