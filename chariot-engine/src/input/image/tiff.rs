//! A check of a TIFF file for sizes that its decoder trusts.
//!
//! The decoder allocates memory for the number of values that an entry states, and decodes each JPEG within the file
//! completely.

const WIDTH: u16 = 256;
const HEIGHT: u16 = 257;
const COMPRESSION: u16 = 259;
const ROWS_PER_STRIP: u16 = 278;
const TILE_WIDTH: u16 = 322;
const TILE_HEIGHT: u16 = 323;

/// Returns `true` if no entry states more values than the file can contain, and no JPEG within the file is much larger
/// than its strip or tile.
///
/// Without this check a file of a few hundred bytes could make the decoder allocate hundreds of megabytes, and a small
/// image could consist of thousands of strips that all refer to one huge JPEG.
pub(super) fn is_valid(bytes: &[u8]) -> bool {
    let Some(directory) = Directory::first(bytes) else { return false };
    if directory.largest() > bytes.len() as u64 {
        return false;
    }
    let jpeg =
        directory.numbers(COMPRESSION).any(|number| !matches!(number, Some(number) if number != 6 && number != 7));
    if !jpeg {
        return true;
    }
    let (Some(width), Some(height)) = (directory.least(WIDTH), directory.least(HEIGHT)) else { return false };
    let rows = directory.least(ROWS_PER_STRIP).unwrap_or(height).min(height);
    let segment = match (directory.least(TILE_WIDTH), directory.least(TILE_HEIGHT)) {
        (Some(width), Some(height)) => width.saturating_mul(height),
        _ => width.saturating_mul(rows),
    };
    // JPEG rounds up to blocks, and other pages may have slightly larger strips or tiles.
    let max = segment.saturating_mul(4).saturating_add(64 * 64);
    jpeg_sizes(bytes).all(|pixels| pixels <= max)
}

/// The first directory of a file, which has entries of 12 bytes.
struct Directory<'a> {
    entries: &'a [[u8; 12]],
    little: bool,
}

impl<'a> Directory<'a> {
    fn first(bytes: &'a [u8]) -> Option<Self> {
        let little = bytes.starts_with(b"II");
        let at = long(bytes.get(4..8)?.first_chunk()?, little) as usize;
        let rest = bytes.get(at..)?;
        let (count, rest) = rest.split_first_chunk::<2>()?;
        let entries = rest.get(..usize::from(short(count, little)) * 12)?;
        Some(Directory { entries: entries.as_chunks().0, little })
    }

    /// Returns the size in bytes of the values of the largest entry.
    fn largest(&self) -> u64 {
        let size = |[_, _, kind, kind2, count @ .., _, _, _, _]: &[u8; 12]| {
            let width = match short(&[*kind, *kind2], self.little) {
                3 | 8 => 2,
                4 | 9 | 11 | 13 => 4,
                5 | 10 | 12 | 16..=18 => 8,
                _ => 1,
            };
            u64::from(long(count, self.little)) * width
        };
        self.entries.iter().map(size).max().unwrap_or(0)
    }

    /// Iterates over the values of a tag, which should occur once. `None` is a value that is not a plain number.
    fn numbers(&self, tag: u16) -> impl Iterator<Item = Option<u64>> {
        let entries = self.entries.iter().filter(move |entry| short(&[entry[0], entry[1]], self.little) == tag);
        entries.map(|entry| {
            let [_, _, kind, kind2, count @ .., a, b, c, d] = *entry;
            if long(&count, self.little) != 1 {
                return None;
            }
            match short(&[kind, kind2], self.little) {
                1 => Some(u64::from(a)),
                3 => Some(u64::from(short(&[a, b], self.little))),
                4 => Some(u64::from(long(&[a, b, c, d], self.little))),
                _ => None,
            }
        })
    }

    /// Returns the smallest value of a tag, because a decoder may use any of several; 0 if one is not a plain number.
    fn least(&self, tag: u16) -> Option<u64> {
        self.numbers(tag).map(|number| number.unwrap_or(0)).min()
    }
}

/// Returns the number of pixels of everything in the file that looks like the header of a JPEG frame.
fn jpeg_sizes(bytes: &[u8]) -> impl Iterator<Item = u64> {
    bytes.windows(10).filter_map(|head| match *head {
        [0xff, 0xc0..=0xc2, 0, length, 8 | 12, y, y2, x, x2, channels]
            if length == channels.saturating_mul(3).saturating_add(8) =>
        {
            Some(u64::from(u16::from_be_bytes([y, y2])) * u64::from(u16::from_be_bytes([x, x2])))
        }
        _ => None,
    })
}

fn short(bytes: &[u8; 2], little: bool) -> u16 {
    if little { u16::from_le_bytes(*bytes) } else { u16::from_be_bytes(*bytes) }
}

fn long(bytes: &[u8; 4], little: bool) -> u32 {
    if little { u32::from_le_bytes(*bytes) } else { u32::from_be_bytes(*bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a file of one strip of 32 x 16 pixels, which contains the header of a JPEG frame of `side` x `side` pixels.
    fn file(compression: u16, side: u16, little: bool) -> Vec<u8> {
        let short = |value: u16| if little { value.to_le_bytes() } else { value.to_be_bytes() };
        let long = |value: u32| if little { value.to_le_bytes() } else { value.to_be_bytes() };
        let mut file = if little { b"II*\0".to_vec() } else { b"MM\0*".to_vec() };
        file.extend(long(8));
        let entries = [(WIDTH, 32), (HEIGHT, 16), (COMPRESSION, compression), (ROWS_PER_STRIP, 16)];
        file.extend(short(entries.len() as u16));
        for (tag, value) in entries {
            file.extend([short(tag), short(3)].concat());
            file.extend([&long(1)[..], &short(value), &[0, 0]].concat());
        }
        file.extend([0xff, 0xd8, 0xff, 0xc0, 0, 17, 8]);
        file.extend([side.to_be_bytes(), side.to_be_bytes()].concat());
        file.push(3);
        file
    }

    #[test]
    fn an_entry_cannot_have_more_values_than_the_file_has_bytes() {
        for little in [true, false] {
            let mut file = file(1, 32, little);
            let count = 8 + 2 + 4;
            let (max, more) = (file.len() as u32 / 2, file.len() as u32 / 2 + 1);
            for (values, is_good) in [(max, true), (more, false), (u32::MAX, false)] {
                let values = if little { values.to_le_bytes() } else { values.to_be_bytes() };
                file[count..count + 4].copy_from_slice(&values);
                assert_eq!(is_valid(&file), is_good);
            }
        }
    }

    #[test]
    fn a_jpeg_within_cannot_be_much_larger_than_its_strip() {
        for little in [true, false] {
            assert!(is_valid(&file(7, 32, little)));
            assert!(!is_valid(&file(7, 1000, little)));
            assert!(!is_valid(&file(6, 1000, little)));
            assert!(is_valid(&file(1, 1000, little)), "in another compression it is not a JPEG");
            assert!(!is_valid(&file(7, 32, little)[..20]));
        }
    }
}
