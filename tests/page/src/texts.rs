//! Models of texts and of conversations.

use std::{path::PathBuf, time::Duration};

use chariot_engine::{input::ChatContent, prelude::*};
use serde::Deserialize;

/// The command of the operator.
#[derive(Settings)]
pub(crate) struct Loading {
    /// File for which loading waits
    #[setting(name = "PAGE_GATE")]
    gate: Option<PathBuf>,
}

/// Vectors of the letters of texts.
pub(crate) struct Letters;

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
pub(crate) struct Speech {
    /// The number of times that the text is said.
    times: usize,
    /// Waits this long before each word, in ms.
    pause: u64,
}

/// Says a text word by word. A text in angle brackets is an error with this text.
pub(crate) struct Speaker;

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

/// Finds the words with a capital letter: names and places by turns.
pub(crate) struct Names;

impl Model for Names {
    type Settings = ();
    type Input = Text;
    type Output = TokenClassification;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Names)
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<TokenClassification>> {
        let labels: ClassLabels = ["name", "place"].into_iter().collect();
        batch.try_map(|text| {
            let (mut start, mut found) = (0, Vec::new());
            for (index, word) in text.as_str().split(' ').enumerate() {
                let end = start + word.chars().count();
                if word.starts_with(char::is_uppercase) {
                    let class = found.len() % 2;
                    found.push(ClassifiedToken { class, score: 0.9, index, word: word.into(), start, end });
                }
                start = end + 1;
            }
            TokenClassification::new(found, &labels)
        })
    }
}

/// Answers with the number of the messages and the last one, word by word.
pub(crate) struct Parrot;

impl Model for Parrot {
    type Settings = ();
    type Input = Chat;
    type Output = GeneratedText;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Parrot)
    }

    fn spec() -> Spec {
        Spec::new::<Self>().streaming()
    }

    async fn infer(&self, batch: Batch<Chat>) -> Result<Vec<GeneratedText>> {
        let mut said = Vec::new();
        for item in &batch {
            let ChatContent::Messages(messages) = &item.content else {
                reject!("expected messages, got a prompt");
            };
            let last = messages.last().and_then(|message| message.text()).unwrap_or_default();
            let reply = format!("{} messages, the last one: {last}", messages.len());
            for word in reply.split_inclusive(' ') {
                item.emit(word)?;
            }
            said.push(GeneratedText::new(reply));
        }
        Ok(said)
    }
}
