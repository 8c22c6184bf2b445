//! [`Cuts`]: the places where a long text can be cut before it is encoded. [`Tokenizer`](super::Tokenizer) asks for them.
//!
//! The tokens of a text up to a *safe* cut are the first tokens of the text. A cut is safe before a space that follows a
//! letter, a digit or a mark of punctuation, if nothing in the tokenizer looks or joins across it: no added token, no
//! step of the normalizer, and either the pre-tokenizer splits there, or no token of a model that merges (BPE, Unigram)
//! goes across. [`Cuts::of`] proves that from the parts of the file, or does not.

use serde_json::Value;
use tokenizers::{Model, ModelWrapper};

/// The sign that stands for a space in many vocabularies.
const META: char = '▁';

const GPT_2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
/// The pattern at which the tokenizer of Llama 3 splits a text.
pub(super) const LLAMA_3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// The pattern at which the tokenizer of Qwen 2 splits a text.
pub(super) const QWEN_2: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// The patterns of pre-tokenizers that are known to split before a space.
const PATTERNS: [&str; 3] = [GPT_2, LLAMA_3, QWEN_2];

/// The patterns of normalizers that match spaces only.
const SPACES: [&str; 4] = [" {2,}", " +", r"\s+", r"\s{2,}"];

/// The end of a beginning of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// The text is short enough to be taken whole.
    Whole,
    /// The tokens before this byte are the first tokens of the text.
    Safe(usize),
    /// The tokens well before this byte are.
    Open(usize),
}

/// The places where texts can be cut for one tokenizer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cuts {
    /// Set if cuts before a space are proven to be safe.
    proven: bool,
}

impl Cuts {
    /// Finds out whether a tokenizer has safe cuts.
    pub(super) fn of(tokenizer: &tokenizers::Tokenizer) -> Self {
        Cuts { proven: Spaces::default().survive(tokenizer) }
    }

    /// Returns `true` if cuts before a space are proven to be safe.
    #[cfg(test)]
    pub(super) fn are_proven(self) -> bool {
        self.proven
    }

    /// Returns the last cut within the first `size` bytes of a text.
    pub(super) fn within(self, text: &str, size: usize) -> Cut {
        if text.len() <= size {
            return Cut::Whole;
        }
        if self.proven {
            let spaces = memchr::memrchr_iter(b' ', &text.as_bytes()[..size]);
            let ends_a_word = |at: &usize| text[..*at].chars().next_back().is_some_and(ends_word);
            if let Some(at) = spaces.take(1000).find(ends_a_word) {
                return Cut::Safe(at);
            }
        }
        Cut::Open(text.floor_char_boundary(size))
    }
}

/// Returns `true` for a character that no normalizer removes, turns into a space or joins with what follows a space.
fn ends_word(character: char) -> bool {
    character.is_ascii_graphic()
        || (character.is_alphabetic()
            && matches!(character,
                '\u{c0}'..='\u{24f}' | '\u{386}'..='\u{3ff}' | '\u{400}'..='\u{482}' | '\u{48a}'..='\u{52f}'
                | '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}'))
}

/// The forms that the space at a cut can have after some steps of a tokenizer, in any text.
struct Spaces {
    /// It can be a space.
    space: bool,
    /// It can be [`META`].
    meta: bool,
    /// The text is split before it.
    split: bool,
}

impl Default for Spaces {
    fn default() -> Self {
        Spaces { space: true, meta: false, split: false }
    }
}

impl Spaces {
    fn survive(mut self, tokenizer: &tokenizers::Tokenizer) -> bool {
        let normalizer = tokenizer.get_normalizer();
        let added = tokenizer.get_added_tokens_decoder();
        let added_are_safe = added.values().all(|token| {
            let content = &token.content;
            let blank = |character: char| character.is_whitespace() || character == META;
            let is_blank = content.chars().all(blank);
            // A token that is normalized is searched for in another form.
            let keeps_form = !token.normalized || normalizer.is_none() || content.is_ascii();
            (is_blank || !content.contains(blank)) && keeps_form && !(token.rstrip && content.ends_with(ends_word))
        });
        let (Ok(normalizer), Ok(pre)) =
            (serde_json::to_value(normalizer), serde_json::to_value(tokenizer.get_pre_tokenizer()))
        else {
            return false;
        };
        added_are_safe
            && self.normalize(&normalizer)
            && self.pre_tokenize(&pre)
            && (self.split || self.is_kept_by(tokenizer.get_model()))
    }

