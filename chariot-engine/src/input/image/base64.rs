//! Base64 as clients write it, decoded once. [`Image::decode_base64`](super::Image::decode_base64) calls it.

use base64_simd::{STANDARD, STANDARD_NO_PAD};

use crate::Rejection;

/// The bytes of a base64 text in either alphabet, padded or not, blanks ignored.
pub(super) fn decode(text: &str) -> Result<Vec<u8>, Rejection> {
    // Nearly every text is clean and in the standard alphabet.
    let alphabet = if text.len().is_multiple_of(4) { &STANDARD } else { &STANDARD_NO_PAD };
    match alphabet.decode_to_vec(text) {
        Ok(bytes) => Ok(bytes),
        Err(_) => decode_cleaned(text),
    }
}

/// Any other text: brought to the standard alphabet without blanks and padding first.
fn decode_cleaned(text: &str) -> Result<Vec<u8>, Rejection> {
    if text.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("data:")) {
        return Err(Rejection::new("base64 is expected, and nothing before it; a data URL came"));
    }
    let mut symbols = Vec::with_capacity(text.len());
    let mut padding = 0;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {}
            b'=' => padding += 1,
            _ if padding > 0 => return Err(fault(text, at, "comes after the padding")),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => symbols.push(byte),
            b'-' => symbols.push(b'+'),
            b'_' => symbols.push(b'/'),
            _ => return Err(fault(text, at, "is not part of it")),
        }
    }
    let over = symbols.len() % 4;
    if over == 1 {
        return Err(Rejection::new(format!(
            "base64 is expected; this is cut short: {} characters cannot be all of it",
            symbols.len()
        )));
    }
    if padding > 0 && (over == 0 || padding != 4 - over) {
        let expected = (4 - over) % 4;
        return Err(Rejection::new(format!(
            "base64 is expected; its padding does not fit its length: {expected} `=` would, {padding} came"
        )));
    }
    clear_spare_bits(&mut symbols, over);
    let length = match STANDARD_NO_PAD.decode_inplace(&mut symbols) {
        Ok(bytes) => bytes.len(),
        Err(_) => return Err(Rejection::new("base64 is expected; what came cannot be decoded")),
    };
    symbols.truncate(length);
    Ok(symbols)
}

/// The last group may hold bits that belong to no byte. Some writers leave rubbish there, which the decoder refuses.
fn clear_spare_bits(symbols: &mut [u8], over: usize) {
    let spare = match over {
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

/// A fault at a byte, told as people count: in characters, from 1.
fn fault(text: &str, at: usize, what: &str) -> Rejection {
    let before = text.bytes().take(at).filter(|byte| (*byte as i8) >= -0x40).count();
    Rejection::new(format!("base64 is expected; character {} of {} {what}", before + 1, text.chars().count()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(fault: &str) -> String {
        decode(fault).unwrap_err().text().to_owned()
    }

    #[test]
    fn both_alphabets_padded_or_not_with_blanks_anywhere() {
        for text in ["++//+w==", "++//+w", "--__-w==", "--__-w", "+-/_\r\n+w=\t=\n", " + + / / + w ", "++//+x=="] {
            assert_eq!(decode(text).unwrap(), [0xfb, 0xef, 0xff, 0xfb], "{text:?}");
        }
        assert_eq!(decode("").unwrap(), b"");
        assert_eq!(decode("\n").unwrap(), b"");
        assert_eq!(decode("AAE=").unwrap(), [0, 1]);
        assert_eq!(decode("AAF").unwrap(), [0, 1]);
    }

    #[test]
    fn a_long_text_in_lines_is_what_it_is_in_one() {
        let bytes: Vec<u8> = (0..10_000u32).map(|n| ((n * n) >> 3) as u8).collect();
        let line = STANDARD.encode_to_string(&bytes);
        let lines: Vec<&str> = line.as_bytes().chunks(76).map(|chunk| std::str::from_utf8(chunk).unwrap()).collect();
        assert_eq!(decode(&line).unwrap(), bytes);
        assert_eq!(decode(&lines.join("\r\n")).unwrap(), bytes);
    }

    #[test]
    fn a_fault_says_where_and_nothing_of_the_text() {
        assert_eq!(text_of("AAAA*AAA"), "base64 is expected; character 5 of 8 is not part of it");
        assert_eq!(text_of("\u{e9}A"), "base64 is expected; character 1 of 2 is not part of it");
        assert_eq!(text_of("AA\u{1f600}A"), "base64 is expected; character 3 of 4 is not part of it");
        assert_eq!(text_of("AA==AAAA"), "base64 is expected; character 5 of 8 comes after the padding");
        assert_eq!(text_of("AAAAA"), "base64 is expected; this is cut short: 5 characters cannot be all of it");
        assert_eq!(text_of("AA="), "base64 is expected; its padding does not fit its length: 2 `=` would, 1 came");
        assert_eq!(text_of("===="), "base64 is expected; its padding does not fit its length: 0 `=` would, 4 came");
        assert_eq!(text_of("data:image/png;base64,AAAA"), "base64 is expected, and nothing before it; a data URL came");
    }
}
