//! A check that a JPEG file is complete, because the decoder fills the missing part of an image with gray.

/// Returns `true` if the file contains the end of the image. Data after it (phones append videos) does not matter.
pub(super) fn is_complete(bytes: &[u8]) -> bool {
    // A thumbnail within a segment has an end of its own, so segments are skipped by their length. The entropy-coded data
    // after a segment has no length: it extends to the next marker.
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

/// Returns the next marker that starts a segment or ends the image, and the bytes after it.
fn next_marker(mut bytes: &[u8]) -> Option<(u8, &[u8])> {
    loop {
        let at = bytes.iter().position(|byte| *byte == 0xff)?;
        bytes = bytes.get(at + 1..)?;
        match bytes.first()? {
            // A stuffed 0, a fill byte, or a standalone marker within the entropy-coded data.
            0 | 1 | 0xff | 0xd0..=0xd8 => {}
            marker => return Some((*marker, bytes.get(1..)?)),
        }
    }
}
