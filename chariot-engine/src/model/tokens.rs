//! The tokens of items: [`Tokenizer::admit`] for an author's `admit`, and [`Batch::tokens`] for `infer`.

use super::{batch::Batch, item::Item};
use crate::{
    error::{Error, Expected, Result},
    input::BatchCost,
    text::{Encoding, TokenBatch, Tokenizer},
};

impl Tokenizer {
    /// Encodes the text of an item and keeps the [`Encoding`] for `infer`, where [`Batch::tokens`] finds it. For
    /// [`Model::admit`](super::Model::admit).
    ///
    /// Texts share a call with others of about the same number of tokens: at most an eighth of a row is padding, or 15 tokens
    /// of a short one. The cost is that of the row, [`BatchCost::tokens`]: by default a call takes up to 512 tokens, and
    /// [`Spec::max_tokens`](super::Spec::max_tokens) sets another limit.
    ///
    /// # Errors
    /// Returns a rejection if the text has no tokens, or has too many and is not to be cut; see
    /// [`encode`](Self::encode). Returns an error if the memory for the text while it is encoded, or for its tokens, exceeds a
    /// limit.
    pub fn admit<I: AsRef<str>>(&self, item: &mut Item<I>) -> Result<BatchCost> {
        let encoding = self.encode_reserving(item.value().as_ref(), &*item.info().shared.token)?;
        self.attach(item, encoding)
    }

    /// Keeps the encoding of a text for `infer`, like [`admit`](Self::admit), for an input that is not only a text.
    /// [`encode`](Self::encode) reserves no memory while it runs.
    ///
    /// # Errors
    /// Returns a rejection if there are no tokens, and an error if the memory for them exceeds a limit.
    pub fn attach<I>(&self, item: &mut Item<I>, encoding: Encoding) -> Result<BatchCost> {
        if encoding.is_empty() {
            return Err(Error::rejected(Expected::new("a text with at least one token", "none")));
        }
        item.info().shared.token.charge(encoding.memory())?;
        let bucket = encoding.bucket();
        item.attach(encoding);
        Ok(BatchCost::tokens(bucket).group(bucket as u64))
    }
}

impl<I: AsRef<str>> Batch<I> {
    /// Returns the tokens that [`Tokenizer::admit`] has kept, padded to the longest text, on the worker's device.
    ///
    /// # Errors
    /// Returns an error if an item has no tokens: `admit` did not call the tokenizer.
    pub fn tokens(&self) -> Result<TokenBatch<'_>> {
        let encodings = self.attached::<Encoding>()?;
        let texts = self.iter().map(|item| item.value().as_ref());
        Ok(TokenBatch::new(texts.zip(encodings)).on(self.device()))
    }
}
