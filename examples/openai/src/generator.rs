//! [`Generator`], a model that follows each word by one that follows it in a text.

use std::collections::HashMap;

use chariot_engine::prelude::*;
use serde::Deserialize;

/// The most tokens of a request that asks for none.
const MOST: usize = 16;

/// The prompt of a request.
#[derive(Deserialize)]
pub(crate) struct Prompt {
    pub(crate) prompt: String,
    pub(crate) max_tokens: Option<usize>,
}

/// The words that follow each word, in the order of the text.
pub(crate) struct Generator(HashMap<String, Vec<String>>);

impl Model for Generator {
    type Settings = ();
    type Input = Json<Prompt>;
    type Output = GeneratedText;

    async fn load(ctx: &LoadContext) -> Result<Self> {
        let text = ctx.read_to_string("corpus.txt")?;
        let words: Vec<&str> = text.split_whitespace().collect();
        let mut followers: HashMap<String, Vec<String>> = HashMap::new();
        for pair in words.windows(2) {
            followers.entry(pair[0].into()).or_default().push(pair[1].into());
        }
        Ok(Generator(followers))
    }

    fn spec() -> Spec {
        Spec::new::<Self>().streaming().example(r#"{"inputs": [{"name": "a", "data": [{"prompt": "the fox"}]}]}"#)
    }

    async fn infer(&self, batch: Batch<Json<Prompt>>) -> Result<Vec<GeneratedText>> {
        batch.try_map(|item| {
            let Json(Prompt { prompt, max_tokens }) = item.value();
            let Some(mut word) = prompt.split_whitespace().last() else {
                reject!("prompt: expected at least one word, got none");
            };
            let (most, mut words) = (max_tokens.unwrap_or(MOST), Vec::new());
            let finish_reason = loop {
                let Some(followers) = self.0.get(word) else { break FinishReason::Stop };
                if words.len() >= most {
                    break FinishReason::Length;
                }
                word = &followers[words.len() % followers.len()];
                item.emit(&format!("{word} "))?;
                words.push(word);
            };
            let usage = Usage { prompt_tokens: prompt.split_whitespace().count(), completion_tokens: words.len() };
            let text = GeneratedText::new(words.join(" "));
            Ok(GeneratedText { finish_reason: Some(finish_reason), usage: Some(usage), ..text })
        })
    }
}
