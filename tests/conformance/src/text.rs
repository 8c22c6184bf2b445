//! Formatting of bytes and texts for people, shortened if they are long.

/// Formats bytes: text unchanged, others as their number and their first bytes in hexadecimal.
pub(crate) fn shown(bytes: &[u8], most: usize) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t' | '\r')) => short(text, most),
        _ => {
            let printable = bytes.iter().take_while(|byte| (b' '..=b'~').contains(byte)).count();
            let text = short(&String::from_utf8_lossy(&bytes[..printable]), most);
            let rest = &bytes[printable..];
            let hex: String = rest.iter().take(32).map(|byte| format!(" {byte:02x}")).collect();
            let more = if rest.len() > 32 { " ..." } else { "" };
            format!("{text} <{} bytes:{hex}{more}>", rest.len()).trim_start().to_string()
        }
    }
}

/// Shortens a text to a number of characters.
pub(crate) fn short(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}... ({} bytes)", &text[..end], text.len()),
        None => text.to_string(),
    }
}
