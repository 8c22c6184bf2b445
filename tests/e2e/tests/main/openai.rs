//! OpenAI's API on sockets: answers and streams member by member, refusals in its form, several models, protocols, and callers
//! that leave or do not read.

use std::sync::{Arc, mpsc};

use chariot_engine::{
    ModelOptions,
    input::{ChatContent, Sampling},
    prelude::*,
};
use e2e::{Answer, DEADLINE, Messages, until};
use serde_json::{Value, json};

use crate::support::{Gate, Server, text};

type Answering = dyn Fn(&Item<Chat>) -> Result<GeneratedText> + Send + Sync;

/// A model whose answers are a closure of a test.
struct Chatty(Box<Answering>);

impl Model for Chatty {
    type Settings = ();
    type Input = Chat;
    type Output = Result<GeneratedText>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Err("passed to the builder as an instance".into())
    }

    fn spec() -> Spec {
        Spec::new::<Self>().streaming().max_batch(1)
    }

    async fn infer(&self, batch: Batch<Chat>) -> Result<Vec<Self::Output>> {
        Ok(batch.iter().map(|item| (self.0)(item)).collect())
    }
}

/// A model that continues a text by its last word, without a stream.
struct Echo;

impl Model for Echo {
    type Settings = ();
    type Input = Prompt;
    type Output = GeneratedText;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Echo)
    }

    async fn infer(&self, batch: Batch<Prompt>) -> Result<Vec<GeneratedText>> {
        batch.try_map(|item| Ok(GeneratedText::new(item.text.split(' ').next_back().unwrap_or_default())))
    }
}

/// A model whose vector is the length of a text.
struct Length;

impl Model for Length {
    type Settings = ();
    type Input = Text;
    type Output = Result<Embedding>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Length)
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Result<Embedding>>> {
        let vector = |text: &Item<Text>| Ok(Embedding::new(vec![text.as_str().len() as f32, 0.1])?.with_tokens(2));
        Ok(batch.iter().map(vector).collect())
    }
}

fn chatty(
    answer: impl Fn(&Item<Chat>) -> Result<GeneratedText> + Send + Sync + 'static,
) -> chariot_engine::EngineBuilder {
    Engine::builder().instance("chatty", Chatty(Box::new(answer)))
}

/// Answers the words of the last message, which it emits, and counts them.
fn words(item: &Item<Chat>) -> Result<GeneratedText> {
    let said = match &item.content {
        ChatContent::Messages(messages) => {
            messages.last().and_then(|last| last.text()).unwrap_or_default().into_owned()
        }
        ChatContent::Prompt(prompt) => prompt.clone(),
        _ => String::new(),
    };
    if let Some(fault) = said.strip_prefix("reject ") {
        reject!("{fault}");
    }
    let words: Vec<&str> = said.split_inclusive(' ').collect();
    words.iter().try_for_each(|word| item.emit(word))?;
    if said.contains("fail") {
        return Err("a secret of the model".into());
    }
    let usage = Usage { prompt_tokens: words.len(), completion_tokens: 2 };
    let Sampling { seed, max_tokens, .. } = &*item.sampling;
    let reason = if max_tokens.is_some() { FinishReason::Length } else { FinishReason::Stop };
    let seed = seed.map_or(String::new(), |seed| format!("#{}", seed as i64));
    Ok(GeneratedText { finish_reason: Some(reason), usage: Some(usage), ..GeneratedText::new(said + &seed) })
}

const CHAT: &str = "/v1/chat/completions";
const COMPLETIONS: &str = "/v1/completions";
const EMBEDDINGS: &str = "/v1/embeddings";

fn post(server: &Server, path: &str, body: &Value) -> Answer {
    server.ask("POST", path, &[], body.to_string())
}

/// A conversation of one message, with further members.
fn chat(said: &str, more: Value) -> Value {
    with(json!({"model": "chatty", "messages": [{"role": "user", "content": said}]}), more)
}

