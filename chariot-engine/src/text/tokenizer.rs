//! [`Tokenizer`]: a model's tokenizer. Authors load it in `load`, and encode texts in `admit`.

use std::{fmt, path::Path, sync::Arc};

use tokenizers::{
    Model, OffsetType, PostProcessor, PreTokenizer, TruncationDirection, utils::padding::PaddingDirection,
};

#[cfg(feature = "candle")]
use super::byte_level::ByteLevel;
use super::{
    config::Config,
    cuts::{Cut, Cuts},
    encoding::{Encoding, Padding},
    file,
    options::TokenizerOptions,
    room::Room,
    token_bytes::Spelling,
};
use crate::{
    error::{Context, Error, Expected, Result, quoted},
    protocol::Reserve,
};

/// The bytes of a text that are encoded first for each token that is wanted. English has 4 to 5 in a token.
const BYTES_A_TOKEN: usize = 8;

/// The shortest beginning of a text that is worth a try, in bytes.
const SHORTEST: usize = 4 << 10;

/// The bytes between a token and a cut that is not proven to be safe, from which on the token counts.
const MARGIN: usize = 8 << 10;

/// The tokens that usually pad, where no file says it.
const PAD_TOKENS: [&str; 3] = ["[PAD]", "<pad>", "<|endoftext|>"];

/// A model's tokenizer, as its `tokenizer.json` describes it. Clones refer to the same one, and any number of threads can use
/// it.
///
/// Padding and truncation in the file have no effect: a batch is padded to its longest text, and a text has at most
/// [`max_tokens`](Self::max_tokens), those included that the tokenizer adds. Tokens beyond that are cut off at the end.
///
/// [`encode`](Self::encode) reads only the beginning of a long text, which gives the same tokens as the whole:
///
/// - With the parts of published models (the normalizers of BERT, XLM-R, T5 and Llama; splits at words as in BERT, GPT-2,
///   Llama 3 and Qwen; or BPE and Unigram without tokens across words) the text is cut before a space, where that is
///   proven.
/// - With other parts, and in a text with no such space, tokens count that end 8 KiB before the cut. A tokenizer that looks
///   further ahead may differ there.
/// - A text of few tokens, such as one of spaces, is encoded as a whole.
///
/// Encoding takes a few hundred bytes for each byte that is read. [`admit`](Self::admit) reserves them from the memory of
/// the request.
///
/// Texts and batches are encoded on the thread that asks for it.
///
/// ```
/// use chariot_engine::text::{Tokenizer, TokenizerOptions};
///
/// let file = r#"{
///     "version": "1.0",
///     "pre_tokenizer": {"type": "Whitespace"},
///     "model": {"type": "WordLevel", "vocab": {"[UNK]": 0, "two": 1, "words": 2}, "unk_token": "[UNK]"}
/// }"#;
/// let tokenizer = Tokenizer::from_json(file, &TokenizerOptions::new().max_tokens(3)).unwrap();
/// let encoding = tokenizer.encode("two long words and more").unwrap();
/// assert_eq!(encoding.ids().collect::<Vec<_>>(), [1, 0, 2]);
/// assert!(encoding.is_truncated());
/// assert_eq!(encoding.span(1), Some(4..8));
/// ```
#[derive(Clone)]
pub struct Tokenizer(Arc<Inner>);

struct Inner {
    raw: tokenizers::Tokenizer,
    cuts: Cuts,
    padding: Padding,
    spelling: Spelling,
    max_tokens: usize,
    /// The number of tokens that the tokenizer adds to a text.
    added: usize,
    truncate: bool,
}

impl Tokenizer {
    /// Reads a file, and the files beside it that [`TokenizerOptions::max_tokens`] names.
    ///
    /// # Errors
    /// Returns an error that names the file if it is larger than 64 MiB, is no tokenizer, or has a part of a kind that is not
    /// known; if the length of texts is neither in the options nor in a file; or if it leaves no room for a token of the
    /// text.
    pub fn open(path: &Path, options: &TokenizerOptions) -> Result<Self> {
        let open = || {
            let config = Config::read(path.parent().unwrap_or(path))?;
            Self::new(file::read(path)?, config, options)
        };
        open().context(quoted(&path.file_name().unwrap_or(path.as_os_str()).to_string_lossy()))
    }

