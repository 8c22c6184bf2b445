//! A sentiment classifier: adds up the weights of the words that it knows.

use std::collections::HashMap;

use chariot_engine::prelude::*;

/// Settings of this engine.
#[derive(Settings)]
struct SentimentSettings {
    /// Score of a text without known words; texts above 0 are positive
    #[setting(default = 0.0, range = -10.0..=10.0)]
    bias: f32,
}

/// Sentiment of a text, positive or negative.
#[chariot_engine]
struct Sentiment {
    weights: HashMap<String, f32>,
    labels: ClassLabels,
    bias: f32,
}

impl Model for Sentiment {
    type Settings = SentimentSettings;
    type Input = Text;
    type Output = Classification;

    async fn load(ctx: &LoadContext<SentimentSettings>) -> Result<Self> {
        Ok(Sentiment {
            weights: parse_weights(&ctx.read_to_string("words.txt")?)?,
            labels: ctx.class_labels()?,
            bias: ctx.settings().bias,
        })
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Classification>> {
        batch.try_map(|text| {
            if text.as_str().trim().is_empty() {
                reject!("expected a text with at least one letter, got an empty text");
            }
            let words = text.as_str().split(|c: char| !c.is_alphanumeric());
            let known = words.filter_map(|word| self.weights.get(&word.to_lowercase()));
            let positive = 1.0 / (1.0 + (-self.bias - known.sum::<f32>()).exp());
            Classification::new(vec![1.0 - positive, positive], &self.labels, 2)
        })
    }
}

/// Parses lines of a word and its weight, separated by a space.
fn parse_weights(text: &str) -> Result<HashMap<String, f32>> {
    let parse = |line: &str| -> Result<(String, f32)> {
        let (word, weight) = line
            .split_once(' ')
            .context("expected a word and its weight, separated by a space")?;
        Ok((word.to_lowercase(), weight.trim().parse()?))
    };
    let lines = text.lines().enumerate();
    lines
        .map(|(number, line)| parse(line).context(format!("line {} of words.txt", number + 1)))
        .collect()
}

#[cfg(test)]
mod tests;
