//! Requests of texts that are encoded as a whole, in far more memory than they and their tokens take.

use chariot_engine::text::{Tokenizer, TokenizerOptions};

use crate::{bodies::items, held::Case};

/// The length of the texts, in bytes.
const LENGTH: usize = 64 << 10;

/// Returns a tokenizer like those of BERT, with few words.
fn words() -> Tokenizer {
    let file = r###"{
        "version": "1.0",
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": true, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "model": {"type": "WordPiece", "vocab": {"[UNK]": 0, "a": 1}, "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100}
    }"###;
    Tokenizer::from_json(file, &TokenizerOptions::new().max_tokens(256)).expect("a tokenizer")
}

/// Returns a tokenizer that joins the characters of a whole text, and drops those that it does not know.
fn characters() -> Tokenizer {
    let file = r#"{
        "version": "1.0",
        "normalizer": {"type": "NFKC"},
        "model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": []}
    }"#;
    Tokenizer::from_json(file, &TokenizerOptions::new().max_tokens(256)).expect("a tokenizer")
}

pub(crate) fn cases() -> Vec<Case> {
    let case = |name, tokenizer, text: &str| {
        let text = format!("[\"{}a\"]", text.repeat(LENGTH / text.len()));
        Case::tokens(name, tokenizer, items(&text, "{}"))
    };
    vec![
        case("a text of spaces", words, " "),
        case("a text of accents", words, "\u{301}"),
        case("a text of syllables", words, "한"),
        case("a text of unknown characters", characters, "é"),
    ]
}
