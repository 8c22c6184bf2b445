//! Writes strings as JSON, exactly as serde_json writes them. The strings of BYTES tensors and the names of outputs are
//! written with it.

use super::string::{has_special, plain_run};

/// Writes a string with its quotes. What needs no escape is appended in runs.
pub(super) fn write_string(text: &mut Vec<u8>, string: &str) {
    let mut rest = string.as_bytes();
    text.push(b'"');
    loop {
        let (run, special) = rest.split_at(plain_run(rest));
        text.extend_from_slice(run);
        let Some((byte, behind)) = special.split_first() else { break };
        let letter = match byte {
            0x8 => b'b',
            b'\t' => b't',
            b'\n' => b'n',
            0xc => b'f',
            b'\r' => b'r',
            b'"' | b'\\' => *byte,
            control => {
                let hex = |digit: u8| b"0123456789abcdef"[usize::from(digit)];
                text.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex(control >> 4), hex(control & 0xf)]);
                rest = behind;
                continue;
            }
        };
        text.extend_from_slice(&[b'\\', letter]);
        rest = behind;
    }
    text.push(b'"');
}

/// Returns the most bytes that a string takes as JSON. The string need not be UTF-8.
pub(super) fn size_bound(string: &[u8]) -> usize {
    const BLOCK: usize = 128;
    let escape = |byte: &u8| match byte {
        b'"' | b'\\' => 1,
        0..0x20 => 5,
        _ => 0,
    };
    let escapes = |block: &[u8]| block.iter().map(escape).sum::<usize>();
    // Most blocks have nothing to escape, which is much faster to tell than how much.
    let (blocks, rest) = string.as_chunks::<BLOCK>();
    let in_blocks = blocks.iter().filter(|block| has_special(&block[..])).map(|block| escapes(block)).sum::<usize>();
    string.len() + in_blocks + escapes(rest) + 2
}
