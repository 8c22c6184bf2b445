//! An engine for every task of the protocol, with outputs that the cases of `cases/5-tasks.toml` check exactly. `tasks`
//! runs the suite against each.

use chariot_engine::{EngineBuilder, prelude::*};
use serde::Deserialize;
use serde_json::{Value, json};

/// A model whose inference of an item is a function.
struct Of<I, O>(fn(&Item<I>) -> Result<O>);

impl<I: Input, O: Output<I::Modality>> Model for Of<I, O> {
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

/// An engine with known outputs.
pub(crate) struct Scripted {
    /// The task, as the platform names it.
    pub(crate) task: &'static str,
    /// The kind of its items.
    pub(crate) item: &'static str,
    /// The output layout. Default: the first one of the task.
    form: Option<&'static str>,
    /// The engine itself.
    pub(crate) builder: EngineBuilder,
}

impl Scripted {
    /// Returns its name in the cases: the task in lower case with dashes, then the layout.
    pub(crate) fn condition(&self) -> String {
        let task = self.task.to_lowercase().replace(' ', "-");
        match self.form {
            Some(form) => format!("scripted:{task}-{form}"),
            None => format!("scripted:{task}"),
        }
    }
}

/// Returns one engine per task and layout.
pub(crate) fn all() -> Vec<Scripted> {
    let image = "image";
    let text = "text";
    let json = "json";
    let rows = "row";
    let speaks = Engine::builder().model::<Speaks>("scripted");
    vec![
        Scripted { task: "Text Generation", item: text, form: Some("streaming"), builder: speaks },
        row("Image Classification", image, None, classify_image),
        row("Image Classification", image, Some("objects"), classify_image),
        row("Image Classification", image, Some("string"), classify_image),
        row("Object Detection", image, None, detect),
        row("Object Detection", image, Some("columns"), detect),
        row("Object Detection", image, Some("string"), detect),
        row("Oriented Object Detection", image, None, detect_oriented),
        row("Oriented Object Detection", image, Some("columns"), detect_oriented),
        row("Image Segmentation", image, None, segment),
        row("Image Embedding", image, None, embed_image),
        row("Text Embedding", text, None, embed_text),
        row("Text Classification", text, None, classify_text),
        row("Token Classification", text, None, classify_tokens),
        row("Text Generation", text, None, |text: &Item<Text>| Ok(GeneratedText(format!("{} \"b\"", text.value().0)))),
        row("Summarization", text, None, |text: &Item<Text>| Ok(Summary(text.as_str().to_uppercase()))),
        row("Translation", text, None, |text: &Item<Text>| Ok(Translation(text.as_str().to_uppercase()))),
        row("Text Fill Mask", text, None, fill_mask),
        row("Question Answering", json, None, answer_question),
        row("Structured Data Classification", rows, None, classify_house),
        row("Structured Data Regression", rows, None, price_house),
        row("Anything", json, None, describe_value),
    ]
}

fn row<I: Input, O: Output<I::Modality>>(
    task: &'static str,
    item: &'static str,
    form: Option<&'static str>,
    infer: fn(&Item<I>) -> Result<O>,
) -> Scripted {
    let builder = Engine::builder().instance("scripted", Of(infer)).configure(|settings| settings.workers = Some(1));
    let builder = match form {
        Some("string") => builder.setting("CHARIOT_ENGINE_OUTPUT_ENCODING", "string"),
        Some(layout) => builder.setting("CHARIOT_ENGINE_OUTPUT_LAYOUT", layout),
        None => builder,
    };
    Scripted { task, item, form, builder }
}

fn labels() -> ClassLabels {
    ["plane", "ship"].into_iter().collect()
}

fn classify_image(_: &Item<Image>) -> Result<Classification> {
    Classification::new(vec![0.25, 0.75], &labels(), 2)
}

fn detect(image: &Item<Image>) -> Result<Detections> {
    let ship = Detection { class: 1, score: 0.25, xmin: -3.0, ymin: -4.0, xmax: 1000.0, ymax: 1000.0 };
    let plane = Detection { class: 0, score: 0.87, xmin: 1.5, ymin: 2.0, xmax: 6.1, ymax: 7.0 };
    Detections::at_least(image.score_threshold(), [ship, plane], &labels(), (image.width(), image.height()))
}

fn detect_oriented(image: &Item<Image>) -> Result<OrientedDetections> {
    let faint = OrientedDetection { class: 0, score: 0.25, cx: 6.0, cy: 7.0, w: 1.0, h: 2.0, r: 1.5 };
    let ship = OrientedDetection { class: 1, score: 0.75, cx: 4.0, cy: 2.0, w: 2.0, h: 1.0, r: -0.5 };
    OrientedDetections::at_least(image.score_threshold(), [faint, ship], &labels(), (image.width(), image.height()))
}

fn segment(image: &Item<Image>) -> Result<Segmentation> {
    Segmentation::new(vec![0, 2], MaskLabels::AfterBackground(&labels()), (2, 1))?
        .resized((image.width(), image.height()))
}

fn embed_image(image: &Item<Image>) -> Result<Embedding> {
    Embedding::new(vec![image.width() as f32, -0.1])
}

fn embed_text(text: &Item<Text>) -> Result<Embedding> {
    Embedding::new(vec![text.as_str().len() as f32, 0.7020098])
}

fn classify_text(_: &Item<Text>) -> Result<Classification> {
    Classification::new(vec![0.25, 0.75], &labels(), 2)
}

fn classify_tokens(text: &Item<Text>) -> Result<TokenClassification> {
    let named = text.as_str().strip_prefix("the ").map(|word| ClassifiedToken {
        class: 1,
        score: 0.5,
        index: 2,
        word: word.to_string(),
        start: 4,
        end: text.as_str().len(),
    });
    TokenClassification::new(named.into_iter().collect(), &labels())
}

fn fill_mask(text: &Item<Text>) -> Result<FillMask> {
    let filling = |token_str: &str, token, score| MaskPrediction {
        sequence: text.as_str().replace("[MASK]", token_str),
        score,
        token,
        token_str: token_str.into(),
    };
    FillMask::new(vec![filling("big", 7, 0.25), filling("old", 9, 0.5)])
}

#[derive(Deserialize)]
struct Question {
    question: String,
    context: String,
}

/// Answers every question with the last word of the context.
fn answer_question(asked: &Item<Json<Question>>) -> Result<ExtractedAnswer> {
    let Question { question, context } = &asked.value().0;
    if question.is_empty() {
        reject!("question: expected a text, got an empty string");
    }
    let start = context.rfind(' ').map_or(0, |at| at + 1);
    ExtractedAnswer::new(&context[start..], 0.75, start, context.len())
}

#[derive(Deserialize)]
struct House {
    rooms: f32,
    floors: u8,
}

fn classify_house(house: &Item<Row<House>>) -> Result<Classification> {
    let large = house.0.rooms * f32::from(house.0.floors) / 16.0;
    Classification::new(vec![1.0 - large, large], &labels(), 1)
}

fn price_house(house: &Item<Row<House>>) -> Result<Regression> {
    Ok(Regression::from(house.0.rooms * f32::from(house.0.floors) * 0.1))
}

/// A model that emits and counts the words of a text, and fails on the word `fail`.
struct Speaks;

impl Model for Speaks {
    type Settings = ();
    type Input = Text;
    type Output = GeneratedText;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Speaks)
    }

    fn spec() -> Spec {
        Spec::new::<Self>().streaming()
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<GeneratedText>> {
        batch.try_map(|text| {
            let mut words = 0;
            for word in text.as_str().split_whitespace() {
                if word == "fail" {
                    return Err("on command".into());
                }
                text.emit(word)?;
                words += 1;
            }
            Ok(GeneratedText(words.to_string()))
        })
    }
}

fn describe_value(item: &Item<Json<Value>>) -> Result<Json<Value>> {
    Ok(Json(json!({"action": item.action(), "value": item.value().0})))
}

/// An engine of named tensors that returns the sum and the larger number of each pair.
pub(crate) struct Pairs;

#[derive(TensorInput)]
pub(crate) struct Pair {
    /// Two numbers per row
    #[tensor(shape = [n, 2])]
    pair: Vec<f32>,
}

#[derive(TensorOutput)]
pub(crate) struct Found {
    /// Sum of a row
    #[tensor(shape = [n])]
    sum: Vec<f32>,
    /// Larger number of a row
    #[tensor(shape = [n])]
    larger: Vec<f32>,
}

impl Model for Pairs {
    type Settings = ();
    type Input = Pair;
    type Output = Found;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Pairs)
    }

    async fn infer(&self, batch: Batch<Pair>) -> Result<Vec<Found>> {
        batch.try_map(|item| {
            let rows = || item.pair.chunks(2);
            Ok(Found {
                sum: rows().map(|row| row.iter().sum()).collect(),
                larger: rows().map(|row| row.iter().copied().fold(f32::MIN, f32::max)).collect(),
            })
        })
    }
}
