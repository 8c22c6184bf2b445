//! The strings of the JSON reader: borrowed from the text, unless they have escapes.

use std::borrow::Cow;

use super::{
    fault::{Fault, ReadResult},
    meter::block,
    reader::JsonReader,
};
use crate::error::Expected;

/// The longest name of an input, an output or a parameter, and the longest id, in bytes.
pub(super) const MAX_NAME: usize = 1024;

impl<'a> JsonReader<'a> {
    /// Consumes a string; borrows it if it has no escapes.
    pub(super) fn string(&mut self, expected: &str) -> ReadResult<Cow<'a, str>> {
        if self.peek() != Some(b'"') {
            return Err(self.unexpected(expected));
        }
        let text = self.text;
        let start = self.at + 1;
        let end = start + plain_run(&text.as_bytes()[start..]);
        if text.as_bytes().get(end) == Some(&b'"') {
            self.at = end + 1;
            return Ok(Cow::Borrowed(&text[start..end]));
        }
        // Measures the string first: a string that grows needs its memory twice.
        let mut length = 0;
        self.clone().read_string(|part| length += part.len())?;
        self.reserve(block(length))?;
        let mut string = String::with_capacity(length);
        self.read_string(|part| string.push_str(part))?;
        Ok(Cow::Owned(string))
    }

    /// Consumes a string of at most [`MAX_NAME`] bytes, short enough for error messages and logs. `what` names it in the
    /// message, with its article.
    pub(super) fn short_string(&mut self, what: &str) -> ReadResult<String> {
        self.peek();
        let start = self.at;
        if self.peek() == Some(b'"') {
            // Measures the string before memory is reserved for it.
            let mut length = 0;
            self.clone().read_string(|part| length += part.len())?;
            if length > MAX_NAME {
                let expected = format!("{what} of at most {MAX_NAME} bytes");
                return Err(Fault::at(start, Expected::new(expected, format_args!("{length} bytes"))));
            }
        }
        self.reserve(block(self.text.len().saturating_sub(start).min(MAX_NAME)))?;
        Ok(self.string("a string")?.into_owned())
    }

    /// Consumes the string whose opening quote is next. Returns `true` if it has no escapes.
    pub(super) fn skip_string(&mut self) -> ReadResult<bool> {
        let bytes = self.text.as_bytes();
        let start = self.at + 1;
        let end = start + plain_run(&bytes[start..]);
        if bytes.get(end) == Some(&b'"') {
            self.at = end + 1;
            return Ok(true);
        }
        self.read_string(|_| ())?;
        Ok(false)
    }

    /// Consumes the string whose opening quote is next; passes its characters to `part`, with escapes resolved.
    pub(super) fn read_string(&mut self, mut part: impl FnMut(&str)) -> ReadResult<()> {
        let text = self.text;
        let bytes = text.as_bytes();
        let open = self.at;
        self.at += 1;
        loop {
            let end = self.at + plain_run(&bytes[self.at..]);
            part(&text[self.at..end]);
            self.at = end;
            match bytes.get(end) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    let letter = self.escape()?;
                    part(letter.encode_utf8(&mut [0; 4]));
                }
                Some(_) => return Err(Fault::at(end, "not valid JSON: control character in a string")),
                None => return Err(Fault::at(open, "not valid JSON: unterminated string")),
            }
        }
    }

    fn escape(&mut self) -> ReadResult<char> {
        let start = self.at;
        let letter = self.text.as_bytes().get(start + 1);
        self.at += 2;
        let plain = match letter {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(start),
            _ => return Err(Fault::at(start, "not valid JSON: unknown escape sequence in a string")),
        };
        Ok(plain)
    }

    /// Reads the digits after `\u`. A character beyond 16 bits takes two such escapes.
    fn unicode(&mut self, start: usize) -> ReadResult<char> {
        let first = self.hex().ok_or_else(|| malformed_escape(start))?;
        let code = match first {
            0xd800..0xdc00 if self.text.as_bytes()[self.at..].starts_with(b"\\u") => {
                self.at += 2;
                let second = self.hex().ok_or_else(|| malformed_escape(start))?;
                match second {
                    0xdc00..0xe000 => 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00),
                    // Not a character: `from_u32` rejects it below.
                    _ => first,
                }
            }
            code => code,
        };
        char::from_u32(code).ok_or_else(|| Fault::at(start, "unpaired surrogate in a \\u escape"))
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4)?;
        let mut code = 0;
        for digit in digits {
            code = code * 16 + char::from(*digit).to_digit(16)?;
        }
        self.at += 4;
        Some(code)
    }
}

fn malformed_escape(at: usize) -> Box<Fault> {
    Fault::at(at, "not valid JSON: malformed \\u escape; expected four hexadecimal digits")
}

/// Returns the number of bytes at the start of `bytes` that a string contains unescaped.
pub(super) fn plain_run(bytes: &[u8]) -> usize {
    // Words first: most strings are short. Then blocks: the base64 of an image is one run of megabytes.
    const SHORT: usize = 32;
    const BLOCK: usize = 128;
    let (short, long) = bytes.split_at(bytes.len().min(SHORT));
    let run = plain_words(short);
    if run < short.len() {
        return run;
    }
    let blocks = long.as_chunks::<BLOCK>().0.iter().take_while(|block| !has_special(&block[..])).count() * BLOCK;
    run + blocks + plain_words(&long[blocks..])
}

/// Returns `true` for a byte that a string does not contain unescaped: a quote, a control character or a backslash. With one
/// bit flipped, the quote is next to the control characters, of which each becomes another one.
#[inline]
fn is_special(byte: u8) -> bool {
    (byte ^ 0x02 <= 0x20) | (byte == b'\\')
}

/// Returns `true` if a block has a special byte. Has no branch for each byte, so that many are compared at once.
#[inline]
pub(super) fn has_special(block: &[u8]) -> bool {
    block.iter().fold(0, |found, byte| found | u8::from(is_special(*byte))) != 0
}

/// Returns what [`plain_run`] returns; compares the eight bytes of a word at once.
#[inline]
fn plain_words(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // Sets the highest bit of the bytes below a limit. Those behind the first one may be wrong.
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & (ONES << 7);
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let special = below(word ^ (ONES * 0x02), 0x21) | below(word ^ (ONES * u64::from(b'\\')), 1);
        if special != 0 {
            return 8 * index + special.trailing_zeros() as usize / 8;
        }
    }
    let run = rest.iter().position(|byte| is_special(*byte)).unwrap_or(rest.len());
    8 * words.len() + run
}