fn with(mut body: Value, more: Value) -> Value {
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// Takes the members that differ between two runs out of an answer.
#[track_caller]
fn known(mut answer: Value, prefix: &str) -> Value {
    let members = answer.as_object_mut().unwrap();
    let id = members.remove("id").unwrap();
    assert!(id.as_str().unwrap().starts_with(prefix), "{id}");
    assert!(members.remove("created").unwrap().as_u64().unwrap() > 1_700_000_000);
    answer
}

/// Sends a request for a stream, and returns the chunks.
#[track_caller]
fn chunks(server: &Server, path: &str, body: &Value) -> Vec<Value> {
    let (chunks, end) = events(server, path, body);
    assert_eq!(end, "[DONE]");
    chunks
}

/// Sends a request for a stream, and returns the data of its events, the last one apart.
#[track_caller]
fn events(server: &Server, path: &str, body: &Value) -> (Vec<Value>, String) {
    let client = reqwest::blocking::Client::builder().timeout(DEADLINE).no_proxy().build().unwrap();
    let response = client.post(format!("http://{}{path}", server.address)).body(body.to_string()).send().unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["content-type"]),
        (200, &"text/event-stream".parse().unwrap())
    );
    let text = response.text().unwrap();
    let mut events: Vec<&str> =
        text.split_terminator("\n\n").map(|event| event.strip_prefix("data: ").unwrap()).collect();
    let end = events.pop().unwrap().to_owned();
    (events.into_iter().map(|event| serde_json::from_str(event).unwrap()).collect(), end)
}

#[test]
fn a_conversation_is_answered_member_by_member() {
    let server = Server::start(chatty(words).setting("CHARIOT_ENGINE_BASE_URL", "/base"));
    let message = json!({"role": "assistant", "content": "say \"hé\"\n", "refusal": null});
    let choice = json!({"index": 0, "message": message, "logprobs": null, "finish_reason": "stop"});
    let usage = json!({"prompt_tokens": 2, "completion_tokens": 2, "total_tokens": 4});
    let expected = json!({"object": "chat.completion", "model": "chatty", "choices": [choice], "usage": usage});
    for path in [CHAT, "/openai/v1/chat/completions", "/base/v1/chat/completions", "/base/openai//v1/chat/completions/"]
    {
        let answer = post(&server, path, &chat("say \"hé\"\n", json!({})));
        assert_eq!(known(answer.ok(), "chatcmpl-"), expected, "{path}");
    }
    // Members that change nothing, that are not known, and that are `null`.
    let more = json!({
        "model": null, "n": 1, "stream": false, "logprobs": false, "tools": [], "tool_choice": "none", "logit_bias": {},
        "user": "me", "metadata": {"a": "b"}, "response_format": {"type": "text"}, "parallel_tool_calls": true,
        "top_logprobs": null, "seed": null, "unknown": [{}], "store": false, "temperature": null, "stop": null,
    });
    let answer = server.ask("POST", CHAT, &["X-Request-ID: mine"], chat("say \"hé\"\n", more).to_string());
    assert_eq!(answer.header("x-request-id"), Some("mine"));
    assert_eq!(answer.json()["id"], "chatcmpl-mine");
    assert_eq!(known(answer.ok(), "chatcmpl-mine"), expected);
}

#[test]
fn several_answers_have_seeds_in_a_row_and_their_prompt_counts_once() {
    let server = Server::start(chatty(words));
    for (seed, expected) in [
        (json!(7), ["a#7", "a#8", "a#9"]),
        (json!(i64::MAX), ["a#9223372036854775807", "a#-9223372036854775808", "a#-9223372036854775807"]),
    ] {
        let answer = post(&server, CHAT, &chat("a", json!({"n": 3, "seed": seed, "max_tokens": 4}))).ok();
        let choices = answer["choices"].as_array().unwrap();
        let contents: Vec<_> = choices.iter().map(|choice| choice["message"]["content"].as_str().unwrap()).collect();
        assert_eq!(contents, expected);
        assert!(choices.iter().enumerate().all(|(index, choice)| choice["index"] == index));
        assert!(choices.iter().all(|choice| choice["finish_reason"] == "length"));
        assert_eq!(answer["usage"], json!({"prompt_tokens": 1, "completion_tokens": 6, "total_tokens": 7}));
    }
}