    /// Parses the contents of a file.
    ///
    /// # Errors
    /// Returns the errors of [`open`](Self::open).
    pub fn from_json(json: impl AsRef<[u8]>, options: &TokenizerOptions) -> Result<Self> {
        Self::new(file::parse(json.as_ref())?, Config::default(), options)
    }

    /// Makes a tokenizer from its parts.
    ///
    /// # Errors
    /// Returns an error that names the part at fault, and the errors of [`open`](Self::open) about the length of texts.
    #[cfg(feature = "candle")]
    pub(crate) fn from_byte_level(parts: ByteLevel, options: &TokenizerOptions) -> Result<Self> {
        let pad_token = parts.pad.and_then(|id| parts.tokens.get(id as usize)).cloned();
        let config = Config { max_tokens: parts.max_tokens, pad_token, ..Config::default() };
        Self::new(parts.build()?, config, options)
    }

    fn new(mut raw: tokenizers::Tokenizer, config: Config, options: &TokenizerOptions) -> Result<Self> {
        let Some(max_tokens) = options.max_tokens.or(config.max_tokens) else {
            let what = "TokenizerOptions::max_tokens or a 'model_max_length' in 'tokenizer_config.json'";
            return Err(Expected::new(what, "neither").to_string().into());
        };
        let added = raw.get_post_processor().map_or(0, |processor| processor.added_tokens(false));
        if max_tokens <= added {
            let what = format!("at least {} tokens for a text", added + 1);
            return Err(Expected::new(what, max_tokens).to_string().into());
        }
        let of_file = raw.get_padding();
        let padding = match (of_file, config.pad_token) {
            (None, pad_token) | (Some(_), pad_token @ Some(_)) => {
                let mut tokens = pad_token.iter().map(String::as_str).chain(PAD_TOKENS);
                Padding { id: tokens.find_map(|token| raw.token_to_id(token)).unwrap_or(0), ..Padding::default() }
            }
            (Some(of_file), None) => Padding { id: of_file.pad_id, ..Padding::default() },
        };
        let in_file = of_file.is_some_and(|of_file| matches!(of_file.direction, PaddingDirection::Left));
        let padding = Padding {
            type_id: of_file.map_or(0, |of_file| of_file.pad_type_id),
            left: config.pads_left.unwrap_or(in_file),
            ..padding
        };
        if config.cuts_left && options.truncate {
            tracing::warn!("long texts are cut at their end, although 'tokenizer_config.json' says at their start");
        }
        raw.with_padding(None);
        raw.with_truncation(None).map_err(Error::from)?;
        let (cuts, spelling) = (Cuts::of(&raw), Spelling::of(raw.get_decoder()));
        Ok(Tokenizer(Arc::new(Inner { raw, cuts, padding, spelling, max_tokens, added, truncate: options.truncate })))
    }

    /// Returns the largest number of tokens of a text, with those that the tokenizer adds itself.
    pub fn max_tokens(&self) -> usize {
        self.0.max_tokens
    }

    /// Returns the number of tokens that exist, with those that were added to the vocabulary.
    pub fn vocabulary_size(&self) -> usize {
        self.0.raw.get_vocab_size(true)
    }

    /// Returns the ID of a token, such as `[MASK]`, if it exists.
    pub fn token_id(&self, token: &str) -> Option<u32> {
        self.0.raw.token_to_id(token)
    }

    /// Returns the ID that fills the rows of short texts in a batch.
    pub fn pad_id(&self) -> u32 {
        self.0.padding.id
    }

