//! Failures of a model (errors, panics, wrong counts) are a 500 for their request and affect nothing else. Rejections
//! by a model are a 400.

use chariot_engine::{
    input::{DecodeContext, ElementPayload, modality},
    output::EncodeContext,
    prelude::*,
    protocol::JsonText,
    reject,
    testing::{TestEngine, TestResponse},
};
use e2e::Messages;

use crate::{
    scripted::{Scripted, echo},
    support::{text, texts},
};

/// Returns the message of an error that must have this status and stand in the envelope.
#[track_caller]
fn error(answer: &TestResponse, status: u16) -> String {
    assert_eq!(answer.status, status, "{:?}", answer.body);
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.json().as_object().map(serde_json::Map::len), Some(1));
    answer.error()
}

/// Sends one text in a request with the id `r-1`.
fn ask(engine: &TestEngine, word: &str) -> TestResponse {
    engine.infer(text(word).replacen('{', r#"{"id": "r-1", "#, 1))
}

/// Checks that a failure names its request and nothing of its cause, and returns its message.
#[track_caller]
fn failure(answer: &TestResponse) -> String {
    let error = error(answer, 500);
    assert!(error.contains("r-1") && !error.contains("secret"), "{error}");
    error
}

#[test]
fn the_cause_of_a_failure_is_not_sent_to_the_caller() {
    let model = Scripted::blocking(|batch| match batch.iter().next().expect("an item").as_str() {
        "panic" => panic!("a secret of the model"),
        "panic with a value" => std::panic::panic_any(7),
        "error" => Err("a secret of the model".into()),
        "context" => Err(Error::from("a secret of the model").context("another").at("input 'text'")),
        "io" => Ok(std::fs::read_to_string("/no/such/file").map(|text| vec![Json(text)])?),
        "too few" => Ok(vec![]),
        "too many" => Ok(vec![Json("a".into()), Json("b".into())]),
        _ => echo(batch),
    });
    let model = model.admit(|text| match text {
        "admit panics" => panic!("a secret of the model"),
        "admit fails" => Err("a secret of the model".into()),
        "admit rejects" => reject!("expected a shorter text"),
        _ => Ok(BatchCost::default()),
    });
    let engine = TestEngine::start(Engine::builder().instance("faults", model).configure(|of| of.workers = Some(1)));
    let engine = engine.unwrap();
    let faults = ["panic", "panic with a value", "error", "context", "io", "too few", "too many"];
    let mut messages = Messages::new();
    for fault in faults.into_iter().chain(["admit panics", "admit fails"]) {
        messages.add(fault, failure(&ask(&engine, fault)));
        assert_eq!(ask(&engine, "good").status, 200, "the only worker continues after: {fault}");
    }
    insta::assert_snapshot!("failures", messages);
    assert_eq!(error(&ask(&engine, "admit rejects"), 400), "input 'text': expected a shorter text");

    // Without an id of the caller, the engine makes one. It stands at the end, in parentheses.
    let fresh = error(&engine.infer(text("error")), 500);
    let id = fresh.rsplit([' ', '(']).next().map(|word| word.trim_end_matches(')').len());
    assert_eq!(id, Some(36), "a fresh id: {fresh}");
    assert_eq!(engine.get("/ready").status, 200, "an engine with failing requests is ready");
}

/// A text whose decoding goes wrong on command.
struct Fragile(String);

impl Input for Fragile {
    type Modality = modality::Text;

    fn decode(part: ElementPayload, _: &DecodeContext<'_>) -> Result<Self> {
        let text = part.text()?.into_owned();
        match &*text {
            "decode panics" => panic!("a secret of the decoder"),
            "decode fails" => Err("a secret of the decoder".into()),
            "decode rejects" => reject!("expected a word"),
            _ => Ok(Fragile(text)),
        }
    }
}

/// An output whose encoding goes wrong on command.
struct Brittle(String);

impl Output<modality::Text> for Brittle {
    fn encode(self, _: &EncodeContext<'_>) -> Result<JsonText> {
        match &*self.0 {
            "encode panics" => panic!("a secret of the encoder"),
            "encode fails" => Err("a secret of the encoder".into()),
            "encode rejects" => reject!("expected another text"),
            "nan" => Ok(JsonText::from_value(&f32::NAN)?),
            text => Ok(JsonText::from_value(text)?),
        }
    }
}

struct Glass;

impl Model for Glass {
    type Settings = ();
    type Input = Fragile;
    type Output = Brittle;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Glass)
    }

    async fn infer(&self, batch: Batch<Fragile>) -> Result<Vec<Brittle>> {
        batch.try_map(|item| Ok(Brittle(item.0.clone())))
    }
}

