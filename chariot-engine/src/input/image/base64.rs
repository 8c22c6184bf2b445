//! Decoding of base64 in all the variants that clients send.

use base64_simd::{STANDARD, STANDARD_NO_PAD};

use crate::error::{Expected, Rejection};

/// Decodes a base64 text in the standard or the URL-safe alphabet, with or without padding, ignoring white space.
pub(super) fn decode(text: &str) -> Result<Vec<u8>, Rejection> {
    // Almost every text is in the standard alphabet and has no white space.
    let alphabet = if text.len().is_multiple_of(4) { &STANDARD } else { &STANDARD_NO_PAD };
    match alphabet.decode_to_vec(text) {
        Ok(bytes) => Ok(bytes),
        Err(_) => decode_cleaned(text),
    }
}

/// Decodes any other text, after converting it to the standard alphabet without white space and padding.
fn decode_cleaned(text: &str) -> Result<Vec<u8>, Rejection> {
    if text.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("data:")) {
        return Err(Rejection::new(Expected::new("base64 without a prefix", "a data URL")));
    }
    let mut symbols = Vec::with_capacity(text.len());
    let mut padding = 0;
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {}
            b'=' => padding += 1,
            _ if padding > 0 => return Err(invalid(text, index, "a character after the padding")),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => symbols.push(byte),
            b'-' => symbols.push(b'+'),
            b'_' => symbols.push(b'/'),
            _ => return Err(invalid(text, index, "an invalid character")),
        }
    }
    let rest = symbols.len() % 4;
    if rest == 1 {
        let got = format_args!("truncated text of {} characters", symbols.len());
        return Err(Rejection::new(Expected::new("base64", got)));
    }
    if padding > 0 && (rest == 0 || padding != 4 - rest) {
        let expected = (4 - rest) % 4;
        let what = format_args!("base64 with {expected} padding characters ('=')");
        return Err(Rejection::new(Expected::new(what, padding)));
    }
    clear_spare_bits(&mut symbols, rest);
    let length = match STANDARD_NO_PAD.decode_inplace(&mut symbols) {
        Ok(bytes) => bytes.len(),
        Err(_) => return Err(Rejection::new(Expected::new("base64", "text that cannot be decoded"))),
    };
    symbols.truncate(length);
    Ok(symbols)
}

/// Clears the bits of the last group that belong to no byte. Some encoders leave garbage there, which the decoder would
/// reject.
fn clear_spare_bits(symbols: &mut [u8], rest: usize) {
    let spare = match rest {
        2 => 4,
        3 => 2,
        _ => return,
    };
    let set = STANDARD.charset();
    if let Some(last) = symbols.last_mut()
        && let Some(value) = set.iter().position(|symbol| symbol == last)
    {
        *last = set[value >> spare << spare];
    }
}

/// Returns the rejection of a character at this byte, with its position counted in characters from 1.
fn invalid(text: &str, index: usize, got: &str) -> Rejection {
    let before = text.bytes().take(index).filter(|byte| (*byte as i8) >= -0x40).count();
    let got = format_args!("{got} at position {} of {}", before + 1, text.chars().count());
    Rejection::new(Expected::new("base64", got))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_variants_of_base64_are_accepted() {
        for text in ["++//+w==", "++//+w", "--__-w==", "--__-w", "+-/_\r\n+w=\t=\n", " + + / / + w ", "++//+x=="] {
            assert_eq!(decode(text).unwrap(), [0xfb, 0xef, 0xff, 0xfb], "{text:?}");
        }
        assert_eq!(decode("").unwrap(), b"");
        assert_eq!(decode("\n").unwrap(), b"");
        assert_eq!(decode("AAE=").unwrap(), [0, 1]);
        assert_eq!(decode("AAF").unwrap(), [0, 1]);
    }

    #[test]
    fn line_breaks_in_a_long_text_do_not_matter() {
        let bytes: Vec<u8> = (0..10_000u32).map(|n| ((n * n) >> 3) as u8).collect();
        let line = STANDARD.encode_to_string(&bytes);
        let lines: Vec<&str> = line.as_bytes().chunks(76).map(|chunk| std::str::from_utf8(chunk).unwrap()).collect();
        assert_eq!(decode(&line).unwrap(), bytes);
        assert_eq!(decode(&lines.join("\r\n")).unwrap(), bytes);
    }

    #[test]
    fn a_rejection_has_the_position_and_nothing_of_the_text() {
        for (text, position) in [
            ("AAAA*AAA", Some("position 5 of 8")),
            ("\u{e9}A", Some("position 1 of 2")),
            ("AA\u{1f600}A", Some("position 3 of 4")),
            ("AA==AAAA", Some("position 5 of 8")),
            ("AAAAA", None),
            ("AA=", None),
            ("====", None),
            ("data:image/png;base64,AAAA", None),
        ] {
            let message = decode(text).unwrap_err().text().to_owned();
            assert!(message.starts_with("expected base64") && !message.contains(text), "{message}");
            assert!(position.is_none_or(|position| message.ends_with(position)), "{message}");
        }
    }
}
