//! Engines of every kind that must reject bodies, and the check of a response to a bad body. The bodies are in
//! `bad_input` and `bad_json`.

use std::{
    io::Cursor,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use chariot_engine::{EngineBuilder, prelude::*, testing::TestEngine};
use e2e::{Messages, base64};
use serde::Deserialize;
use serde_json::{Value, json};

/// A part of the payload of many bodies that must never appear in a response.
pub(crate) const SECRET: &str = "SECRETPAYLOAD";

/// Texts that no response may contain: the payload, paths of the host, names of Rust types, backtraces.
const NEVER: [&str; 6] = [SECRET, "src/", "/root", "/home", "::", "stack backtrace"];

/// The location of a fault, and a body that has it. The error must start with the location. After ` ... ` follow parts
/// that it must contain, in this order: further locations, names, limits.
pub(crate) type Row = (&'static str, Vec<u8>);

/// Makes a row of a table.
pub(crate) fn row(location: &'static str, body: impl Into<Vec<u8>>) -> Row {
    (location, body.into())
}

/// Makes a row with a JSON body.
pub(crate) fn json_row(location: &'static str, body: Value) -> Row {
    row(location, body.to_string())
}

/// Sends every body to one engine of each kind, and returns the messages. Messages that depend on the engine are listed
/// once each.
#[track_caller]
pub(crate) fn all_reject(table: &[Row]) -> Messages {
    let engines = [images(), self::table(), questions()].map(|engine| engine.errors(table));
    let mut messages = Messages::new();
    for (index, (_, body)) in table.iter().enumerate() {
        let mut distinct: Vec<&String> = engines.iter().map(|errors| &errors[index]).collect();
        distinct.dedup();
        for message in distinct {
            messages.add(String::from_utf8_lossy(body), message);
        }
    }
    messages
}

/// An engine that counts the items that reach its model, and a body that it accepts.
pub(crate) struct Tested {
    engine: TestEngine,
    good: String,
    infers: Arc<AtomicUsize>,
}

impl Tested {
    fn start(builder: EngineBuilder, good: Value, infers: Arc<AtomicUsize>) -> Self {
        Tested { engine: TestEngine::start(builder).unwrap(), good: good.to_string(), infers }
    }

    /// Sends every body, checks every response, and returns the messages.
    #[track_caller]
    pub(crate) fn rejects(&self, table: &[Row]) -> Messages {
        let mut messages = Messages::new();
        for ((_, body), error) in table.iter().zip(self.errors(table)) {
            messages.add(String::from_utf8_lossy(body), error);
        }
        messages
    }

    /// Sends every body, checks every response, and returns the errors. All violations are reported together.
    #[track_caller]
    fn errors(&self, table: &[Row]) -> Vec<String> {
        let before = self.infers.load(Ordering::SeqCst);
        let (mut errors, mut violations) = (Vec::new(), Vec::new());
        for row in table {
            match self.error(row) {
                Ok(error) => errors.push(error),
                Err(violation) => violations.push(violation),
            }
        }
        assert!(violations.is_empty(), "{} of {} bodies:\n{}", violations.len(), table.len(), violations.join("\n"));
        assert_eq!(self.infers.load(Ordering::SeqCst), before, "a rejected item has reached the model");
        let answer = self.engine.infer(self.good.clone());
        assert_eq!(answer.status, 200, "the engine no longer serves: {:?}", answer.body);
        errors
    }

    /// Sends a body and returns the error of the response, or the way in which the response is wrong.
    fn error(&self, (location, body): &Row) -> Result<String, String> {
        let answer = self.engine.infer(body.clone());
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let wrong = |what: &str| {
            let body = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
            Err(format!("{what}\n  body: {body}\n  response: {} {text}", answer.status))
        };
        let content_type = answer.headers.get("content-type").map(|value| value.as_bytes());
        if answer.status != 400 || content_type != Some(b"application/json") {
            return wrong("not a 400 in JSON");
        }
        let envelope: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let Some(error) = envelope["error"].as_str().filter(|_| envelope.as_object().is_some_and(|of| of.len() == 1))
        else {
            return wrong("not in the envelope");
        };
        let mut parts = location.split("...").map(str::trim);
        let start = parts.next().unwrap_or_default();
        let Some(mut rest) = error.strip_prefix(start) else {
            return wrong(&format!("does not start with '{start}'"));
        };
        for part in parts {
            match rest.split_once(part) {
                Some((_, after)) => rest = after,
                None => return wrong(&format!("does not contain '{part}'")),
            }
        }
        if let Some(part) = NEVER.iter().find(|part| error.contains(**part)) {
            return wrong(&format!("contains '{part}'"));
        }
        Ok(error.to_string())
    }
}

/// A classifier of images.
struct Images {
    labels: ClassLabels,
    infers: Arc<AtomicUsize>,
}

impl Model for Images {
    type Settings = ();
    type Input = Image;
    type Output = Classification;

    async fn load(_: &LoadContext) -> Result<Self> {
        Err("the test passes an instance".into())
    }

    async fn infer(&self, batch: Batch<Image>) -> Result<Vec<Classification>> {
        self.infers.fetch_add(batch.len(), Ordering::SeqCst);
        batch.try_map(|_| Classification::new(vec![0.25, 0.75], &self.labels, 1))
    }
}

pub(crate) fn images() -> Tested {
    let infers = Arc::new(AtomicUsize::new(0));
    let labels = ["cat", "dog"].into_iter().collect();
    let builder = Engine::builder().instance("images", Images { labels, infers: infers.clone() });
    Tested::start(builder, json!({"inputs": [{"name": "a", "data": [base64(png())]}]}), infers)
}

/// Rows of numbers, and a weight per row.
#[derive(TensorInput)]
struct Rows {
    /// Four numbers per row
    #[tensor(shape = [n, 4])]
    features: Vec<f32>,
    /// One number per row
    #[tensor(shape = [n], convert)]
    weight: Vec<i64>,
}

#[derive(TensorOutput)]
struct Sums {
    /// The sum of every row
    #[tensor(shape = [n])]
    sum: Vec<f32>,
    /// The weight of every row
    #[tensor(shape = [n])]
    weight: Vec<i64>,
}

struct Table(Arc<AtomicUsize>);

impl Model for Table {
    type Settings = ();
    type Input = Rows;
    type Output = Sums;

    async fn load(_: &LoadContext) -> Result<Self> {
        Err("the test passes an instance".into())
    }

    async fn infer(&self, batch: Batch<Rows>) -> Result<Vec<Sums>> {
        self.0.fetch_add(batch.len(), Ordering::SeqCst);
        batch.try_map(|rows| {
            let sum = rows.features.chunks(4).map(|row| row.iter().sum()).collect();
            Ok(Sums { sum, weight: rows.weight.clone() })
        })
    }
}

pub(crate) fn table() -> Tested {
    let infers = Arc::new(AtomicUsize::new(0));
    let builder = Engine::builder().instance("table", Table(infers.clone()));
    Tested::start(builder, json!({"inputs": [features(), weight()], "outputs": [{"name": "sum"}]}), infers)
}

/// A question, sent as a JSON value.
#[derive(Deserialize)]
struct Question {
    text: String,
    tags: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sampling {
    top_k: u8,
    #[serde(default)]
    mode: Mode,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    Greedy,
    Random,
}

struct Questions(Arc<AtomicUsize>);

impl Model for Questions {
    type Settings = ();
    type Input = WithParams<Json<Question>, Sampling>;
    type Output = Json<usize>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Err("the test passes an instance".into())
    }

    async fn infer(&self, batch: Batch<Self::Input>) -> Result<Vec<Json<usize>>> {
        self.0.fetch_add(batch.len(), Ordering::SeqCst);
        batch.try_map(|item| {
            let Json(question) = &item.input;
            let times = if matches!(item.params.mode, Mode::Greedy) { 1 } else { item.params.top_k };
            Ok(Json((question.text.len() + question.tags.len()) * usize::from(times)))
        })
    }
}

pub(crate) fn questions() -> Tested {
    let infers = Arc::new(AtomicUsize::new(0));
    let builder = Engine::builder().instance("questions", Questions(infers.clone()));
    let good = question(json!([{"text": "why", "tags": []}]), json!({"top_k": 3, "mode": "random"}));
    Tested::start(builder, good, infers)
}

/// A model that returns the length of each text.
struct Words(Arc<AtomicUsize>);

impl Model for Words {
    type Settings = ();
    type Input = Text;
    type Output = Json<usize>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Err("the test passes an instance".into())
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<usize>>> {
        self.0.fetch_add(batch.len(), Ordering::SeqCst);
        batch.try_map(|text| Ok(Json(text.as_str().len())))
    }
}

pub(crate) fn words() -> Tested {
    let infers = Arc::new(AtomicUsize::new(0));
    let builder = Engine::builder().instance("words", Words(infers.clone()));
    Tested::start(builder, json!({"inputs": [{"name": "t", "data": "a bare text"}]}), infers)
}

/// Encodes an image of one pixel.
pub(crate) fn png() -> Vec<u8> {
    let mut png = Cursor::new(Vec::new());
    image::DynamicImage::new_luma8(1, 1).write_to(&mut png, image::ImageFormat::Png).unwrap();
    png.into_inner()
}

/// A valid first input of [`table`].
pub(crate) fn features() -> Value {
    json!({"name": "features", "datatype": "FP32", "shape": [2, 4], "data": [1, 2, 3, 4, 5, 6, 7, 8]})
}

/// A valid second input of [`table`].
pub(crate) fn weight() -> Value {
    json!({"name": "weight", "datatype": "INT64", "shape": [2], "data": [1, 2]})
}

/// A request for the engine of [`questions`].
pub(crate) fn question(data: Value, parameters: Value) -> Value {
    json!({"inputs": [{"name": "q", "data": data, "parameters": parameters}]})
}