    /// Takes the step of a normalizer. Returns `false` if it may not keep the cut safe.
    fn normalize(&mut self, piece: &Value) -> bool {
        let Some(kind) = piece["type"].as_str() else { return piece.is_null() };
        match kind {
            "Sequence" => list(piece, "normalizers").all(|piece| self.normalize(piece)),
            "BertNormalizer" | "Lowercase" | "NFC" | "NFD" | "NFKC" | "NFKD" | "Nmt" | "Precompiled" | "Prepend"
            | "Strip" | "StripAccents" => true,
            "Replace" => {
                let content = piece["content"].as_str().unwrap_or_default();
                let (to_space, to_meta) = (content == " ", content == "▁");
                match (piece["pattern"]["String"].as_str(), piece["pattern"]["Regex"].as_str()) {
                    (Some(" "), _) if to_space || to_meta => {
                        self.meta |= self.space && to_meta;
                        self.space &= to_space;
                        true
                    }
                    (_, Some(pattern)) if SPACES.contains(&pattern) && (to_space || to_meta) => {
                        self.meta |= to_meta;
                        true
                    }
                    (Some(pattern), _) => {
                        let blank = |character: char| character.is_whitespace() || character == META;
                        !pattern.is_empty()
                            && !pattern.contains(blank)
                            && !content.is_empty()
                            && !content.contains(blank)
                    }
                    _ => false,
                }
            }
            _ => false,
        }
    }

    /// Takes the step of a pre-tokenizer. Returns `false` if it may not keep the cut safe.
    fn pre_tokenize(&mut self, piece: &Value) -> bool {
        let Some(kind) = piece["type"].as_str() else { return piece.is_null() };
        let is = |field: &str, value: bool| piece[field].as_bool().unwrap_or(true) == value;
        // Each part of a text that is split is taken by itself from here on.
        let was_split = self.split;
        match kind {
            "Sequence" => list(piece, "pretokenizers").all(|piece| self.pre_tokenize(piece)),
            "BertPreTokenizer" | "Whitespace" | "WhitespaceSplit" => {
                self.split |= !self.meta;
                true
            }
            "Metaspace" => {
                let is_usual = piece["replacement"].as_str() == Some("▁");
                (self.space, self.meta) = (false, true);
                self.split |= is_usual && is("split", true);
                is_usual || was_split
            }
            "ByteLevel" => {
                self.split |= is("use_regex", true) && !self.meta;
                self.split
            }
            "Digits" | "Punctuation" => true,
            "Split" => {
                let cuts_out = match piece["behavior"].as_str() {
                    Some("Isolated") => is("invert", false),
                    Some("Removed") => true,
                    _ => false,
                };
                let pattern = &piece["pattern"];
                let is_known = pattern["Regex"].as_str().is_some_and(|pattern| PATTERNS.contains(&pattern));
                let is_space = pattern["String"].as_str() == Some(" ");
                self.split |= !self.meta && cuts_out && (is_known || (is_space && is("invert", false)));
                // A space that is none any more is not found.
                self.split || (is_space && !self.space)
            }
            _ => was_split,
        }
    }

    /// Returns `true` if a model that takes the text whole has no token that goes across the cut.
    fn is_kept_by(&self, model: &ModelWrapper) -> bool {
        let merges_only = match model {
            ModelWrapper::BPE(bpe) => {
                !bpe.ignore_merges && bpe.continuing_subword_prefix.is_none() && bpe.end_of_word_suffix.is_none()
            }
            ModelWrapper::Unigram(_) => true,
            _ => false,
        };
        let goes_across = |token: &String| {
            let mut characters = token.chars();
            let mut last = characters.next();
            characters.any(|character| last.replace(character) != Some(META) && character == META)
        };
        // Unknown characters are joined into one token, so the sign must be a known one.
        merges_only && !self.space && model.token_to_id("▁").is_some() && !model.get_vocab().keys().any(goes_across)
    }
}

fn list<'a>(piece: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    piece[field].as_array().into_iter().flatten()
}