#[test]
fn texts_are_continued_member_by_member() {
    let server = Server::start(chatty(words).model::<Echo>("echo"));
    let body = json!({"model": "chatty", "prompt": ["a", "b c"], "n": 2, "seed": 1, "echo": false, "best_of": 1, "suffix": null});
    let choice =
        |index: usize, text: &str| json!({"index": index, "text": text, "logprobs": null, "finish_reason": "stop"});
    let choices = json!([choice(0, "a#1"), choice(1, "a#2"), choice(2, "b c#1"), choice(3, "b c#2")]);
    let usage = json!({"prompt_tokens": 3, "completion_tokens": 8, "total_tokens": 11});
    let expected = json!({"object": "text_completion", "model": "chatty", "choices": choices, "usage": usage});
    assert_eq!(known(post(&server, COMPLETIONS, &body).ok(), "cmpl-"), expected);
    // A model that counts no tokens states no usage, and one that names no reason has stopped.
    let expected = json!({"object": "text_completion", "model": "echo", "choices": [choice(0, "b")]});
    assert_eq!(known(post(&server, COMPLETIONS, &json!({"model": "echo", "prompt": "a b"})).ok(), "cmpl-"), expected);
}

#[test]
fn a_conversation_is_streamed_chunk_by_chunk() {
    let server = Server::start(chatty(words));
    let chunk = |choices: Value| json!({"object": "chat.completion.chunk", "model": "chatty", "choices": choices});
    let choice =
        |delta: Value, reason: Value| json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": reason}]);
    let mut expected = vec![
        chunk(choice(json!({"role": "assistant", "content": ""}), Value::Null)),
        chunk(choice(json!({"content": "two "}), Value::Null)),
        chunk(choice(json!({"content": "\"wörds\""}), Value::Null)),
        chunk(choice(json!({}), json!("stop"))),
    ];
    let plain = chunks(&server, CHAT, &chat("two \"wörds\"", json!({"stream": true})));
    assert!(plain.iter().all(|chunk| chunk["id"] == plain[0]["id"]));
    let strip =
        |chunks: Vec<Value>| -> Vec<Value> { chunks.into_iter().map(|chunk| known(chunk, "chatcmpl-")).collect() };
    assert_eq!(strip(plain), expected);
    // With the number of tokens, every other chunk says that it has none.
    let options = json!({"stream": true, "stream_options": {"include_usage": true}});
    expected.iter_mut().for_each(|chunk| chunk["usage"] = Value::Null);
    let mut last = chunk(json!([]));
    last["usage"] = json!({"prompt_tokens": 2, "completion_tokens": 2, "total_tokens": 4});
    expected.push(last);
    assert_eq!(strip(chunks(&server, CHAT, &chat("two \"wörds\"", options))), expected);
}

