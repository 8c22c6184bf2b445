//! [`Logprobs`]: the tokens of a text with their logarithmic probabilities. [`Generation`](super::Generation) records them
//! for callers that want them.
//!
//! They are those of the logits as the model returns them: before penalties and temperature, and over all tokens.

use super::{token_text::TokenText, tokenizer::Tokenizer};
use crate::{
    error::Result,
    tasks::{TokenLogprob, TopLogprob},
};

/// The least logarithmic probability, for tokens that cannot be chosen. JSON has no infinity.
const LEAST: f64 = -9999.0;

/// A logit this far below the largest one adds nothing to the sum of all.
const NEGLIGIBLE: f32 = 40.0;

/// The tokens of one text.
#[derive(Debug)]
pub(super) struct Logprobs {
    /// The number of alternatives of each token.
    top: usize,
    tokens: Vec<TokenLogprob>,
    /// The place where the text of each token begins, in bytes.
    starts: Vec<usize>,
    /// The number of tokens that have been taken.
    taken: usize,
    memory: usize,
}

impl Logprobs {
    pub(super) fn new(top: usize) -> Self {
        Logprobs { top, tokens: Vec::new(), starts: Vec::new(), taken: 0, memory: 0 }
    }

    /// Adds a token that was chosen from these finite logits. Its text begins at `start`, after `text`.
    ///
    /// # Errors
    /// Returns an error if the tokenizer fails.
    pub(super) fn push(
        &mut self,
        token: u32,
        logits: &[f32],
        start: usize,
        text: &TokenText,
        tokenizer: &Tokenizer,
    ) -> Result<()> {
        let top = most_likely(logits, self.top);
        let of = logarithms(logits);
        let ids: Vec<u32> = [token].into_iter().chain(top).collect();
        let bytes = text.bytes_of(&ids, tokenizer)?;
        let mut all = ids.iter().zip(bytes).map(|(id, bytes)| TopLogprob {
            token: bytes.as_deref().map_or_else(|| tokenizer.token(*id).unwrap_or_default(), shown),
            logprob: logits.get(*id as usize).map_or(LEAST as f32, |logit| of(*logit)),
            bytes,
        });
        if let Some(TopLogprob { token, logprob, bytes }) = all.next() {
            let token = TokenLogprob { token, logprob, bytes, top_logprobs: all.collect() };
            self.memory += token.memory();
            self.tokens.push(token);
            self.starts.push(start);
        }
        Ok(())
    }

    /// Leaves out the tokens that begin at the end of the text or behind it, because a stop text has cut it off there.
    pub(super) fn cut(&mut self, end: usize) {
        let count = self.starts.partition_point(|start| *start < end);
        self.tokens.truncate(count);
        self.starts.truncate(count);
    }

    /// Returns the tokens that begin before `end` and that have not been taken.
    pub(super) fn take(&mut self, end: usize) -> &[TokenLogprob] {
        let count = self.starts.partition_point(|start| *start < end);
        let from = std::mem::replace(&mut self.taken, count);
        &self.tokens[from.min(count)..count]
    }

    /// Returns the memory of the tokens, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.memory
    }

    pub(super) fn into_tokens(self) -> Vec<TokenLogprob> {
        self.tokens
    }
}

/// Returns the logarithmic probability as a function of the logit.
fn logarithms(logits: &[f32]) -> impl Fn(f32) -> f32 {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let below = logits.iter().map(|logit| logit - largest).filter(|below| *below > -NEGLIGIBLE);
    let sum: f64 = below.map(|below| libm::exp(f64::from(below))).sum();
    let total = f64::from(largest) + libm::log(sum);
    move |logit| (f64::from(logit) - total).max(LEAST) as f32
}

/// Returns the tokens with the largest logits, in order; of equal ones, the lower ID first.
fn most_likely(logits: &[f32], count: usize) -> Vec<u32> {
    let mut top: Vec<(f32, u32)> = Vec::with_capacity(count + 1);
    for (id, &logit) in (0u32..).zip(logits) {
        if top.len() == count && top.last().is_none_or(|(least, _)| logit <= *least) {
            continue;
        }
        let at = top.partition_point(|(other, _)| *other >= logit);
        top.insert(at, (logit, id));
        top.truncate(count);
    }
    top.into_iter().map(|(_, id)| id).collect()
}

/// Returns bytes as a text, in which those that are not UTF-8 are escaped.
fn shown(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        shown.push_str(chunk.valid());
        for byte in chunk.invalid() {
            shown.push_str(&format!("\\x{byte:02x}"));
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_those_of_the_softmax_of_all_logits() {
        let logits = [1.0, 2.0, f32::NEG_INFINITY, 0.0, -200.0];
        let of = logarithms(&logits);
        for (logit, expected) in [(2.0, -0.407_606), (1.0, -1.407_606), (0.0, -2.407_606), (-200.0, -202.407_6)] {
            assert!((of(logit) - expected).abs() < 1e-4, "{logit}: {}", of(logit));
        }
        assert_eq!(of(f32::NEG_INFINITY), -9999.0);
        // Large logits do not overflow.
        assert!((logarithms(&[1e4, 1e4])(1e4) + std::f32::consts::LN_2).abs() < 1e-6);
    }

    #[test]
    fn the_most_likely_tokens_are_in_order() {
        let logits = [0.0, 3.0, 1.0, 3.0, f32::NEG_INFINITY, 2.0];
        assert!(most_likely(&logits, 0).is_empty());
        assert_eq!(most_likely(&logits, 1), [1]);
        assert_eq!(most_likely(&logits, 4), [1, 3, 5, 2]);
        assert_eq!(most_likely(&logits, 20), [1, 3, 5, 2, 0, 4]);
    }

    #[test]
    fn bytes_that_are_no_text_are_escaped() {
        assert_eq!(shown("é \n".as_bytes()), "é \n");
        assert_eq!(shown(&[b'a', 0xf0, 0x9f, b'b']), "a\\xf0\\x9fb");
    }
}
