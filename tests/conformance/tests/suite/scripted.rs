//! Engines whose outputs follow from their items, for the cases that need one by name. `tasks` runs the suite against
//! each. The engines of `golden` have an engine for every task.

use chariot_engine::{
    EngineBuilder,
    prelude::*,
    tasks::{TextPart, TokenLogprob, TopLogprob},
};
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

/// A model that answers a conversation, part by part, with the probabilities of its tokens or without.
pub(crate) struct Chats<const LOGPROBS: bool>;

impl<const LOGPROBS: bool> Model for Chats<LOGPROBS> {
    type Settings = ();
    type Input = Chat;
    type Output = GeneratedText;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Chats)
    }

    fn spec() -> Spec {
        let spec = Spec::new::<Self>().streaming();
        if LOGPROBS { spec.logprobs() } else { spec }
    }

    async fn infer(&self, batch: Batch<Chat>) -> Result<Vec<GeneratedText>> {
        batch.try_map(|chat| {
            let words = ["Blue", " or", " red."];
            let top = chat.sampling.logprobs;
            let logprobs = top.map(|top| words.map(|word| token(word, top)));
            for (index, text) in words.into_iter().enumerate() {
                let logprobs = logprobs.as_ref().map(|tokens| &tokens[index..=index]);
                chat.emit(&TextPart { text, logprobs })?;
            }
            let usage = Usage { prompt_tokens: 4, completion_tokens: words.len() };
            let text = GeneratedText { logprobs: logprobs.map(Vec::from), ..GeneratedText::new(words.concat()) };
            Ok(GeneratedText { finish_reason: Some(FinishReason::Stop), usage: Some(usage), ..text })
        })
    }
}

/// Returns a token with this number of alternatives.
fn token(word: &str, top: usize) -> TokenLogprob {
    let other = |index: usize| TopLogprob { token: format!(" {index}"), logprob: -1.0 - index as f32, bytes: None };
    TokenLogprob { top_logprobs: (0..top).map(other).collect(), ..TokenLogprob::new(word, -0.5) }
}

/// An engine with known outputs.
pub(crate) struct Scripted {
    /// The task, as the platform names it, or the name of the engine.
    pub(crate) task: &'static str,
    /// The kind of its items.
    pub(crate) item: &'static str,
    /// The output encoding, or `streaming`.
    form: Option<&'static str>,
    /// The engine itself.
    pub(crate) builder: EngineBuilder,
}

impl Scripted {
    /// Returns its name in the cases: the task in lower case with dashes, then the form.
    pub(crate) fn condition(&self) -> String {
        let task = self.task.to_lowercase().replace(' ', "-");
        match self.form {
            Some(form) => format!("scripted:{task}-{form}"),
            None => format!("scripted:{task}"),
        }
    }
}

/// Returns the engines.
pub(crate) fn all() -> Vec<Scripted> {
    let image = "image";
    let text = "text";
    let json = "json";
    let rows = "row";
    let speaks = Engine::builder().model::<Speaks>("scripted");
    vec![
        Scripted { task: "Text Generation", item: text, form: Some("streaming"), builder: speaks },
        row("Image Classification", image, None, classify_image),
        row("Object Detection", image, None, detect),
        row("Image Size", image, None, |image: &Item<Image>| Ok(Json((image.width(), image.height())))),
        row("Text Length", text, None, |text: &Item<Text>| Ok(Json(text.as_str().len()))),
        row("Structured Data Classification", rows, None, classify_house),
        row("Structured Data Regression", rows, None, price_house),
        row("Anything", json, None, describe_value),
        row("Anything", json, Some("string"), describe_value),
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
        Some(encoding) => builder.setting("CHARIOT_ENGINE_OUTPUT_ENCODING", encoding),
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
    let ship = Detection::new(1, 0.25, [-3.0, -4.0, 1000.0, 1000.0]);
    let plane = Detection::new(0, 0.87, [1.5, 2.0, 6.1, 7.0]);
    Detections::at_least(image.score_threshold(), [ship, plane], &labels(), (image.width(), image.height()))
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
            Ok(GeneratedText::new(words.to_string()))
        })
    }
}

fn describe_value(item: &Item<Json<Value>>) -> Result<Json<Value>> {
    let value = item.value().0.clone();
    Ok(Json(if item.action() == "value" { value } else { json!({"action": item.action(), "value": value}) }))
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
