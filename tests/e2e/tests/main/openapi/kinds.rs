//! Engines of every kind of input and of every task, for the tests of documents and metadata.

use chariot_engine::{EngineBuilder, prelude::*};
use serde::Deserialize;

/// A kind of engine: its input, its output and its inference of one item.
pub(super) trait Kind: Send + Sync + 'static {
    type Input: Input;
    type Output: Output<<Self::Input as Input>::Modality>;

    fn spec(spec: Spec) -> Spec {
        spec
    }

    fn infer(item: Item<Self::Input>) -> Result<Self::Output>;
}

/// The model of a kind.
struct ModelOf<K>(std::marker::PhantomData<fn() -> K>);

impl<K: Kind> Model for ModelOf<K> {
    type Settings = ();
    type Input = K::Input;
    type Output = K::Output;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(ModelOf(std::marker::PhantomData))
    }

    fn spec() -> Spec {
        K::spec(Spec::new::<Self>())
    }

    async fn infer(&self, batch: Batch<K::Input>) -> Result<Vec<K::Output>> {
        batch.try_map(K::infer)
    }
}

pub(super) fn builder<K: Kind>() -> EngineBuilder {
    Engine::builder().model::<ModelOf<K>>("described").configure(|settings| settings.workers = Some(1))
}

/// Defines kinds, each with an expression for its output.
macro_rules! kinds {
    ($($name:ident: $input:ty => $output:ty, $item:pat => $answer:expr;)*) => {$(
        pub(super) struct $name;

        impl Kind for $name {
            type Input = $input;
            type Output = $output;

            fn infer($item: Item<$input>) -> Result<$output> {
                $answer
            }
        }
    )*};
}

kinds! {
    Photo: Image => Classification, _ => Classification::new(vec![0.25, 0.75], &labels(), 2);
    Boxes: Image => Detections, image => {
        let whole = Detection::new(1, 0.75, [1.0, 2.0, 3.0, 4.0])
            .with_keypoints([Keypoint { x: 2.0, y: 3.0, score: Some(0.5) }]);
        Detections::at_least(image.score_threshold(), [whole], &labels(), (image.width(), image.height()))
    };
    Turned: Image => OrientedDetections, image => {
        let ship = OrientedDetection { class: 1, score: 0.75, cx: 3.0, cy: 3.0, w: 2.0, h: 1.0, r: 0.5 };
        OrientedDetections::new([ship], &labels(), (image.width(), image.height()))
    };
    Mask: Image => Segmentation, image => {
        let mask = Segmentation::new(vec![0, 2], MaskLabels::AfterBackground(&labels()), (2, 1))?;
        mask.resized((image.width(), image.height()))
    };
    Vector: Image => Embedding, _ => Embedding::new(vec![0.5, -2.0]);
    Mood: Text => Classification, _ => Classification::new(vec![0.25, 0.75], &labels(), 2);
    Names: Text => TokenClassification, text => {
        let word = text.as_str().split(' ').next().unwrap_or_default().to_string();
        let entity = ClassifiedToken { class: 1, score: 0.75, index: 1, start: 0, end: word.len(), word };
        TokenClassification::new(vec![entity], &labels())
    };
    Prompt: Text => GeneratedText, text => {
        let usage = Usage { prompt_tokens: 1, completion_tokens: 3 };
        let text = GeneratedText::new(format!("{} And so on.", text.as_str()));
        Ok(GeneratedText { finish_reason: Some(FinishReason::Length), usage: Some(usage), ..text })
    };
    Short: Text => Summary, _ => Ok(Summary("A fox.".into()));
    German: Text => Translation, _ => Ok(Translation("Ein Fuchs.".into()));
    Gap: Text => FillMask, _ => {
        FillMask::new(vec![MaskPrediction { sequence: "A fox.".into(), score: 0.5, token: 7, token_str: "fox".into() }])
    };
    Reader: Json<Question> => ExtractedAnswer, item => {
        let Json(Question { question, context }) = item.value();
        ExtractedAnswer::new(context.as_str(), 0.75, 0, question.len() + context.len())
    };
    Price: Row<House> => Regression, house => Ok(Regression::from(house.0.area * f64::from(house.0.rooms)));
    Sampled: WithParams<Text, Sampling> => Json<u8>, text => Ok(Json(text.params.most));
    Echo: InferRequest => InferResponse, _ => Ok(InferResponse::default());
}

#[derive(Deserialize)]
pub(super) struct Question {
    question: String,
    context: String,
}

#[derive(Deserialize)]
pub(super) struct House {
    area: f64,
    rooms: u8,
}

#[derive(Deserialize)]
pub(super) struct Sampling {
    most: u8,
}

fn labels() -> ClassLabels {
    ["plane", "ship"].into_iter().collect()
}

#[derive(Clone, TensorInput, TensorOutput)]
pub(super) struct Named {
    /// Two counts per row
    #[tensor(shape = [n, 2])]
    counts: Vec<i16>,
    #[tensor(shape = [n], convert)]
    weights: Vec<f32>,
    #[tensor(shape = [n])]
    words: Vec<String>,
    #[tensor(shape = [])]
    flag: Vec<bool>,
}

/// Named tensors, returned unchanged.
pub(super) struct Tensorial;

impl Kind for Tensorial {
    type Input = Named;
    type Output = Named;

    fn infer(item: Item<Named>) -> Result<Named> {
        Ok(item.into_value())
    }
}

/// Texts with a closed set of actions and an example of the author, because the default example is too long.
pub(super) struct Picky;

impl Kind for Picky {
    type Input = Text;
    type Output = Json<usize>;

    fn spec(spec: Spec) -> Spec {
        spec.actions(["count", "double"]).example(r#"{"inputs": [{"data": ["short"]}]}"#)
    }

    fn infer(text: Item<Text>) -> Result<Json<usize>> {
        if text.as_str().len() > 8 {
            reject!("expected at most 8 bytes, got {}", text.as_str().len());
        }
        Ok(Json(text.as_str().len()))
    }
}

/// Texts with streamed responses.
pub(super) struct Streamed;

impl Kind for Streamed {
    type Input = Text;
    type Output = GeneratedText;

    fn spec(spec: Spec) -> Spec {
        spec.streaming()
    }

    fn infer(text: Item<Text>) -> Result<GeneratedText> {
        text.emit("a part")?;
        Ok(GeneratedText::new("a part of it"))
    }
}
