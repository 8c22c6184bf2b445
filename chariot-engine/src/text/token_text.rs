//! [`TokenText`]: the text of tokens that arrive one by one. [`Generation`](super::Generation) has one.

use super::tokenizer::Tokenizer;
use crate::error::Result;

/// The most tokens that wait for the rest of a character, which has four bytes at most. Tokens that are not UTF-8 at all
/// would wait forever.
const MAX_WAITING: usize = 8;

/// The tokens at the end of a text that decide how the next ones are written: some tokenizers join words by what is before
/// them.
#[derive(Debug, Default)]
pub(super) struct TokenText {
    ids: Vec<u32>,
    /// The number of these whose text has been returned.
    written: usize,
}

impl TokenText {
    /// Adds a token. Returns the text that it completes, which is empty while a character is incomplete. Bytes that are not
    /// UTF-8 become U+FFFD.
    ///
    /// # Errors
    /// Returns an error if the tokenizer fails.
    pub(super) fn push(&mut self, id: u32, tokenizer: &Tokenizer) -> Result<String> {
        self.ids.push(id);
        let whole = tokenizer.decode(&self.ids)?;
        let is_incomplete = whole.ends_with(char::REPLACEMENT_CHARACTER);
        if is_incomplete && self.ids.len() - self.written < MAX_WAITING {
            return Ok(String::new());
        }
        if is_incomplete {
            return self.flush(tokenizer);
        }
        // The written tokens decide how the new ones are joined to them.
        let before = tokenizer.decode(&self.ids[..self.written])?;
        let text = added(&before, &whole);
        if text.is_empty() {
            // A special token, say. The ones before it still decide how the next one is joined.
            self.ids.truncate(self.written);
            return Ok(String::new());
        }
        self.ids.drain(..self.written);
        self.written = self.ids.len();
        Ok(text.to_owned())
    }

    /// Returns the bytes that each of these tokens adds to the text if it comes next. `None` for a special token.
    ///
    /// # Errors
    /// Returns an error if the tokenizer fails.
    pub(super) fn bytes_of(&self, ids: &[u32], tokenizer: &Tokenizer) -> Result<Vec<Option<Vec<u8>>>> {
        let mut context = self.ids.clone();
        let mut before = None;
        let bytes = ids.iter().map(|id| {
            if tokenizer.is_special(*id) {
                return Ok(None);
            }
            if let Some(bytes) = tokenizer.bytes(*id) {
                return Ok(Some(bytes));
            }
            if before.is_none() {
                before = Some(tokenizer.decode(&context)?);
            }
            context.push(*id);
            let whole = tokenizer.decode(&context);
            context.pop();
            Ok(Some(added(before.as_deref().unwrap_or_default(), &whole?).as_bytes().to_vec()))
        });
        bytes.collect()
    }

    /// Returns the text of the tokens that wait: no further one completes it.
    ///
    /// # Errors
    /// Returns an error if the tokenizer fails.
    pub(super) fn flush(&mut self, tokenizer: &Tokenizer) -> Result<String> {
        // By themselves: some tokenizers replace all bytes before one that is none of a character.
        let text = tokenizer.decode(&self.ids[self.written..])?;
        self.ids.clear();
        self.written = 0;
        Ok(text)
    }
}

/// Returns what a text has beyond an earlier form of it.
fn added<'a>(before: &str, whole: &'a str) -> &'a str {
    let differs = before.char_indices().zip(whole.chars()).find(|((_, one), other)| one != other);
    &whole[differs.map_or(before.len().min(whole.len()), |((at, _), _)| at)..]
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;
    use crate::text::TokenizerOptions;

    /// Returns a tokenizer with a token for each byte, whose ID is the byte.
    pub(in crate::text) fn bytes() -> Tokenizer {
        // As in GPT-2: a byte that is a printable character stands for itself, and others have one from 256 on.
        let is_printable = |byte: u32| matches!(byte, 33..=126 | 161..=172 | 174..=255);
        let mut others = 256..;
        let mut character = |byte: u32| {
            let code = if is_printable(byte) { byte } else { others.next().expect("there are more numbers") };
            char::from_u32(code).expect("a character").to_string()
        };
        let vocabulary: serde_json::Map<String, serde_json::Value> =
            (0..256).map(|byte| (character(byte), byte.into())).collect();
        let file = json!({
            "version": "1.0",
            "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "!"},
            "decoder": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false},
        });
        Tokenizer::from_json(file.to_string(), &TokenizerOptions::new().max_tokens(1 << 20)).unwrap()
    }

    fn pieces(bytes_of_text: &[u8]) -> Vec<String> {
        let (tokenizer, mut text) = (bytes(), TokenText::default());
        let mut pieces: Vec<String> =
            bytes_of_text.iter().map(|byte| text.push((*byte).into(), &tokenizer).unwrap()).collect();
        pieces.push(text.flush(&tokenizer).unwrap());
        pieces
    }

    #[test]
    fn a_character_comes_with_its_last_token() {
        assert_eq!(pieces("a\u{e9}".as_bytes()), ["a", "", "\u{e9}", ""]);
        assert_eq!(pieces("\u{1f389}b".as_bytes()), ["", "", "", "\u{1f389}", "b", ""]);
        let text = "mixed: \u{65e5}\u{672c} \u{1f1e9}\u{1f1ea} e\u{301} \u{fffd}!";
        let all = pieces(text.as_bytes());
        assert_eq!(all.concat(), text);
        assert_eq!(all.iter().map(|piece| piece.matches('\u{fffd}').count()).sum::<usize>(), 1);
    }

    #[test]
    fn bytes_that_are_no_characters_are_replaced_and_lose_nothing_after_them() {
        assert_eq!(pieces(b"a\xffb").concat(), "a\u{fffd}b");
        assert_eq!(pieces(b"a\xe6\x97").concat(), "a\u{fffd}", "the end of the text is not awaited");
        let many = pieces(&[0xff; 100]);
        assert_eq!(many.concat(), "\u{fffd}".repeat(100));
        assert!(many.iter().all(|piece| piece.chars().count() <= MAX_WAITING), "none waits for long");
        assert_eq!(pieces(&[&[0xff; 20][..], "\u{e9}".as_bytes()].concat()).concat(), "\u{fffd}".repeat(20) + "\u{e9}");
    }

    #[test]
    fn words_are_joined_as_in_the_whole_text() {
        let file = json!({
            "version": "1.0",
            "added_tokens": [{
                "id": 2, "content": "<special>", "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": true
            }],
            "model": {"type": "WordLevel", "vocab": {"a": 0, "b": 1, "<special>": 2}, "unk_token": "a"},
        });
        let tokenizer = Tokenizer::from_json(file.to_string(), &TokenizerOptions::new().max_tokens(8)).unwrap();
        let mut text = TokenText::default();
        // A special token is no text, and neither is an ID that no token has.
        let bytes = |text: &TokenText| text.bytes_of(&[0, 1, 2, 9], &tokenizer).unwrap();
        let spelled = |texts: [&str; 2]| texts.map(|text| Some(text.as_bytes().to_vec()));
        let [none, nothing] = [None, Some(Vec::new())];
        assert_eq!(bytes(&text), [&spelled(["a", "b"])[..], &[none.clone(), nothing.clone()]].concat());
        let pieces = [0, 1, 2, 1, 9, 0, 2, 2].map(|id| text.push(id, &tokenizer).unwrap());
        assert_eq!(pieces, ["a", " b", "", " b", "", " a", "", ""]);
        assert_eq!(bytes(&text), [&spelled([" a", " b"])[..], &[none, nothing]].concat());
    }
}
