//! [`Aggregation`]: words and entities from the scores of tokens. The `infer` of a token classification engine calls it.

use super::{
    encoding::{Encoding, NO_WORD},
    token_batch::TokenBatch,
};
use crate::{
    error::{Expected, Result},
    tasks::{ClassLabels, ClassifiedToken, TokenClassification},
};

/// The parts of a text that get a class.
///
/// They are those that Hugging Face pipelines call `aggregation_strategy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Aggregation {
    /// Each token (`none`).
    #[default]
    None,
    /// Entities of neighbouring tokens of a class (`simple`). A label that begins with `B-` begins an entity. The score is the
    /// mean.
    Simple,
    /// Entities of neighbouring words, where a word has the class and the score of its first token (`first`). So no entity
    /// begins or ends within a word.
    First,
}

/// A part of a text with its class.
#[derive(Clone, Copy)]
struct Part {
    class: usize,
    /// The sum of the scores of its parts, and their number.
    score: f32,
    count: usize,
    /// The index of its first token.
    token: usize,
    start: usize,
    end: usize,
}

impl TokenBatch<'_> {
    /// Classifies the parts of each text by the scores of its tokens.
    ///
    /// `logits` has the shape `[texts, tokens, classes]`, as a model returns it for this batch, before softmax. Padding,
    /// tokens that the tokenizer has added or that are spaces, and parts of the class `O` are left out. Positions count characters, and a
    /// word is the text as it was written.
    ///
    /// ```
    /// # use chariot_engine::text::{Aggregation, TokenBatch, Tokenizer, TokenizerOptions};
    /// # use chariot_engine::tasks::ClassLabels;
    /// # let file = r#"{"version": "1.0", "pre_tokenizer": {"type": "Whitespace"}, "model": {"type": "WordLevel", "vocab": {"[UNK]": 0}, "unk_token": "[UNK]"}}"#;
    /// # let tokenizer = Tokenizer::from_json(file, &TokenizerOptions::new().max_tokens(8)).unwrap();
    /// let labels: ClassLabels = ["O", "B-LOC", "I-LOC"].into_iter().collect();
    /// let text = "Zürich, New York";
    /// let encoding = tokenizer.encode(text).unwrap();
    /// let batch = TokenBatch::new([(text, &encoding)]);
    /// // Of the tokens "Zürich", ",", "New", "York".
    /// let logits = [0., 9., 0., 9., 0., 0., 0., 9., 0., 0., 0., 9.];
    /// let found = batch.classify(&logits, &labels, Aggregation::Simple).unwrap();
    /// let places: Vec<_> = found[0].as_slice().iter().map(|place| (&*place.word, place.start, place.end)).collect();
    /// assert_eq!(places, [("Zürich", 0, 6), ("New York", 8, 16)]);
    /// ```
    ///
    /// # Errors
    /// Returns an error if the length of `logits` does not fit the shape, or if a score is not finite.
    pub fn classify(
        &self,
        logits: &[f32],
        labels: &ClassLabels,
        aggregation: Aggregation,
    ) -> Result<Vec<TokenClassification>> {
        let [rows, length] = self.shape;
        let classes = labels.len();
        if classes == 0 || logits.len() != rows * length * classes {
            let what = format!("scores of the shape [{rows}, {length}, {classes}]");
            return Err(Expected::new(what, format_args!("{} numbers", logits.len())).to_string().into());
        }
        let classify = |(row, (text, encoding)): (usize, (&str, &Encoding))| {
            let scores = &logits[(row * length + self.tokens_of(row).start) * classes..];
            let parts = parts(encoding, text, scores, classes, aggregation);
            let parts = match aggregation {
                Aggregation::None => parts,
                Aggregation::Simple | Aggregation::First => entities(&parts, labels),
            };
            TokenClassification::new(in_text(&parts, text, labels), labels)
        };
        self.iter().enumerate().map(classify).collect()
    }
}

/// Returns the tokens or words of a text with their best class.
fn parts(encoding: &Encoding, text: &str, scores: &[f32], classes: usize, aggregation: Aggregation) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut last_word = NO_WORD;
    for (index, (token, scores)) in encoding.tokens.iter().zip(scores.chunks_exact(classes)).enumerate() {
        if token.word == NO_WORD {
            continue;
        }
        // Some tokenizers make the space before a word a part of it, or a token of its own.
        let written = text.get(token.start as usize..token.end as usize).unwrap_or_default();
        let visible = written.trim();
        if visible.is_empty() {
            continue;
        }
        let start = token.start as usize + (written.len() - written.trim_start().len());
        let end = start + visible.len();
        match parts.last_mut() {
            Some(word) if aggregation == Aggregation::First && token.word == last_word => word.end = word.end.max(end),
            _ => {
                let (class, score) = best(scores);
                parts.push(Part { class, score, count: 1, token: index, start, end });
            }
        }
        last_word = token.word;
    }
    parts
}

/// Returns the class with the highest score, and its probability.
fn best(scores: &[f32]) -> (usize, f32) {
    let (mut class, mut highest) = (0, f32::NEG_INFINITY);
    for (index, score) in scores.iter().enumerate() {
        if *score > highest {
            (class, highest) = (index, *score);
        }
    }
    let sum: f32 = scores.iter().map(|score| (score - highest).exp()).sum();
    (class, 1.0 / sum)
}

/// Joins neighbours of the same kind.
fn entities(parts: &[Part], labels: &ClassLabels) -> Vec<Part> {
    // By convention `B-LOC` begins a place and `I-LOC` continues one; other labels continue what has the same.
    let kind = |class: usize| {
        let label = labels.get(class).unwrap_or_default();
        match (label.strip_prefix("B-"), label.strip_prefix("I-")) {
            (Some(kind), _) => (true, kind),
            (_, Some(kind)) => (false, kind),
            _ => (false, label),
        }
    };
    let mut entities: Vec<Part> = Vec::new();
    for part in parts {
        let (begins, of_part) = kind(part.class);
        match entities.last_mut() {
            Some(last) if !begins && kind(last.class).1 == of_part => {
                last.score += part.score;
                last.count += 1;
                last.end = last.end.max(part.end);
            }
            _ => entities.push(*part),
        }
    }
    entities
}

/// Returns the parts of a class as the task has them.
fn in_text(parts: &[Part], text: &str, labels: &ClassLabels) -> Vec<ClassifiedToken> {
    let mut characters = Characters::default();
    let mut classified = Vec::new();
    for part in parts.iter().filter(|part| labels.get(part.class) != Some("O")) {
        let word = text.get(part.start..part.end).unwrap_or_default();
        let start = characters.before(text, part.start);
        classified.push(ClassifiedToken {
            class: part.class,
            score: part.score / part.count as f32,
            index: part.token,
            word: word.to_owned(),
            start,
            end: start + word.chars().count(),
        });
    }
    classified
}

/// Counts characters of a text once, for positions that mostly increase.
#[derive(Default)]
struct Characters {
    byte: usize,
    count: usize,
}

impl Characters {
    fn before(&mut self, text: &str, byte: usize) -> usize {
        if byte < self.byte {
            *self = Characters::default();
        }
        self.count += text.get(self.byte..byte).unwrap_or_default().chars().count();
        self.byte = byte;
        self.count
    }
}
