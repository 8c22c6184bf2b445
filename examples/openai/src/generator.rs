//! [`Generator`], a model that follows each word by one that follows it in a text.

use std::collections::HashMap;

use chariot_engine::{input::ChatContent, prelude::*};

/// The most tokens of a request that asks for none.
const MOST: usize = 16;

/// The words that follow each word, in the order of the text.
pub(crate) struct Generator(HashMap<String, Vec<String>>);

impl Model for Generator {
    type Settings = ();
    type Input = Chat;
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
        // One conversation at a time, so that none waits for the words of another.
        Spec::new::<Self>().streaming().max_batch(1)
    }

    async fn infer(&self, batch: Batch<Chat>) -> Result<Vec<GeneratedText>> {
        batch.try_map(|item| self.answer(&item))
    }
}

impl Generator {
    fn answer(&self, chat: &Item<Chat>) -> Result<GeneratedText> {
        let prompt = prompt(&chat.content)?;
        let Some(mut word) = prompt.split_whitespace().last() else {
            reject!("expected at least one word, got none");
        };
        let (most, seed) = (chat.sampling.max_tokens.unwrap_or(MOST), chat.sampling.seed.unwrap_or(0));
        let (mut text, mut count) = (String::new(), 0_usize);
        let finish_reason = loop {
            let Some(followers) = self.0.get(word) else { break FinishReason::Stop };
            word = &followers[(seed as usize).wrapping_add(count) % followers.len()];
            if chat.sampling.stop.iter().any(|stop| stop == word) {
                break FinishReason::Stop;
            }
            let part = if text.is_empty() { word.to_string() } else { format!(" {word}") };
            chat.emit(&part)?;
            text.push_str(&part);
            count += 1;
            if count >= most {
                break FinishReason::Length;
            }
        };
        let usage = Usage { prompt_tokens: prompt.split_whitespace().count(), completion_tokens: count };
        Ok(GeneratedText { finish_reason: Some(finish_reason), usage: Some(usage), ..GeneratedText::new(text) })
    }
}

/// Returns the words of a conversation, or the prompt.
fn prompt(content: &ChatContent) -> Result<String> {
    let ChatContent::Messages(messages) = content else {
        let ChatContent::Prompt(prompt) = content else {
            reject!("expected messages or a prompt, got another content")
        };
        return Ok(prompt.clone());
    };
    let texts: Option<Vec<_>> = messages.iter().map(|message| message.text()).collect();
    let Some(texts) = texts else { reject!("expected texts, got a picture") };
    Ok(texts.join(" "))
}
