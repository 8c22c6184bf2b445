//! Splits bytes that may be JSON into tokens, so that mutations can move whole tokens. Accepts any bytes.

use std::ops::Range;

/// Finds the tokens: strings with their quotes, runs of letters and digits, and other single bytes except whitespace.
pub(crate) fn tokens(text: &[u8], tokens: &mut Vec<Range<usize>>) {
    tokens.clear();
    let mut at = 0;
    while at < text.len() {
        let start = at;
        at += 1;
        match text[start] {
            b' ' | b'\n' | b'\r' | b'\t' => continue,
            b'"' => at = end_of_string(text, at),
            byte if is_word(byte) => {
                while text.get(at).copied().is_some_and(is_word) {
                    at += 1;
                }
            }
            _ => {}
        }
        tokens.push(start..at);
    }
}

fn end_of_string(text: &[u8], mut at: usize) -> usize {
    while let Some(byte) = text.get(at) {
        at += 1;
        match byte {
            b'"' => break,
            b'\\' => at += 1,
            _ => {}
        }
    }
    at.min(text.len())
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.' | b'_')
}
