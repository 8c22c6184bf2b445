//! The reading of `tokenizer.json`. The crate `tokenizers` takes a piece of a kind that it does not know for one of
//! another kind, or says only that nothing matches, so the kinds are checked first. [`Tokenizer`](super::Tokenizer) calls it.

use std::path::Path;

use serde::Deserialize;

use crate::{
    error::{Context, Error, Expected, Result, quoted},
    files,
    telemetry::catch,
};

/// The largest file in bytes. The largest of a published model have 35 MB.
const MAX_BYTES: usize = 64 << 20;

/// The largest number of commas, each of which is a value that takes tens of bytes while the file is read. The largest file of
/// a published model has 3 million.
const MAX_VALUES: usize = 8 << 20;

/// The kinds of pieces that the crate knows, by the field of the file.
const NORMALIZERS: &[&str] = &[
    "BertNormalizer",
    "Strip",
    "StripAccents",
    "NFC",
    "NFD",
    "NFKC",
    "NFKD",
    "Sequence",
    "Lowercase",
    "Nmt",
    "Precompiled",
    "Replace",
    "Prepend",
    "ByteLevel",
];
const PRE_TOKENIZERS: &[&str] = &[
    "BertPreTokenizer",
    "ByteLevel",
    "CharDelimiterSplit",
    "Metaspace",
    "Whitespace",
    "Sequence",
    "Split",
    "Punctuation",
    "WhitespaceSplit",
    "Digits",
    "UnicodeScripts",
    "FixedLength",
];
const POST_PROCESSORS: &[&str] =
    &["RobertaProcessing", "BertProcessing", "ByteLevel", "TemplateProcessing", "Sequence"];
const DECODERS: &[&str] = &[
    "BPEDecoder",
    "ByteLevel",
    "WordPiece",
    "Metaspace",
    "CTC",
    "Sequence",
    "Replace",
    "Fuse",
    "Strip",
    "ByteFallback",
];
const MODELS: &[&str] = &["BPE", "WordPiece", "WordLevel", "Unigram"];

/// The kinds of the pieces of a file. All else in it is skipped.
#[derive(Deserialize)]
struct Shape {
    normalizer: Option<Piece>,
    pre_tokenizer: Option<Piece>,
    post_processor: Option<Piece>,
    decoder: Option<Piece>,
    model: Piece,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Piece {
    r#type: Option<String>,
    #[serde(alias = "pretokenizers", alias = "processors", alias = "decoders", default)]
    normalizers: Vec<Piece>,
}

impl Piece {
    fn check(&self, field: &str, known: &[&str]) -> Result<()> {
        if let Some(kind) = &self.r#type
            && !known.contains(&kind.as_str())
        {
            let what = format!("a {field} of type {}", known.join(", "));
            return Err(Expected::new(what, quoted(kind)).to_string().into());
        }
        self.normalizers.iter().try_for_each(|piece| piece.check(field, known))
    }
}

/// Reads a file.
///
/// # Errors
/// Returns an error if it cannot be read, or those of [`parse`].
pub(super) fn read(path: &Path) -> Result<tokenizers::Tokenizer> {
    let Some(bytes) = files::read_up_to(path, MAX_BYTES)? else {
        return Err(Expected::new("a file of at most 64 MiB", "a larger file").to_string().into());
    };
    parse(&bytes)
}

/// Parses the contents of a file.
///
/// # Errors
/// Returns an error if they are no tokenizer, or have a piece of an unknown kind, which the error names.
pub(super) fn parse(json: &[u8]) -> Result<tokenizers::Tokenizer> {
    if json.len() > MAX_BYTES || memchr::memchr_iter(b',', json).count() > MAX_VALUES {
        let what = format!("a tokenizer of at most 64 MiB and {MAX_VALUES} values");
        return Err(Expected::new(what, "a larger one").to_string().into());
    }
    let json = json.strip_prefix("\u{feff}".as_bytes()).unwrap_or(json);
    let shape: Shape = serde_json::from_slice(json).context("expected a tokenizer as JSON")?;
    let pieces = [
        ("normalizer", &shape.normalizer, NORMALIZERS),
        ("pre_tokenizer", &shape.pre_tokenizer, PRE_TOKENIZERS),
        ("post_processor", &shape.post_processor, POST_PROCESSORS),
        ("decoder", &shape.decoder, DECODERS),
    ];
    for (field, piece, known) in pieces {
        piece.iter().try_for_each(|piece| piece.check(field, known))?;
    }
    shape.model.check("model", MODELS)?;
    // Parts of the crate take for granted that a file is as the crate itself has written it.
    match catch(|| tokenizers::Tokenizer::from_bytes(json)) {
        Ok(tokenizer) => tokenizer.map_err(Error::from).context("expected a tokenizer"),
        Err(panic) => Err(format!("expected a tokenizer that can be read, got one that fails: {panic}").into()),
    }
}
