//! Tests of the whole engine, without a socket.

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
fn classifies_every_text_of_a_request() {
    let response = engine().infer(
        r#"{"inputs": [{"name": "text", "datatype": "BYTES", "shape": [2],
            "data": ["What a lovely day!", "A terrible, sad story."]}]}"#,
    );
    assert_eq!(response.status, 200);
    let data = &response.json()["outputs"][0]["data"];
    assert_eq!(data[0][0]["label"], "positive");
    assert_eq!(data[1][0]["label"], "negative");
}

#[test]
fn rejects_an_empty_text_and_names_its_input() {
    let response = engine().infer(r#"{"inputs": [{"name": "text", "data": [" "]}]}"#);
    assert_eq!(response.status, 400);
    let error = response.error();
    assert!(error.starts_with("input 'text': "), "{error}");
}

#[test]
fn names_the_line_of_words_txt_that_cannot_be_parsed() {
    let error = parse_weights("good 1.5\nbad\n").unwrap_err();
    assert!(
        error.to_string().starts_with("line 2 of words.txt"),
        "{error}"
    );
}
