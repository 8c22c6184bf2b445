//! Engines of every kind that must refuse bodies, and how an answer to a bad body is looked at. `bad_input` and
//! `bad_json` have the bodies.

use std::{
    io::Cursor,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use chariot_engine::{EngineBuilder, prelude::*, testing::TestEngine};
use e2e::base64;
use serde::Deserialize;
use serde_json::{Value, json};

/// Stands in the payload of many bodies, and must never be answered.
pub(crate) const SECRET: &str = "SECRETPAYLOAD";

/// What no answer may hold: the payload, paths of the host, Rust's names, backtraces.
const NEVER: [&str; 6] = [SECRET, "src/", "/root", "/home", "::", "stack backtrace"];

/// A body that is refused: where the fault is, what it is, and the body. Place and fault are parts of the answer.
pub(crate) type Row = (&'static str, &'static str, Vec<u8>);

/// A row of a table.
pub(crate) fn row(place: &'static str, fault: &'static str, body: impl Into<Vec<u8>>) -> Row {
    (place, fault, body.into())
}

/// A row whose body is made of JSON.
pub(crate) fn json_row(place: &'static str, fault: &'static str, body: Value) -> Row {
    row(place, fault, body.to_string())
}

/// An engine that counts the items that reach its model, and a body that it takes.
pub(crate) struct Tested {
    engine: TestEngine,
    good: String,
    infers: Arc<AtomicUsize>,
}

impl Tested {
    fn start(builder: EngineBuilder, good: Value, infers: Arc<AtomicUsize>) -> Self {
        Tested { engine: TestEngine::start(builder).unwrap(), good: good.to_string(), infers }
    }

    /// Sends every body, and says of all of them together what is not as it must be.
    #[track_caller]
    pub(crate) fn refuses(&self, table: &[Row]) {
        let before = self.infers.load(Ordering::SeqCst);
        let faults: Vec<_> = table.iter().filter_map(|row| self.fault(row)).collect();
        assert!(faults.is_empty(), "{} of {} bodies:\n{}", faults.len(), table.len(), faults.join("\n"));
        assert_eq!(self.infers.load(Ordering::SeqCst), before, "no refused item reaches the model");
        let answer = self.engine.infer(self.good.clone());
        assert_eq!(answer.status, 200, "the engine serves on: {:?}", answer.body);
    }

    fn fault(&self, (place, fault, body): &Row) -> Option<String> {
        let answer = self.engine.infer(body.clone());
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let wrong = |what: &str| {
            let body = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
            Some(format!("{what}\n  body: {body}\n  answer: {} {text}", answer.status))
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
        if let Some(part) = [place, fault].into_iter().find(|part| !error.contains(**part)) {
            return wrong(&format!("without '{part}'"));
        }
        NEVER.iter().find(|part| error.contains(**part)).and_then(|part| wrong(&format!("with '{part}'")))
    }
}

/// Pictures in, classes out.
struct Pictures {
    labels: ClassLabels,
    infers: Arc<AtomicUsize>,
}

impl Model for Pictures {
    type Settings = ();
    type Input = Image;
    type Output = Classification;

    async fn load(_: &LoadContext) -> Result<Self> {
        Err("the test gives an instance".into())
    }

    async fn infer(&self, batch: Batch<Image>) -> Result<Vec<Classification>> {
        self.infers.fetch_add(batch.len(), Ordering::SeqCst);
        batch.try_map(|_| Classification::new(vec![0.25, 0.75], &self.labels, 1))
    }
}

pub(crate) fn pictures() -> Tested {
    let infers = Arc::new(AtomicUsize::new(0));
    let labels = ["cat", "dog"].into_iter().collect();
    let builder = Engine::builder().instance("pictures", Pictures { labels, infers: infers.clone() });
    Tested::start(builder, json!({"inputs": [{"name": "a", "data": [base64(png())]}]}), infers)
}

/// Rows of numbers, and a weight for each.
#[derive(TensorInput)]
struct Rows {
    /// Four numbers a row
    #[tensor(shape = [n, 4])]
    features: Vec<f32>,
    /// One number a row
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
        Err("the test gives an instance".into())
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

/// A question as a JSON value.
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
        Err("the test gives an instance".into())
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

/// Texts in, their lengths out.
struct Words(Arc<AtomicUsize>);

impl Model for Words {
    type Settings = ();
    type Input = Text;
    type Output = Json<usize>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Err("the test gives an instance".into())
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

/// The smallest picture there is.
pub(crate) fn png() -> Vec<u8> {
    let mut png = Cursor::new(Vec::new());
    image::DynamicImage::new_luma8(1, 1).write_to(&mut png, image::ImageFormat::Png).unwrap();
    png.into_inner()
}

/// A good first input of [`table`].
pub(crate) fn features() -> Value {
    json!({"name": "features", "datatype": "FP32", "shape": [2, 4], "data": [1, 2, 3, 4, 5, 6, 7, 8]})
}

/// A good second input of [`table`].
pub(crate) fn weight() -> Value {
    json!({"name": "weight", "datatype": "INT64", "shape": [2], "data": [1, 2]})
}

/// A request for [`questions`].
pub(crate) fn question(data: Value, parameters: Value) -> Value {
    json!({"inputs": [{"name": "q", "data": data, "parameters": parameters}]})
}
