//! Generators over sockets: sequences that join and leave while others run, callers that leave, read slowly or ask for too
//! much, and steps that fail. The generator has no weights: its answer is written in the prompt.

use std::{
    io::Read,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use chariot_engine::{
    EngineBuilder,
    model::{GenerationLimits, Generator, Next},
    prelude::*,
    text::{ChatTemplate, Tokenizer, TokenizerOptions},
};
use e2e::until;
use serde_json::{Value, json};

use crate::support::{Gate, Server};

/// The tokens: the end, numbers, and words that make the generator do something.
const WORDS: [&str; 12] = ["<end>", "0", "1", "2", "3", "4", "5", "6", "7", "gate", "fail", "panic"];

/// The token that fills what is longer than any buffer.
const LONG: u32 = 12;

/// The record of a generator for its test, and the control over it.
#[derive(Default)]
struct Seen {
    gate: Gate,
    /// The sequences that exist.
    sequences: AtomicUsize,
    /// The most sequences of a step.
    most: AtomicUsize,
    steps: AtomicUsize,
    /// The most tokens of a part of a prompt.
    prefill: AtomicUsize,
    calls: Mutex<Vec<Call>>,
}

/// A call of the generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    /// A call of `prefill`: the first token of the text, and the number of those that are read.
    Prefill(u32, usize),
    Step,
}

/// A generator that repeats its prompt, without end.
struct Repeats {
    tokenizer: Tokenizer,
    template: ChatTemplate,
    limits: GenerationLimits,
    seen: Arc<Seen>,
}

/// The tokens of a text.
struct Sequence {
    tokens: Vec<u32>,
    prompt: usize,
    seen: Arc<Seen>,
}

impl Drop for Sequence {
    fn drop(&mut self) {
        self.seen.sequences.fetch_sub(1, SeqCst);
    }
}

impl Repeats {
    fn new(limits: GenerationLimits) -> (Self, Arc<Seen>) {
        let mut vocabulary: serde_json::Map<String, Value> =
            WORDS.iter().enumerate().map(|(id, word)| ((*word).to_owned(), id.into())).collect();
        vocabulary.insert("x".repeat(16 << 10), LONG.into());
        let file = json!({
            "version": "1.0",
            "pre_tokenizer": {"type": "WhitespaceSplit"},
            "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "<end>"},
        });
        let options = TokenizerOptions::new().max_tokens(limits.context);
        let tokenizer = Tokenizer::from_json(file.to_string(), &options).unwrap();
        let template = "{% for m in messages %}{% if m.role == 'tool' %}{{ raise_exception('no tools') }}{% endif %}{{ m.content }} {% endfor %}";
        let seen = Arc::new(Seen::default());
        let model = Repeats { tokenizer, template: ChatTemplate::new(template).unwrap(), limits, seen: seen.clone() };
        (model, seen)
    }

    /// Returns the logits after one more token.
    fn read(&self, sequence: &mut Sequence, token: u32) -> Result<Vec<f32>> {
        match WORDS.get(token as usize).copied() {
            Some("gate") => self.seen.gate.pass("a sequence"),
            Some("fail") => return Err("a secret of the model".into()),
            Some("panic") => panic!("a secret of the model"),
            _ => {}
        }
        sequence.tokens.push(token);
        let next = sequence.tokens[sequence.tokens.len() % sequence.prompt];
        Ok((0..=LONG).map(|id| if id == next { 1.0 } else { 0.0 }).collect())
    }
}

impl Generator for Repeats {
    type Settings = ();
    type Input = Chat;
    type Sequence = Sequence;

    async fn load(_: &LoadContext) -> Result<Self> {
        unreachable!("the tests make their generators")
    }

    fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    fn chat_template(&self) -> Option<&ChatTemplate> {
        Some(&self.template)
    }

    fn limits(&self) -> GenerationLimits {
        self.limits
    }

    fn ends(&self) -> Vec<u32> {
        vec![0]
    }

