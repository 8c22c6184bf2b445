//! OpenAI's API of a process: whole answers, streams, vectors, several models, and the engine's own routes beside them.

use e2e::{Process, Shared, Signal};
use serde_json::{Value, json};

static ENGINE: Shared = Shared::new();

fn engine() -> std::sync::Arc<Process> {
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/model");
    ENGINE.get(|| Process::ready(env!("CARGO_BIN_EXE_openai"), &[("CHARIOT_ENGINE_MODEL_DIR", model)]))
}

fn chat(more: Value) -> Value {
    let mut body = json!({"model": "openai", "max_tokens": 3, "messages": [{"role": "user", "content": "the fox"}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

#[test]
fn a_conversation_is_answered() {
    let answer = engine().post("/v1/chat/completions", &chat(json!({}))).ok();
    let choice = &answer["choices"][0];
    assert_eq!(choice["message"], json!({"role": "assistant", "content": "runs over the", "refusal": null}));
    assert_eq!(choice["finish_reason"], "length");
    assert_eq!(answer["usage"], json!({"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}));
    assert_eq!((&answer["object"], &answer["model"]), (&json!("chat.completion"), &json!("openai")));
    // The engine's own protocol gets the same.
    let body = json!({"inputs": [{"name": "a", "data": ["the fox"], "parameters": {"max_tokens": 3}}]});
    let own = engine().post("/v2/models/openai/infer", &body);
    assert_eq!(own.values()[0][0]["generated_text"], "runs over the");
}

#[test]
fn a_stream_has_a_chunk_for_each_word() {
    let answer = engine().post("/v1/chat/completions", &chat(json!({"stream": true})));
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    let events: Vec<&str> = answer.text.split("\n\n").filter_map(|event| event.strip_prefix("data: ")).collect();
    let (end, chunks) = events.split_last().unwrap();
    assert_eq!(*end, "[DONE]");
    let chunks: Vec<Value> = chunks.iter().map(|chunk| serde_json::from_str(chunk).unwrap()).collect();
    let words: Vec<_> = chunks.iter().map(|chunk| chunk["choices"][0]["delta"]["content"].clone()).collect();
    assert_eq!(words, [json!(""), json!("runs"), json!(" over"), json!(" the"), Value::Null]);
    assert_eq!(chunks[4]["choices"][0]["finish_reason"], "length");
}

#[test]
fn texts_have_vectors() {
    let answer = engine().post("/v1/embeddings", &json!({"model": "letters", "input": ["ab", "b a"]})).ok();
    let vectors: Vec<_> = answer["data"].as_array().unwrap().iter().map(|of| &of["embedding"]).collect();
    assert_eq!((vectors.len(), vectors[0]), (2, vectors[1]));
    assert_eq!(vectors[0].as_array().unwrap().len(), 26);
    assert_eq!(answer["usage"], json!({"prompt_tokens": 3, "total_tokens": 3}));
}

#[test]
fn the_models_are_listed_and_another_is_not_found() {
    let models = engine().get("/v1/models").ok();
    let names: Vec<_> = models["data"].as_array().unwrap().iter().map(|model| model["id"].clone()).collect();
    assert_eq!(names, ["openai", "letters"]);
    let missing = engine().post("/v1/chat/completions", &chat(json!({"model": "other"})));
    assert_eq!((missing.status, &missing.json()["error"]["code"]), (404, &json!("model_not_found")));
    let other = engine().post("/v1/chat/completions", &chat(json!({"model": "letters"})));
    assert_eq!(other.status, 400);
}

#[test]
fn a_word_ends_the_text() {
    let answer = engine().post("/v1/chat/completions", &chat(json!({"stop": ["over"]}))).ok();
    assert_eq!(answer["choices"][0]["message"]["content"], "runs");
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
}

#[test]
fn a_request_has_a_line_in_the_log() {
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/model");
    let variables = [("CHARIOT_ENGINE_MODEL_DIR", model), ("CHARIOT_ENGINE_REQUEST_LOG", "all")];
    let process = Process::ready(env!("CARGO_BIN_EXE_openai"), &variables);
    process.post("/v1/chat/completions", &chat(json!({}))).ok();
    process.post("/v1/embeddings", &json!({"model": "letters", "input": 7}));
    process.get("/v1/models/none");
    process.signal(Signal::Interrupt);
    assert_eq!(process.wait(), Some(0));
    let lines: Vec<Value> = process.whole_log().into_iter().filter(|line| line["message"] == "request").collect();
    let of = |line: &Value, names: &[&str]| -> Vec<Value> { names.iter().map(|name| line[name].clone()).collect() };
    let names = ["model", "route", "status", "items"];
    assert_eq!(of(&lines[0], &names), [json!("openai"), json!("chat/completions"), json!(200), json!(1)]);
    assert_eq!(of(&lines[1], &names[1..3]), [json!("embeddings"), json!(400)]);
    assert_eq!(of(&lines[2], &["path", "status"]), [json!("'/v1/models/none'"), json!(404)]);
    assert!(lines[0]["infer_ms"].as_f64() > Some(0.0) && lines[1]["reason"].is_string(), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.to_string().contains("the fox")), "{lines:#?}");
}
