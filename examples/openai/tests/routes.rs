//! OpenAI's routes and the engine's, of one process.

use e2e::Process;
use serde_json::{Value, json};

const OPENAI: &str = env!("CARGO_BIN_EXE_openai");

fn chat(content: &str, stream: bool) -> String {
    json!({"model": "openai", "stream": stream, "max_tokens": 3, "messages": [{"role": "user", "content": content}]})
        .to_string()
}

fn start() -> Process {
    Process::ready(OPENAI, &[("CHARIOT_ENGINE_MODEL_DIR", concat!(env!("CARGO_MANIFEST_DIR"), "/model"))])
}

#[test]
fn a_completion_comes_from_the_engine_that_serves_its_own_routes_too() {
    let process = start();
    let completion = process.post("/v1/chat/completions", &serde_json::from_str(&chat("the fox", false)).unwrap()).ok();
    assert_eq!(completion["choices"][0]["message"]["content"], "runs over the");
    assert_eq!(completion["choices"][0]["finish_reason"], "length");
    assert_eq!(completion["usage"], json!({"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}));
    let engine = process.infer(&json!({"inputs": [{"name": "a", "data": [{"prompt": "the fox", "max_tokens": 3}]}]}));
    assert_eq!(engine.values()[0][0]["generated_text"], "runs over the");
    // Both are calls of the model.
    let metrics = process.get("/metrics").text;
    assert!(metrics.contains("chariot_requests_total{model=\"openai\",status=\"200\"} 2"), "{metrics}");
}

#[test]
fn a_stream_has_a_chunk_for_each_word_and_an_end() {
    let process = start();
    let response = process.post_text("/v1/chat/completions", &chat("the fox", true));
    assert_eq!(response.header("content-type"), Some("text/event-stream"));
    let events: Vec<&str> = response.text.split("\n\n").filter_map(|event| event.strip_prefix("data: ")).collect();
    let (end, chunks) = events.split_last().unwrap();
    assert_eq!(*end, "[DONE]");
    let chunks: Vec<Value> = chunks.iter().map(|chunk| serde_json::from_str(chunk).unwrap()).collect();
    let words: Vec<_> = chunks.iter().map(|chunk| chunk["choices"][0]["delta"]["content"].clone()).collect();
    assert_eq!(words, [json!("runs "), json!("over "), json!("the "), Value::Null]);
    assert_eq!(chunks[3]["choices"][0]["finish_reason"], "length");
}

#[test]
fn a_body_that_is_no_chat_is_a_400() {
    let response = start().post_text("/v1/chat/completions", r#"{"model": "openai"}"#);
    assert_eq!(response.status, 400);
    assert!(response.text.contains("missing field `messages`"), "{}", response.text);
}

#[test]
fn a_fault_of_the_caller_is_a_400_in_both_forms() {
    let process = start();
    for stream in [false, true] {
        let response = process.post_text("/v1/chat/completions", &chat(" ", stream));
        assert_eq!(response.status, 400);
        let error: Value = serde_json::from_str(&response.text).unwrap();
        assert_eq!(error["error"]["message"], "prompt: expected at least one word, got none");
    }
}
