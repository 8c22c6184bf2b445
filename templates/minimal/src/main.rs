//! Whether a text is friendly: the words that it knows, weighed and summed.

use std::collections::HashMap;

use chariot_engine::prelude::*;

/// What an operator can set for this engine.
#[derive(Settings)]
struct SentimentSettings {
    /// What a text weighs without a word that is known; above 0 is positive
    #[setting(default = 0.0, range = -10.0..=10.0)]
    bias: f32,
}

/// Whether a text is friendly.
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
            weights: read_weights(&ctx.read_to_string("words.txt")?)?,
            labels: ctx.class_labels()?,
            bias: ctx.settings().bias,
        })
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Classification>> {
        batch.try_map(|text| {
            if text.as_str().trim().is_empty() {
                reject!("a text of at least one letter is expected, an empty one came");
            }
            let words = text.as_str().split(|c: char| !c.is_alphanumeric());
            let known = words.filter_map(|word| self.weights.get(&word.to_lowercase()));
            let positive = 1.0 / (1.0 + (-self.bias - known.sum::<f32>()).exp());
            Classification::new(vec![1.0 - positive, positive], &self.labels, 2)
        })
    }
}

/// A word and its weight on each line.
fn read_weights(text: &str) -> Result<HashMap<String, f32>> {
    let read = |line: &str| -> Result<(String, f32)> {
        let (word, weight) = line
            .split_once(' ')
            .context("a word and its weight are expected")?;
        Ok((word.to_lowercase(), weight.trim().parse()?))
    };
    let lines = text.lines().enumerate();
    lines
        .map(|(number, line)| read(line).context(format!("line {} of words.txt", number + 1)))
        .collect()
}

#[cfg(test)]
mod tests;
