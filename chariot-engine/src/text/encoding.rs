//! [`Encoding`]: the tokens of one text. [`Tokenizer`](super::Tokenizer) makes it.

use std::ops::Range;

/// The tokens of one text, with the places in the text that they stand for. Without padding.
///
/// ```
/// # fn run(tokenizer: &chariot_engine::text::Tokenizer) -> chariot_engine::Result<()> {
/// let text = "two words";
/// let encoding = tokenizer.encode(text)?;
/// for (index, id) in encoding.ids().enumerate() {
///     let of_text = encoding.span(index).map(|bytes| &text[bytes]);
///     println!("{id} {of_text:?}");
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoding {
    pub(super) tokens: Box<[Token]>,
    pub(super) truncated: bool,
    pub(super) padding: Padding,
}

/// A token of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) id: u32,
    pub(super) type_id: u32,
    /// The bytes of the text that it stands for.
    pub(super) start: u32,
    pub(super) end: u32,
    /// The index of the word that it is part of; [`NO_WORD`] for a token that the tokenizer has added.
    pub(super) word: u32,
}

/// The word of a token that stands for no part of the text.
pub(super) const NO_WORD: u32 = u32::MAX;

/// The token that fills the rows of short texts in a batch, and its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Padding {
    pub(super) id: u32,
    pub(super) type_id: u32,
    pub(super) left: bool,
}

impl Encoding {
    /// Creates an encoding from that of the crate for a beginning of this text.
    pub(super) fn from_raw(raw: &tokenizers::Encoding, text: &str, truncated: bool, padding: Padding) -> Self {
        let (types, special) = (raw.get_type_ids(), raw.get_special_tokens_mask());
        let token = |index: usize| {
            let (start, end) = raw.get_offsets()[index];
            // Some tokenizers split within a character.
            let (start, end) = (text.floor_char_boundary(start), text.ceil_char_boundary(end.max(start)));
            let word = raw.get_word_ids()[index].filter(|_| special[index] == 0);
            Token {
                id: raw.get_ids()[index],
                type_id: types[index],
                start: u32::try_from(start).unwrap_or(u32::MAX),
                end: u32::try_from(end).unwrap_or(u32::MAX),
                word: word.unwrap_or(NO_WORD),
            }
        };
        Encoding { tokens: (0..raw.len()).map(token).collect(), truncated, padding }
    }

    /// Returns the number of tokens, with those that the tokenizer has added.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Returns `true` if there are no tokens: the text is empty for this tokenizer, which adds none itself.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Iterates over the IDs of the tokens.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = u32> {
        self.tokens.iter().map(|token| token.id)
    }

    /// Returns `true` if the text has been cut to the largest number of tokens.
    pub fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// Returns the bytes of the text that a token stands for, at boundaries of characters; `None` for a token that the
    /// tokenizer has added, or that does not exist.
    ///
    /// Several tokens can stand for the same character.
    pub fn span(&self, token: usize) -> Option<Range<usize>> {
        let token = self.tokens.get(token).filter(|token| token.word != NO_WORD)?;
        Some(token.start as usize..token.end as usize)
    }

    /// Returns the index of the word of the text that a token is part of; `None` as [`span`](Self::span) does. A word is what
    /// the tokenizer splits a text into before it looks for tokens.
    pub fn word(&self, token: usize) -> Option<usize> {
        self.tokens.get(token).filter(|token| token.word != NO_WORD).map(|token| token.word as usize)
    }

    /// Returns the memory in bytes.
    pub(crate) fn memory(&self) -> usize {
        size_of_val(&*self.tokens) + size_of::<Self>() + 4 * size_of::<usize>()
    }

    /// Returns the number of tokens up to which texts share a call with this one, padded. At most an eighth of a row is
    /// padding, or 15 tokens of a short one.
    pub(crate) fn bucket(&self) -> usize {
        let step = (self.len().max(1).ilog2().saturating_sub(3)).max(3);
        self.len().next_multiple_of(1 << step).max(16)
    }
}
