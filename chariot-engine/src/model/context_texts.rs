//! The tokenizer and the chat template of a model, as methods of [`LoadContext`].

use std::path::Path;

use super::context::LoadContext;
use crate::{
    error::Result,
    text::{ChatTemplate, Tokenizer, TokenizerOptions},
};

impl<S> LoadContext<S> {
    /// Reads a tokenizer, with the length of texts that the model's files state, and cuts longer texts. See [`Tokenizer`].
    ///
    /// ```no_run
    /// use chariot_engine::{Result, model::LoadContext, text::Tokenizer};
    ///
    /// fn load(ctx: &LoadContext) -> Result<Tokenizer> {
    ///     ctx.tokenizer("tokenizer.json")
    /// }
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`file`](Self::file) and of [`Tokenizer::open`].
    pub fn tokenizer(&self, name: impl AsRef<Path>) -> Result<Tokenizer> {
        self.tokenizer_with(name, &TokenizerOptions::new())
    }

    /// Reads a tokenizer with options of your own. Otherwise like [`tokenizer`](Self::tokenizer).
    ///
    /// # Errors
    /// Returns the errors of [`tokenizer`](Self::tokenizer).
    pub fn tokenizer_with(&self, name: impl AsRef<Path>, options: &TokenizerOptions) -> Result<Tokenizer> {
        Tokenizer::open(&self.file(name)?, options)
    }

    /// Reads the model's chat template: the file `chat_template.jinja`, or the `chat_template` of `tokenizer_config.json`, of
    /// several the one with the name `default`. `tokenizer_config.json` also has the tokens that it writes.
    ///
    /// # Errors
    /// Returns an error if there is none, and the errors of [`ChatTemplate::new`].
    pub fn chat_template(&self) -> Result<ChatTemplate> {
        let folder = ["chat_template.jinja", "tokenizer_config.json"]
            .iter()
            .find_map(|name| self.file(name).ok().and_then(|path| path.parent().map(Path::to_path_buf)));
        ChatTemplate::read(folder.as_deref().unwrap_or(self.model_dir()))
    }
}
