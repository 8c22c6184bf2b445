//! The head of a TIFF, for tests that write files which no encoder writes.

/// The type of an entry with values of 16 bits.
pub const SHORT: u16 = 3;

/// The type of an entry with values of 32 bits.
pub const LONG: u16 = 4;

/// Returns the length of the head of a file with this number of entries: the place of what follows it.
pub const fn head_length(entries: u32) -> u32 {
    8 + 2 + entries * 12 + 4
}

/// Returns a head with one directory of entries: tag, type, count, and the value or its place.
pub fn head(entries: &[(u16, u16, u32, u32)]) -> Vec<u8> {
    let mut file = b"II*\0\x08\0\0\0".to_vec();
    file.extend((entries.len() as u16).to_le_bytes());
    for (tag, kind, count, value) in entries {
        file.extend([*tag, *kind].map(u16::to_le_bytes).concat());
        file.extend([*count, *value].map(u32::to_le_bytes).concat());
    }
    file.extend([0; 4]);
    file
}
