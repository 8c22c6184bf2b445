//! The SDK's error type, which separates what a caller may read from what only the log has. Every room uses it.
//!
//! [`Error`] is the error of an author's `load` and `infer`: `?` converts any error into it. Its kind decides what the
//! caller receives. Only a [`Rejection`] (made by [`reject!`](crate::reject) or [`Error::rejected`]) is the caller's
//! fault: a 400 with its text. Any other error is a 500 whose text stays in the log.
//!
//! | file | holds |
//! |---|---|
//! | `chain` | `Error` and `ErrorKind`, `.context(...)` and `reject!` |
//! | `rejection` | `Rejection` |
//! | `message` | the grammar of messages, and the quoting of untrusted text |

mod chain;
mod message;
mod rejection;

pub use chain::{BoxError, Context, Error, ErrorKind, Result};
pub(crate) use message::{
    Expected, LISTED, is_unprintable, listed, printable, put_causes_on_lines, quoted, quoted_up_to, shortened,
};
pub use rejection::Rejection;
