//! Content codings: streams to decompress, and bodies to compress and decompress again.

use chariot_engine::protocol::Coding;

use super::{Outcome, class_of};
use crate::{check, memory};

pub(super) const WORDS: &[&str] = &[
    "\u{1f}\u{8b}\u{8}",
    "\u{28}\u{b5}\u{2f}\u{fd}",
    "\u{78}\u{9c}",
    "\0\0\u{ff}\u{ff}",
    "\u{3}\0",
    "\u{1}\0\0\u{ff}\u{ff}",
];

/// The limit on the decompressed size.
const LIMIT: usize = 256 << 10;

/// The first byte selects the coding, and whether the rest is a stream (even) or a body to compress (odd).
pub(super) fn coding(input: &[u8]) -> Outcome {
    let Some((mode, rest)) = input.split_first() else { return Outcome::Rejected("too short".into()) };
    let coding = Coding::ALL[usize::from(mode / 2) % Coding::ALL.len()];
    if mode % 2 == 1 {
        let Some(stream) = coding.compress(rest) else { return Outcome::Rejected("not smaller".into()) };
        assert!(stream.len() < rest.len());
        assert!(
            coding.decompress(&stream, rest.len()).as_deref() == Ok(rest),
            "the decompressed body differs from the original"
        );
        assert!(coding.decompress(&stream, rest.len() - 1).is_err());
        return Outcome::Accepted(class_of(("compressed", mode)));
    }
    let (read, cost) = memory::cost(|| coding.decompress(rest, LIMIT));
    // The result grows step by step; a decoder has tables and a window.
    check::cost(cost, rest.len(), 4, 3 * LIMIT + (16 << 20));
    match read {
        Ok(body) => {
            assert!(body.len() <= LIMIT && body.len() <= (rest.len() * Coding::MAX_RATIO).max(Coding::RATIO_THRESHOLD));
            Outcome::Accepted(class_of((mode, body.len().min(2))))
        }
        Err(error) => {
            check::message(&error.to_string(), input);
            Outcome::Rejected(format!("{} {error}", coding.token()))
        }
    }
}
