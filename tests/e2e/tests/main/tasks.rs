//! One engine per task of Chariot: the actions that its model sees, an unsupported layout, and outputs that the encoders
//! refuse. The forms of the responses are in the golden files, which
//! the tests of the conformance suite compare with engines of every task.

use std::io::Cursor;

use chariot_engine::{
    EngineBuilder,
    prelude::*,
    testing::{TestEngine, TestResponse},
};
use e2e::base64;
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

fn ask(engine: &TestEngine, data: &Value, parameters: Value) -> TestResponse {
    engine.infer(json!({"inputs": [{"name": "a", "data": [data], "parameters": parameters}]}).to_string())
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

/// Returns an engine that rejects every item with the action that its model sees.
fn refusing<I: Input, O: Output<I::Modality>>() -> TestEngine {
    engine(|item: &Item<I>| -> Result<O> { reject!("action '{}'", item.action()) })
}

#[test]
fn a_task_that_the_platform_documents_has_its_actions_only() {
    for (engine, default, other) in [
        (refusing::<Image, Classification>(), "predict", "detect"),
        (refusing::<Image, Detections>(), "detect", "predict"),
        (refusing::<Image, OrientedDetections>(), "detect", "predict"),
        (refusing::<Image, Segmentation>(), "predict", "segment"),
    ] {
        for parameters in [json!({}), json!({"action": null}), json!({"action": default})] {
            let seen = ask(&engine, &photo(), parameters).error();
            assert!(seen.contains(&format!("action '{default}'")), "{seen}");
        }
        let refused = ask(&engine, &photo(), json!({ "action": other }));
        assert_eq!(refused.status, 400);
        assert!(refused.error().starts_with("input 'a': parameters.action: "), "{}", refused.error());
    }
}

#[test]
fn any_other_task_takes_any_action() {
    for (engine, data, default) in [
        (refusing::<Image, Embedding>(), photo(), "embed"),
        (refusing::<Text, Embedding>(), json!("a"), "embed"),
        (refusing::<Text, Classification>(), json!("a"), "predict"),
        (refusing::<Text, TokenClassification>(), json!("a"), "predict"),
        (refusing::<Text, GeneratedText>(), json!("a"), "complete"),
        (refusing::<Text, Summary>(), json!("a"), "summarize"),
        (refusing::<Text, Translation>(), json!("a"), "translate"),
        (refusing::<Text, FillMask>(), json!("a"), "predict"),
        (refusing::<Json<Value>, ExtractedAnswer>(), json!({}), "predict"),
        (refusing::<Json<Value>, Classification>(), json!({"rooms": 6}), "predict"),
        (refusing::<Json<Value>, Regression>(), json!({"rooms": 6}), "predict"),
    ] {
        for (parameters, action) in
            [(json!({}), default), (json!({"action": null}), default), (json!({"action": "another"}), "another")]
        {
            let seen = ask(&engine, &data, parameters).error();
            assert!(seen.contains(&format!("action '{action}'")), "{seen}");
        }
    }
}

#[test]
fn an_unsupported_layout_fails_the_start() {
    let builder = builder(|_: &Item<Image>| Segmentation::new(vec![0], MaskLabels::ById(&labels()), (1, 1)));
    let error = TestEngine::start(builder.setting("CHARIOT_ENGINE_OUTPUT_LAYOUT", "columns")).unwrap_err();
    assert!(error.to_string().contains("CHARIOT_ENGINE_OUTPUT_LAYOUT"), "{error}");
    insta::assert_snapshot!("unsupported_layout", error);
}

#[test]
fn an_invalid_output_is_a_failure_of_the_model() {
    let detect = engine(|_: &Item<Image>| {
        let beyond = Detection::new(2, 0.9, [0.0, 0.0, 1.0, 1.0]);
        Detections::new([beyond], &labels(), (100, 50))
    });
    let answer = ask(&detect, &photo(), json!({}));
    assert_eq!(answer.status, 500);

    let mask = engine(|_: &Item<Image>| Segmentation::new(vec![3], MaskLabels::AfterBackground(&labels()), (1, 1)));
    let answer = ask(&mask, &photo(), json!({}));
    assert_eq!(answer.status, 500);
    assert!(!answer.error().contains("class_labels.json"), "the log has the reason: {}", answer.error());

    let price = engine(|_: &Item<Json<Value>>| Ok(Regression::from(f64::NAN)));
    let answer = ask(&price, &json!({"rooms": 1}), json!({}));
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
