//! The files beside `tokenizer.json`: the length of the model's texts, and the token that pads them.
//! [`Tokenizer`](super::Tokenizer) reads them.

use std::path::Path;

use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    error::{Context, Expected, Result},
    files,
};

/// The file in which a tokenizer's own settings are.
pub(super) const TOKENIZER: &str = "tokenizer_config.json";
/// The file in which the library Sentence Transformers keeps the length of texts.
const SENTENCES: &str = "sentence_bert_config.json";

/// The largest file in bytes. The largest of a published model have some hundred kilobytes.
const MAX_BYTES: usize = 16 << 20;

/// The largest length that is one: without a limit, files say 1e30.
const MAX_TOKENS: f64 = 1e6;

/// The contents of the files that matter here.
#[derive(Debug, Default)]
pub(super) struct Config {
    /// The length in tokens of the longest text.
    pub(super) max_tokens: Option<usize>,
    pub(super) pad_token: Option<String>,
    /// Set if short texts are padded at their start.
    pub(super) pads_left: Option<bool>,
    /// Set if the reference cuts long texts at their start.
    pub(super) cuts_left: bool,
}

#[derive(Default, Deserialize)]
struct TokenizerConfig {
    model_max_length: Option<f64>,
    pad_token: Option<Token>,
    padding_side: Option<String>,
    truncation_side: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Token {
    Plain(String),
    Added { content: String },
}

impl Token {
    pub(super) fn into_text(self) -> String {
        match self {
            Token::Plain(content) | Token::Added { content } => content,
        }
    }
}

#[derive(Default, Deserialize)]
struct SentenceConfig {
    max_seq_length: Option<f64>,
}

impl Config {
    /// Reads the files of a folder that are there.
    ///
    /// # Errors
    /// Returns an error that names the file that is no JSON of the kind.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let tokenizer: TokenizerConfig = read(folder, TOKENIZER)?.unwrap_or_default();
        let sentences: SentenceConfig = read(folder, SENTENCES)?.unwrap_or_default();
        let length = |length: Option<f64>| {
            length.filter(|length| (1.0..=MAX_TOKENS).contains(length)).map(|length| length as usize)
        };
        Ok(Config {
            max_tokens: length(sentences.max_seq_length).or(length(tokenizer.model_max_length)),
            pad_token: tokenizer.pad_token.map(Token::into_text),
            pads_left: tokenizer.padding_side.map(|side| side == "left"),
            cuts_left: tokenizer.truncation_side.is_some_and(|side| side == "left"),
        })
    }
}

/// Reads a file of a folder, if it is there.
///
/// # Errors
/// Returns an error that names the file that is no JSON of the kind.
pub(super) fn read<T: DeserializeOwned>(folder: &Path, name: &str) -> Result<Option<T>> {
    let path = folder.join(name);
    if !path.exists() {
        return Ok(None);
    }
    let read = || -> Result<T> {
        let Some(bytes) = files::read_up_to(&path, MAX_BYTES)? else {
            return Err(Expected::new("a file of at most 16 MiB", "a larger file").to_string().into());
        };
        Ok(serde_json::from_slice(bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes))?)
    };
    read().map(Some).context(format_args!("reading '{name}'"))
}
