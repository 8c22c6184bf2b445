//! A look through the parts of a WebP file before it is decoded: the decoder trusts sizes that a file states inside.
//! [`decode`](super::decode) calls it.

/// Whether every part lies within the file and every lossy frame has the size that its container states.
///
/// Without this a small file could make the decoder reserve memory for the largest picture there is.
pub(super) fn is_sound(bytes: &[u8]) -> bool {
    // "RIFF", the length, "WEBP"; of the parts the first is the picture itself or the extended header.
    let Some(mut parts) = bytes.get(12..).map(Parts) else { return false };
    let Some((kind, first)) = parts.next().flatten() else { return false };
    if kind != b"VP8X" {
        return true;
    }
    let (Some(width), Some(height)) = (number(first, 4), number(first, 7)) else { return false };
    let canvas = (width + 1, height + 1);
    parts.all(|part| match part {
        Some((b"VP8 ", part)) => lossy_size(part) == Some(canvas),
        Some((b"ANMF", frame)) => frame_is_sound(frame),
        Some(_) => true,
        None => false,
    })
}

fn frame_is_sound(frame: &[u8]) -> bool {
    let (Some(width), Some(height), Some(parts)) = (number(frame, 6), number(frame, 9), frame.get(16..)) else {
        return false;
    };
    Parts(parts).all(|part| match part {
        Some((b"VP8 ", part)) => lossy_size(part) == Some((width + 1, height + 1)),
        Some(_) => true,
        None => false,
    })
}

/// The parts one after the other: four letters, a length, so many bytes, and one more if the length is odd. `None`
/// stands for a part that goes beyond the end, and is the last.
struct Parts<'a>(&'a [u8]);

impl<'a> Iterator for Parts<'a> {
    type Item = Option<(&'a [u8; 4], &'a [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        // Fewer bytes than a header are what some writers leave at the end.
        let (kind, rest) = self.0.split_first_chunk::<4>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        let Some(part) = rest.get(..length) else {
            self.0 = &[];
            return Some(None);
        };
        self.0 = rest.get(length + length % 2..).unwrap_or_default();
        Some(Some((kind, part)))
    }
}

/// A number of three bytes.
fn number(bytes: &[u8], at: usize) -> Option<u32> {
    match bytes.get(at..at + 3)? {
        [a, b, c] => Some(u32::from_le_bytes([*a, *b, *c, 0])),
        _ => None,
    }
}

/// Width and height of a lossy frame; the upper two bits of each are a hint for showing it.
fn lossy_size(part: &[u8]) -> Option<(u32, u32)> {
    match part.get(6..10)? {
        [a, b, c, d] => {
            Some((u32::from(u16::from_le_bytes([*a, *b]) & 0x3fff), u32::from(u16::from_le_bytes([*c, *d]) & 0x3fff)))
        }
        _ => None,
    }
}
