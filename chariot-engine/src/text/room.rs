//! [`Room`]: the memory that work on a text takes, reserved before it is taken. [`Tokenizer`](super::Tokenizer) and
//! [`ChatTemplate`](super::ChatTemplate) ask for it.

use crate::{error::Result, protocol::Reserve};

/// The memory for each byte of a text, in bytes: the alignments of the normalized text, and a token of one byte.
const BYTE: usize = 200;

/// The memory for each piece that a text can be split into, in bytes.
const PIECE: usize = 400;

/// From here on characters stand for themselves: the scripts of East Asia, and emoji.
const WIDE: char = '\u{2e80}';

/// Memory that is reserved until this is dropped. The default reserves nothing and never refuses.
#[derive(Default)]
pub(super) struct Room<'a> {
    budget: Option<&'a dyn Reserve>,
    bytes: usize,
}

impl<'a> Room<'a> {
    /// Creates an empty room in a budget.
    pub(super) fn of(budget: &'a dyn Reserve) -> Self {
        Room { budget: Some(budget), bytes: 0 }
    }

    /// Makes room for the encoding of this text, in place of an earlier and shorter one.
    ///
    /// # Errors
    /// Returns the error of the budget.
    pub(super) fn make_for(&mut self, text: &str) -> Result<()> {
        if self.budget.is_none() {
            return Ok(());
        }
        let bytes = text.len().saturating_mul(BYTE).saturating_add(pieces(text).saturating_mul(PIECE));
        self.make(bytes)
    }

    /// Makes room for so many bytes in all.
    ///
    /// # Errors
    /// Returns the error of the budget.
    pub(super) fn make(&mut self, bytes: usize) -> Result<()> {
        let Some(budget) = self.budget else { return Ok(()) };
        budget.reserve(bytes.saturating_sub(self.bytes))?;
        self.bytes = self.bytes.max(bytes);
        Ok(())
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        if let Some(budget) = self.budget {
            budget.release(self.bytes);
        }
    }
}

/// Returns the most pieces that a pre-tokenizer splits a text into: words, and characters that are in none.
fn pieces(text: &str) -> usize {
    let mut in_word = false;
    let begins = |character: char| {
        let is_word = character < WIDE && character.is_alphanumeric();
        let begins = !(is_word && in_word || character.is_whitespace() || character.is_control());
        in_word = is_word;
        begins
    };
    text.chars().map(begins).filter(|begins| *begins).count()
}
