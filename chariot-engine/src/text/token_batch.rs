//! [`TokenBatch`]: several encoded texts, padded to one length. `Batch::tokens` makes it for `infer`.

use std::{fmt, ops::Range};

use super::encoding::{Encoding, Padding};
use crate::device::Device;

/// Several encoded texts as a model takes them: padded to the longest, with a mask.
///
/// Arrays have the shape `[texts, tokens]`, row by row. Texts are padded at their end, or at their start where the
/// model's files say so.
///
/// ```
/// use chariot_engine::text::{TokenBatch, Tokenizer, TokenizerOptions};
///
/// let file = r#"{
///     "version": "1.0",
///     "pre_tokenizer": {"type": "Whitespace"},
///     "model": {"type": "WordLevel", "vocab": {"[UNK]": 0, "[PAD]": 1, "a": 2, "b": 3}, "unk_token": "[UNK]"}
/// }"#;
/// let tokenizer = Tokenizer::from_json(file, &TokenizerOptions::new().max_tokens(8)).unwrap();
/// let texts = ["a b a", "b"];
/// let encodings = texts.map(|text| tokenizer.encode(text).unwrap());
/// let batch = TokenBatch::new(texts.into_iter().zip(&encodings));
/// assert_eq!(batch.shape(), [2, 3]);
/// assert_eq!(batch.ids(), [2, 3, 2, 3, 1, 1]);
/// assert_eq!(batch.mask(), [1, 1, 1, 1, 0, 0]);
/// ```
pub struct TokenBatch<'a> {
    items: Vec<(&'a str, &'a Encoding)>,
    ids: Vec<i64>,
    mask: Vec<i64>,
    type_ids: Vec<i64>,
    pub(super) shape: [usize; 2],
    padding: Padding,
    pub(super) device: Device,
}

impl<'a> TokenBatch<'a> {
    /// Creates a batch of texts with their encodings, which are those of one tokenizer, padded to the longest.
    pub fn new(items: impl IntoIterator<Item = (&'a str, &'a Encoding)>) -> Self {
        Self::padded(items, 0, 0)
    }

    /// Creates a batch with at least this number of rows and of tokens, for a model that fixes them. A row without a text has
    /// one token that the mask marks, so that no model divides by zero.
    pub fn padded(items: impl IntoIterator<Item = (&'a str, &'a Encoding)>, rows: usize, tokens: usize) -> Self {
        let items: Vec<_> = items.into_iter().collect();
        let longest = items.iter().map(|(_, encoding)| encoding.len()).max().unwrap_or(0);
        let shape = [items.len().max(rows), longest.max(tokens).max(1)];
        let [rows, length] = shape;
        let padding = items.first().map_or(Padding::default(), |(_, encoding)| encoding.padding);
        let mut batch = TokenBatch {
            ids: vec![i64::from(padding.id); rows * length],
            mask: vec![0; rows * length],
            type_ids: vec![i64::from(padding.type_id); rows * length],
            items,
            shape,
            padding,
            device: Device::cpu(),
        };
        for row in 0..rows {
            let range = batch.tokens_of(row);
            let at = row * length;
            let tokens = batch.items.get(row).map(|(_, encoding)| &*encoding.tokens).unwrap_or_default();
            for (position, token) in range.clone().zip(tokens) {
                batch.ids[at + position] = i64::from(token.id);
                batch.type_ids[at + position] = i64::from(token.type_id);
            }
            batch.mask[at..][..length][range].fill(1);
        }
        batch
    }

    /// Sets the device of its tensors.
    #[must_use]
    pub fn on(mut self, device: &Device) -> Self {
        self.device = device.clone();
        self
    }

    /// Returns the number of texts.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Returns `true` if there are no texts.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Returns the numbers of rows and of tokens in a row.
    pub fn shape(&self) -> [usize; 2] {
        self.shape
    }

    /// Returns the IDs of the tokens.
    pub fn ids(&self) -> &[i64] {
        &self.ids
    }

    /// Returns the attention mask: 1 for a token, 0 for padding.
    pub fn mask(&self) -> &[i64] {
        &self.mask
    }

    /// Returns the types of the tokens, which for single texts are usually 0.
    pub fn type_ids(&self) -> &[i64] {
        &self.type_ids
    }

    /// Iterates over the numbers of tokens of the texts, without padding.
    pub fn lengths(&self) -> impl ExactSizeIterator<Item = usize> {
        self.items.iter().map(|(_, encoding)| encoding.len())
    }

    /// Iterates over the texts with their encodings.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&'a str, &'a Encoding)> {
        self.items.iter().copied()
    }

    /// Returns the positions of a row's tokens, of which there is at least one.
    pub(super) fn tokens_of(&self, row: usize) -> Range<usize> {
        let length = self.shape[1];
        let tokens = self.items.get(row).map_or(1, |(_, encoding)| encoding.len().max(1));
        if self.padding.left { length - tokens..length } else { 0..tokens }
    }
}

impl fmt::Debug for TokenBatch<'_> {
    /// Formats the shape only, to keep texts out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenBatch").field("shape", &self.shape).finish_non_exhaustive()
    }
}
