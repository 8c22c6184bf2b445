//! The logarithmic probabilities of tokens: on each route, whole and in parts, with stop texts, and within a budget of memory.
//! The generator has no weights and repeats its prompt; the next token has the logit 2, its successor 1, and all others 0.

use chariot_engine::{
    EngineBuilder,
    model::{GenerationLimits, Generator},
    prelude::*,
    settings::ByteSize,
    text::{ChatTemplate, Tokenizer, TokenizerOptions},
};
use serde_json::{Value, json};

use crate::support::Server;

/// The tokens of GPT-2's form, in which `é` is two of them, and a space is a letter.
const TOKENS: [&str; 6] = ["<end>", "a", "b", "Ã", "©", "Ġ"];

/// The logarithmic probabilities of the logits 2, 1 and 0: the largest, the second, and each of the other four.
const LOGPROBS: [f64; 3] = [-0.646_695, -1.646_695, -2.646_695];

struct Repeats {
    tokenizer: Tokenizer,
    template: ChatTemplate,
}

impl Repeats {
    fn new() -> Self {
        let vocabulary: serde_json::Map<String, Value> =
            TOKENS.iter().enumerate().map(|(id, token)| ((*token).to_owned(), id.into())).collect();
        let bytes = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false});
        let file = json!({
            "version": "1.0",
            "pre_tokenizer": bytes,
            "decoder": bytes,
            "model": {"type": "BPE", "vocab": vocabulary, "merges": []},
        });
        let options = TokenizerOptions::new().max_tokens(4096);
        Repeats {
            tokenizer: Tokenizer::from_json(file.to_string(), &options).unwrap(),
            template: ChatTemplate::new("{% for message in messages %}{{ message.content }}{% endfor %}").unwrap(),
        }
    }
}

impl Generator for Repeats {
    type Settings = ();
    type Input = Chat;
    /// The tokens, and the number of those of the prompt.
    type Sequence = (Vec<u32>, usize);

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Repeats::new())
    }

    fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    fn chat_template(&self) -> Option<&ChatTemplate> {
        Some(&self.template)
    }

    fn limits(&self) -> GenerationLimits {
        GenerationLimits::new(4096)
    }

    fn ends(&self) -> Vec<u32> {
        vec![0]
    }

    fn sampling(&self) -> chariot_engine::input::Sampling {
        let mut greedy = chariot_engine::input::Sampling::default();
        greedy.temperature = Some(0.0);
        greedy
    }

    fn sequence(&self) -> Result<Self::Sequence> {
        Ok((Vec::new(), 0))
    }

    fn prefill(&self, (tokens, prompt): &mut Self::Sequence, more: &[u32]) -> Result<Vec<f32>> {
        if *prompt == 0 {
            *prompt = more.len();
        }
        tokens.extend(more);
        let next = tokens[tokens.len() % *prompt];
        let second = (next + 1) % TOKENS.len() as u32;
        Ok((0..TOKENS.len() as u32).map(|id| f32::from(u8::from(id == next) * 2 + u8::from(id == second))).collect())
    }
}

fn engine() -> EngineBuilder {
    Engine::builder().instance("repeats", Repeats::new())
}

#[track_caller]
fn post(server: &Server, path: &str, body: &Value) -> Value {
    server.ask("POST", path, &[], body.to_string()).ok()
}

/// Sends a request for a stream, and returns its choices.
fn choices(server: &Server, path: &str, mut body: Value) -> Vec<Value> {
    body["stream"] = true.into();
    let client = reqwest::blocking::Client::builder().timeout(e2e::DEADLINE).no_proxy().build().unwrap();
    let response = client.post(format!("http://{}{path}", server.address)).body(body.to_string()).send().unwrap();
    let text = response.text().unwrap();
    let data = text.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
    data.map(|data| serde_json::from_str::<Value>(data).unwrap()["choices"][0].clone()).collect()
}

