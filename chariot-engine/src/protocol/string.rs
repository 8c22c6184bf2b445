//! The strings of the JSON reader: borrowed where they stand for themselves, escapes resolved where not.

use std::borrow::Cow;

use super::{
    fault::{Fault, Read},
    reader::Reader,
};

impl<'a> Reader<'a> {
    /// Takes a string; it is borrowed if it has no escapes.
    pub(super) fn string(&mut self, expected: &str) -> Read<Cow<'a, str>> {
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
        // Measured first, so that it is there only once.
        let mut length = 0;
        self.clone().pass_string(|part| length += part.len())?;
        let mut string = String::with_capacity(length);
        self.pass_string(|part| string.push_str(part))?;
        Ok(Cow::Owned(string))
    }

    /// Takes the string whose opening quote comes next; `part` gets its characters, escapes resolved.
    pub(super) fn pass_string(&mut self, mut part: impl FnMut(&str)) -> Read<()> {
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
                Some(_) => return Err(Fault::at(end, "not valid JSON: a control character stands in a string")),
                None => return Err(Fault::at(open, "not valid JSON: the string has no end")),
            }
        }
    }

    fn escape(&mut self) -> Read<char> {
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
            _ => return Err(Fault::at(start, "not valid JSON: a string holds an unknown escape")),
        };
        Ok(plain)
    }

    /// What stands after `\u`; a character beyond 16 bits takes two such escapes.
    fn unicode(&mut self, start: usize) -> Read<char> {
        let first = self.hex().ok_or_else(|| malformed_escape(start))?;
        let code = match first {
            0xd800..0xdc00 if self.text.as_bytes()[self.at..].starts_with(b"\\u") => {
                self.at += 2;
                let second = self.hex().ok_or_else(|| malformed_escape(start))?;
                match second {
                    0xdc00..0xe000 => 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00),
                    // No character: `from_u32` refuses it below.
                    _ => first,
                }
            }
            code => code,
        };
        char::from_u32(code).ok_or_else(|| Fault::at(start, "a \\u escape is half of a surrogate pair"))
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
    Fault::at(at, "not valid JSON: four hexadecimal digits are expected after \\u")
}

/// How many bytes from the start of `bytes` stand for themselves in a string.
fn plain_run(bytes: &[u8]) -> usize {
    let special = |byte: &u8| (*byte == b'"') | (*byte == b'\\') | (*byte < 0x20);
    // Whole blocks first, without a branch for each byte: base64 of a picture is one run of megabytes.
    let mut run = 0;
    for block in bytes.chunks_exact(32) {
        if block.iter().fold(false, |found, byte| found | special(byte)) {
            break;
        }
        run += block.len();
    }
    run + bytes[run..].iter().position(special).unwrap_or(bytes.len() - run)
}
