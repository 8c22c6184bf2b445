//! A check of a WebP file for sizes that its decoder trusts. `decode` calls it.

use super::fault::Fault;

/// Checks that every chunk lies within the file and every lossy frame has the size that its container states.
///
/// Without this check a small file could make the decoder allocate memory for the largest possible image.
pub(super) fn check(bytes: &[u8]) -> Result<(), Fault> {
    if is_valid(bytes) { Ok(()) } else { Err(Fault::Corrupt) }
}

fn is_valid(bytes: &[u8]) -> bool {
    // The header is "RIFF", the length, "WEBP". The first chunk is the image itself or the extended header.
    let Some(mut chunks) = bytes.get(12..).map(Chunks) else { return false };
    let Some((kind, first)) = chunks.next().flatten() else { return false };
    if kind != b"VP8X" {
        return true;
    }
    let (Some(width), Some(height)) = (number(first, 4), number(first, 7)) else { return false };
    let canvas = (width + 1, height + 1);
    chunks.all(|chunk| match chunk {
        Some((b"VP8 ", data)) => lossy_size(data) == Some(canvas),
        Some((b"ANMF", frame)) => frame_is_valid(frame),
        Some(_) => true,
        None => false,
    })
}

fn frame_is_valid(frame: &[u8]) -> bool {
    let (Some(width), Some(height), Some(chunks)) = (number(frame, 6), number(frame, 9), frame.get(16..)) else {
        return false;
    };
    Chunks(chunks).all(|chunk| match chunk {
        Some((b"VP8 ", data)) => lossy_size(data) == Some((width + 1, height + 1)),
        Some(_) => true,
        None => false,
    })
}

/// Iterates over chunks: four letters, a length, the data, and a padding byte if the length is odd. `None` is a chunk that
/// extends beyond the end. It is the last.
struct Chunks<'a>(&'a [u8]);

impl<'a> Iterator for Chunks<'a> {
    type Item = Option<(&'a [u8; 4], &'a [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        // Some encoders leave fewer bytes than a header at the end.
        let (kind, rest) = self.0.split_first_chunk::<4>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        let Some(data) = rest.get(..length) else {
            self.0 = &[];
            return Some(None);
        };
        self.0 = rest.get(length + length % 2..).unwrap_or_default();
        Some(Some((kind, data)))
    }
}

/// Reads a number of three bytes.
fn number(bytes: &[u8], at: usize) -> Option<u32> {
    match bytes.get(at..at + 3)? {
        [a, b, c] => Some(u32::from_le_bytes([*a, *b, *c, 0])),
        _ => None,
    }
}

/// Returns width and height of a lossy frame. The upper two bits of each are a scaling hint for display.
fn lossy_size(data: &[u8]) -> Option<(u32, u32)> {
    match data.get(6..10)? {
        [a, b, c, d] => {
            Some((u32::from(u16::from_le_bytes([*a, *b]) & 0x3fff), u32::from(u16::from_le_bytes([*c, *d]) & 0x3fff)))
        }
        _ => None,
    }
}