fn chat(more: Value) -> Value {
    let mut body = json!({"messages": [{"role": "user", "content": "aé b"}], "max_tokens": 4});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn text(more: Value) -> Value {
    let mut body = json!({"prompt": "aé b", "max_tokens": 4});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

const CHAT: &str = "/v1/chat/completions";
const COMPLETIONS: &str = "/v1/completions";

/// A token by its text on the wire, its bytes and its logarithmic probability.
#[track_caller]
fn assert_token(got: &Value, token: &str, bytes: &[u8], logprob: f64) {
    assert_eq!((&got["token"], &got["bytes"]), (&json!(token), &json!(bytes)));
    assert!((got["logprob"].as_f64().unwrap() - logprob).abs() < 1e-5, "{got}");
}

/// The tokens of the text `aé `.
const EXPECTED: [(&str, &[u8]); 4] = [("a", b"a"), ("\\xc3", &[0xc3]), ("\\xa9", &[0xa9]), (" ", b" ")];

#[track_caller]
fn assert_all(content: &Value, expected: &[(&str, &[u8])]) {
    let content = content.as_array().unwrap();
    assert_eq!(content.len(), expected.len());
    content.iter().zip(expected).for_each(|(got, (token, bytes))| assert_token(got, token, bytes, LOGPROBS[0]));
}

#[test]
fn a_message_has_its_tokens_with_alternatives_in_order() {
    let server = Server::start(engine());
    let answer = post(&server, CHAT, &chat(json!({"logprobs": true, "top_logprobs": 3})));
    let choice = &answer["choices"][0];
    assert_eq!(choice["message"]["content"], "aé ");
    assert_eq!(choice["logprobs"]["refusal"], Value::Null);
    let content = &choice["logprobs"]["content"];
    assert_all(content, &EXPECTED);
    let top = content[0]["top_logprobs"].as_array().unwrap();
    assert_eq!(top.len(), 3);
    assert_token(&top[0], "a", b"a", LOGPROBS[0]);
    assert_token(&top[1], "b", b"b", LOGPROBS[1]);
    // Of equal ones the lower ID; a special token has its name.
    assert_token(&top[2], "<end>", b"<end>", LOGPROBS[2]);
    assert!(top[0].get("top_logprobs").is_none());
    // Without alternatives, without tokens, and for each of several answers.
    let answer = post(&server, CHAT, &chat(json!({"logprobs": true, "n": 2})));
    for choice in answer["choices"].as_array().unwrap() {
        assert_all(&choice["logprobs"]["content"], &EXPECTED);
        assert_eq!(choice["logprobs"]["content"][0]["top_logprobs"], json!([]));
    }
    let answer = post(&server, CHAT, &chat(json!({"logprobs": false, "top_logprobs": 0})));
    assert_eq!(answer["choices"][0]["logprobs"], Value::Null);
}

#[test]
fn they_are_those_of_the_logits_whatever_the_caller_changes() {
    let server = Server::start(engine());
    let more = json!({"logprobs": true, "temperature": 0.01, "top_k": 1, "frequency_penalty": 0.1, "seed": 1});
    let answer = post(&server, CHAT, &chat(more));
    assert_all(&answer["choices"][0]["logprobs"]["content"], &EXPECTED);
}

#[test]
fn a_streamed_message_has_each_token_once_with_the_text_in_which_it_begins() {
    let server = Server::start(engine());
    let got = choices(&server, CHAT, chat(json!({"logprobs": true, "top_logprobs": 1})));
    let [role, chunks @ .., end] = &got[..] else { panic!("{got:?}") };
    assert_eq!((&role["logprobs"], &end["logprobs"]), (&Value::Null, &Value::Null));
    let texts: Vec<_> = chunks.iter().map(|choice| choice["delta"]["content"].as_str().unwrap()).collect();
    assert_eq!(texts, ["a", "é", " "]);
    assert_all(&chunks[0]["logprobs"]["content"], &EXPECTED[..1]);
    assert_all(&chunks[1]["logprobs"]["content"], &EXPECTED[1..3]);
    assert_all(&chunks[2]["logprobs"]["content"], &EXPECTED[3..]);
    let whole = &post(&server, CHAT, &chat(json!({"logprobs": true, "top_logprobs": 1})))["choices"][0]["logprobs"];
    let parts = chunks.iter().flat_map(|choice| choice["logprobs"]["content"].as_array().unwrap().clone());
    assert_eq!(whole["content"], Value::Array(parts.collect()));
}

#[test]
fn a_text_has_lists_of_its_tokens_and_where_they_begin() {
    let server = Server::start(engine());
    let answer = post(&server, COMPLETIONS, &text(json!({"logprobs": 2, "max_tokens": 5})));
    let logprobs = &answer["choices"][0]["logprobs"];
    assert_eq!(logprobs["tokens"], json!(["a", "bytes:\\xc3", "bytes:\\xa9", " ", "b"]));
    assert_eq!(logprobs["text_offset"], json!([0, 1, 2, 2, 3]));
    let probabilities = logprobs["token_logprobs"].as_array().unwrap();
    assert!(probabilities.iter().all(|logprob| (logprob.as_f64().unwrap() - LOGPROBS[0]).abs() < 1e-5));
    let top = logprobs["top_logprobs"][0].as_object().unwrap();
    assert_eq!(top.keys().collect::<Vec<_>>(), ["a", "b"]);
    // Without alternatives there is the token itself.
    let answer = post(&server, COMPLETIONS, &text(json!({"logprobs": 0})));
    let top = answer["choices"][0]["logprobs"]["top_logprobs"][3].as_object().unwrap();
    assert_eq!(top.keys().collect::<Vec<_>>(), [" "]);
    // The places go on from chunk to chunk.
    let got = choices(&server, COMPLETIONS, text(json!({"logprobs": 1, "max_tokens": 5})));
    let [chunks @ .., end] = &got[..] else { panic!("{got:?}") };
    assert_eq!(end["logprobs"], Value::Null);
    let offsets: Vec<_> = chunks.iter().map(|choice| choice["logprobs"]["text_offset"].clone()).collect();
    assert_eq!(offsets, [json!([0]), json!([1, 2]), json!([2]), json!([3])]);
}

#[test]
fn the_tokens_of_a_stop_text_are_not_those_of_the_text() {
    let server = Server::start(engine());
    for (stop, expected) in
        [("b", &EXPECTED[..]), (" b", &EXPECTED[..3]), ("a", &EXPECTED[..0]), ("\u{e9}", &EXPECTED[..1])]
    {
        let more = json!({"logprobs": true, "stop": stop, "max_tokens": 9});
        let answer = post(&server, CHAT, &chat(more.clone()));
        assert_eq!(answer["choices"][0]["finish_reason"], "stop");
        assert_all(&answer["choices"][0]["logprobs"]["content"], expected);
        let parts = choices(&server, CHAT, chat(more));
        let parts = parts.iter().filter_map(|choice| choice["logprobs"]["content"].as_array());
        assert_all(&Value::Array(parts.flatten().cloned().collect()), expected);
    }
}

#[test]
fn the_parameter_of_an_input_asks_for_them_too() {
    let server = Server::start(engine());
    let body = json!({"inputs": [{"name": "x", "data": ["aé b"], "parameters": {"logprobs": 1, "max_tokens": 4}}]});
    let output = &post(&server, "/infer", &body)["outputs"][0]["data"][0][0];
    assert_all(&output["logprobs"], &EXPECTED);
    let client = reqwest::blocking::Client::builder().timeout(e2e::DEADLINE).no_proxy().build().unwrap();
    let request = client.post(format!("http://{}/infer", server.address)).header("accept", "text/event-stream");
    let events = request.body(body.to_string()).send().unwrap().text().unwrap();
    let events = events.lines().filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok());
    let parts: Vec<Value> = events.filter_map(|event| event.get("part").cloned()).collect();
    assert_eq!(parts.iter().map(|part| part["text"].as_str().unwrap()).collect::<String>(), "aé ");
    assert_all(&parts[1]["logprobs"], &EXPECTED[1..3]);
}

#[test]
fn a_wish_out_of_range_is_refused_by_name() {
    let server = Server::start(engine());
    for (path, body, param, message) in [
        (CHAT, chat(json!({"logprobs": true, "top_logprobs": 21})), "top_logprobs", "from 0 to 20, got 21"),
        (CHAT, chat(json!({"top_logprobs": 1})), "top_logprobs", "no value without \"logprobs\": true, got 1"),
        (CHAT, chat(json!({"logprobs": 2})), "logprobs", "expected a boolean, got a number"),
        (COMPLETIONS, text(json!({"logprobs": 6})), "logprobs", "from 0 to 5, got 6"),
        (COMPLETIONS, text(json!({"logprobs": true})), "logprobs", "got a boolean"),
    ] {
        let answer = server.ask("POST", path, &[], body.to_string());
        let error = &answer.json()["error"];
        assert_eq!((answer.status, &error["param"]), (400, &json!(param)), "{error}");
        assert!(error["message"].as_str().unwrap().contains(message), "{error}");
    }
}

#[test]
fn tokens_count_to_the_memory_of_the_request() {
    let limit = Some(ByteSize(512 << 10));
    let server = Server::start(engine().configure(move |settings| settings.max_request_bytes = limit));
    let long = |more| server.ask("POST", CHAT, &[], chat(more).to_string());
    assert_eq!(long(json!({"max_tokens": 4000})).status, 200);
    let refused = long(json!({"max_tokens": 4000, "logprobs": true, "top_logprobs": 20}));
    assert_eq!((refused.status, &refused.json()["error"]["type"]), (413, &json!("invalid_request_error")));
    e2e::until("its memory is free", || (server.engine.in_flight().bytes == 0).then_some(()));
}
