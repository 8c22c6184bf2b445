//! An engine for a golden file: a model that returns the results in the file's `model` for every item. `write` and
//! `compare` start it.

use chariot_engine::{EngineBuilder, input::Modality, prelude::*, protocol::JsonText};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// A model whose inference of an item is a closure.
struct Fixed<I, O>(Box<Infer<I, O>>);

type Infer<I, O> = dyn Fn(&Item<I>) -> Result<O> + Send + Sync;

impl<I: Input, O: Output<I::Modality>> Model for Fixed<I, O> {
    type Settings = ();
    type Input = I;
    type Output = O;

    async fn load(_: &LoadContext) -> Result<Self> {
        Err("the test passes an instance".into())
    }

    async fn infer(&self, batch: Batch<I>) -> Result<Vec<O>> {
        batch.try_map(|item| (self.0)(&item))
    }
}

/// Returns an engine of a task with these results, in an output layout.
pub(super) fn engine(task: &str, results: &Value, layout: &str) -> EngineBuilder {
    let builder = of_task(task, results.clone()).version("1").configure(|settings| settings.workers = Some(1));
    if layout == "default" { builder } else { builder.setting("CHARIOT_ENGINE_OUTPUT_LAYOUT", layout) }
}

/// Returns results of another model of the task: other labels, other counts, other lengths.
pub(super) fn other_results(task: &str) -> Value {
    match task {
        "Image Classification" | "Text Classification" | "Structured Data Classification" => {
            json!({"labels": ["a", "b", "c"], "probabilities": [0.5, 0.25, 0.25], "top_k": 1})
        }
        "Object Detection" => json!({"labels": ["a"], "detections": [
            {"class": 0, "score": 0.9, "xmin": 1, "ymin": 1, "xmax": 3, "ymax": 2},
        ]}),
        "Oriented Object Detection" => json!({"labels": ["a"], "detections": [
            {"class": 0, "score": 0.9, "cx": 1, "cy": 1, "w": 2, "h": 1, "r": 0},
        ]}),
        "Image Segmentation" => json!({"labels": ["a", "b", "c", "d"], "mask": [[4, 0]]}),
        "Image Embedding" | "Text Embedding" => json!({"embedding": [1.0]}),
        "Token Classification" => json!({"labels": ["a"], "tokens": []}),
        "Text Generation" | "Summarization" | "Translation" => json!({"text": ""}),
        "Text Fill Mask" => json!({"predictions": [{"sequence": "a", "score": 0.5, "token": 0, "token_str": "a"}]}),
        "Question Answering" => json!({"answer": "", "score": 0.0, "start": 0, "end": 0}),
        "Structured Data Regression" => json!({"number": -2.0}),
        other => panic!("no results of the task '{other}'"),
    }
}

fn of_task(task: &str, model: Value) -> EngineBuilder {
    match task {
        "Image Classification" => with(model, |_: &Item<Image>, found: &Classified| found.output()),
        "Text Classification" => with(model, |_: &Item<Text>, found: &Classified| found.output()),
        "Structured Data Classification" => with(model, |_: &Item<Row<House>>, found: &Classified| found.output()),
        "Object Detection" => with(model, detections),
        "Oriented Object Detection" => with(model, oriented_detections),
        "Image Segmentation" => with(model, segmentation),
        "Image Embedding" => with(model, |_: &Item<Image>, found: &Vector| Embedding::new(found.embedding.clone())),
        "Text Embedding" => with(model, |_: &Item<Text>, found: &Vector| Embedding::new(found.embedding.clone())),
        "Token Classification" => with(model, tokens),
        "Text Generation" => with(model, |_: &Item<Text>, found: &Words| Ok(GeneratedText::new(&found.text))),
        "Summarization" => with(model, |_: &Item<Text>, found: &Words| Ok(Summary(found.text.clone()))),
        "Translation" => with(model, |_: &Item<Text>, found: &Words| Ok(Translation(found.text.clone()))),
        "Text Fill Mask" => with(model, fill_mask),
        "Question Answering" => with(model, |_: &Item<Json<Question>>, found: &Answered| {
            ExtractedAnswer::new(found.answer.as_str(), found.score, found.start, found.end)
        }),
        "Structured Data Regression" => {
            with(model, |_: &Item<Row<House>>, found: &Estimated| Ok(Regression::from(found.number)))
        }
        other => panic!("no engine of the task '{other}'"),
    }
}

