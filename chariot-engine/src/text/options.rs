//! [`TokenizerOptions`]: how a tokenizer treats long texts. Authors make them.

/// The options of a [`Tokenizer`](super::Tokenizer).
///
/// ```
/// use chariot_engine::text::TokenizerOptions;
///
/// let options = TokenizerOptions::new().max_tokens(256).truncate(false);
/// # let _ = options;
/// ```
#[derive(Clone, Debug)]
pub struct TokenizerOptions {
    pub(super) max_tokens: Option<usize>,
    pub(super) truncate: bool,
}

impl Default for TokenizerOptions {
    fn default() -> Self {
        TokenizerOptions { max_tokens: None, truncate: true }
    }
}

impl TokenizerOptions {
    /// Creates the default options: the length of the model's files, and longer texts are cut.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the largest number of tokens of a text, with those that the tokenizer adds itself.
    ///
    /// Default for a GGUF file: its context length. For others: `max_seq_length` of `sentence_bert_config.json` beside the
    /// file, else `model_max_length` of `tokenizer_config.json`, if it is at most a million. The truncation in
    /// `tokenizer.json` itself does not count: it is often shorter than what the model takes.
    #[must_use]
    pub fn max_tokens(mut self, tokens: usize) -> Self {
        self.max_tokens = Some(tokens);
        self
    }

    /// Returns `true` if the largest number of tokens is set.
    #[cfg(feature = "candle")]
    pub(crate) fn has_max_tokens(&self) -> bool {
        self.max_tokens.is_some()
    }

    /// Sets whether a text of more tokens is cut at its end. If not, it is rejected. Default: `true`.
    #[must_use]
    pub fn truncate(mut self, truncate: bool) -> Self {
        self.truncate = truncate;
        self
    }
}