#[test]
fn texts_are_streamed_chunk_by_chunk() {
    let server = Server::start(chatty(words).model::<Echo>("echo"));
    let choice = |index: usize, text: &str, reason: Value| json!({"index": index, "text": text, "logprobs": null, "finish_reason": reason});
    let of = |body: Value| -> Vec<Value> {
        let chunks = chunks(&server, COMPLETIONS, &body).into_iter();
        chunks
            .map(|chunk| {
                assert_eq!(chunk["object"], "text_completion");
                chunk["choices"][0].clone()
            })
            .collect()
    };
    let got = of(json!({"model": "chatty", "prompt": "a b", "stream": true}));
    assert_eq!(got, [choice(0, "a ", Value::Null), choice(0, "b", Value::Null), choice(0, "", json!("stop"))]);
    // The text of a model without a stream is one chunk.
    let got = of(json!({"model": "echo", "prompt": "a b", "stream": true}));
    assert_eq!(got, [choice(0, "b", Value::Null), choice(0, "", json!("stop"))]);
    // Each of several texts is streamed under its own index.
    let got = of(json!({"model": "chatty", "prompt": ["a", "b"], "stream": true}));
    for (index, text) in ["a", "b"].into_iter().enumerate() {
        let own: Vec<_> = got.iter().filter(|choice| choice["index"] == index).cloned().collect();
        assert_eq!(own, [choice(index, text, Value::Null), choice(index, "", json!("stop"))]);
    }
}

#[test]
fn texts_have_vectors_as_numbers_or_as_base64() {
    let server = Server::start(Engine::builder().model::<Length>("length"));
    let answer = post(&server, EMBEDDINGS, &json!({"model": "length", "input": ["abc", "a"]})).ok();
    let data = |vectors: [Value; 2]| -> Value {
        let element = |(index, vector)| json!({"object": "embedding", "index": index, "embedding": vector});
        vectors.into_iter().enumerate().map(element).collect()
    };
    let usage = json!({"prompt_tokens": 4, "total_tokens": 4});
    let expected = json!({"object": "list", "model": "length", "data": data([json!([3.0, 0.1]), json!([1.0, 0.1])]), "usage": usage});
    assert_eq!(answer, expected);
    let of = |more| post(&server, EMBEDDINGS, &with(json!({"input": "abc"}), more));
    let answer = of(json!({"encoding_format": "base64", "dimensions": 2})).ok();
    let bytes = [3.0_f32, 0.1].iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>();
    assert_eq!(answer["data"][0]["embedding"], e2e::base64(bytes));
    assert_eq!(
        of(json!({"encoding_format": "float", "dimensions": 2})).ok()["data"][0]["embedding"],
        json!([3.0, 0.1])
    );
    let error = of(json!({"dimensions": 3}));
    assert_eq!((error.status, &error.json()["error"]["param"]), (400, &json!("dimensions")));
}

