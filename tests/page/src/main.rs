//! The engine behind the page: one model for each kind of answer, whose answers the tests know beforehand, and texts that
//! would run if a page took them for markup.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use chariot_engine::{ModelOptions, prelude::*};
use serde::Deserialize;

/// A text that runs in a page that takes it for markup.
const HOSTILE: &str = "<img src=x onerror=\"window.ran=true\">";

/// The command of the operator.
#[derive(Settings)]
struct Loading {
    /// File for which loading waits
    #[setting(name = "PAGE_GATE")]
    gate: Option<PathBuf>,
}

/// Two boxes at known places: the left half, and a square in the lower right corner.
struct Boxes;

impl Model for Boxes {
    type Settings = ();
    type Input = Image;
    type Output = Detections;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Boxes)
    }

    async fn infer(&self, batch: Batch<Image>) -> Result<Vec<Detections>> {
        let labels: ClassLabels = ["cat", HOSTILE].into_iter().collect();
        batch.try_map(|image| {
            let (width, height) = (image.width() as f32, image.height() as f32);
            let half = Detection::new(0, 0.9, [4.0, 4.0, width / 2.0, height - 4.0]);
            let corner = Detection::new(1, 0.6, [width * 0.7, height * 0.6, width * 0.9, height * 0.8]);
            Detections::at_least(image.score_threshold(), [half, corner], &labels, (image.width(), image.height()))
        })
    }
}

/// A mask whose right half is class 1.
struct Mask;

impl Model for Mask {
    type Settings = ();
    type Input = Image;
    type Output = Segmentation;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Mask)
    }

    async fn infer(&self, batch: Batch<Image>) -> Result<Vec<Segmentation>> {
        let labels: ClassLabels = ["water"].into_iter().collect();
        batch.try_map(|image| {
            let mask = Segmentation::new(vec![0, 1], MaskLabels::AfterBackground(&labels), (2, 1))?;
            mask.resized((image.width(), image.height()))
        })
    }
}

/// Vectors of the letters of texts.
struct Letters;

impl Model for Letters {
    type Settings = ();
    type Input = Text;
    type Output = Embedding;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Letters)
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Embedding>> {
        batch.try_map(|text| {
            let count = |letter: char| text.as_str().chars().filter(|other| *other == letter).count() as f32;
            Embedding::new(('a'..='z').map(count).chain([1.0]).collect())
        })
    }
}

/// The parameters of `Speaker`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Speech {
    /// The number of times that the text is said.
    times: usize,
    /// Waits this long before each word, in ms.
    pause: u64,
}

/// Says a text word by word. A text in angle brackets is an error with this text.
struct Speaker;

impl Model for Speaker {
    type Settings = Loading;
    type Input = WithParams<Text, Speech>;
    type Output = GeneratedText;

    async fn load(ctx: &LoadContext<Loading>) -> Result<Self> {
        while ctx.settings().gate.as_ref().is_some_and(|gate| !gate.exists()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(Speaker)
    }

    fn spec() -> Spec {
        Spec::new::<Self>().streaming().example(r#"{"inputs": [{"data": ["Good morning"]}]}"#)
    }

    async fn infer(&self, batch: Batch<Self::Input>) -> Result<Vec<GeneratedText>> {
        let mut said = Vec::new();
        for item in &batch {
            let text = item.input.as_str();
            if text.starts_with('<') {
                reject!("cannot say {text}");
            }
            let words: Vec<&str> = text.split_whitespace().collect();
            for word in words.repeat(item.params.times.max(1)) {
                tokio::time::sleep(Duration::from_millis(item.params.pause)).await;
                item.emit(&format!("{word} "))?;
            }
            said.push(GeneratedText::new(text));
        }
        Ok(said)
    }
}

fn main() -> ExitCode {
    chariot_engine::Engine::builder()
        .model_with::<Speaker>("speaker", ModelOptions::new().default_model())
        .model::<Boxes>("boxes")
        .model::<Mask>("mask")
        .model::<Letters>("letters")
        .description(HOSTILE)
        .own_crate(module_path!())
        .run()
}