#[test]
fn failures_of_custom_inputs_and_outputs_are_failures_of_the_model() {
    let builder = Engine::builder().model::<Glass>("glass").configure(|of| of.workers = Some(1));
    let engine = TestEngine::start(builder).unwrap();
    for fault in ["decode panics", "decode fails", "encode panics", "encode fails"] {
        failure(&ask(&engine, fault));
        assert_eq!(ask(&engine, "good").status, 200, "the only worker continues after: {fault}");
    }
    // Reported to the caller, who can read the value in binary form.
    insta::assert_snapshot!("nan", error(&ask(&engine, "nan"), 500));
    assert_eq!(error(&ask(&engine, "decode rejects"), 400), "input 'text': expected a word");
    assert_eq!(error(&ask(&engine, "encode rejects"), 400), "input 'text': expected another text");
}

/// A model that returns a result per item.
struct Each;

impl Model for Each {
    type Settings = ();
    type Input = Text;
    type Output = Result<Json<usize>>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Each)
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Result<Json<usize>>>> {
        batch.map_each(|text| match text.as_str() {
            "" => reject!("expected a text, got an empty string"),
            "fail" => Err("a secret of the model".into()),
            "away" => Err(Error::unavailable("the store is unavailable")),
            text => Ok(Json(text.len())),
        })
    }
}

#[test]
fn all_rejected_items_of_a_request_are_named() {
    let engine = TestEngine::start(Engine::builder().model::<Each>("each")).unwrap();
    let answer = engine.infer(texts([("a", "one"), ("b", ""), ("c", "three"), ("d", "")]));
    let rejected = "expected a text, got an empty string";
    assert_eq!(error(&answer, 400), format!("input 'b': {rejected}; input 'd': {rejected}"));

    let names: Vec<_> = (0..13).map(|index| format!("n{index}")).collect();
    let text = error(&engine.infer(texts(names.iter().map(|name| (&name[..], "")))), 400);
    assert!(text.contains("input 'n9'") && !text.contains("input 'n10'"), "{text}");
    insta::assert_snapshot!("thirteen_rejections", text);

    assert_eq!(engine.infer(texts([("a", "one"), ("c", "three")])).status, 200);
    let text = error(&engine.infer(texts([("a", "one"), ("b", "fail")])), 500);
    assert!(!text.contains("secret"), "{text}");
    let text = error(&engine.infer(texts([("a", "fail"), ("b", "")])), 400);
    assert_eq!(text, format!("input 'b': {rejected}"), "a rejection takes precedence over a failure");
}

#[test]
fn an_unavailable_dependency_is_a_503() {
    let engine = TestEngine::start(Engine::builder().model::<Each>("each")).unwrap();
    let answer = engine.infer(text("away"));
    assert_eq!(error(&answer, 503), "input 'text': the store is unavailable");
    assert!(answer.headers.contains_key("retry-after"));
}

#[test]
fn a_rejection_of_the_whole_batch_is_sent_unchanged() {
    let model = Scripted::blocking(|_| reject!("expected texts in one language"));
    let engine = TestEngine::start(Engine::builder().instance("rejects", model)).unwrap();
    assert_eq!(error(&engine.infer(texts([("a", "x"), ("b", "y")])), 400), "expected texts in one language");
    let alone = error(&engine.infer(text("a")), 400);
    assert_eq!(alone, "input 'text': expected texts in one language", "a single item is named");
}

#[test]
fn a_rejected_element_is_named_by_its_index() {
    let model = Scripted::blocking(|batch| {
        batch.try_map(|text| {
            if text.as_str().is_empty() {
                reject!("expected a longer text");
            }
            Ok(Json(text.to_string()))
        })
    });
    let engine = TestEngine::start(Engine::builder().instance("choosy", model)).unwrap();
    let answer = engine.infer(r#"{"inputs": [{"name": "u", "data": ["a", ""]}]}"#);
    assert_eq!(error(&answer, 400), "input 'u': data[1]: expected a longer text");
    let answer = engine.infer(r#"{"inputs": [{"name": "u", "data": [""]}]}"#);
    assert_eq!(error(&answer, 400), "input 'u': expected a longer text");
}
