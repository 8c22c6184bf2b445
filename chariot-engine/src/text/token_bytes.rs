//! [`Spelling`]: how the tokens of a vocabulary stand for bytes. [`Tokenizer`](super::Tokenizer) has that of its file.

use tokenizers::DecoderWrapper;

/// The way in which tokens are written in a vocabulary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// Each character stands for a byte, as in GPT-2.
    ByteLevel,
    /// A token such as `<0x0A>` stands for a byte. The text of others depends on the tokens before them.
    ByteFallback,
    /// The text of a token depends on those before it.
    Joined,
}

impl Spelling {
    /// Returns the spelling of a tokenizer with this decoder.
    pub(super) fn of(decoder: Option<&DecoderWrapper>) -> Self {
        match decoder {
            Some(DecoderWrapper::ByteLevel(_)) => Spelling::ByteLevel,
            Some(DecoderWrapper::ByteFallback(_)) => Spelling::ByteFallback,
            Some(DecoderWrapper::Sequence(sequence)) => {
                let parts = sequence.get_decoders().iter().map(|part| Self::of(Some(part)));
                parts.into_iter().find(|part| *part != Spelling::Joined).unwrap_or(Spelling::Joined)
            }
            _ => Spelling::Joined,
        }
    }

    /// Returns the bytes of a token, if they depend on nothing else.
    pub(super) fn bytes(self, token: &str) -> Option<Vec<u8>> {
        match self {
            Spelling::ByteLevel => token.chars().map(byte_of).collect(),
            Spelling::ByteFallback => {
                let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
                let is_byte = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
                Some(vec![u8::from_str_radix(digits, 16).ok().filter(|_| is_byte)?])
            }
            Spelling::Joined => None,
        }
    }
}

/// Returns the byte that a character stands for: a printable character for itself, and those from 256 on for the others in
/// their order.
fn byte_of(character: char) -> Option<u8> {
    let is_printable = |byte: &u8| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let code = u32::from(character);
    match u8::try_from(code) {
        Ok(byte) => Some(byte).filter(is_printable),
        Err(_) => (0..=255).filter(|byte| !is_printable(byte)).nth(code.checked_sub(256)? as usize),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_bytes_as_their_vocabulary_spells_them() {
        let (level, fallback) = (Spelling::ByteLevel, Spelling::ByteFallback);
        assert_eq!(level.bytes("Ġthe").unwrap(), b" the");
        assert_eq!(level.bytes("ĊĀł").unwrap(), [b'\n', 0, 0xa0]);
        assert_eq!(level.bytes("Ã©").unwrap(), "é".as_bytes());
        assert_eq!(level.bytes("▁a"), None, "not of this vocabulary");
        assert_eq!(fallback.bytes("<0xE2>").unwrap(), [0xe2]);
        assert_eq!((fallback.bytes("<0x+1>"), fallback.bytes("▁a"), Spelling::Joined.bytes("a")), (None, None, None));
    }
}