    /// Checks that a model with embedding tables of these sizes takes every text: its vocabulary, and its positions. For
    /// `load`, so that the files of two models are not taken for one.
    ///
    /// ```
    /// # let file = r#"{"version": "1.0", "model": {"type": "WordLevel", "vocab": {"a": 7}, "unk_token": "a"}}"#;
    /// # use chariot_engine::text::{Tokenizer, TokenizerOptions};
    /// let tokenizer = Tokenizer::from_json(file, &TokenizerOptions::new().max_tokens(256)).unwrap();
    /// assert!(tokenizer.check_model(8, 512).is_ok());
    /// assert!(tokenizer.check_model(7, 512).is_err());
    /// assert!(tokenizer.check_model(8, 128).is_err());
    /// ```
    ///
    /// # Errors
    /// Returns an error if a token has no row in the vocabulary, or if a text can have more tokens than there are positions.
    pub fn check_model(&self, vocabulary: usize, positions: usize) -> Result<()> {
        let Inner { raw, max_tokens, padding, .. } = &*self.0;
        let last = raw.get_vocab(true).into_values().chain([padding.id]).max().unwrap_or(0) as usize;
        if last >= vocabulary {
            let what = format!("a tokenizer with IDs below {vocabulary}, the size of the model's vocabulary");
            return Err(Expected::new(what, last).to_string().into());
        }
        if *max_tokens > positions {
            let what = format!("texts of at most {positions} tokens, the positions of the model");
            let got = format_args!("{max_tokens}; set TokenizerOptions::max_tokens");
            return Err(Expected::new(what, got).to_string().into());
        }
        Ok(())
    }

    /// Encodes a text, with the tokens that the tokenizer adds.
    ///
    /// # Errors
    /// Returns a rejection if the text has more tokens than [`max_tokens`](Self::max_tokens) and is not to be cut. Returns
    /// an error if the tokenizer fails, such as for lack of a token for unknown words.
    pub fn encode(&self, text: &str) -> Result<Encoding> {
        self.encode_within(text, true, Room::default())
    }

    /// Encodes a text without the tokens that the tokenizer adds, for a prompt that a [`ChatTemplate`](super::ChatTemplate)
    /// has written: it has them already.
    ///
    /// # Errors
    /// Returns the errors of [`encode`](Self::encode).
    pub fn encode_plain(&self, text: &str) -> Result<Encoding> {
        self.encode_within(text, false, Room::default())
    }

    /// Encodes a text like [`encode_plain`](Self::encode_plain), and reserves the memory that this takes from a budget until it
    /// is done.
    ///
    /// # Errors
    /// Returns the errors of [`encode`](Self::encode), and that of the budget.
    pub(crate) fn encode_plain_reserving(&self, text: &str, budget: &dyn Reserve) -> Result<Encoding> {
        self.encode_within(text, false, Room::of(budget))
    }