/// Returns an engine of a function of the item and of the results in a file.
fn with<I, O, F>(model: Value, infer: fn(&Item<I>, &F) -> Result<O>) -> EngineBuilder
where
    I: Input,
    I::Modality: Modality<Encoded = JsonText>,
    O: Output<I::Modality>,
    F: DeserializeOwned + Send + Sync + 'static,
{
    let found: F = serde_json::from_value(model).expect("the `model` of a golden file");
    Engine::builder().instance("golden", Fixed(Box::new(move |item: &Item<I>| infer(item, &found))))
}

fn labels(names: &[String]) -> ClassLabels {
    names.iter().map(String::as_str).collect()
}

#[derive(Deserialize)]
struct Classified {
    labels: Vec<String>,
    probabilities: Vec<f32>,
    top_k: usize,
}

impl Classified {
    fn output(&self) -> Result<Classification> {
        Classification::new(self.probabilities.clone(), &labels(&self.labels), self.top_k)
    }
}

#[derive(Deserialize)]
struct Boxes {
    labels: Vec<String>,
    detections: Vec<UprightBox>,
}

#[derive(Deserialize)]
struct UprightBox {
    class: usize,
    score: f32,
    xmin: f32,
    ymin: f32,
    xmax: f32,
    ymax: f32,
}

fn detections(image: &Item<Image>, found: &Boxes) -> Result<Detections> {
    let detections = found.detections.iter().map(|&UprightBox { class, score, xmin, ymin, xmax, ymax }| {
        Detection::new(class, score, [xmin, ymin, xmax, ymax])
    });
    let size = (image.width(), image.height());
    Detections::at_least(image.score_threshold(), detections, &labels(&found.labels), size)
}

#[derive(Deserialize)]
struct RotatedBoxes {
    labels: Vec<String>,
    detections: Vec<RotatedBox>,
}

#[derive(Deserialize)]
struct RotatedBox {
    class: usize,
    score: f32,
    cx: f32,
    cy: f32,
    w: f32,
    h: f32,
    r: f32,
}

fn oriented_detections(image: &Item<Image>, found: &RotatedBoxes) -> Result<OrientedDetections> {
    let detections = found.detections.iter().map(|&RotatedBox { class, score, cx, cy, w, h, r }| OrientedDetection {
        class,
        score,
        cx,
        cy,
        w,
        h,
        r,
    });
    let size = (image.width(), image.height());
    OrientedDetections::at_least(image.score_threshold(), detections, &labels(&found.labels), size)
}

#[derive(Deserialize)]
struct Mask {
    labels: Vec<String>,
    mask: Vec<Vec<u32>>,
}

fn segmentation(image: &Item<Image>, found: &Mask) -> Result<Segmentation> {
    let size = (u32::try_from(found.mask[0].len())?, u32::try_from(found.mask.len())?);
    let labels = labels(&found.labels);
    let labels = MaskLabels::AfterBackground(&labels);
    Segmentation::new(found.mask.concat(), labels, size)?.resized((image.width(), image.height()))
}

#[derive(Deserialize)]
struct Vector {
    embedding: Vec<f32>,
}

#[derive(Deserialize)]
struct Tokens {
    labels: Vec<String>,
    tokens: Vec<Token>,
}

#[derive(Clone, Deserialize)]
struct Token {
    class: usize,
    score: f32,
    index: usize,
    word: String,
    start: usize,
    end: usize,
}

fn tokens(_: &Item<Text>, found: &Tokens) -> Result<TokenClassification> {
    let tokens = found.tokens.iter().cloned().map(|Token { class, score, index, word, start, end }| ClassifiedToken {
        class,
        score,
        index,
        word,
        start,
        end,
    });
    TokenClassification::new(tokens.collect(), &labels(&found.labels))
}

#[derive(Deserialize)]
struct Words {
    text: String,
}

#[derive(Deserialize)]
struct Fillings {
    predictions: Vec<Filling>,
}

#[derive(Clone, Deserialize)]
struct Filling {
    sequence: String,
    score: f32,
    token: u32,
    token_str: String,
}

fn fill_mask(_: &Item<Text>, found: &Fillings) -> Result<FillMask> {
    let predictions = found.predictions.iter().cloned();
    let predictions = predictions.map(|Filling { sequence, score, token, token_str }| MaskPrediction {
        sequence,
        score,
        token,
        token_str,
    });
    FillMask::new(predictions.collect())
}

#[derive(Deserialize)]
struct Answered {
    answer: String,
    score: f32,
    start: usize,
    end: usize,
}

#[derive(Deserialize)]
struct Estimated {
    number: f64,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "the fixed result depends on no item")]
struct Question {
    question: String,
    context: String,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "the fixed result depends on no item")]
struct House {
    rooms: f32,
    floors: u8,
}
