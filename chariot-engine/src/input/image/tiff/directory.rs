//! [`Directory`]: the entries of the first directory of a TIFF file. `check` reads it.

use std::collections::HashSet;

/// The first directory of a file, which has entries of 12 bytes.
pub(super) struct Directory<'a> {
    file: &'a [u8],
    entries: &'a [[u8; 12]],
    little: bool,
}

impl<'a> Directory<'a> {
    /// Returns the first directory. Returns `None` if it is not within the file.
    pub(super) fn first(file: &'a [u8]) -> Option<Self> {
        let little = file.starts_with(b"II");
        let at = long(file.get(4..8)?.first_chunk()?, little) as usize;
        let (count, rest) = file.get(at..)?.split_first_chunk::<2>()?;
        let entries = rest.get(..usize::from(short(count, little)) * 12)?;
        Some(Directory { file, entries: entries.as_chunks().0, little })
    }

    /// Returns `true` if every tag occurs once. Of a tag that occurs twice a decoder may use either entry.
    pub(super) fn has_distinct_tags(&self) -> bool {
        let mut seen = HashSet::with_capacity(self.entries.len());
        self.entries.iter().all(|entry| seen.insert([entry[0], entry[1]]))
    }

    /// Returns the size in bytes of the values of the largest entry.
    pub(super) fn largest(&self) -> u64 {
        let size = |entry: &[u8; 12]| {
            let width = match self.kind(entry) {
                3 | 8 => 2,
                4 | 9 | 11 | 13 => 4,
                5 | 10 | 12 | 16..=18 => 8,
                _ => 1,
            };
            u64::from(self.count(entry)) * width
        };
        self.entries.iter().map(size).max().unwrap_or(0)
    }

    /// Returns `true` if none of these tags has more values than the number beside it.
    pub(super) fn has_counts(&self, limits: &[(u16, u32)]) -> bool {
        self.entries.iter().all(|entry| {
            let tag = short(&[entry[0], entry[1]], self.little);
            limits.iter().all(|(limited, most)| tag != *limited || self.count(entry) <= *most)
        })
    }

    /// Returns the values of a tag, or an empty list if there is no such entry. Returns `None` if they are not integers of
    /// 8 to 32 bits, or not within the file.
    pub(super) fn values(&self, tag: u16) -> Option<Vec<u32>> {
        let is_it = |entry: &&[u8; 12]| short(&[entry[0], entry[1]], self.little) == tag;
        let Some(entry) = self.entries.iter().find(is_it) else { return Some(Vec::new()) };
        let width = match self.kind(entry) {
            1 | 7 => 1,
            3 => 2,
            4 | 13 => 4,
            _ => return None,
        };
        let length = (self.count(entry) as usize).checked_mul(width)?;
        let [.., a, b, c, d] = *entry;
        let inline = [a, b, c, d];
        let bytes = match inline.get(..length) {
            Some(bytes) => bytes,
            None => self.file.get(long(&inline, self.little) as usize..)?.get(..length)?,
        };
        Some(match width {
            1 => bytes.iter().map(|byte| u32::from(*byte)).collect(),
            2 => bytes.as_chunks().0.iter().map(|bytes| u32::from(short(bytes, self.little))).collect(),
            _ => bytes.as_chunks().0.iter().map(|bytes| long(bytes, self.little)).collect(),
        })
    }

    /// Returns the only value of a tag, or the default. Returns `None` if there are several values, or no plain number.
    pub(super) fn value(&self, tag: u16, default: u32) -> Option<u32> {
        match *self.values(tag)? {
            [] => Some(default),
            [value] => Some(value),
            _ => None,
        }
    }

    fn kind(&self, [_, _, kind, kind2, ..]: &[u8; 12]) -> u16 {
        short(&[*kind, *kind2], self.little)
    }

    fn count(&self, [_, _, _, _, count @ .., _, _, _, _]: &[u8; 12]) -> u32 {
        long(count, self.little)
    }
}

fn short(bytes: &[u8; 2], little: bool) -> u16 {
    if little { u16::from_le_bytes(*bytes) } else { u16::from_be_bytes(*bytes) }
}

fn long(bytes: &[u8; 4], little: bool) -> u32 {
    if little { u32::from_le_bytes(*bytes) } else { u32::from_be_bytes(*bytes) }
}