    /// Returns the text of tokens, without special ones. Bytes that are not UTF-8 become U+FFFD.
    ///
    /// ```
    /// # let file = r#"{"version": "1.0", "model": {"type": "WordLevel", "vocab": {"a": 0, "b": 1}, "unk_token": "a"}}"#;
    /// # use chariot_engine::text::{Tokenizer, TokenizerOptions};
    /// let tokenizer = Tokenizer::from_json(file, &TokenizerOptions::new().max_tokens(8)).unwrap();
    /// assert_eq!(tokenizer.decode(&[1, 0]).unwrap(), "b a");
    /// ```
    ///
    /// The text of a part of the tokens can differ from that part of the text: [`Generation`](super::Generation) decodes
    /// tokens one by one.
    ///
    /// # Errors
    /// Returns an error if the tokenizer fails.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        self.0.raw.decode(ids, true).map_err(Error::from)
    }

    /// Returns the token of an ID, as the vocabulary has it.
    pub(super) fn token(&self, id: u32) -> Option<String> {
        self.0.raw.id_to_token(id)
    }

    /// Returns `true` if a token is no part of a text.
    pub(super) fn is_special(&self, id: u32) -> bool {
        let added = self.0.raw.get_added_vocabulary().get_added_tokens_decoder();
        added.get(&id).is_some_and(|token| token.special)
    }

    /// Returns the bytes of a token, if they do not depend on the tokens before it.
    pub(super) fn bytes(&self, id: u32) -> Option<Vec<u8>> {
        let Inner { raw, spelling, .. } = &*self.0;
        let token = raw.id_to_token(id)?;
        match raw.get_added_vocabulary().get_added_tokens_decoder().contains_key(&id) {
            true => Some(token.into_bytes()),
            false => spelling.bytes(&token),
        }
    }

    /// Returns `true` if a token has this ID.
    pub(super) fn has_id(&self, id: u32) -> bool {
        self.0.raw.id_to_token(id).is_some()
    }

    /// Encodes a text, and reserves the memory that this takes from a budget until it is done.
    ///
    /// # Errors
    /// Returns the errors of [`encode`](Self::encode), and that of the budget.
    pub(crate) fn encode_reserving(&self, text: &str, budget: &dyn Reserve) -> Result<Encoding> {
        self.encode_within(text, true, Room::of(budget))
    }

    /// Encodes a text, with the tokens that the tokenizer adds if `adds` is set.
    fn encode_within(&self, text: &str, adds: bool, mut room: Room<'_>) -> Result<Encoding> {
        let Inner { raw, max_tokens, added, truncate, padding, .. } = &*self.0;
        let most = max_tokens - if adds { *added } else { 0 };
        let mut content = self.beginning(text, most + 1, &mut room)?;
        let is_long = content.len() > most;
        if is_long {
            if !truncate {
                return Err(Error::rejected(Expected::new(format!("at most {max_tokens} tokens"), "more")));
            }
            content.truncate(most, 0, TruncationDirection::Right);
            content.take_overflowing();
        }
        let encoding = raw.post_process(content, None, adds).map_err(Error::from)?;
        Ok(Encoding::from_raw(&encoding, text, is_long, *padding))
    }

    /// Encodes as much of a text as its first `wanted` tokens need. Returns these at least, or all that there are.
    fn beginning(&self, text: &str, wanted: usize, room: &mut Room<'_>) -> Result<tokenizers::Encoding> {
        let mut size = wanted.saturating_mul(BYTES_A_TOKEN).max(SHORTEST);
        loop {
            let cut = self.0.cuts.within(text, size);
            match cut {
                Cut::Whole => return self.tokens(text, wanted, room),
                Cut::Safe(end) => {
                    let tokens = self.tokens(&text[..end], wanted, room)?;
                    if tokens.len() >= wanted {
                        return Ok(tokens);
                    }
                }
                Cut::Open(end) if end > 2 * MARGIN => {
                    let tokens = self.tokens(&text[..end], wanted, room)?;
                    let offsets = tokens.get_offsets();
                    if offsets.len() >= wanted
                        && offsets[..wanted].iter().all(|(_, token_end)| token_end + MARGIN <= end)
                    {
                        return Ok(tokens);
                    }
                }
                // Nothing that short would count.
                Cut::Open(_) => size = size.max(MARGIN),
            }
            size = size.saturating_mul(4);
        }
    }

    /// Encodes a text up to the word in which the token number `wanted` is, without the tokens that are added at the end.
    fn tokens(&self, text: &str, wanted: usize, room: &mut Room<'_>) -> Result<tokenizers::Encoding> {
        room.make_for(text)?;
        let raw = &self.0.raw;
        let mut words = raw.get_added_vocabulary().extract_and_normalize(raw.get_normalizer(), text);
        if let Some(pre_tokenizer) = raw.get_pre_tokenizer() {
            pre_tokenizer.pre_tokenize(&mut words).map_err(Error::from)?;
        }
        let limit = Some((wanted, TruncationDirection::Right));
        raw.get_model().tokenize_in_pretokenized(&mut words, limit).map_err(Error::from)?;
        words.into_encoding(None, 0, OffsetType::Byte).map_err(Error::from)
    }

    /// Encodes a text as the crate does it, as a whole.
    #[cfg(test)]
    pub(super) fn encode_whole(&self, text: &str) -> Vec<u32> {
        self.0.raw.encode(text, true).unwrap().get_ids().to_vec()
    }

    /// Returns `true` if cuts before a space are proven to be safe.
    #[cfg(test)]
    pub(super) fn has_safe_cuts(&self) -> bool {
        self.0.cuts.are_proven()
    }
}

impl fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokenizer").field("max_tokens", &self.0.max_tokens).finish_non_exhaustive()
    }
}