    fn sampling(&self) -> chariot_engine::input::Sampling {
        let mut greedy = chariot_engine::input::Sampling::default();
        greedy.temperature = Some(0.0);
        greedy
    }

    fn sequence(&self) -> Result<Sequence> {
        self.seen.sequences.fetch_add(1, SeqCst);
        Ok(Sequence { tokens: Vec::new(), prompt: usize::MAX, seen: self.seen.clone() })
    }

    fn prefill(&self, sequence: &mut Sequence, tokens: &[u32]) -> Result<Vec<f32>> {
        self.seen.prefill.fetch_max(tokens.len(), SeqCst);
        sequence.tokens.extend(tokens);
        self.seen.calls.lock().unwrap().push(Call::Prefill(sequence.tokens[0], tokens.len()));
        // The prompt ends before the first token that repeats it.
        sequence.prompt = sequence.tokens.len();
        let next = sequence.tokens[0];
        Ok((0..=LONG).map(|id| if id == next { 1.0 } else { 0.0 }).collect())
    }

    fn step(&self, sequences: &mut [Next<'_, Sequence>]) -> Result<Vec<Vec<f32>>> {
        self.seen.most.fetch_max(sequences.len(), SeqCst);
        self.seen.steps.fetch_add(1, SeqCst);
        self.seen.calls.lock().unwrap().push(Call::Step);
        sequences.iter_mut().map(|next| self.read(next.sequence, next.token)).collect()
    }
}

fn engine(model: Repeats) -> EngineBuilder {
    Engine::builder().instance("repeats", model).configure(|settings| settings.workers = Some(1))
}

fn start(limits: GenerationLimits) -> (Server, Arc<Seen>) {
    let (model, seen) = Repeats::new(limits);
    (Server::start(engine(model)), seen)
}

fn body(prompt: &str, parameters: Value) -> String {
    json!({"inputs": [{"name": "a", "data": [prompt], "parameters": parameters}]}).to_string()
}

fn output(answer: &e2e::Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let json: Value = serde_json::from_str(&answer.text).unwrap();
    json["outputs"][0]["data"][0][0].clone()
}

#[test]
fn a_prompt_is_continued_up_to_the_number_of_tokens() {
    let (server, seen) = start(GenerationLimits::new(64).prefill(2));
    let answer = output(&server.infer(body("1 2 3 4 5", json!({"max_tokens": 7}))));
    let usage = json!({"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12});
    assert_eq!(answer["finish_reason"], "length");
    assert_eq!(answer["usage"], usage);
    assert_eq!(answer["generated_text"].as_str().unwrap().split_whitespace().count(), 7);
    assert_eq!(seen.prefill.load(SeqCst), 2, "a long prompt is read in parts");
    // The end of the text is not part of it.
    let answer = output(&server.infer(body("1 2 <end>", json!({}))));
    assert_eq!(answer["finish_reason"], "stop");
    // Messages are written by the template.
    let messages =
        json!({"inputs": [{"data": [[{"role": "user", "content": "3 4"}]], "parameters": {"max_tokens": 2}}]});
    assert_eq!(output(&server.infer(messages.to_string()))["generated_text"], "3 4");
    until("all sequences are gone", || (seen.sequences.load(SeqCst) == 0).then_some(()));
}

#[test]
fn a_stop_text_ends_the_text_wherever_it_is_split() {
    let (server, _) = start(GenerationLimits::new(64));
    for (stop, text) in [("3 4", "1 2 "), ("2", "1 "), ("1", ""), ("7 9", "1 2 3 4 1 2")] {
        let answer = output(&server.infer(body("1 2 3 4", json!({"stop": stop, "max_tokens": 6}))));
        assert_eq!(answer["generated_text"], text, "{stop}");
        assert_eq!(answer["finish_reason"], if stop == "7 9" { "length" } else { "stop" });
    }
    // A stop text that never comes, and a number of tokens that the context does not have.
    let answer = output(&server.infer(body("1 2", json!({"stop": "no", "max_tokens": 1_000_000}))));
    assert_eq!((&answer["finish_reason"], &answer["usage"]["completion_tokens"]), (&json!("length"), &json!(62)));
}

#[test]
fn sequences_join_while_others_run_and_leave_at_once() {
    let (server, seen) = start(GenerationLimits::new(4096).sequences(4));
    // The first one waits in its second step, in which it holds all others.
    let first = std::thread::scope(|scope| {
        let first = scope.spawn(|| server.infer(body("gate 1", json!({"max_tokens": 400}))));
        seen.gate.wait_for(1);
        let others: Vec<_> =
            (0..3).map(|_| scope.spawn(|| server.infer(body("1 2 3", json!({"max_tokens": 200}))))).collect();
        until("the others wait", || (server.engine.in_flight().queued == 3).then_some(()));
        seen.gate.open();
        for other in others {
            assert_eq!(output(&other.join().unwrap())["usage"]["completion_tokens"], 200);
        }
        first.join().unwrap()
    });
    assert_eq!(output(&first)["usage"]["completion_tokens"], 400);
    let (most, steps) = (seen.most.load(SeqCst), seen.steps.load(SeqCst));
    assert!((2..=4).contains(&most) && steps < 1000, "{most} {steps}");
}

#[test]
fn prompts_are_read_in_turns_and_steps_wait_for_one_part() {
    const PART: usize = 16;
    let (server, seen) = start(GenerationLimits::new(4096).sequences(16).prefill(PART));
    let words = |first: u32, count: usize| format!("{}{}", WORDS[first as usize], " 0".repeat(count - 1));
    // The first one runs all the time. It waits in its second step, in which it holds all others: a long prompt, prompts of
    // one part, and prompts that fit into one together.
    let prompts = [(8, 40 * PART), (2, PART), (3, PART), (4, PART / 2), (5, PART / 2), (6, 3)];
    std::thread::scope(|scope| {
        let first = scope.spawn(|| server.infer(body("gate 1", json!({"max_tokens": 400}))));
        seen.gate.wait_for(1);
        let mut others = Vec::new();
        for (token, count) in prompts {
            let (server, request) = (&server, body(&words(token, count), json!({"max_tokens": 2})));
            others.push(scope.spawn(move || server.infer(request)));
            until("it waits", || (server.engine.in_flight().queued == others.len()).then_some(()));
        }
        seen.gate.open();
        for other in others.into_iter().chain([first]) {
            output(&other.join().unwrap());
        }
    });
    let calls = seen.calls.lock().unwrap().clone();
    // The prompt of the first one is read before anything waits.
    let rounds: Vec<&[Call]> = calls.split(|call| *call == Call::Step).skip(1).collect();
    let tokens =
        |calls: &[Call]| calls.iter().map(|call| if let Call::Prefill(_, count) = call { *count } else { 0 }).sum();
    let most = rounds.iter().map(|round| tokens(round)).max();
    assert_eq!(most, Some(PART), "{rounds:?}");
    // Each is read once in the order of their arrival, between the parts of the long one.
    let firsts = calls.iter().filter_map(|call| if let Call::Prefill(first, _) = call { Some(*first) } else { None });
    let order: Vec<u32> = firsts.skip(1).filter(|first| *first != 8).collect();
    assert_eq!(order, [2, 3, 4, 5, 6]);
    let together = [Call::Prefill(4, PART / 2), Call::Prefill(5, PART / 2)];
    assert!(rounds.iter().any(|round| *round == together), "{rounds:?}");
    // The long one has a part before each of them at most, and as many while they join: they do not wait for its end.
    let begun = calls.iter().position(|call| *call == Call::Prefill(6, 3)).unwrap();
    let read: usize = tokens(&calls[1..=begun]);
    assert!(read <= 2 * prompts.len() * PART, "{read}");
}

#[test]
fn no_more_sequences_run_than_there_are_places_or_cached_tokens() {
    for limits in [GenerationLimits::new(100).sequences(2), GenerationLimits::new(100).cached_tokens(110)] {
        let (server, seen) = start(limits);
        std::thread::scope(|scope| {
            let all: Vec<_> =
                (0..6).map(|_| scope.spawn(|| server.infer(body("1 2 3", json!({"max_tokens": 50}))))).collect();
            for one in all {
                assert_eq!(output(&one.join().unwrap())["usage"]["completion_tokens"], 50);
            }
        });
        assert!(seen.most.load(SeqCst) <= 2);
    }
}

#[test]
fn a_caller_that_leaves_frees_its_place() {
    let (server, seen) = start(GenerationLimits::new(1 << 20).sequences(1));
    let leaving = server.admitted(&body("1 2 3", json!({})));
    until("its sequence runs", || (seen.steps.load(SeqCst) > 100).then_some(()));
    drop(leaving);
    assert_eq!(output(&server.infer(body("4", json!({"max_tokens": 2}))))["generated_text"], "4 4");
    until("all sequences are gone", || (seen.sequences.load(SeqCst) == 0).then_some(()));
}

#[test]
fn a_caller_that_does_not_read_holds_nobody_but_itself() {
    let (server, seen) = start(GenerationLimits::new(1 << 20));
    let long = body(&"x".repeat(16 << 10), json!({}));
    let length = long.len();
    let mut unread = server.connect();
    let head =
        format!("POST /infer HTTP/1.1\r\nHost: e\r\nAccept: text/event-stream\r\nContent-Length: {length}\r\n\r\n");
    unread.write(head + &long).unwrap();
    // It runs until its buffers are full.
    until("its sequence pauses", || {
        let steps = seen.steps.load(SeqCst);
        std::thread::sleep(std::time::Duration::from_millis(200));
        (steps > 0 && steps == seen.steps.load(SeqCst)).then_some(())
    });
    for _ in 0..3 {
        let answer = output(&server.infer(body("1 2", json!({"max_tokens": 20}))));
        assert_eq!(answer["usage"]["completion_tokens"], 20);
    }
    assert_eq!(server.get("/ready").status, 200);
    drop(unread);
    until("all sequences are gone", || (seen.sequences.load(SeqCst) == 0).then_some(()));
}

#[test]
fn parts_are_the_text_as_it_grows() {
    let (server, _) = start(GenerationLimits::new(64));
    let client = reqwest::blocking::Client::builder().timeout(e2e::DEADLINE).no_proxy().build().unwrap();
    let request = client.post(format!("http://{}/infer", server.address)).header("accept", "text/event-stream");
    let mut response = request.body(body("1 2 3", json!({"max_tokens": 4, "stop": ["3 4"]}))).send().unwrap();
    let mut text = String::new();
    response.read_to_string(&mut text).unwrap();
    let events: Vec<Value> =
        text.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()).collect();
    let parts: Vec<&str> = events.iter().filter_map(|event| event["part"].as_str()).collect();
    // "3" may begin the stop text, until "1" follows.
    assert_eq!(parts, ["1", " 2", " ", "3 1"]);
    assert_eq!(events.last().unwrap()["outputs"][0]["data"][0][0]["generated_text"], parts.concat());
}

#[test]
fn a_step_that_fails_fails_only_its_own_request() {
    for word in ["fail", "panic"] {
        let (server, seen) = start(GenerationLimits::new(4096));
        std::thread::scope(|scope| {
            let held = scope.spawn(|| server.infer(body("gate 1 2", json!({"max_tokens": 300}))));
            seen.gate.wait_for(1);
            let fine = scope.spawn(|| server.infer(body("1 2 3", json!({"max_tokens": 300}))));
            let failing = scope.spawn(|| server.infer(body(&format!("1 {word}"), json!({"max_tokens": 300}))));
            until("the others wait", || (server.engine.in_flight().queued == 2).then_some(()));
            seen.gate.open();
            let failed = failing.join().unwrap();
            assert_eq!(failed.status, 500, "{word}: {}", failed.text);
            assert!(!failed.text.contains("secret"));
            for other in [held, fine] {
                assert_eq!(output(&other.join().unwrap())["usage"]["completion_tokens"], 300);
            }
        });
        until("all sequences are gone", || (seen.sequences.load(SeqCst) == 0).then_some(()));
    }
}

#[test]
fn sequences_that_run_alone_take_turns_with_all_others() {
    let (server, seen) = start(GenerationLimits::new(1 << 20));
    std::thread::scope(|scope| {
        // It never ends, and passes the gate again and again.
        let first = server.admitted(&body("gate 1", json!({})));
        seen.gate.wait_for(1);
        let second = scope.spawn(|| server.infer(body("1 2 3", json!({"max_tokens": 300}))));
        let failing = scope.spawn(|| server.infer(body("1 fail", json!({}))));
        until("the others wait", || (server.engine.in_flight().queued == 2).then_some(()));
        seen.gate.open();
        assert_eq!(failing.join().unwrap().status, 500);
        // From here on the first and the second one run alone, beside one that has come later and does not end either.
        let _late = server.admitted(&body("2 3", json!({})));
        assert_eq!(output(&second.join().unwrap())["usage"]["completion_tokens"], 300);
        assert_eq!(output(&server.infer(body("3 4", json!({"max_tokens": 200}))))["usage"]["completion_tokens"], 200);
        let passed = seen.gate.arrivals().len();
        until("the first one goes on", || (seen.gate.arrivals().len() > passed + 100).then_some(()));
        drop(first);
    });
}

#[test]
fn a_deadline_ends_a_sequence_and_nothing_else() {
    let (model, seen) = Repeats::new(GenerationLimits::new(1 << 20));
    let server = Server::start(engine(model).setting("CHARIOT_ENGINE_TIMEOUT", "500ms"));
    assert_eq!(server.infer(body("1 2 3", json!({}))).status, 504);
    until("its sequence is gone", || (seen.sequences.load(SeqCst) == 0).then_some(()));
    assert_eq!(output(&server.infer(body("1", json!({"max_tokens": 2}))))["generated_text"], "1 1");
}

#[test]
fn what_a_generator_cannot_do_is_refused_by_name() {
    let (server, seen) = start(GenerationLimits::new(8));
    let mut messages = e2e::Messages::new();
    for (name, request) in [
        ("a prompt of the whole context", body("1 2 3 4 5 6 7 1", json!({}))),
        ("a longer prompt", body(&"1 ".repeat(100), json!({}))),
        ("no tokens", body(" ", json!({}))),
        ("logprobs", body("1", json!({"logprobs": 21}))),
        ("a parameter out of range", body("1", json!({"temperature": 9}))),
        (
            "what the template refuses",
            json!({"inputs": [{"name": "a", "data": [[{"role": "tool", "content": "1"}]]}]}).to_string(),
        ),
        ("another object", json!({"inputs": [{"name": "a", "data": [{"prompt": "1"}]}]}).to_string()),
    ] {
        let answer = server.infer(request);
        assert_eq!(answer.status, 400, "{name}: {}", answer.text);
        messages.add(name, answer.error(400));
    }
    insta::assert_snapshot!("refused", messages);
    assert_eq!(seen.sequences.load(SeqCst), 0);
}

#[test]
fn the_items_of_a_request_run_together() {
    let (server, seen) = start(GenerationLimits::new(4096));
    let request = json!({"inputs": [{"name": "a", "data": ["1 2", "3", "4 5 6"], "parameters": {"max_tokens": 100}}]});
    let answer = server.infer(request.to_string());
    let json: Value = serde_json::from_str(&answer.text).unwrap();
    let outputs = json["outputs"][0]["data"].as_array().unwrap();
    let starts: Vec<&str> = outputs.iter().map(|output| &output[0]["generated_text"].as_str().unwrap()[..1]).collect();
    assert_eq!(starts, ["1", "3", "4"]);
    assert!(seen.most.load(SeqCst) >= 2);
}