#[test]
fn the_body_names_the_model() {
    let id = "2ABCdefGHIjklMNOpqrSTUvwxYZ";
    let builder = chatty(words).instance_with("other", Chatty(Box::new(words)), ModelOptions::new().default_model());
    let server = Server::start(builder.model::<Length>("length").setting("CHARIOT_MODEL_ID", id));
    let names = server.get("/v1/models").ok();
    assert_eq!(names["object"], "list");
    let names: Vec<_> = names["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert_eq!(names, ["chatty", "other", "length"]);
    let alias = format!("m-{}", id.to_lowercase());
    for (asked, name) in [("chatty", "chatty"), ("other", "other"), (&alias, "other")] {
        let answer = post(&server, CHAT, &chat("a", json!({"model": asked}))).ok();
        assert_eq!(answer["model"], name);
        let model = server.get(&format!("/openai/v1/models/{asked}")).ok();
        assert_eq!((&model["id"], &model["object"]), (&json!(name), &json!("model")));
    }
    for answer in [server.get("/v1/models/none"), post(&server, CHAT, &chat("a", json!({"model": "none"})))] {
        let error = &answer.json()["error"];
        assert_eq!((answer.status, &error["code"], &error["param"]), (404, &json!("model_not_found"), &json!("model")));
        assert_eq!(error["type"], "invalid_request_error");
    }
    for (path, model) in [(CHAT, json!("length")), (CHAT, Value::Null), (EMBEDDINGS, json!("chatty"))] {
        let body = with(chat("a", json!({"input": "a"})), json!({ "model": model }));
        assert_eq!(post(&server, path, &body).status, 400, "{path} {model}");
    }
    // The only model of a task needs no name.
    assert_eq!(post(&server, EMBEDDINGS, &json!({"input": "a"})).ok()["model"], "length");
    let requests = server.get("/metrics").text;
    assert!(requests.contains("chariot_requests_total{model=\"other\",status=\"200\"} 2"), "{requests}");
}

#[test]
fn what_is_not_served_is_refused_by_name() {
    let server = Server::start(chatty(words).model::<Length>("length"));
    let mut messages = Messages::new();
    let refusals = [
        (CHAT, json!({"n": 0})),
        (CHAT, json!({"n": 17})),
        (CHAT, json!({"n": "1"})),
        (CHAT, json!({"messages": "a"})),
        (CHAT, json!({"messages": null})),
        (CHAT, json!({"messages": []})),
        (CHAT, json!({"messages": [{"role": "nobody", "content": "a"}]})),
        (CHAT, json!({"messages": [{"role": "user", "content": 1}]})),
        (CHAT, json!({"messages": [{"role": "user", "content": "reject expected another text"}]})),
        (CHAT, json!({"temperature": 3})),
        (CHAT, json!({"max_tokens": 1, "max_completion_tokens": 2})),
        (CHAT, json!({"stop": ["", "a"]})),
        (CHAT, json!({"tools": [{"type": "function"}]})),
        (CHAT, json!({"functions": [{"name": "f"}]})),
        (CHAT, json!({"tool_choice": "required"})),
        (CHAT, json!({"response_format": {"type": "json_object"}})),
        (CHAT, json!({"logit_bias": {"1": 2}})),
        (CHAT, json!({"logprobs": true})),
        (CHAT, json!({"top_logprobs": 2})),
        (CHAT, json!({"modalities": ["text", "audio"]})),
        (CHAT, json!({"stream": 1})),
        (CHAT, json!({"stream_options": {"include_usage": true}})),
        (CHAT, json!({"model": 1})),
        (COMPLETIONS, json!({"prompt": [1, 2]})),
        (COMPLETIONS, json!({"prompt": [[1, 2]]})),
        (COMPLETIONS, json!({"prompt": []})),
        (COMPLETIONS, json!({"prompt": ["a", null]})),
        (COMPLETIONS, json!({"prompt": null})),
        (COMPLETIONS, json!({"prompt": vec!["a"; 2049]})),
        (COMPLETIONS, json!({"prompt": "a", "echo": true})),
        (COMPLETIONS, json!({"prompt": "a", "suffix": "b"})),
        (COMPLETIONS, json!({"prompt": "a", "best_of": 2})),
        (COMPLETIONS, json!({"prompt": "a", "logprobs": 0})),
        (COMPLETIONS, json!({"prompt": "a", "top_p": 0})),
        (EMBEDDINGS, json!({"input": []})),
        (EMBEDDINGS, json!({"input": [1]})),
        (EMBEDDINGS, json!({"input": {}})),
        (EMBEDDINGS, json!({"input": "a", "encoding_format": "int8"})),
        (EMBEDDINGS, json!({"input": "a", "dimensions": -1})),
    ];
    for (path, more) in refusals {
        let shown: String = more.to_string().chars().take(80).collect();
        let base = if path == EMBEDDINGS { json!({"model": "length"}) } else { chat("a", json!({})) };
        let answer = post(&server, path, &with(base, more));
        assert_eq!((answer.status, answer.header("content-type")), (400, Some("application/json")), "{shown}");
        let error = &answer.json()["error"];
        assert_eq!((&error["type"], &error["code"]), (&json!("invalid_request_error"), &Value::Null), "{shown}");
        let (message, param) = (error["message"].as_str().unwrap(), error["param"].as_str().unwrap_or("-"));
        messages.add(format_args!("{path} {shown}"), format_args!("{param}: {message}"));
    }
    for body in ["", "[]", "{", "{\"model\": \"chatty\", \"model\": \"chatty\"}"] {
        let answer = server.ask("POST", CHAT, &[], body);
        assert_eq!(answer.status, 400);
        messages.add(body, answer.json()["error"]["message"].as_str().unwrap());
    }
    insta::assert_snapshot!("openai_refusals", messages);
}

#[test]
fn early_refusals_have_the_form_too() {
    let server = Server::start(
        chatty(words).setting("CHARIOT_ENGINE_MAX_BODY", "1KiB").configure(|settings| settings.queue_size = 0),
    );
    let form = |answer: &Answer| {
        let error = answer.json()["error"].clone();
        assert!(error["message"].is_string() && error.get("param").is_some() && error.get("code").is_some(), "{error}");
        (answer.status, error["type"].as_str().unwrap().to_owned())
    };
    let invalid = |status| (status, "invalid_request_error".to_owned());
    assert_eq!(form(&server.get(CHAT)), invalid(405));
    assert_eq!(form(&post(&server, CHAT, &chat(&"a".repeat(2000), json!({})))), invalid(413));
    assert_eq!(form(&server.ask("POST", CHAT, &["Content-Encoding: br"], "{}")), invalid(415));
    assert_eq!(form(&server.ask("POST", CHAT, &["X-Request-Timeout: soon"], "{}")), invalid(400));
    // A model that does not answer.
    assert_eq!(form(&post(&server, CHAT, &chat("fail", json!({})))), (500, "server_error".to_owned()));
    // Other routes have their own form.
    assert!(server.get("/v1/other").json()["error"].is_string());
    assert!(server.infer("{").json()["error"].is_string());
}

#[test]
fn an_overloaded_engine_says_when_to_retry() {
    let gate = Arc::new(Gate::default());
    let waits = gate.clone();
    let builder = chatty(move |item| {
        waits.pass("the model");
        words(item)
    });
    let server = Server::start(builder.configure(|settings| (settings.workers, settings.queue_size) = (Some(1), 0)));
    let body = chat("a", json!({})).to_string();
    let mut first = server.connect();
    assert_eq!(first.post_admitted(CHAT, &body).unwrap(), None);
    gate.wait_for(1);
    let answer = server.ask("POST", CHAT, &[], &body);
    assert_eq!((answer.status, &answer.json()["error"]["type"]), (503, &json!("server_error")));
    assert!(answer.header("retry-after").is_some());
    gate.open();
    assert_eq!(first.answer().unwrap().status, 200);
}

#[test]
fn a_failure_after_the_first_chunk_is_an_event() {
    let server = Server::start(chatty(words));
    let (mut chunks, end) = events(&server, CHAT, &chat("1 fail", json!({"stream": true})));
    assert_eq!(end, "[DONE]");
    let error = chunks.pop().unwrap();
    assert_eq!(error["error"]["type"], "server_error");
    assert!(!error.to_string().contains("secret"));
    assert_eq!(chunks.len(), 3);
    // Before it, the response is an error.
    let rejected = post(&server, CHAT, &chat("reject another text", json!({"stream": true})));
    assert_eq!((rejected.status, &rejected.json()["error"]["type"]), (400, &json!("invalid_request_error")));
}

#[test]
fn a_caller_that_hangs_up_ends_the_generation() {
    let (ended, end) = mpsc::sync_channel(1);
    let server = Server::start(chatty(move |item| {
        let failed = loop {
            if let Err(error) = item.emit("token ") {
                break error;
            }
        };
        let _ = ended.try_send(failed.kind());
        Err(failed)
    }));
    let body = chat("a", json!({"stream": true})).to_string();
    let mut connection = server.connect();
    connection
        .write(format!("POST {CHAT} HTTP/1.1\r\nHost: e\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
        .unwrap();
    until("the first token arrives", || connection.has_received().then_some(()));
    drop(connection);
    assert_eq!(end.recv_timeout(DEADLINE).unwrap(), chariot_engine::ErrorKind::Cancelled);
    until("the request is over", || (server.engine.in_flight().requests == 0).then_some(()));
}

#[test]
fn a_caller_that_reads_nothing_loses_its_stream_and_its_memory() {
    let (ended, end) = mpsc::sync_channel(1);
    let builder = chatty(move |item| {
        let failed = loop {
            if let Err(error) = item.emit(&"token ".repeat(1000)) {
                break error;
            }
        };
        let _ = ended.try_send(failed.kind());
        Err(failed)
    });
    let server = Server::start(builder.setting("CHARIOT_ENGINE_WRITE_TIMEOUT", "100ms"));
    let body = chat("a", json!({"stream": true})).to_string();
    let mut connection = server.connect();
    connection
        .write(format!("POST {CHAT} HTTP/1.1\r\nHost: e\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
        .unwrap();
    assert_eq!(end.recv_timeout(DEADLINE).unwrap(), chariot_engine::ErrorKind::Cancelled);
    until("its memory is free", || (server.engine.in_flight().bytes == 0).then_some(()));
}

#[test]
fn an_engine_can_be_narrowed_to_one_protocol() {
    let narrowed = |protocol| Server::start(chatty(words).setting("CHARIOT_INFERENCE_PROTOCOL", protocol));
    let server = narrowed("openai-v1");
    assert_eq!(post(&server, CHAT, &chat("a", json!({}))).status, 200);
    assert_eq!(server.infer(text("a")).error(400), "expected an openai-v1 request, got a chariot-v2-kserve request");
    for protocol in ["chariot-v2", "chariot-v2-kserve"] {
        assert_eq!(post(&narrowed(protocol), CHAT, &chat("a", json!({}))).status, 404, "{protocol}");
    }
}

#[test]
fn other_engines_have_no_such_routes() {
    let server = Server::start(Engine::builder().model::<Other>("other"));
    for path in [CHAT, COMPLETIONS, EMBEDDINGS, "/v1/models", "/openai/v1/models"] {
        assert!(server.get(path).error(404).contains("route not found"), "{path}");
    }
    let refused = Engine::builder().model::<Other>("other").setting("CHARIOT_INFERENCE_PROTOCOL", "openai-v1");
    let refused = server.runtime().block_on(async { refused.start() }).unwrap_err().to_string();
    assert!(refused.contains("CHARIOT_INFERENCE_PROTOCOL"), "{refused}");
}

/// A model of texts that neither generates nor embeds.
struct Other;

impl Model for Other {
    type Settings = ();
    type Input = Text;
    type Output = Json<String>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Other)
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> {
        batch.try_map(|item| Ok(Json(item.to_string())))
    }
}

#[test]
fn token_times_and_pages_of_other_origins_are_as_on_the_other_routes() {
    let server = Server::start(
        chatty(words)
            .setting("CHARIOT_ENGINE_TOKEN", "sesame")
            .setting("CHARIOT_ENGINE_CORS_ORIGINS", "https://page.example"),
    );
    let body = chat("a", json!({})).to_string();
    let ask = |headers: &[&str]| server.ask("POST", CHAT, headers, &body);
    // Clients of OpenAI call the token an API key.
    let refused = ask(&["Authorization: Bearer other", "Origin: https://page.example"]);
    assert_eq!((refused.status, refused.header("www-authenticate")), (401, Some("Bearer")));
    let error = &refused.json()["error"];
    assert!(error["message"].as_str().unwrap().contains("token"), "{error}");
    assert!(error["type"].is_string() && error["code"].is_null() | error["code"].is_string(), "{error}");
    assert_eq!(refused.header("access-control-allow-origin"), Some("https://page.example"));
    let answer = ask(&["Authorization: Bearer sesame", "X-Server-Timing: 1"]);
    let times = answer.header("server-timing").expect("Server-Timing").to_owned();
    assert!(times.starts_with("read;dur=") && times.contains("infer;dur="), "{times}");
    answer.ok();
}
