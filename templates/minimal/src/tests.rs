//! The engine as the server asks it, without a socket.

use chariot_engine::testing::TestEngine;

use super::*;

fn engine() -> TestEngine {
    let builder = Engine::builder()
        .model::<Sentiment>(env!("CARGO_PKG_NAME"))
        .setting(
            "CHARIOT_ENGINE_MODEL_DIR",
            concat!(env!("CARGO_MANIFEST_DIR"), "/model"),
        );
    TestEngine::start(builder).unwrap()
}

#[test]
fn every_text_of_a_request_is_answered() {
    let answer = engine().infer(
        r#"{"inputs": [{"name": "text", "datatype": "BYTES", "shape": [2],
            "data": ["What a lovely day!", "A terrible, sad story."]}]}"#,
    );
    assert_eq!(answer.status, 200);
    let data = &answer.json()["outputs"][0]["data"];
    assert_eq!(data[0][0]["label"], "positive");
    assert_eq!(data[1][0]["label"], "negative");
}

#[test]
fn an_empty_text_is_refused_by_the_name_of_its_input() {
    let answer = engine().infer(r#"{"inputs": [{"name": "text", "data": [" "]}]}"#);
    assert_eq!(answer.status, 400);
    let error = answer.error();
    assert!(error.starts_with("input 'text': "), "{error}");
}

#[test]
fn a_broken_line_of_the_words_is_named() {
    let error = read_weights("good 1.5\nbad\n").unwrap_err();
    assert!(
        error.to_string().starts_with("line 2 of words.txt"),
        "{error}"
    );
}
