//! One engine per task of Chariot, with the exact text of its responses: every form, the layout chosen by the operator,
//! and the score threshold of the request.

use std::io::Cursor;

use chariot_engine::{
    EngineBuilder,
    input::Modality,
    output::EncodeContext,
    prelude::*,
    protocol::JsonText,
    testing::{TestEngine, TestResponse},
};
use e2e::base64;
use serde::Deserialize;
use serde_json::{Value, json};

type Infer<I, O> = dyn Fn(&Item<I>) -> Result<O> + Send + Sync;

/// A model whose inference of an item is a closure.
struct Closure<I, O>(Box<Infer<I, O>>);

impl<I: Input, O: Output<I::Modality>> Model for Closure<I, O> {
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

fn builder<I: Input, O: Output<I::Modality>>(
    infer: impl Fn(&Item<I>) -> Result<O> + Send + Sync + 'static,
) -> EngineBuilder {
    Engine::builder().instance("task", Closure(Box::new(infer))).configure(|settings| settings.workers = Some(1))
}

fn engine<I: Input, O: Output<I::Modality>>(
    infer: impl Fn(&Item<I>) -> Result<O> + Send + Sync + 'static,
) -> TestEngine {
    TestEngine::start(builder(infer)).unwrap()
}

/// Starts the same model with the layout `columns`.
fn in_columns<I: Input, O: Output<I::Modality>>(
    infer: impl Fn(&Item<I>) -> Result<O> + Send + Sync + 'static,
) -> TestEngine {
    TestEngine::start(builder(infer).setting("CHARIOT_ENGINE_OUTPUT_LAYOUT", "columns")).unwrap()
}

fn ask(engine: &TestEngine, data: &Value, parameters: Value) -> TestResponse {
    engine.infer(json!({"inputs": [{"name": "a", "data": [data], "parameters": parameters}]}).to_string())
}

/// Checks the exact text of the outputs: one output with one element, `value`.
#[track_caller]
fn answers(engine: &TestEngine, data: &Value, parameters: Value, value: &str) {
    let answer = ask(engine, data, parameters);
    let body = std::str::from_utf8(&answer.body).unwrap();
    assert_eq!(answer.status, 200, "{body}");
    let outputs = format!(r#""outputs":[{{"name":"a","datatype":"BYTES","shape":[1],"data":[{value}]}}]}}"#);
    assert!(body.ends_with(&outputs), "expected: {outputs}\n     got: {body}");
}

/// The data of an image of 100 x 50 pixels, as a client sends it.
fn photo() -> Value {
    let mut png = Cursor::new(Vec::new());
    image::DynamicImage::new_luma8(100, 50).write_to(&mut png, image::ImageFormat::Png).unwrap();
    base64(png.into_inner()).into()
}

fn labels() -> ClassLabels {
    ["plane", "ship"].into_iter().collect()
}

fn none() -> Value {
    json!({})
}

#[test]
fn object_detection() {
    let detect = |image: &Item<Image>| {
        assert_eq!(image.action(), "detect");
        let ship = Detection { class: 1, score: 0.25, xmin: -3.0, ymin: -4.0, xmax: 1000.0, ymax: 1000.0 };
        let plane = Detection { class: 0, score: 0.87, xmin: 12.5, ymin: 30.0, xmax: 88.1, ymax: 40.2 };
        Detections::at_least(image.score_threshold(), [ship, plane], &labels(), (image.width(), image.height()))
    };
    let plane = r#"{"label":"plane","score":0.87,"xmin":12.5,"ymin":30.0,"xmax":88.1,"ymax":40.2}"#;
    let ship = r#"{"label":"ship","score":0.25,"xmin":0.0,"ymin":0.0,"xmax":100.0,"ymax":50.0}"#;
    let engine = engine(detect);
    answers(&engine, &photo(), none(), &format!("[{plane}]"));
    answers(&engine, &photo(), json!({"action": "detect"}), &format!("[{plane}]"));
    answers(&engine, &photo(), json!({"score_threshold": 0.25}), &format!("[{plane},{ship}]"));
    answers(&engine, &photo(), json!({"score_threshold": "0.9"}), "[]");
    let rejected = ask(&engine, &photo(), json!({"action": "predict"}));
    assert_eq!(rejected.status, 400);
    assert!(rejected.error().starts_with("input 'a': parameters.action: "), "{}", rejected.error());

    let engine = in_columns(detect);
    answers(
        &engine,
        &photo(),
        json!({"score_threshold": 0.1}),
        r#"{"num_detections":2,"detection_classes":["plane","ship"],"detection_scores":[0.87,0.25],"detection_boxes":[[30.0,12.5,40.2,88.1],[0.0,0.0,50.0,100.0]]}"#,
    );
    answers(
        &engine,
        &photo(),
        json!({"score_threshold": 1}),
        r#"{"num_detections":0,"detection_classes":[],"detection_scores":[],"detection_boxes":[]}"#,
    );
}

#[test]
fn oriented_object_detection() {
    let detect = |image: &Item<Image>| {
        assert_eq!(image.action(), "detect");
        let ship = OrientedDetection { class: 1, score: 0.75, cx: 50.0, cy: 12.5, w: 25.0, h: 6.25, r: -0.5 };
        let faint = OrientedDetection { score: 0.25, ..ship };
        let size = (image.width(), image.height());
        OrientedDetections::at_least(image.score_threshold(), [faint, ship], &labels(), size)
    };
    let engine = engine(detect);
    let ship = r#"[{"label":"ship","score":0.75,"cx":0.5,"cy":0.25,"w":0.25,"h":0.125,"r":-0.5}]"#;
    answers(&engine, &photo(), none(), ship);
    answers(&engine, &photo(), json!({"score_threshold": 0.8}), "[]");
    assert_eq!(ask(&engine, &photo(), json!({"action": "predict"})).status, 400);

    let engine = in_columns(detect);
    answers(
        &engine,
        &photo(),
        none(),
        r#"{"detection_classes":["ship"],"detection_scores":[0.75],"oriented_detection_boxes":[{"cx":0.5,"cy":0.25,"w":0.25,"h":0.125,"r":-0.5}]}"#,
    );
    answers(
        &engine,
        &photo(),
        json!({"score_threshold": 1.0}),
        r#"{"detection_classes":[],"detection_scores":[],"oriented_detection_boxes":[]}"#,
    );
}

#[test]
fn image_segmentation() {
    let engine = engine(|image: &Item<Image>| {
        assert_eq!(image.action(), "predict");
        Segmentation::new(vec![0, 3], (2, 1))?.resized((image.width(), image.height()))
    });
    let row = format!("[{}{}3]", "0,".repeat(50), "3,".repeat(49));
    answers(&engine, &photo(), none(), &format!("[{}]", [&*row; 50].join(",")));
    assert_eq!(ask(&engine, &photo(), json!({"action": "segment"})).status, 400);
}

#[test]
fn an_unsupported_layout_fails_the_start() {
    let builder = builder(|_: &Item<Image>| Segmentation::new(vec![0], (1, 1)));
    let error = TestEngine::start(builder.setting("CHARIOT_ENGINE_OUTPUT_LAYOUT", "columns")).unwrap_err();
    assert!(error.to_string().contains("CHARIOT_ENGINE_OUTPUT_LAYOUT"), "{error}");
    insta::assert_snapshot!("unsupported_layout", error);
}

/// Checks that an engine uses this action by default and accepts any other.
#[track_caller]
fn takes_any_action(engine: &TestEngine, data: &Value, default: &str, value: &str) {
    for parameters in [none(), json!({"action": default}), json!({"action": null})] {
        answers(engine, data, parameters, value);
    }
    let other = ask(engine, data, json!({"action": "another"}));
    assert_eq!((other.status, &other.json()["outputs"][0]["data"][0]), (200, &json!("another")));
}

/// The output of the default action, or the name of any other action.
struct Either<T>(Result<T, String>);

impl<T, M> Output<M> for Either<T>
where
    M: Modality<Encoded = JsonText>,
    T: Output<M>,
{
    const TASK: Option<&'static str> = T::TASK;
    const ACTIONS: &'static [&'static str] = T::ACTIONS;
    const DEFAULT_ACTION: &'static str = T::DEFAULT_ACTION;

    fn encode(self, cx: &EncodeContext<'_>) -> Result<M::Encoded> {
        match self.0 {
            Ok(answer) => answer.encode(cx),
            Err(action) => Ok(JsonText::from_value(&action)?),
        }
    }
}

/// Starts an engine of a task with an open set of actions.
fn open<I, O>(default: &'static str, infer: impl Fn(&Item<I>) -> Result<O> + Send + Sync + 'static) -> TestEngine
where
    I: Input,
    I::Modality: Modality<Encoded = JsonText>,
    O: Output<I::Modality>,
{
    engine(move |item: &Item<I>| {
        if item.action() == default {
            infer(item).map(|answer| Either(Ok(answer)))
        } else {
            Ok(Either(Err(item.action().into())))
        }
    })
}

#[test]
fn image_embedding_and_text_embedding() {
    let engine = open("embed", |_: &Item<Image>| Embedding::new(vec![0.1, -2.0]));
    takes_any_action(&engine, &photo(), "embed", "[0.1,-2.0]");
    let engine = open("embed", |text: &Item<Text>| Embedding::new(vec![text.as_str().len() as f32, 0.7020098]));
    takes_any_action(&engine, &json!("four"), "embed", "[4.0,0.7020098]");
}

#[test]
fn text_classification() {
    let engine = engine(|_: &Item<Text>| Classification::new(vec![0.25, 0.75], &labels(), 2));
    let objects = r#"[{"label":"ship","score":0.75},{"label":"plane","score":0.25}]"#;
    answers(&engine, &json!("t"), none(), objects);
    answers(&engine, &json!("t"), json!({"action": "predict"}), objects);
    answers(&engine, &json!("t"), json!({"action": "another"}), objects);
    answers(&engine, &json!("t"), json!({"action": "predict_proba"}), "[0.25,0.75]");
}

#[test]
fn token_classification() {
    let engine = open("predict", |text: &Item<Text>| {
        if text.as_str().is_empty() {
            return TokenClassification::new(vec![], &labels());
        }
        let ship = ClassifiedToken { class: 1, score: 0.5, index: 2, word: text.to_string(), start: 0, end: 7 };
        TokenClassification::new(vec![ship], &labels())
    });
    let ship = r#"[{"entity":"ship","score":0.5,"index":2,"word":"Titanic","start":0,"end":7}]"#;
    takes_any_action(&engine, &json!("Titanic"), "predict", ship);
    answers(&engine, &json!(""), none(), "[]");
}

#[test]
fn text_generation_summarization_and_translation() {
    let engine = open("complete", |text: &Item<Text>| Ok(GeneratedText(format!("{} \"b\"", text.value().0))));
    takes_any_action(&engine, &json!("a"), "complete", r#"[{"generated_text":"a \"b\""}]"#);
    let engine = open("summarize", |text: &Item<Text>| Ok(Summary(text.as_str().to_uppercase())));
    takes_any_action(&engine, &json!("a"), "summarize", r#"[{"summary_text":"A"}]"#);
    let engine = open("translate", |text: &Item<Text>| Ok(Translation(text.as_str().to_uppercase())));
    takes_any_action(&engine, &json!("a"), "translate", r#"[{"translation_text":"A"}]"#);
}

#[test]
fn text_fill_mask() {
    let engine = open("predict", |text: &Item<Text>| {
        let filling = |token_str: &str, token, score| MaskPrediction {
            sequence: text.as_str().replace("[MASK]", token_str),
            score,
            token,
            token_str: token_str.into(),
        };
        FillMask::new(vec![filling("big", 7, 0.25), filling("old", 9, 0.5)])
    });
    let best_first = r#"[{"sequence":"so old","score":0.5,"token":9,"token_str":"old"},{"sequence":"so big","score":0.25,"token":7,"token_str":"big"}]"#;
    takes_any_action(&engine, &json!("so [MASK]"), "predict", best_first);
}

#[derive(Deserialize)]
struct Question {
    question: String,
    context: String,
}

#[test]
fn question_answering() {
    let engine = open("predict", |asked: &Item<Json<Question>>| {
        let Question { question, context } = &asked.value().0;
        assert_eq!(question, "where?");
        ExtractedAnswer::new(&context[3..], 0.75, 3, context.len())
    });
    let asked = json!({"question": "where?", "context": "in Rome"});
    takes_any_action(&engine, &asked, "predict", r#"{"answer":"Rome","score":0.75,"start":3,"end":7}"#);
}

#[derive(Deserialize)]
struct House {
    rooms: f32,
}

#[test]
fn structured_data_classification_and_regression() {
    let classes = engine(|house: &Item<Json<House>>| {
        let large = house.value().0.rooms / 8.0;
        Classification::new(vec![1.0 - large, large], &labels(), 1)
    });
    answers(&classes, &json!({"rooms": 6}), none(), r#""ship""#);
    answers(&classes, &json!({"rooms": 6}), json!({"action": "predict"}), r#""ship""#);
    answers(&classes, &json!({"rooms": 6}), json!({"action": "predict_proba"}), "[0.25,0.75]");

    let price = open("predict", |house: &Item<Json<House>>| Ok(Regression::from(house.value().0.rooms * 0.1)));
    takes_any_action(&price, &json!({"rooms": 3.5}), "predict", "0.35");
}

#[test]
fn an_invalid_output_is_a_failure_of_the_model() {
    let detect = engine(|_: &Item<Image>| {
        let beyond = Detection { class: 2, score: 0.9, xmin: 0.0, ymin: 0.0, xmax: 1.0, ymax: 1.0 };
        Detections::new([beyond], &labels(), (100, 50))
    });
    let answer = ask(&detect, &photo(), none());
    assert_eq!(answer.status, 500);

    let price = engine(|_: &Item<Json<House>>| Ok(Regression::from(f64::NAN)));
    let answer = ask(&price, &json!({"rooms": 1}), none());
    assert_eq!(answer.status, 500);
    insta::assert_snapshot!("nan", answer.error());
}

#[test]
fn metadata_is_returned_with_the_output_of_a_task() {
    let engine = engine(|image: &Item<Image>| Detections::new([], &labels(), (image.width(), image.height())));
    let answer = ask(&engine, &photo(), json!({"metadata": "{\"k\": 1}", "score_threshold": 0.1}));
    let outputs = r#""data":[[]],"parameters":{"metadata":"{\"k\": 1}"}}]}"#;
    assert!(answer.body.ends_with(outputs.as_bytes()), "{:?}", answer.body);
}
