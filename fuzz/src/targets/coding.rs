//! Content codings: streams that are decompressed, and bodies that are compressed and decompressed again.

use chariot_engine::protocol::Coding;

use super::{Outcome, kind};
use crate::{check, memory};

pub(super) const WORDS: &[&str] = &[
    "\u{1f}\u{8b}\u{8}",
    "\u{28}\u{b5}\u{2f}\u{fd}",
    "\u{78}\u{9c}",
    "\0\0\u{ff}\u{ff}",
    "\u{3}\0",
    "\u{1}\0\0\u{ff}\u{ff}",
];

/// What may come out.
const LIMIT: usize = 256 << 10;

/// The first byte says which coding, and whether the rest is a stream (even) or what is to become one (odd).
pub(super) fn coding(input: &[u8]) -> Outcome {
    let Some((mode, rest)) = input.split_first() else { return Outcome::Refused("too short".into()) };
    let coding = Coding::ALL[usize::from(mode / 2) % Coding::ALL.len()];
    if mode % 2 == 1 {
        let Some(stream) = coding.compress(rest) else { return Outcome::Refused("not smaller".into()) };
        assert!(stream.len() < rest.len());
        assert!(coding.decompress(&stream, rest.len()).as_deref() == Ok(rest), "another body comes out than went in");
        assert!(coding.decompress(&stream, rest.len() - 1).is_err());
        return Outcome::Accepted(kind(("compressed", mode)));
    }
    let (read, cost) = memory::cost(|| coding.decompress(rest, LIMIT));
    // What comes out grows by and by; a decoder has tables and a window.
    check::cost(cost, rest.len(), 4, 3 * LIMIT + (16 << 20));
    match read {
        Ok(body) => {
            assert!(body.len() <= LIMIT && body.len() <= (rest.len() * Coding::MAX_RATIO).max(Coding::ANY_RATIO));
            Outcome::Accepted(kind((mode, body.len().min(2))))
        }
        Err(error) => {
            check::refusal(&error.to_string(), input);
            Outcome::Refused(format!("{} {error}", coding.token()))
        }
    }
}
