//! A check of a BMP file for variants that are not decoded. `decode` calls it.

use super::fault::Fault;

/// Checks that a file has no other file within.
pub(super) fn check(file: &[u8]) -> Result<(), Fault> {
    // The file's header has 14 bytes. The bitmap's header begins with its length, which is 12 if it states no compression.
    let long = |at: usize| file.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
    match (long(14), long(30)) {
        (Some(40..), Some(4)) => Err(Fault::unsupported("with a JPEG within")),
        (Some(40..), Some(5)) => Err(Fault::unsupported("with a PNG within")),
        _ => Ok(()),
    }
}
