//! What a model does wrong is a 500 for its request and nothing more: errors, panics, wrong counts. What it refuses is a
//! 400 for its caller.

use chariot_engine::{
    input::{DecodeContext, ElementPayload, modality},
    output::EncodeContext,
    prelude::*,
    protocol::JsonText,
    reject,
    testing::{TestEngine, TestResponse},
};

use crate::{
    scripted::{Scripted, echo},
    support::{text, texts},
};

/// The text of an error in its envelope, of this status.
#[track_caller]
fn error(answer: &TestResponse, status: u16) -> String {
    assert_eq!(answer.status, status, "{:?}", answer.body);
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.json().as_object().map(serde_json::Map::len), Some(1));
    answer.error()
}

/// An inference of one text whose request has an id.
fn ask(engine: &TestEngine, word: &str) -> TestResponse {
    engine.infer(text(word).replacen('{', r#"{"id": "r-1", "#, 1))
}

const FAILED: &str = "the model failed (request r-1)";

#[test]
fn what_a_model_does_wrong_is_told_to_the_log_and_not_to_the_caller() {
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
        "admit refuses" => reject!("a shorter text is expected"),
        _ => Ok(BatchCost::default()),
    });
    let engine = TestEngine::start(Engine::builder().instance("faults", model).configure(|of| of.workers = Some(1)));
    let engine = engine.unwrap();
    let faults = ["panic", "panic with a value", "error", "context", "io", "too few", "too many"];
    for fault in faults.into_iter().chain(["admit panics", "admit fails"]) {
        assert_eq!(error(&ask(&engine, fault), 500), FAILED, "{fault}");
        assert_eq!(ask(&engine, "good").status, 200, "the one worker lives on after: {fault}");
    }
    assert_eq!(error(&ask(&engine, "admit refuses"), 400), "input 'text': a shorter text is expected");

    let fresh = error(&engine.infer(text("error")), 500);
    let id = fresh.strip_prefix("the model failed (request ").and_then(|rest| rest.strip_suffix(")"));
    assert_eq!(id.map(str::len), Some(36), "a fresh id: {fresh}");
    assert_eq!(engine.get("/ready").status, 200, "an engine whose requests fail is ready");
}

/// A text whose decoding may panic.
struct Fragile(String);

impl Input for Fragile {
    type Modality = modality::Text;

    fn decode(part: ElementPayload, _: &DecodeContext<'_>) -> Result<Self> {
        let text = part.text()?.into_owned();
        match &*text {
            "decode panics" => panic!("a secret of the decoder"),
            "decode fails" => Err("a secret of the decoder".into()),
            "decode refuses" => reject!("a word is expected"),
            _ => Ok(Fragile(text)),
        }
    }
}

/// An answer whose encoding may panic.
struct Brittle(String);

impl Output<modality::Text> for Brittle {
    fn encode(self, _: &EncodeContext<'_>) -> Result<JsonText> {
        match &*self.0 {
            "encode panics" => panic!("a secret of the encoder"),
            "encode fails" => Err("a secret of the encoder".into()),
            "encode refuses" => reject!("no such answer"),
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
fn faults_of_the_authors_own_inputs_and_outputs_are_faults_of_the_model() {
    let builder = Engine::builder().model::<Glass>("glass").configure(|of| of.workers = Some(1));
    let engine = TestEngine::start(builder).unwrap();
    for fault in ["decode panics", "decode fails", "encode panics", "encode fails"] {
        assert_eq!(error(&ask(&engine, fault), 500), FAILED, "{fault}");
        assert_eq!(ask(&engine, "good").status, 200, "the one worker lives on after: {fault}");
    }
    let nan = error(&ask(&engine, "nan"), 500);
    assert!(nan.contains("NaN or infinite, which JSON cannot hold"), "what the caller can read in another form: {nan}");
    assert_eq!(error(&ask(&engine, "decode refuses"), 400), "input 'text': a word is expected");
    assert_eq!(error(&ask(&engine, "encode refuses"), 400), "input 'text': no such answer");
}

/// An engine of which every item has a result of its own.
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
            "" => reject!("a text is expected, an empty one came"),
            "fail" => Err("a secret of the model".into()),
            "away" => Err(Error::unavailable("the store is away")),
            text => Ok(Json(text.len())),
        })
    }
}

#[test]
fn of_several_items_all_that_are_refused_are_named() {
    let engine = TestEngine::start(Engine::builder().model::<Each>("each")).unwrap();
    let answer = engine.infer(texts([("a", "one"), ("b", ""), ("c", "three"), ("d", "")]));
    let refused = "a text is expected, an empty one came";
    assert_eq!(error(&answer, 400), format!("input 'b': {refused}; input 'd': {refused}"));

    let names: Vec<_> = (0..13).map(|index| format!("n{index}")).collect();
    let text = error(&engine.infer(texts(names.iter().map(|name| (&name[..], "")))), 400);
    assert!(text.contains("input 'n9'") && !text.contains("input 'n10'") && text.ends_with("and 3 more"), "{text}");

    assert_eq!(engine.infer(texts([("a", "one"), ("c", "three")])).status, 200);
    let text = error(&engine.infer(texts([("a", "one"), ("b", "fail")])), 500);
    assert!(text.starts_with("the model failed (request "), "{text}");
    let text = error(&engine.infer(texts([("a", "fail"), ("b", "")])), 400);
    assert_eq!(text, format!("input 'b': {refused}"), "what the caller can mend is told first");
}

#[test]
fn what_is_not_there_just_now_is_a_503() {
    let engine = TestEngine::start(Engine::builder().model::<Each>("each")).unwrap();
    let answer = engine.infer(text("away"));
    assert_eq!(error(&answer, 503), "input 'text': the store is away");
    assert!(answer.headers.contains_key("retry-after"));
}

#[test]
fn a_model_that_refuses_the_whole_batch_is_quoted() {
    let model = Scripted::blocking(|_| reject!("texts of one language are expected"));
    let engine = TestEngine::start(Engine::builder().instance("refuses", model)).unwrap();
    assert_eq!(error(&engine.infer(texts([("a", "x"), ("b", "y")])), 400), "texts of one language are expected");
    let alone = error(&engine.infer(text("a")), 400);
    assert_eq!(alone, "input 'text': texts of one language are expected", "of one item it is known which it is");
}

#[test]
fn what_is_refused_among_several_elements_is_named_by_its_index() {
    let model = Scripted::blocking(|batch| {
        batch.try_map(|text| {
            if text.as_str().is_empty() {
                reject!("a longer text is expected");
            }
            Ok(Json(text.to_string()))
        })
    });
    let engine = TestEngine::start(Engine::builder().instance("choosy", model)).unwrap();
    let answer = engine.infer(r#"{"inputs": [{"name": "u", "data": ["a", ""]}]}"#);
    assert_eq!(error(&answer, 400), "input 'u': data[1]: a longer text is expected");
    let answer = engine.infer(r#"{"inputs": [{"name": "u", "data": [""]}]}"#);
    assert_eq!(error(&answer, 400), "input 'u': a longer text is expected");
}
