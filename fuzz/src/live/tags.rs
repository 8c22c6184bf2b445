//! Tags: each request carries one that no other request of the process has, and the models send it back. A tag of another
//! connection in what a client receives is a mixed-up answer.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    io::BufRead,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// The byte at the start and at the end of a tag.
const MARK: u8 = b'~';

/// The tag of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    /// The connection, with a number that no other connection of the process has.
    connection: u64,
    request: u64,
}

impl Tag {
    /// Returns a number for a connection.
    pub(crate) fn connection() -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed)
    }

    /// Returns `true` for one of the first requests of a connection.
    pub(crate) fn is_early(self) -> bool {
        self.request < 8
    }

    pub(crate) fn new(connection: u64, request: usize) -> Tag {
        Tag { connection, request: request as u64 }
    }
}

/// Returns a number that an input cannot contain, so that every tag is one of ours.
fn nonce() -> u64 {
    static NONCE: OnceLock<u64> = OnceLock::new();
    *NONCE.get_or_init(|| RandomState::new().hash_one("tags"))
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "~{:x}.{}.{}~", nonce(), self.connection, self.request)
    }
}

/// Calls `see` with each tag.
fn each(mut bytes: &[u8], mut see: impl FnMut(Tag)) {
    // The standard library finds a byte far faster than an iterator in a build without optimization.
    while matches!(bytes.skip_until(MARK), Ok(read) if read > 0) {
        let most = &bytes[..bytes.len().min(64)];
        let Some(end) = most.iter().position(|byte| *byte == MARK) else { continue };
        let Ok(text) = std::str::from_utf8(&most[..end]) else { continue };
        let mut parts = text.split('.');
        let is_ours = parts.next().and_then(|nonce| u64::from_str_radix(nonce, 16).ok()) == Some(nonce());
        let mut number = || parts.next().and_then(|part| part.parse().ok());
        if let (true, Some(connection), Some(request)) = (is_ours, number(), number()) {
            see(Tag { connection, request });
        }
    }
}

/// Returns a tag of another connection.
pub(crate) fn foreign(bytes: &[u8], connection: u64) -> Option<Tag> {
    let mut found = None;
    each(bytes, |tag| found = found.or((tag.connection != connection).then_some(tag)));
    found
}

/// Returns `true` if the bytes have this tag, and no other.
pub(crate) fn has(bytes: &[u8], expected: Tag) -> bool {
    let (mut has, mut others) = (false, false);
    each(bytes, |tag| if tag == expected { has = true } else { others = true });
    has && !others
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_and_told_from_others() {
        let (one, two) = (Tag::new(1, 7), Tag::new(2, 7));
        let text = format!("~1.2~ ~~ {one}xx~");
        assert!(has(text.as_bytes(), one) && !has(text.as_bytes(), two));
        assert_eq!((foreign(text.as_bytes(), 1), foreign(text.as_bytes(), 2)), (None, Some(one)));
        assert!(!has(format!("{one}{two}").as_bytes(), one));
    }
}
