//! A look at the end of a JPEG file before it is decoded: the decoder fills with grey what is missing.
//! [`decode`](super::decode) calls it.

/// Whether the picture's end is in the file. What comes after it (phones append films) does not matter.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    // A thumbnail within a part has an end of its own, so parts are skipped by their length. The coded pixels after
    // one have none: they go on until the next marker.
    let mut rest = bytes.get(2..).unwrap_or_default();
    while let Some((marker, after)) = next_marker(rest) {
        if marker == 0xd9 {
            return true;
        }
        let Some(length) = after.first_chunk::<2>() else { return false };
        rest = after.get(usize::from(u16::from_be_bytes(*length))..).unwrap_or_default();
    }
    false
}

/// The next marker that begins a part or ends the picture, and what follows it.
fn next_marker(mut bytes: &[u8]) -> Option<(u8, &[u8])> {
    loop {
        let at = bytes.iter().position(|byte| *byte == 0xff)?;
        bytes = bytes.get(at + 1..)?;
        match bytes.first()? {
            // A stuffed 0, filling, and the markers that stand alone within the coded pixels.
            0 | 1 | 0xff | 0xd0..=0xd8 => {}
            marker => return Some((*marker, bytes.get(1..)?)),
        }
    }
}
