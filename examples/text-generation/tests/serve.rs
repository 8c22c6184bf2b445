//! The engine as a real process: its answers beside those that numpy has computed, with a tiny random network and with the
//! real weights; conversations alone, together and streamed; and refusals.

use std::{fs, path::Path, sync::Arc};

use e2e::{Process, Shared};
use serde_json::{Value, json};

const ENGINE: &str = env!("CARGO_BIN_EXE_text-generation");

/// Returns the engine of the tiny network, which the tests share.
fn tiny() -> Arc<Process> {
    static ENGINES: Shared = Shared::new();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tiny");
    ENGINES.get(|| Process::ready(ENGINE, &[("CHARIOT_ENGINE_MODEL_DIR", model.to_str().expect("UTF-8"))]))
}

fn references(path: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(path);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Returns a request for the most likely answers to these conversations.
fn request(conversations: &[&Value], max_tokens: usize) -> Value {
    let parameters = json!({"temperature": 0, "max_tokens": max_tokens});
    json!({"inputs": [{"name": "a", "data": conversations, "parameters": parameters}]})
}

/// Returns the outputs of a request.
fn answers(engine: &Process, conversations: &[&Value], max_tokens: usize) -> Vec<Value> {
    let response = engine.infer(&request(conversations, max_tokens)).ok();
    response["outputs"][0]["data"].as_array().expect("a list").iter().map(|output| output[0].clone()).collect()
}

#[track_caller]
fn assert_same(got: &Value, expected: &Value) {
    assert_eq!(got["generated_text"], expected["generated_text"], "{}", expected["messages"]);
    assert_eq!(got["finish_reason"], expected["finish_reason"]);
    for count in ["prompt_tokens", "completion_tokens"] {
        assert_eq!(got["usage"][count], expected[count]);
    }
}

#[test]
fn the_tiny_network_answers_as_the_reference_alone_and_with_others() {
    let engine = tiny();
    let references = references("tiny/reference.json");
    for reference in &references {
        assert_same(&answers(&engine, &[&reference["messages"]], 20)[0], reference);
    }
    let twice: Vec<&Value> = references.iter().chain(&references).collect();
    let conversations: Vec<&Value> = twice.iter().map(|reference| &reference["messages"]).collect();
    for (got, expected) in answers(&engine, &conversations, 20).iter().zip(twice) {
        assert_same(got, expected);
    }
}

#[test]
fn a_prompt_is_continued_as_it_is() {
    let reference = &references("tiny/reference.json")[0];
    let prompt = json!("<user> the cat sees a dog <end> <assistant>");
    assert_same(&answers(&tiny(), &[&prompt], 20)[0], reference);
}

#[test]
fn a_seed_gives_one_answer_and_the_context_ends_it() {
    let engine = tiny();
    let hot = |seed: u64| {
        let parameters = json!({"seed": seed, "temperature": 1.5, "top_p": 0.95});
        let conversation = json!([{"role": "user", "content": "a dog"}]);
        let body = json!({"inputs": [{"name": "a", "data": [conversation], "parameters": parameters}]});
        engine.infer(&body).ok()["outputs"][0]["data"][0][0].clone()
    };
    assert_eq!(hot(1), hot(1));
    let usage = &hot(1)["usage"];
    assert!(usage["total_tokens"].as_u64().unwrap() <= 64, "{usage}");
    assert!((2..20).any(|seed| hot(seed)["generated_text"] != hot(1)["generated_text"]));
}

#[test]
fn what_is_no_conversation_is_refused_by_name() {
    let engine = tiny();
    let long = json!([{"role": "user", "content": "cat ".repeat(64)}]);
    for (conversation, expected) in [
        (json!([]), "at least one message"),
        (json!([{"role": "user", "content": 7}]), "[0].content"),
        (long, "a prompt of at most 63 tokens"),
        (json!(""), "at least one token"),
    ] {
        let fault = engine.infer(&request(&[&conversation], 8)).error(400);
        assert!(fault.starts_with("input 'a'") && fault.contains(expected), "{fault}");
    }
}

#[test]
fn the_real_network_answers_as_the_reference() {
    static ENGINES: Shared = Shared::new();
    let Some(model) = e2e::weights(env!("CARGO_MANIFEST_DIR")) else { return };
    let engine =
        ENGINES.get(|| Process::ready(ENGINE, &[("CHARIOT_ENGINE_MODEL_DIR", model.to_str().expect("UTF-8"))]));
    // Without optimization a token takes seconds, so the answers are cut earlier then.
    let (most, count) = if cfg!(debug_assertions) { (3, 1) } else { (24, 3) };
    let references = references("reference.json");
    let conversations: Vec<&Value> = references.iter().map(|reference| &reference["messages"]).take(count).collect();
    for (got, expected) in answers(&engine, &conversations, most).iter().zip(&references) {
        let (got, expected) = (got["generated_text"].as_str().unwrap(), expected["generated_text"].as_str().unwrap());
        assert!(!got.is_empty() && expected.starts_with(got), "expected {expected:?}, got {got:?}");
        assert!(cfg!(debug_assertions) || got == expected);
    }
}
